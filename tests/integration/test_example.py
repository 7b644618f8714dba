"""The example project: green in any order, and its own database untouched."""
import os
import unittest

from bench import IntegrationTest, count_line

SHUFFLES = int(os.environ.get("MUSTER_SHUFFLES", "20"))


class Example(IntegrationTest):
    def test_shuffled_runs_are_green_and_the_canary_is_untouched(self):
        where = self.copy("docs/examples/shop", "shop")
        before = {p.relative_to(where) for p in where.rglob("*") if "__pycache__" not in p.parts}
        self.start_fleet(where, agents=2, workers=2)
        for seed in range(SHUFFLES):
            report = self.run_suite(where, "--order", "shuffle:%d" % seed, *self.on_fleet())
            self.assertEqual(self.code, 0, "seed %d: %s" % (seed, self.said))
            self.assertEqual(*count_line(report))
            self.assertGreaterEqual(count_line(report)[0], 180)
        after = {p.relative_to(where) for p in where.rglob("*") if "__pycache__" not in p.parts}
        self.assertEqual(after - before, set(), "a run made files in the project, such as the canary database")


if __name__ == "__main__":
    unittest.main()
