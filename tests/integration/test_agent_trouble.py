"""An agent on a bad day: nobody answers, the disk is full, what it is told to run cannot be told of."""
import os
import signal
import socket
import subprocess
import time
import unittest

from bench import BIN, IntegrationTest, count_line, unittest_suite

PASSES = "class T(unittest.TestCase):\n    def test_one(self): pass\n"
WAITS = "class T(unittest.TestCase):\n    def test_waits(self): time.sleep(120)\n"
LOUD = "class T(unittest.TestCase):\n" + "".join(
    "    def test_%02d(self): self.fail(chr(1) * 60000)\n" % i for i in range(90))

# What "at once" may take on a busy machine; the waits it stands against are 30 s and more.
AT_ONCE_S = 12


class AgentTrouble(IntegrationTest):
    def agent(self, url, *args, prefix=(), token=True):
        """An agent of our own, in its own group, that ends with the test."""
        argv = [*prefix, BIN / "muster-agent", "--coordinator", url, "--name", "troubled", "--workers", "2",
                "--work-dir", self.dir / "agent", "--source-root", self.dir, *args]
        if token:
            argv += ["--token-file", self.fleet.token_file]
        agent = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(self.end, agent)
        return agent

    def end(self, agent):
        if agent.poll() is None:
            agent.kill()
        agent.wait()
        agent.stdout.close()

    def until(self, agent, event):
        for line in agent.stdout:
            if "event=" + event in line:
                return
        self.fail("the agent ended before '%s'" % event)

    def assertLeaves(self, agent, number):
        start = time.monotonic()
        agent.send_signal(number)
        said, _ = agent.communicate(timeout=60)
        self.assertEqual(agent.returncode, 0, said)
        self.assertLess(time.monotonic() - start, AT_ONCE_S, said)

    def test_it_leaves_at_once_where_the_coordinator_was_never_reached(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = "http://127.0.0.1:%d" % free.getsockname()[1]
        agent = self.agent(url, token=False)
        self.until(agent, "coordinator_not_reached")
        self.assertLeaves(agent, signal.SIGTERM)

    def test_a_hangup_kills_what_runs(self):
        where = self.suite(unittest_suite("waits", WAITS))
        self.start_fleet(where, agents=0)
        agent = self.agent(self.fleet.url)
        client = subprocess.Popen([str(BIN / "muster"), "run", *map(str, self.on_fleet())], cwd=where, env=self.env,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(client.stderr.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.assertTrue(any(line.startswith("running") for line in client.stderr))
        self.assertLeaves(agent, signal.SIGHUP)

    def test_a_work_directory_has_one_agent(self):
        self.start_fleet(self.dir, agents=0)
        first = self.agent(self.fleet.url)
        self.until(first, "coordinator_reached")
        second = self.agent(self.fleet.url)
        said, _ = second.communicate(timeout=30)
        self.assertEqual(second.returncode, 1, said)
        self.assertIn("another agent uses the work directory", said)
        self.assertLeaves(first, signal.SIGTERM)

    def test_failures_that_json_makes_six_times_as_long_are_told(self):
        where = self.suite(unittest_suite("loud", LOUD))
        report = self.run_suite(where, expect=1)
        self.assertEqual(count_line(report), (90, 90))

    def test_what_a_step_prints_may_be_cut_inside_a_character(self):
        # A character has two bytes: one of the two cuts falls inside.
        for shift in range(2):
            step = "prepare: [[python3, -c, 'print(\"x\" * %d + chr(233) * 2000); raise SystemExit(4)']]\n" % shift
            where = self.suite(unittest_suite("cut", PASSES, step), "cut%d" % shift)
            self.assertEqual(self.muster("run", "--timeout", "20s", cwd=where), 3, self.said)
            self.assertIn("exit status 4", self.said)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small disk")
    def test_a_full_disk_is_an_infrastructure_problem_and_is_said(self):
        where = self.copy("docs/examples/shop", "shop")
        self.start_fleet(where, agents=0)
        (self.dir / "agent").mkdir()
        small = "mount -t tmpfs -o size=220k none '%s' && mount -t tmpfs -o size=64k none /dev/shm && exec \"$@\"" % (
            self.dir / "agent")
        private = ["unshare", "-m", "--propagation", "private", "sh", "-c", small, "sh"]
        agent = self.agent(self.fleet.url, prefix=private)
        self.assertEqual(self.muster("run", *self.on_fleet(), cwd=where), 3, self.said)
        self.assertIn("No space left on device", self.said)
        self.assertLeaves(agent, signal.SIGTERM)

    def test_a_directory_that_it_may_not_use_is_named(self):
        self.start_fleet(self.dir, agents=0)
        (self.dir / "agent").write_text("")
        agent = self.agent(self.fleet.url)
        said, _ = agent.communicate(timeout=30)
        self.assertEqual(agent.returncode, 1, said)
        self.assertIn(str(self.dir / "agent"), said)

    def test_wrong_usage_is_2_and_says_what_is_wrong(self):
        good = ["--coordinator", "http://127.0.0.1:1", "--work-dir", str(self.dir / "w")]
        for args, said in (
                ([], "--coordinator URL is missing"), (["--bogus"], "unknown option '--bogus'"),
                (good[:2], "--work-dir DIR is missing"), (["--coordinator", "x", *good[2:]], "write http://HOST:PORT"),
                ([*good, "--workers", "2000"], "from 1 to 1024"), ([*good, "--name", "a/b"], "'a/b' cannot be"),
                ([*good, "--source-root", "/nowhere"], "--source-root: there is no directory '/nowhere'"),
                ([*good, "--token-file", "/nowhere"], "/nowhere"), ([*good, "operand"], "takes no operand")):
            with self.subTest(args=args):
                done = subprocess.run([str(BIN / "muster-agent"), *args], env=self.env, capture_output=True, text=True,
                                      timeout=60)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
