"""A coordinator and agents of the release build, as processes that a test starts, kills and restarts.

Everything stands in one directory; what is started is remembered by its process id, and only that
is ever killed.  Waiting is for events: a port file, a line of the run's ledger, the end of a process.
"""
import hashlib
import json
import os
import random
import re
import secrets
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

START_S = 30
STOP_S = 60


class Program:
    """One of Muster's programs; its log grows over restarts."""

    def __init__(self, argv, log, env=None):
        self.argv, self.log, self.env, self.process = [str(a) for a in argv], log, env, None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, env=self.env)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SystemExit("%s did not end within %d s of SIGTERM; see %s" % (self.argv[0], STOP_S, self.log))

    def expect_alive(self):
        if self.process.poll() is not None:
            tail = Path(self.log).read_text(errors="replace")[-2000:]
            raise SystemExit("%s ended with %s:\n%s" % (self.argv[0], self.process.returncode, tail))


class Fleet:
    def __init__(self, bin_dir, work_dir, address="127.0.0.1"):
        self.bin, self.work, self.address = Path(bin_dir).resolve(), Path(work_dir).resolve(), address
        self.work.mkdir(parents=True, exist_ok=True)
        self.token_file = self.work / "token"
        self.token_file.write_text(secrets.token_hex(32) + "\n")
        self.token_file.chmod(0o600)
        self.agents, self.coordinator, self.port = {}, None, 0

    # -- coordinator

    def start_coordinator(self):
        port_file = self.work / "port"
        port_file.unlink(missing_ok=True)
        self.coordinator = Program(
            [self.bin / "muster-coordinator", "--listen", "%s:%d" % (self.address, self.port), "--data",
             self.work / "coordinator", "--token-file", self.token_file, "--port-file", port_file],
            self.work / "coordinator.log")
        self.coordinator.start()
        until = time.monotonic() + START_S
        while not (port_file.exists() and port_file.read_text().strip()):
            self.coordinator.expect_alive()
            if time.monotonic() > until:
                raise SystemExit("the coordinator did not start; see %s" % self.coordinator.log)
            time.sleep(0.02)
        self.port = int(port_file.read_text())

    @property
    def url(self):
        return "http://%s:%d" % (self.address, self.port)

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={
            "Authorization": "Bearer " + self.token_file.read_text().strip()})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    # -- agents

    def start_agent(self, name, workers, source_root=None, prefix=()):
        """`prefix`: a command that the agent is started through (a namespace)."""
        argv = [*prefix, self.bin / "muster-agent", "--coordinator", self.url, "--token-file", self.token_file,
                "--insecure", "--name", name, "--workers", workers, "--work-dir", self.work / name]
        if source_root:
            argv += ["--source-root", source_root]
        self.agents[name] = Program(argv, self.work / (name + ".log"))
        self.agents[name].start()

    def restart_agent(self, name):
        self.agents[name].start()

    def stop(self):
        for agent in self.agents.values():
            agent.stop()
        if self.coordinator:
            self.coordinator.stop()

    # -- runs

    def run(self, suite_file, *args, timeout=3600):
        """Starts `muster run`; the caller waits for the process."""
        argv = [self.bin / "muster", "run", "-f", suite_file, "--coordinator", self.url, "--token-file",
                self.token_file, "--insecure", *args]
        return subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL)

    def newest_run(self):
        return self.get("/v1/runs?limit=1")["runs"][0]["run"]

    # -- what is left behind

    def processes_left(self):
        """Processes that carry a lease of ours in their environment."""
        left = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environ = (entry / "environ").read_bytes()
                # Also what a worker started: TMPDIR lies in the agent's work directory, a server's with its clone.
                if b"MUSTER_LEASE=" in environ and (str(self.work).encode() in environ or self.owns_server(environ)):
                    left.append("%s %s" % (entry.name, (entry / "cmdline").read_bytes().replace(b"\0", b" ")[:200]))
            except OSError:
                continue
        return left

    def mounts_left(self):
        with open("/proc/self/mountinfo") as file:
            return [line for line in file if str(self.work) in line]

    def records_left(self):
        return [str(p) for name in self.agents for p in (self.work / name / "leases").glob("*")]

    def directories_left(self):
        """Clones, private TMPDIRs and half-built templates, on disk and in memory."""
        left = [str(p) for name in self.agents for place in ("clones", "tmp", "building")
                for p in (self.work / name / place).glob("*")]
        return left + [str(p) for p in Path("/dev/shm").glob("muster-*") if self.owns(p)]

    def owns_server(self, environ):
        place = re.search(rb"TMPDIR=(/dev/shm/muster-[0-9a-f]+)/", environ)
        return place is not None and self.owns(place.group(1).decode())

    def owns(self, directory):
        """Is this one of the directories in memory that an agent of ours has written down?"""
        return any(str(directory) in log for log in self.agent_logs())

    def agent_logs(self):
        return [Path(agent.log).read_text(errors="replace") for agent in self.agents.values()]

    def leftovers(self):
        return {"processes": self.processes_left(), "mounts": self.mounts_left(),
                "lease records": self.records_left(), "directories": self.directories_left()}


