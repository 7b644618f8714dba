"""The client on a bad day: killed, without a home, without a place to write, in a narrow terminal."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest
from pathlib import Path

from bench import BIN, IntegrationTest, unittest_suite

PASSES = "class T(unittest.TestCase):\n    def test_one(self): pass\n"
WAITS = "class T(unittest.TestCase):\n    def test_waits(self): time.sleep(120)\n"
SLOW = "class T(unittest.TestCase):\n    def test_slow(self): time.sleep(2)\n"

# How long what a dead client leaves may live: the agent kills its workers and tries to say goodbye.
GONE_S = 15


class ClientTrouble(IntegrationTest):
    def processes(self):
        """Every process that knows of this test's directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != os.getpid() and \
                        str(self.dir).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return found

    def running(self, where, **more):
        client = subprocess.Popen([str(BIN / "muster"), "run"], cwd=where, env=self.env, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, start_new_session=True, **more)
        self.addCleanup(client.stderr.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        for line in client.stderr:
            if line.startswith("running"):
                return client
        self.fail("the run did not start")

    def assertNothingLeft(self):
        until = time.monotonic() + GONE_S
        while self.processes() and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual(self.processes(), [])
        self.assertEqual([str(p) for p in (self.dir / "cache").rglob("leases/*")], [])

    def test_a_killed_client_leaves_nothing_and_its_run_does_not_go_on(self):
        where = self.suite(unittest_suite("waits", WAITS))
        client = self.running(where)
        client.kill()
        self.assertNothingLeft()
        (where / "tests/test_it.py").write_text("import unittest\n" + PASSES)
        self.assertEqual(self.muster("run", "--workers", "1", cwd=where), 0, self.said)
        self.assertIn("run 2 of waits", self.said)

    def test_signals_end_it_with_130(self):
        where = self.suite(unittest_suite("waits", WAITS))
        for signals in ([signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT]):
            with self.subTest(signals=signals):
                client = self.running(where)
                for number in signals:
                    client.send_signal(number)
                said = client.stderr.read()
                self.assertEqual(client.wait(60), 130, said)
                self.assertIn("interrupted", said)
                self.assertNothingLeft()

    def test_a_hangup_means_nothing_under_nohup(self):
        where = self.suite(unittest_suite("slow", SLOW))
        client = self.running(where, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        client.send_signal(signal.SIGHUP)
        said = client.stderr.read()
        self.assertEqual(client.wait(60), 0, said)

    def test_without_a_home_the_state_is_temporary_and_goes(self):
        where = self.suite(unittest_suite("ok", PASSES))
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            del self.env[name]
        (self.dir / "tmp").mkdir()
        self.env["TMPDIR"] = str(self.dir / "tmp")
        for home, said in ((None, "HOME is not set"), ("/dev/null", "'/dev/null/.local'"), ("/proc", "'/proc/.local'")):
            with self.subTest(home=home):
                self.env.pop("HOME", None)
                if home:
                    self.env["HOME"] = home
                self.assertEqual(self.muster("run", cwd=where), 0, self.said)
                self.assertIn(said, self.said)
                self.assertIn("temporary state", self.said)
                self.assertEqual(os.listdir(self.dir / "tmp"), [])

    def test_closed_and_full_outputs(self):
        where = self.suite(unittest_suite("ok", PASSES))
        for shell, code in (("run >&-", 0), ("run 2>&-", 0), ("run <&- >&- 2>&-", 0), ("run 2>/dev/full", 0),
                            ("--help >/dev/full", 3), ("run --man >/dev/full", 3)):
            with self.subTest(shell=shell):
                done = subprocess.run(["sh", "-c", "exec '%s' %s" % (BIN / "muster", shell)], cwd=where, env=self.env,
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, code, done.stderr)

    def test_the_live_line_fits_the_terminal_as_it_is_now(self):
        where = self.suite(unittest_suite("slow", SLOW))
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        env = {**self.env, "TERM": "xterm"}
        env.pop("CI", None)
        client = subprocess.Popen([str(BIN / "muster"), "run"], cwd=where, env=env, stdin=theirs, stdout=theirs,
                                  stderr=theirs)
        os.close(theirs)
        said, narrow_from = b"", None
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:                 # the client has closed the other end
                break
            if narrow_from is None and b"slots" in said:
                narrow_from = len(said)
                fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
        self.assertEqual(client.wait(60), 0, said)
        self.assertIsNotNone(narrow_from, said)
        lines = [re.sub(rb"\x1b\[[0-9;]*[mK]", b"", part) for part in said[narrow_from:].split(b"\r")]
        # The first may have been on its way when the width changed.
        live = [line for line in lines if line.startswith(b"[")][1:]
        self.assertTrue(live, said)
        self.assertLess(max(map(len, live)), 30, live)

    def test_wrong_usage_is_2_and_says_what_is_wrong(self):
        where = self.suite(unittest_suite("ok", PASSES))
        for args, said in (
                (["rn"], "did you mean 'run'?"), (["run", "--wrkers", "2"], "did you mean '--workers'?"),
                (["run", "--order", "shuffle:x"], "the seed 'x'"), (["run", "--timeout", "5"], "such as 30s"),
                (["run", "--detach"], "--coordinator URL"), (["run", "-f", "nowhere.yml"], "nowhere.yml"),
                (["run", "--coordinator", "ftp://x"], "http or https"),
                (["run", "--label", "x"], "'x' is not NAME=TEXT"),
                (["show"], "needs the number of one run"), (["runs"], "--coordinator URL"),
                (["report", "1", "--format", "pdf"], "junit, json, text")):
            with self.subTest(args=args):
                self.assertEqual(self.muster(*args, cwd=where), 2, self.said)
                self.assertIn(said, self.said)
                self.assertEqual(self.said.count("\n"), 1, self.said)


if __name__ == "__main__":
    unittest.main()
