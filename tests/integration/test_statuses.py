"""Each exit status of `muster run`, and a sentence that says why."""
import signal
import socket
import subprocess
import unittest

from bench import BIN, IntegrationTest, unittest_suite

PASSES = "class T(unittest.TestCase):\n    def test_one(self): pass\n    def test_two(self): pass\n"
WAITS = "class T(unittest.TestCase):\n    def test_waits(self): time.sleep(120)\n"
FAILS = "class T(unittest.TestCase):\n" + "".join("    def test_%d(self): self.fail('no')\n" % i for i in range(40))


class Statuses(IntegrationTest):
    def expect(self, where, code, *sentence, args=()):
        self.assertEqual(self.muster("run", *args, cwd=where), code, self.said)
        for part in sentence:
            self.assertIn(part, self.said)

    def test_all_passed_is_0(self):
        self.expect(self.suite(unittest_suite("ok", PASSES)), 0, "collected 2 = 2 passed", "0 unaccounted")

    def test_a_second_run_beside_it_is_temporary_and_says_so(self):
        where = self.suite(unittest_suite("ok", WAITS))
        first = subprocess.Popen([str(BIN / "muster"), "run"], cwd=where, env=self.env, stdin=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True)
        line = first.stderr.readline()
        self.assertIn("run 1", line)
        self.assertIn(self.muster("run", "--timeout", "1s", cwd=where), (124,), self.said)
        self.assertIn("temporary state", self.said)
        first.send_signal(signal.SIGINT)
        first.stderr.read()
        self.assertEqual(first.wait(60), 130)

    def test_a_failure_is_1_and_the_rerun_command_runs_just_it(self):
        body = PASSES + "    def test_three(self): self.fail('broken')\n"
        where = self.suite(unittest_suite("fails", body))
        self.expect(where, 1, "FAILED tests.test_it.T.test_three", "broken", "test_it.py:", "run the failures again: muster run")
        line = next(line for line in self.said.splitlines() if line.startswith("run the failures again: "))
        arguments = line.split("muster run", 1)[1].replace("'", "").split()
        self.expect(where, 1, "collected 1 = 0 passed + 1 failed", args=arguments)

    def test_fail_fast_stops_early_and_is_1(self):
        where = self.suite(unittest_suite("fails", FAILS))
        self.expect(where, 1, "not run", args=("--fail-fast", "--workers", "1"))

    def test_a_filter_that_matches_nothing_is_2(self):
        self.expect(self.suite(unittest_suite("ok", PASSES)), 2, "no_such_thing", args=("--filter", "*no_such_thing*"))

    def test_start_at_an_unknown_test_is_2(self):
        self.expect(self.suite(unittest_suite("ok", PASSES)), 2, "tests.nope", args=("--start-at", "tests.nope"))

    def test_nothing_collected_is_4(self):
        where = self.suite({**unittest_suite("none", ""), })
        self.expect(where, 4, "no tests were found")
        self.expect(where, 0, args=("--allow-empty",))

    def test_a_wrong_suite_file_is_2_and_names_file_line_and_key(self):
        where = self.suite({"muster.yml": "driver: unittest\nretrys: 2\n"})
        self.expect(where, 2, "muster.yml:2", "retrys", "did you mean 'retries'")

    def test_no_suite_file_is_2(self):
        (self.dir / "empty").mkdir()
        self.expect(self.dir / "empty", 2, "muster.yml")

    def test_the_time_limit_is_124(self):
        self.expect(self.suite(unittest_suite("waits", WAITS)), 124, "time limit", args=("--timeout", "2s"))

    def test_no_agent_within_the_wait_is_3(self):
        where = self.suite(unittest_suite("ok", PASSES))
        self.start_fleet(where, agents=0)
        self.expect(where, 3, "no agent", args=("--wait-agents", "2s", *self.on_fleet()))

    def test_an_agent_without_the_label_is_3_and_named(self):
        where = self.suite(unittest_suite("ok", PASSES))
        self.start_fleet(where, agents=1)
        self.expect(where, 3, "gpu", args=("--wait-agents", "2s", "--require", "gpu=yes", *self.on_fleet()))

    def test_a_worker_that_cannot_start_is_3(self):
        files = unittest_suite("broken", PASSES)
        files["muster.yml"] = files["muster.yml"].replace("/usr/bin/python3", "/nowhere/python3")
        self.expect(self.suite(files), 3, "/nowhere/python3")

    def test_a_coordinator_that_is_gone_is_3(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = "http://127.0.0.1:%d" % free.getsockname()[1]
        where = self.suite(unittest_suite("ok", PASSES))
        self.env["MUSTER_PATIENCE"] = "2s"
        self.expect(where, 3, "coordinator", args=("--coordinator", url))

    def test_an_interrupt_is_130(self):
        where = self.suite(unittest_suite("waits", WAITS))
        client = subprocess.Popen([str(BIN / "muster"), "run"], cwd=where, env=self.env, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
        for line in client.stderr:
            if line.startswith("running"):
                break
        client.send_signal(signal.SIGINT)
        rest = client.stderr.read()
        self.assertEqual(client.wait(60), 130, rest)
        self.assertIn("interrupted", rest)

    def test_a_coordinator_that_would_be_too_open_is_2_and_says_what_is_missing(self):
        public = self.dir / "tokens"
        public.write_text("a" * 64)
        public.chmod(0o644)
        for args, sentence in ((("--listen", "0.0.0.0:0"), "needs --token-file"),
                               (("--listen", "127.0.0.1:0", "--token-file", str(public)), "chmod 600")):
            done = subprocess.run([str(BIN / "muster-coordinator"), "--data", str(self.dir / "data"), *args], env=self.env,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(sentence, done.stderr)
            self.assertFalse((self.dir / "data").exists(), "the store was not touched")


if __name__ == "__main__":
    unittest.main()
