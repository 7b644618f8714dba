"""Outcomes that unittest itself knows."""
import unittest


class Plain(unittest.TestCase):
    def test_passes(self):
        self.assertTrue(True)

    def test_fails(self):
        self.assertEqual("left", "right")

    def test_errs(self):
        raise ValueError("something else than an assertion")

    def test_skips(self):
        self.skipTest("not on a Tuesday")

    @unittest.expectedFailure
    def test_fails_as_expected(self):
        self.fail("as it should")

    @unittest.expectedFailure
    def test_passes_unexpectedly(self):
        pass

    def test_fails_and_its_teardown_errs(self):
        self.addCleanup(lambda: 1 / 0)
        self.fail("first this")


@unittest.skip("the whole class")
class SkippedClass(unittest.TestCase):
    def test_one(self):
        self.fail("never runs")

    def test_two(self):
        self.fail("never runs")


class SubTests(unittest.TestCase):
    def test_all_pass(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, 3)

    def test_some_fail(self):
        for number in range(5):
            with self.subTest(number=number):
                self.assertEqual(number % 2, 0)

    def test_one_errs(self):
        with self.subTest("the odd one"):
            raise KeyError("gone")

    def test_one_skips(self):
        for number in range(2):
            with self.subTest(number=number):
                if number:
                    self.skipTest("only even numbers")


def repeated(text):
    class Repeated(unittest.TestCase):
        """Two classes of one name: the second test has the id of the first, and #2."""

        def test_same_id(self):
            self.assertEqual(text, "first")
    Repeated.__qualname__ = "Repeated"
    return Repeated


First, Second = repeated("first"), repeated("second")
