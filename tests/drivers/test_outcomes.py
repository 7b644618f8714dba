"""tests/suites/outcomes through the unittest driver: each verdict is the expected one."""
import importlib.util
import json
import os
import shutil
import tempfile
import unittest

import play

SUITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "suites", "outcomes")
ARGS = ["-s", "tests", "-t", "."]
VERDICTS = {"xfail": "passed", "xpass": "failed"}

# One test of the suite hangs for ever; the suite file gives a test as long.
TEST_PATIENCE_S = 3


class Outcomes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="muster-outcomes-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.tests = play.collect("unittest", SUITE, args=ARGS)
        cls.verdicts, cls.ends, cls.notes, cls.output = {}, {}, [], {}
        cls.worker = None
        for place, test in enumerate(cls.tests):
            cls.play_one(test, more=place + 1 < len(cls.tests))
        if cls.worker:
            cls.take(cls.worker.quit())
            cls.worker.release()

    @classmethod
    def play_one(cls, test, more):
        if cls.worker is None:
            cls.worker = play.Worker("unittest", SUITE, args=ARGS, patience_s=TEST_PATIENCE_S,
                                     MUSTER_NOTES=os.path.join(cls.directory, "notes"))
            cls.worker.until("ready")
        number = cls.worker.run(test["id"], more)
        try:
            end = {}
            while end.get("n") != number:
                got = cls.worker.until("end")
                cls.take(got)
                end = got[-1]
        except play.Silence:
            cls.died(test["id"], number, "timed-out")
        except play.DriverDied:
            cls.died(test["id"], number, "crashed")
        else:
            cls.output[test["id"]] = cls.worker.output_of(number)

    @classmethod
    def died(cls, name, number, verdict):
        cls.verdicts[name] = verdict
        cls.output[name] = cls.worker.output_of(number)
        cls.worker.release()
        cls.worker = None

    @classmethod
    def take(cls, messages):
        for message in messages:
            if message["say"] == "end":
                cls.ends[message["id"]] = message
                cls.verdicts[message["id"]] = VERDICTS.get(message["outcome"], message["outcome"])
            elif message["say"] == "note":
                cls.notes.append((message["name"], message["value"]))

    def test_every_verdict_is_the_expected_one(self):
        with open(os.path.join(SUITE, "expected.json"), encoding="utf-8") as file:
            expected = json.load(file)

        self.maxDiff = None
        self.assertEqual(self.verdicts, expected)

    def test_expected_json_is_what_its_table_says(self):
        path = os.path.join(SUITE, "expected.py")
        spec = importlib.util.spec_from_file_location("expected", path)
        table = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(table)

        with open(os.path.join(SUITE, "expected.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file), table.expected())

    def test_output_of_a_dying_test_is_its_own(self):
        name = "tests.test_hard.Deaths.test_exit_0_in_the_middle"

        self.assertEqual(self.output[name], b"last words of exit\n")

    def test_output_is_heard_after_a_test_that_closed_it(self):
        name = "tests.test_hard.Output.test_writes_after_the_others"

        self.assertEqual(self.output[name], b"still heard\n")

    def test_output_keeps_every_byte(self):
        self.assertEqual(self.output["tests.test_hard.Output.test_not_utf8"],
                         b"caf\xe9 \xff\xfe\x00\n")

    def test_a_note_arrives(self):
        self.assertEqual(self.notes, [("answer", "42")])

    def test_details_name_the_failed_sub_tests(self):
        end = self.ends["tests.test_plain.SubTests.test_some_fail"]

        self.assertEqual(end["subtests"], 2)
        self.assertIn("number=3", end["details"])

    def test_an_exception_without_a_text_is_told(self):
        end = self.ends["tests.test_hard.Exceptions.test_unspeakable"]

        self.assertEqual(end["message"], "Unspeakable: (its text raised RuntimeError)")


if __name__ == "__main__":
    unittest.main()
