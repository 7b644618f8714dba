"""What becomes of tests whose class or module fixtures fail."""
import unittest


class SetUpClassFails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no such service")

    def test_one(self):
        pass

    def test_two(self):
        pass


class SetUpClassSkips(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no such service here")

    def test_one(self):
        self.fail("never runs")


class TearDownClassFails(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise RuntimeError("could not clean up")

    def test_one(self):
        pass

    def test_two(self):
        pass


class ClassCleanupFails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(lambda: 1 / 0)

    def test_one(self):
        pass


class SetUpFails(unittest.TestCase):
    def setUp(self):
        raise OSError("no room")

    def test_one(self):
        pass
