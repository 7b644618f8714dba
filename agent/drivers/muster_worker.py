"""What every Python driver of Muster shares: the channel, framed output, notes, bounded texts.

              MUSTER_CONTROL                       fd 1 and 2
    agent  <==== JSON lines ====>  Channel          |
      |                               |             |  \\x1eMUSTER 7\\x1f ...what test 7 writes...
      '-- run, flush, reset, quit --> | <-- start, end, note, idle -- the runner (muster_suite.py)

Contract: docs/worker-protocol.md.  Python 3.9+, standard library only.  Nothing here knows a test
framework, and nothing here writes to sys.stdout: standard output belongs to the tests.
"""
import atexit
import collections
import fcntl
import json
import os
import select
import sys
import traceback

PROTOCOL = 1
VERSION = "0.1"

# A line of the protocol is at most 1 MiB.  JSON escapes a byte to at most six, so what is cut to
# DETAILS_BYTES_MAX can never fill one.
LINE_BYTES_MAX = 1 << 20
DETAILS_BYTES_MAX = 64 << 10
MESSAGE_BYTES_MAX = 1 << 10
assert 6 * (DETAILS_BYTES_MAX + 3 * MESSAGE_BYTES_MAX) < LINE_BYTES_MAX

# Notes are facts, not files: what is longer is cut, and a test that floods them is cut off.
NOTE_BYTES_MAX = 16 << 10
NOTES_READ_BYTES_MAX = 1 << 20

# The channel and the copies of standard output live above the numbers that tests open and close.
DESCRIPTOR_MIN = 100

# The exit status of a forked child that came back out of a test: it must not go on as a worker.
EXIT_STRAY_CHILD = 70
EXIT_FATAL = 3
EXIT_AGENT_GONE = 4


def text_clean(text):
    """Makes a text that every JSON reader takes: no lone surrogates, no NUL."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\x00", "\\x00")


def text_cut(text, bytes_max):
    """Cuts the middle out of a text that is too long, and says how many bytes are missing."""
    data = text_clean(text).encode("utf-8")
    if len(data) <= bytes_max:
        return data.decode("utf-8")
    keep = (bytes_max - 64) // 2        # 64: room for the line that says it
    said = "\n... %d bytes cut ...\n" % (len(data) - 2 * keep)
    return data[:keep].decode("utf-8", "ignore") + said + data[-keep:].decode("utf-8", "ignore")


def text_line(text):
    """One line of at most MESSAGE_BYTES_MAX, for tables."""
    text = text_clean(text).strip()
    line = text.split("\n", 1)[0].rstrip()
    data = line.encode("utf-8")
    if len(data) <= MESSAGE_BYTES_MAX and line == text:
        return line
    return data[:MESSAGE_BYTES_MAX - 4].decode("utf-8", "ignore") + " ..."


def environment_json(name, default):
    value = os.environ.get(name)
    return json.loads(value) if value else default


def descriptor_raise(descriptor):
    """A close-on-exec copy of a descriptor, out of the way of what tests do with small numbers."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, DESCRIPTOR_MIN)


