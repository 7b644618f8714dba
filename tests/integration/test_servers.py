"""Django on servers of Muster's own: the example project, and nothing left when an agent is killed."""
import time
import unittest

from bench import IntegrationTest, count_line

TESTS = 188


class Servers(IntegrationTest):
    def shop_on(self, engine):
        where = self.copy("docs/examples/shop", "shop-" + engine)
        file = where / "muster.yml"
        text = file.read_text()
        self.assertIn("engine: sqlite", text)
        file.write_text(text.replace("engine: sqlite", "engine: " + engine))
        return where

    def test_the_example_is_green_on_postgresql_and_mariadb(self):
        self.start_fleet(self.dir, agents=2, workers=2)
        for engine in ("postgresql", "mariadb"):
            with self.subTest(engine=engine):
                report = self.run_suite(self.shop_on(engine), *self.on_fleet(), expect=0)
                self.assertEqual(count_line(report), (TESTS, TESTS))

    def test_an_agent_that_is_killed_leaves_no_server(self):
        where = self.shop_on("mariadb")
        fleet = self.start_fleet(where, agents=2, workers=2)
        client = fleet.run(where / "muster.yml")
        victim = fleet.agents["agent1"]
        while client.poll() is None and not self.runs_tests(fleet):
            time.sleep(0.05)
        self.assertIsNone(client.poll(), "the run was over before the agent could be killed")
        victim.kill()
        fleet.restart_agent("agent1")
        self.assertEqual(client.wait(), 0)

    def runs_tests(self, fleet):
        try:
            return fleet.get("/v1/runs/%d" % fleet.newest_run())["counts"].get("passed", 0) >= 10
        except (OSError, LookupError):
            return False


if __name__ == "__main__":
    unittest.main()
