"""The unittest driver, told what to do by a played agent."""
import json
import os
import signal
import subprocess
import sys
import unittest

import play
from tree import TreeTestCase

FIXTURES = """
    import os, unittest
    def tell(text):
        os.write(1, (text + "\\n").encode())
    def setUpModule(): tell("module up")
    def tearDownModule(): tell("module down")
    class A(unittest.TestCase):
        @classmethod
        def setUpClass(cls): tell("A up")
        @classmethod
        def tearDownClass(cls): tell("A down")
        def test_1(self): tell("A 1")
        def test_2(self): tell("A 2")
    class B(unittest.TestCase):
        @classmethod
        def setUpClass(cls): tell("B up")
        @classmethod
        def tearDownClass(cls): tell("B down")
        def test_1(self): tell("B 1")
"""


def plain(data):
    return play.MARK.sub(b"", data).decode().split("\n")[:-1]


class Collecting(TreeTestCase):
    def test_the_order_is_the_runners_own_and_ids_are_whole(self):
        root = self.tree({"test_b.py": FIXTURES, "test_a.py": FIXTURES})

        tests = self.collect(root)

        self.assertEqual([test["id"] for test in tests],
                         ["test_a.A.test_1", "test_a.A.test_2", "test_a.B.test_1",
                          "test_b.A.test_1", "test_b.A.test_2", "test_b.B.test_1"])
        self.assertEqual(tests[0]["group"], "test_a.A")
        self.assertEqual(tests[0]["phase"], 0)
        self.assertEqual((tests[0]["file"], tests[0]["line"]), ("test_a.py", 12))

    def test_arguments_and_selection_choose(self):
        root = self.tree({"t/__init__.py": "", "t/check_a.py": FIXTURES, "t/test_b.py": FIXTURES})
        cases = [
            (["-s", "t", "-t", "."], [], 3),
            (["-s", "t", "-t", ".", "-p", "check*.py"], [], 3),
            (["-p", "*_*.py", "-s", "t", "-t", "."], [], 6),
            (["-s", "t", "-t", ".", "-k", "A.test"], [], 2),
            ([], ["t/check_a.py"], 3),
            ([], ["t.check_a.A", "t.test_b.B.test_1"], 3),
            ([], ["t"], 3),
        ]
        for args, selection, count in cases:
            with self.subTest(args=args, selection=selection):
                tests = self.collect(root, args=args, selection=selection)
                self.assertEqual(len(tests), count)

    def test_a_repeated_id_names_the_second_test(self):
        root = self.tree({"test_a.py": """
            import unittest
            def make(fails):
                class T(unittest.TestCase):
                    def test_x(self): self.assertFalse(fails)
                T.__qualname__ = "T"
                return T
            One, Two = make(False), make(True)
        """})

        names = [test["id"] for test in self.collect(root)]
        worker = self.worker(root)
        outcomes = []
        for name in names:
            worker.run(name)
            outcomes.append(worker.end()["outcome"])

        self.assertEqual(names, ["test_a.T.test_x", "test_a.T.test_x#2"])
        self.assertEqual(outcomes, ["passed", "failed"])

    def test_an_import_that_fails_is_a_test_in_error(self):
        root = self.tree({"test_a.py": "import nothing_of_that_name\n"})

        name = self.collect(root)[0]["id"]
        worker = self.worker(root)
        worker.run(name)
        end = worker.end()

        self.assertEqual(end["outcome"], "error")
        self.assertIn("nothing_of_that_name", end["details"])


