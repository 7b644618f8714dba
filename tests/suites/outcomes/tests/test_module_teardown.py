"""tearDownModule fails: its tests passed, and a test of its own says that something broke."""
import unittest


def tearDownModule():
    raise RuntimeError("the module's server did not stop")


class One(unittest.TestCase):
    def test_one(self):
        pass
