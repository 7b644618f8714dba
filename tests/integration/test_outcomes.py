"""Every kind of outcome, through the real programs."""
import json
import unittest

from bench import ROOT, IntegrationTest, count_line, verdicts


class Outcomes(IntegrationTest):
    def test_every_kind_of_outcome_is_told_as_the_design_says(self):
        where = self.copy("tests/suites/outcomes", "outcomes")
        report = self.run_suite(where, "--workers", "2", expect=1)
        expected = json.loads((ROOT / "tests/suites/outcomes/expected.json").read_text())
        self.assertEqual(verdicts(report), expected)
        self.assertEqual(*count_line(report))
        self.assertIn("0 unaccounted", self.said)

    def test_a_note_of_a_test_is_in_show_and_in_junit(self):
        where = self.copy("tests/suites/outcomes", "outcomes")
        junit = self.dir / "report.xml"
        report = self.run_suite(where, "--junit", junit, "--filter", "*test_notes_a_fact")
        self.assertEqual(self.code, 0, self.said)
        noted = [t for t in report["tests"] if t.get("notes")]
        self.assertEqual(len(noted), 1)
        self.assertIn("<property", junit.read_text())
        self.assertIn(noted[0]["notes"][0]["name"], junit.read_text())


if __name__ == "__main__":
    unittest.main()
