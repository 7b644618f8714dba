"""SIGKILL at any moment: nothing lost, nothing counted twice, nothing left."""
import json
import sys
import time
import unittest
from pathlib import Path

from bench import IntegrationTest, count_line, unittest_suite

from fleet import Killer

TESTS = "class T%d(unittest.TestCase):\n" + "".join("    def test_%02d(self): time.sleep(0.02)\n" % i for i in range(20))
BODY = "\n".join(TESTS % n for n in range(20))


class Death(IntegrationTest):
    def run_with_kills(self, seed):
        where = self.suite(unittest_suite("deaths", BODY))
        self.start_fleet(where, agents=3, workers=2)
        report_path = self.dir / "report.json"
        client = self.fleet.run(where / "muster.yml", "--json", report_path)
        killer = None
        while client.poll() is None:
            if killer is None:
                try:
                    killer = Killer(self.fleet, self.fleet.newest_run(), seed, 400)
                except (OSError, LookupError):
                    pass
            else:
                killer.step()
            time.sleep(0.05)
        self.assertEqual(client.returncode, 0, "seed %d, killed %s" % (seed, killer.log))
        report = json.loads(report_path.read_text())
        self.assertEqual(*count_line(report))
        self.assertEqual(count_line(report)[0], 400)
        self.explain(report, killer.log)

    def explain(self, report, log):
        workers = {e["name"] for e in log if e["kind"] == "worker"}
        agents = {e["name"] for e in log if e["kind"] == "agent"}
        for test in report["tests"]:
            self.assertIn(test["verdict"], ("passed", "flaky"), test)
            for attempt in test["attempts"][:-1]:
                by_worker = attempt["outcome"] == "crashed" and attempt["worker"] in workers
                self.assertTrue(by_worker or (attempt["agent"] in agents and not attempt.get("counted")), (attempt, log))

    def test_a_worker_an_agent_and_the_coordinator_are_killed(self):
        for seed in (1, 2):
            with self.subTest(seed=seed):
                self.run_with_kills(seed)
                self.tearDown()
                self.setUp()


if __name__ == "__main__":
    unittest.main()
