"""What a run left is there for the verbs that read, with a coordinator and without one."""
import json
import subprocess
import unittest

from bench import BIN, IntegrationTest, unittest_suite

FAILS = "class T(unittest.TestCase):\n    def test_one(self): print('a word'); self.fail('broken')\n"
WAITS = "class T(unittest.TestCase):\n    def test_waits(self): print('up', flush=True); time.sleep(120)\n"


class Reading(IntegrationTest):
    def test_a_run_of_this_machine_is_read_without_a_coordinator(self):
        where = self.suite(unittest_suite("fails", FAILS))
        self.assertEqual(self.muster("run", cwd=where), 1, self.said)
        self.assertIn("what a test printed: muster show 1 'tests.test_it.T.test_one'\n", self.said)
        self.assertEqual(self.muster("show", "1", "tests.test_it.T.test_one", cwd=where), 0, self.said)
        self.assertIn("a word", self.said)
        self.assertEqual(self.muster("runs", cwd=where), 0, self.said)
        self.assertIn("failed", self.said)
        self.assertEqual(self.muster("report", "--format", "json", "1", cwd=where), 0, self.said)
        self.assertEqual(json.loads(self.said)["run"]["exit_status"], 1)

    def test_where_no_run_was_made_that_is_said_and_nothing_is_left(self):
        where = self.suite(unittest_suite("fails", FAILS))
        self.assertEqual(self.muster("runs", cwd=where), 2, self.said)
        self.assertIn("no run was made in '%s'" % where, self.said)
        self.assertIn("--coordinator URL", self.said)
        self.assertFalse((self.dir / "state").exists())

    def test_a_run_that_goes_on_is_left_alone(self):
        where = self.suite(unittest_suite("waits", WAITS))
        run = subprocess.Popen([str(BIN / "muster"), "run"], cwd=where, env=self.env, stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
        self.assertIn("run 1", run.stderr.readline())
        self.assertEqual(self.muster("runs", cwd=where), 3, self.said)
        self.assertIn("is going on", self.said)
        run.terminate()
        run.stderr.read()
        self.assertEqual(run.wait(60), 130)

    def test_watching_ends_with_the_line_that_accounts_for_every_test(self):
        where = self.suite(unittest_suite("fails", FAILS))
        self.start_fleet(where, agents=1)
        self.muster("run", "--detach", *self.on_fleet(), cwd=where)
        run = self.said.split()[0]
        self.assertEqual(self.muster("watch", *self.on_fleet(), run), 1, self.said)
        self.assertIn("collected 1 = 0 passed + 1 failed, 0 unaccounted", self.said)
        self.assertIn("--coordinator '%s'" % self.fleet.url, self.said)

    def test_a_missing_token_says_which_option_gives_it(self):
        where = self.suite(unittest_suite("fails", FAILS))
        self.start_fleet(where, agents=0)
        self.assertEqual(self.muster("runs", "--coordinator", self.fleet.url), 2, self.said)
        self.assertIn("--token-file", self.said)


if __name__ == "__main__":
    unittest.main()
