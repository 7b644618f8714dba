"""Tests that are hard on whoever runs them."""
import ctypes
import json
import os
import signal
import sys
import time
import unittest


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__("cannot travel")
        self.handler = lambda: (one, two)

    def __reduce__(self):
        raise TypeError("not to be pickled")


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Exceptions(unittest.TestCase):
    def test_unpicklable(self):
        raise Unpicklable(1, 2)

    def test_unspeakable(self):
        raise Unspeakable()

    def test_system_exit(self):
        sys.exit(0)

    def test_keyboard_interrupt(self):
        raise KeyboardInterrupt

    def test_huge_message(self):
        raise ValueError("x" * (50 << 20))

    def test_surrogate_and_nul_message(self):
        self.fail("\udc80 \x00 \u00e9")


class Deaths(unittest.TestCase):
    def test_before(self):
        pass

    def test_exit_0_in_the_middle(self):
        os.write(1, b"last words of exit\n")
        os._exit(0)

    def test_segmentation_fault(self):
        ctypes.string_at(0)

    def test_hangs_and_ignores_sigterm(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)

    def test_z_after(self):
        pass


class Output(unittest.TestCase):
    def test_not_utf8(self):
        os.write(1, b"caf\xe9 \xff\xfe\x00\n")
        os.write(2, b"\x80\x81\n")

    def test_big(self):
        for number in range(1 << 14):
            print("line %06d %s" % (number, "." * 115))

    def test_closes_standard_output(self):
        os.close(1)
        os.close(2)

    def test_replaces_standard_output(self):
        sys.stdout = None

    def test_writes_after_the_others(self):
        os.write(1, b"still heard\n")


class Habits(unittest.TestCase):
    def test_leaves_another_directory(self):
        os.chdir("/")
        os.environ["LEFT_BEHIND"] = "1"

    def test_forks_a_child_that_goes_on(self):
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            self.assertTrue(os.WIFEXITED(status))

    def test_notes_a_fact(self):
        path = os.environ.get("MUSTER_NOTES")
        if not path:
            self.skipTest("MUSTER_NOTES is not set")
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"name": "answer", "value": "42"}) + "\n")
