"""setUpModule fails: an error for each test of the module."""
import unittest


def setUpModule():
    raise RuntimeError("the module's server did not start")


class One(unittest.TestCase):
    def test_one(self):
        pass


class Two(unittest.TestCase):
    def test_two(self):
        pass
