"""Plays the agent: starts a driver, talks to it over descriptors, cuts its output at the marks.

Used by the tests beside it and by play_suite.py, which runs a whole suite.  Every wait has an end:
a driver that says nothing for PATIENCE_S is killed, and the test that waited fails.
"""
import json
import os
import re
import select
import subprocess
import sys
import tempfile

DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "agent", "drivers")

# The slowest thing a driver of these tests does is to import Django on a busy machine.
PATIENCE_S = 60

MARK = re.compile(rb"\x1eMUSTER (\d+)\x1f")


class DriverDied(Exception):
    """The stream ended: the worker is gone."""


class Silence(Exception):
    """The driver said nothing for too long."""


def environment(mode, directory, command, args=(), selection=(), databases=(), **more):
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH")
             if name in os.environ}
    given.update(
        MUSTER_MODE=mode, MUSTER_DIR=str(directory), MUSTER_SLOT="1", MUSTER_WORKER="w1",
        MUSTER_RUN="run-1", MUSTER_LEASE="lease-1", MUSTER_COMMAND=json.dumps(command),
        MUSTER_ARGS=json.dumps(list(args)), MUSTER_SELECTION=json.dumps(list(selection)),
        MUSTER_DATABASES=json.dumps(list(databases)), PYTHONDONTWRITEBYTECODE="1")
    given.update(more)
    return given


def driver_command(driver, command):
    return [command[0], os.path.join(DRIVERS, "muster_%s.py" % driver)]


class Worker:
    """One driver process.  Messages arrive by next(); output is in .stdout and .stderr, bytes
    with their marks; output_of(n) is what test n wrote to standard output."""

    def __init__(self, driver, directory, command=None, mode="run", patience_s=PATIENCE_S, **more):
        command = command or [sys.executable]
        self.directory = str(directory)
        to_driver, self.writer = os.pipe()
        self.reader, from_driver = os.pipe()
        env = environment(mode, directory, command, **more)
        env["MUSTER_CONTROL"] = "fd:%d,%d" % (to_driver, from_driver)
        self.stdout, self.stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            driver_command(driver, command), cwd=directory, env=env, stdin=subprocess.DEVNULL,
            stdout=self.stdout, stderr=self.stderr, pass_fds=(to_driver, from_driver))
        os.close(to_driver)
        os.close(from_driver)
        self.bytes, self.queue, self.patience_s, self.number = b"", [], patience_s, 0

    def tell(self, do, **fields):
        os.write(self.writer, json.dumps({"do": do, **fields}).encode() + b"\n")

    def run(self, name, more=False):
        """Queues a test; the number it gets."""
        self.number += 1
        self.tell("run", id=name, n=self.number, more=more)
        return self.number

    def next(self):
        while not self.queue:
            if not select.select([self.reader], [], [], self.patience_s)[0]:
                self.kill()
                raise Silence("nothing for %d s; stderr: %s" % (self.patience_s, self.text(2)))
            data = os.read(self.reader, 1 << 20)
            if not data:
                raise DriverDied("status %s; stderr: %s" % (self.process.wait(), self.text(2)))
            *lines, self.bytes = (self.bytes + data).split(b"\n")
            self.queue.extend(json.loads(line) for line in lines)
        return self.queue.pop(0)

    def until(self, what):
        """Every message up to and with the first of a kind."""
        got = []
        while not got or got[-1]["say"] != what:
            got.append(self.next())
            if got[-1]["say"] == "fatal" and what != "fatal":
                raise AssertionError("fatal: " + got[-1]["text"])
        return got

    def end(self):
        return self.until("end")[-1]

    def quit(self):
        self.tell("quit")
        got = self.until("bye")
        self.close()
        return got

    def close(self):
        os.close(self.writer)
        self.writer = None
        try:
            self.process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
        os.close(self.reader)
        self.reader = None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def release(self):
        if self.process.poll() is None:
            self.kill()
        for number in (self.writer, self.reader):
            if number is not None:
                os.close(number)
        self.stdout.close()
        self.stderr.close()

    def bytes_of(self, descriptor):
        file = self.stdout if descriptor == 1 else self.stderr
        return os.pread(file.fileno(), 1 << 28, 0)

    def text(self, descriptor):
        return self.bytes_of(descriptor)[-4000:].decode("utf-8", "replace")

    def output_of(self, number, descriptor=1):
        """What a test wrote, by the marks alone."""
        pieces = MARK.split(self.bytes_of(descriptor))
        return b"".join(text for mark, text in zip(pieces[1::2], pieces[2::2])
                        if int(mark) == number)


def collect(driver, directory, **more):
    worker = Worker(driver, directory, mode="collect", **more)
    try:
        worker.until("ready")
        worker.tell("collect")
        *tests, last = worker.until("collected")
        worker.quit()
        if worker.process.returncode != 0:
            raise AssertionError("collect ended with %s" % worker.process.returncode)
        if last["count"] != len(tests):
            raise AssertionError("%d tests, said %d" % (len(tests), last["count"]))
        return numbered(tests)
    finally:
        worker.release()


def numbered(tests):
    """As the coordinator does it: the second test with one id gets #2."""
    seen = {}
    for test in tests:
        seen[test["id"]] = count = seen.get(test["id"], 0) + 1
        if count > 1:
            test["id"] += "#%d" % count
    return tests


def setup(driver, directory, command=None, **more):
    """Runs mode setup; returns (status, output)."""
    command = command or [sys.executable]
    done = subprocess.run(driver_command(driver, command), cwd=directory,
                          env=environment("setup", directory, command, **more),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    return done.returncode, done.stdout.decode("utf-8", "replace")