def write_all(descriptor, data):
    """Writes everything; a test may have made the descriptor non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view):]
        except BlockingIOError:
            select.select([], [descriptor], [])


class Channel:
    """The two-way line channel to the agent.  Only the process that opened it may use it: a child
    that a test forks closes its copies at once, so that the agent sees the end of a dead worker."""

    def __init__(self, control):
        kind, _, where = control.partition(":")
        if kind == "fd":
            given = [int(number) for number in where.split(",")]
        elif kind == "fifo":
            given = [os.open(os.path.join(where, "to-driver"), os.O_RDONLY),
                     os.open(os.path.join(where, "from-driver"), os.O_WRONLY)]
        else:
            raise ValueError("MUSTER_CONTROL is '%s', not fd:R,W or fifo:DIR" % control)
        self.reader, self.writer = [descriptor_raise(number) for number in given]
        for number in given:
            os.close(number)
        self.owner = os.getpid()
        self.bytes = b""
        self.queue = collections.deque()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self):
        for number in (self.reader, self.writer):
            try:
                os.close(number)
            except OSError:
                pass
        self.reader = self.writer = None

    def is_mine(self):
        return os.getpid() == self.owner

    def say(self, what, **fields):
        if not self.is_mine():
            return
        line = json.dumps({"say": what, **fields}).encode("ascii") + b"\n"
        if len(line) > LINE_BYTES_MAX:
            raise ValueError("a '%s' message of %d bytes is too long" % (what, len(line)))
        try:
            write_all(self.writer, line)
        except OSError:                     # the agent has gone, or a test closed the channel
            os._exit(EXIT_AGENT_GONE)

    def pending(self):
        """Whether a message can be had without waiting."""
        while not self.queue and select.select([self.reader], [], [], 0)[0]:
            self.fill()
        return bool(self.queue)

    def next(self):
        """The next message, waiting for it; None at the end of the stream."""
        while not self.queue:
            self.fill()
        return self.queue.popleft()

    def fill(self):
        data = os.read(self.reader, 1 << 16)
        if not data:
            self.queue.append(None)
            return
        *lines, self.bytes = (self.bytes + data).split(b"\n")
        if len(self.bytes) > LINE_BYTES_MAX:
            raise ValueError("the agent sent a line of more than %d bytes" % LINE_BYTES_MAX)
        for line in lines:
            message = json.loads(line)
            if isinstance(message, dict):
                self.queue.append(message)


class Output:
    """Marks in standard output and error, which tell the agent what belongs to which test.

    A test may close or redirect descriptors 1 and 2; before each mark they are put back."""

    def __init__(self):
        self.kept = {}
        for number in (1, 2):
            try:
                self.kept[number] = descriptor_raise(number)
            except OSError:                 # started without it: then there is nobody to tell
                pass

    def mark(self, number):
        self.flush()
        for descriptor, kept in self.kept.items():
            self.restore(descriptor, kept)
            try:
                write_all(descriptor, b"\x1eMUSTER %d\x1f" % number)
            except OSError:
                pass

    def flush(self):
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()
            except Exception:               # replaced by None, closed, or without a flush
                pass

    @staticmethod
    def restore(descriptor, kept):
        try:
            now, then = os.fstat(descriptor), os.fstat(kept)
            if (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino):
                return
        except OSError:
            pass
        try:
            os.dup2(kept, descriptor)
        except OSError:
            pass


class Notes:
    """Reads what tests appended to the file MUSTER_NOTES since the last look."""

    def __init__(self, path):
        self.path, self.offset = path, 0
        if path and os.path.exists(path):
            self.offset = os.path.getsize(path)

    def fresh(self):
        """The new notes as (name, value) pairs; a line that is no note is passed over, and said."""
        if not self.path:
            return
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read(NOTES_READ_BYTES_MAX)
        except OSError:
            return
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) == NOTES_READ_BYTES_MAX:
            end = len(data)
        self.offset += end
        for line in data[:end].splitlines():
            note = self.parse(line)
            if note:
                yield note

    @staticmethod
    def parse(line):
        try:
            note = json.loads(line)
            name, value = note["name"], note["value"]
        except (ValueError, TypeError, KeyError):
            sys.stderr.write("muster: no note: %r\n" % line[:200])
            return None
        if not isinstance(value, str):
            value = json.dumps(value)
        return text_line(str(name)), text_cut(value, NOTE_BYTES_MAX)


class Session:
    """One driver process: its environment, channel and output."""

    def __init__(self, driver):
        self.driver = driver
        self.mode = os.environ.get("MUSTER_MODE", "run")
        self.directory = os.environ.get("MUSTER_DIR") or os.getcwd()
        self.command = environment_json("MUSTER_COMMAND", [])
        self.args = environment_json("MUSTER_ARGS", [])
        self.selection = environment_json("MUSTER_SELECTION", [])
        self.databases = environment_json("MUSTER_DATABASES", [])
        self.debug_sql = os.environ.get("MUSTER_DEBUG_SQL") == "1"
        self.notes = Notes(os.environ.get("MUSTER_NOTES"))
        self.output = Output()
        control = os.environ.pop("MUSTER_CONTROL", "")
        self.channel = Channel(control) if self.mode != "setup" else None
        self.done = False
        self.root = os.path.realpath(self.directory)
        self.inside = {}
        path_forget_driver()

    def say(self, what, **fields):
        self.channel.say(what, **fields)

    def ready(self, framework):
        self.say("ready", protocol=PROTOCOL, driver=self.driver, version=VERSION,
                 framework=framework)

    def fatal(self, stage, text):
        """Says why the driver cannot go on, and ends the process."""
        self.output.flush()
        try:
            write_all(2, ("muster: %s: %s\n" % (stage, text_cut(text, DETAILS_BYTES_MAX))).encode())
        except OSError:
            pass
        if self.channel:
            self.say("fatal", stage=stage, text=text_cut(text, DETAILS_BYTES_MAX))
        os._exit(EXIT_FATAL)

    def stop_stray_child(self):
        """Ends a forked child that came back out of the test which forked it."""
        if self.channel and not self.channel.is_mine():
            self.output.flush()
            os._exit(EXIT_STRAY_CHILD)

    def relative(self, path):
        """A path in the tree, relative to it; None for any other."""
        if path not in self.inside:
            inside = os.path.relpath(os.path.realpath(path), self.root)
            foreign = inside.startswith("..") or "site-packages" in inside or path[:1] == "<"
            self.inside[path] = None if foreign else inside
        return self.inside[path]


def path_forget_driver():
    """Python put the drivers' folder first on sys.path; the project must not see it."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]


def driver_main(driver, work):
    """Runs work(session) and turns whatever escapes it into a fatal message."""
    session = Session(driver)
    try:
        work(session)
    except SystemExit as end:
        session.stop_stray_child()
        if not session.done:
            session.fatal(session.mode, "the command ended with status %r before its tests were run"
                          % (end.code,))
    except BaseException:
        session.stop_stray_child()
        if not session.done:
            session.fatal(session.mode, traceback.format_exc())
        traceback.print_exc()
    if not session.done:
        session.fatal(session.mode, "the command ended before its tests were run")
    # What registered itself for the exit is heard; a thread that a test forgot is not waited for.
    atexit._run_exitfuncs()
    session.output.flush()
    os._exit(0)