class Fixtures(TreeTestCase):
    def test_are_kept_while_more_tests_of_the_class_come(self):
        worker = self.worker(self.tree({"test_a.py": FIXTURES}))

        worker.run("test_a.A.test_1", more=True)
        worker.run("test_a.A.test_2", more=True)
        worker.run("test_a.B.test_1")
        worker.quit()

        self.assertEqual(plain(worker.bytes_of(1)),
                         ["module up", "A up", "A 1", "A 2", "A down", "B up", "B 1", "B down",
                          "module down"])

    def test_are_torn_down_when_no_more_is_promised(self):
        worker = self.worker(self.tree({"test_a.py": FIXTURES}))

        for _ in range(2):
            worker.run("test_a.A.test_1")
            worker.until("idle")
        worker.quit()

        once = ["module up", "A up", "A 1", "A down", "module down"]
        self.assertEqual(plain(worker.bytes_of(1)), 2 * once)

    def test_are_held_while_idle_until_a_flush(self):
        worker = self.worker(self.tree({"test_a.py": FIXTURES}))

        worker.run("test_a.A.test_1", more=True)
        worker.until("idle")
        held = plain(worker.bytes_of(1))
        worker.tell("flush")
        worker.until("idle")
        flushed = plain(worker.bytes_of(1))

        self.assertEqual(held, ["module up", "A up", "A 1"])
        self.assertEqual(flushed[3:], ["A down", "module down"])

    def test_are_finished_before_a_reset_is_answered(self):
        worker = self.worker(self.tree({"test_a.py": FIXTURES}))

        worker.run("test_a.A.test_1", more=True)
        worker.tell("reset", databases=["default"])
        worker.until("closed")
        closed = plain(worker.bytes_of(1))
        worker.tell("opened")
        worker.run("test_a.A.test_2")
        end = worker.end()

        self.assertEqual(closed[-1], "module down")
        self.assertEqual(end["outcome"], "passed")

    def test_of_a_module_that_failed_once_are_tried_again_in_a_later_batch(self):
        worker = self.worker(self.tree({"test_a.py": """
            import os, unittest
            def setUpModule():
                if not os.path.exists("ready"):
                    open("ready", "w").close()
                    raise RuntimeError("too early")
            class T(unittest.TestCase):
                def test_x(self): pass
        """}))

        outcomes = []
        for _ in range(2):
            worker.run("test_a.T.test_x")
            outcomes.append(worker.end()["outcome"])

        self.assertEqual(outcomes, ["error", "passed"])

    def test_that_exit_the_process_are_errors(self):
        worker = self.worker(self.tree({"test_a.py": """
            import sys, unittest
            class T(unittest.TestCase):
                @classmethod
                def setUpClass(cls): sys.exit(3)
                def test_x(self): pass
        """}))

        worker.run("test_a.T.test_x")

        self.assertEqual(worker.end()["outcome"], "error")


class Ends(TreeTestCase):
    def test_an_unknown_id_is_no_verdict(self):
        worker = self.worker(self.tree({"test_a.py": FIXTURES}))

        number = worker.run("test_a.A.test_nine")
        story = worker.until("end")

        self.assertEqual(story[-1]["outcome"], "unknown")
        self.assertEqual(story[-1]["n"], number)

    def test_tell_where_it_failed_and_why(self):
        worker = self.worker(self.tree({"test_a.py": """
            import unittest
            class T(unittest.TestCase):
                def test_x(self):
                    self.assertEqual(1, 2)
        """}))

        worker.run("test_a.T.test_x")
        end = worker.end()

        self.assertEqual(end["message"], "AssertionError: 1 != 2")
        self.assertEqual((end["file"], end["line"]), ("test_a.py", 5))
        self.assertIn("self.assertEqual(1, 2)", end["details"])
        self.assertGreaterEqual(end["duration_us"], 0)

    def test_are_bounded_however_long_the_traceback_is(self):
        worker = self.worker(self.tree({"test_a.py": """
            import unittest
            class T(unittest.TestCase):
                def test_x(self):
                    raise ValueError("\\N{SNOWMAN}" * (20 << 20))
        """}))

        worker.run("test_a.T.test_x")
        end = worker.end()

        self.assertLessEqual(len(end["message"].encode()), 1 << 10)
        self.assertLessEqual(len(end["details"].encode()), 64 << 10)
        self.assertRegex(end["details"], r"\n\.\.\. \d+ bytes cut \.\.\.\n")

    def test_name_each_failed_sub_test_and_count_them(self):
        worker = self.worker(self.tree({"test_a.py": """
            import unittest
            class T(unittest.TestCase):
                def test_x(self):
                    for number in range(5):
                        with self.subTest(number=number):
                            self.assertEqual(number % 2, 0)
        """}))

        worker.run("test_a.T.test_x")
        end = worker.end()

        self.assertEqual((end["outcome"], end["subtests"]), ("failed", 2))
        self.assertIn("number=1", end["details"])
        self.assertIn("number=3", end["details"])

    def test_come_with_the_notes_of_the_test(self):
        root = self.tree({"test_a.py": """
            import json, os, unittest
            class T(unittest.TestCase):
                def test_x(self):
                    with open(os.environ["MUSTER_NOTES"], "a") as file:
                        file.write(json.dumps({"name": "n", "value": "a\\udc80b"}) + "\\n")
                        file.write("not json\\n" + json.dumps({"name": "m", "value": [1]}) + "\\n")
                        file.write("half a li")
                def test_y(self): pass
        """})
        worker = self.worker(root, MUSTER_NOTES=os.path.join(root, "notes"))

        worker.run("test_a.T.test_x", more=True)
        notes = [one for one in worker.until("end") if one["say"] == "note"]
        worker.run("test_a.T.test_y")
        later = [one for one in worker.until("end") if one["say"] == "note"]

        self.assertEqual([(one["name"], one["value"], one["id"]) for one in notes],
                         [("n", "a\\udc80b", "test_a.T.test_x"), ("m", "[1]", "test_a.T.test_x")])
        self.assertEqual(later, [])