class TemplateWatch:
    """Looks at the agents' templates now and then: a template, once there, never changes."""

    EVERY_S = 3

    def __init__(self, fleet):
        self.fleet, self.seen, self.again, self.changed, self.due = fleet, {}, 0, [], 0.0

    def step(self):
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + self.EVERY_S
        for name in self.fleet.agents:
            for path in (self.fleet.work / name / "templates").rglob("*"):
                try:
                    if path.is_file():
                        self.look(path)
                except OSError:
                    continue    # its run has ended, or its agent was killed and builds anew

    def look(self, path):
        key = (str(path), path.stat().st_ino)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if key in self.seen:
            self.again += 1
            if self.seen[key] != digest:
                self.changed.append(str(path))
        self.seen[key] = digest


class Killer:
    """Kills a worker, an agent and the coordinator with SIGKILL, each when the run has got as far as the
    seed says, and keeps a log of it."""

    def __init__(self, fleet, run, seed, total_guess):
        dice = random.Random(seed)
        self.fleet, self.run, self.dice, self.log = fleet, run, dice, []
        fractions = sorted(dice.uniform(0.1, 0.85) for _ in range(3))
        kinds = ["worker", "agent", "coordinator"]
        dice.shuffle(kinds)
        self.plan = [(int(f * total_guess), kind) for f, kind in zip(fractions, kinds)]

    def step(self):
        """Kills what is due; called again and again while the run goes on."""
        if not self.plan:
            return
        try:
            counts = self.fleet.get("/v1/runs/%d" % self.run)["counts"]
        except OSError:
            return
        if counts.get("attempts", 0) < self.plan[0][0]:
            return
        at, kind = self.plan.pop(0)
        getattr(self, "kill_" + kind)(at)

    def kill_worker(self, at):
        workers = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environ = (entry / "environ").read_bytes().split(b"\0")
                    name = next((e for e in environ if e.startswith(b"MUSTER_WORKER=")), None)
                    # The driver itself, not what its tests started: its parent is no worker.
                    if name and b"muster_" in (entry / "cmdline").read_bytes():
                        workers.append((name.decode().split("=", 1)[1], int(entry.name)))
                except OSError:
                    continue
        if not workers:
            self.plan.insert(0, (at + 50, "worker"))
            return
        name, pid = self.dice.choice(sorted(workers))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            self.plan.insert(0, (at + 10, "worker"))
            return
        self.log.append({"kind": "worker", "name": name, "at": at})

    def kill_agent(self, at):
        name = self.dice.choice(sorted(self.fleet.agents))
        self.fleet.agents[name].kill()
        self.log.append({"kind": "agent", "name": name, "at": at})
        self.fleet.restart_agent(name)

    def kill_coordinator(self, at):
        self.fleet.coordinator.kill()
        self.log.append({"kind": "coordinator", "at": at})
        self.fleet.start_coordinator()