class Crashes(TreeTestCase):
    def test_a_death_in_a_test_ends_the_stream_after_its_start(self):
        for how in ("os._exit(0)", "os.abort()", "ctypes.string_at(0)"):
            with self.subTest(how=how):
                worker = self.worker(self.tree({"test_a.py": """
                    import ctypes, os, unittest
                    class T(unittest.TestCase):
                        def test_x(self):
                            os.write(1, b"last words\\n")
                            %s
                """ % how}))

                number = worker.run("test_a.T.test_x", more=True)
                started = worker.until("start")[-1]
                with self.assertRaises(play.DriverDied):
                    worker.until("end")

                self.assertEqual(started["n"], number)
                self.assertEqual(worker.output_of(number), b"last words\n")

    def test_a_forked_child_never_speaks_to_the_agent(self):
        worker = self.worker(self.tree({"test_a.py": """
            import os, unittest
            class T(unittest.TestCase):
                def test_returns(self):
                    if os.fork() == 0:
                        return
                    os.wait()
                def test_raises(self):
                    if os.fork() == 0:
                        raise KeyboardInterrupt
                    os.wait()
        """}))

        for name in ("test_a.T.test_returns", "test_a.T.test_raises"):
            worker.run(name)
        story = self.story(worker.quit())

        self.assertEqual(story, [(what, "test_a.T.test_" + name) for name in ("returns", "raises")
                                 for what in ("start", "end")])

    def test_a_child_that_outlives_the_worker_does_not_hold_the_channel(self):
        worker = self.worker(self.tree({"test_a.py": """
            import os, signal, unittest
            class T(unittest.TestCase):
                def test_x(self):
                    child = os.fork()
                    if child == 0:
                        signal.pause()
                    with open("child", "w") as file:
                        file.write(str(child))
                    os._exit(0)
        """}))

        worker.run("test_a.T.test_x")
        with self.assertRaises(play.DriverDied):
            worker.until("end")

        with open(os.path.join(worker.directory, "child")) as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def test_the_driver_ends_when_the_agent_has_gone(self):
        worker = self.worker(self.tree({"test_a.py": FIXTURES}))

        worker.run("test_a.A.test_1", more=True)
        worker.until("end")
        worker.close()

        self.assertEqual(worker.process.returncode, 0)
        self.assertIn("module down", plain(worker.bytes_of(1)))


class Output(TreeTestCase):
    def test_belongs_to_the_test_that_made_it(self):
        worker = self.worker(self.tree({"test_a.py": """
            import os, sys, unittest
            class T(unittest.TestCase):
                def test_1(self):
                    sys.stdout.write("buffered one")
                    os.write(2, b"caf\\xe9\\x00")
                def test_2(self):
                    os.close(1)
                    os.close(2)
                    sys.stdout = None
                def test_3(self):
                    os.write(1, b"three")
        """}))

        numbers = [worker.run("test_a.T.test_%d" % one, more=one < 3) for one in (1, 2, 3)]
        outcomes = [worker.end()["outcome"] for _ in numbers]
        worker.quit()

        self.assertEqual(outcomes, ["passed"] * 3)
        self.assertEqual(worker.output_of(numbers[0]), b"buffered one")
        self.assertEqual(worker.output_of(numbers[0], 2), b"caf\xe9\x00")
        self.assertEqual(worker.output_of(numbers[2]), b"three")

    def test_programs_that_tests_start_do_not_inherit_the_channel(self):
        worker = self.worker(self.tree({"test_a.py": """
            import os, subprocess, sys, unittest
            class T(unittest.TestCase):
                def test_x(self):
                    code = "import os; print(len(os.listdir('/proc/self/fd')))"
                    out = subprocess.run([sys.executable, "-c", code], close_fds=False,
                                         stdout=subprocess.PIPE).stdout
                    self.assertLessEqual(int(out), 4)
        """}))

        worker.run("test_a.T.test_x")
        end = worker.end()

        self.assertEqual(end["outcome"], "passed", end.get("details"))


class Fifo(TreeTestCase):
    def test_a_pair_of_fifos_will_do(self):
        root = self.tree({"test_a.py": FIXTURES})
        there, back = os.path.join(root, "to-driver"), os.path.join(root, "from-driver")
        os.mkfifo(there)
        os.mkfifo(back)
        env = play.environment("collect", root, [sys.executable], MUSTER_CONTROL="fifo:" + root)
        process = subprocess.Popen(play.driver_command("unittest", [sys.executable]), cwd=root,
                                   env=env)
        with open(there, "w") as writer, open(back) as reader:
            writer.write('{"do": "collect"}\n{"do": "quit"}\n')
            writer.flush()
            said = [json.loads(line)["say"] for line in reader]

        self.assertEqual(process.wait(), 0)
        self.assertEqual(said, ["ready", "test", "test", "test", "collected", "bye"])


if __name__ == "__main__":
    unittest.main()
