"""The driver for plain unittest: `python -m unittest discover` under Muster.

MUSTER_ARGS takes discovery's own options (-s, -p, -t, -k); MUSTER_SELECTION takes dotted names and
paths.  Options that only concern how unittest prints are accepted and mean nothing here.
"""
import argparse
import faulthandler
import os
import platform
import sys
import unittest
import warnings

from muster_suite import Runner
from muster_worker import driver_main

FAILED_TEST = "unittest.loader._FailedTest."


def arguments_parse(arguments):
    parser = argparse.ArgumentParser(prog="muster unittest driver", add_help=False)
    parser.add_argument("-s", "--start-directory", dest="start", default=".")
    parser.add_argument("-p", "--pattern", default="test*.py")
    parser.add_argument("-t", "--top-level-directory", dest="top")
    parser.add_argument("-k", dest="patterns", action="append",
                        type=lambda text: text if "*" in text else "*%s*" % text)
    for flags in (["-v", "--verbose"], ["-q", "--quiet"], ["-f", "--failfast"], ["-b", "--buffer"],
                  ["-c", "--catch"], ["--locals"]):
        parser.add_argument(*flags, action="store_true")
    return parser.parse_args(arguments)


def selection_name(selected, top):
    """The dotted name of something selected: an id, a repeated id, a path to a file."""
    if selected.endswith(".py") and os.path.isfile(selected):
        inside = os.path.relpath(os.path.abspath(selected), top)
        return inside[:-len(".py")].replace(os.sep, ".")
    name, mark, count = selected.rpartition("#")
    name = name if mark and count.isdigit() else selected
    return name[len(FAILED_TEST):] if name.startswith(FAILED_TEST) else name


def suite_load(options, selection):
    loader = unittest.TestLoader()
    loader.testNamePatterns = options.patterns
    if not selection:
        return loader.discover(options.start, options.pattern, options.top)
    top = os.path.abspath(options.top or options.start)
    if os.path.isdir(top) and top not in sys.path:
        sys.path.insert(0, top)
    suite, names = unittest.TestSuite(), []
    for selected in selection:
        if os.path.isdir(selected):
            suite.addTest(loader.discover(selected, options.pattern, options.top or options.start))
        else:
            names.append(selection_name(selected, top))
    suite.addTests(loader.loadTestsFromNames(list(dict.fromkeys(names))))
    return suite


def warnings_set():
    """As unittest's own program does when no -W is given."""
    if not sys.warnoptions:
        warnings.simplefilter("default")
        if sys.version_info < (3, 12):
            warnings.filterwarnings("module", category=DeprecationWarning,
                                    message=r"Please use assert\w+ instead.")


def work(session):
    sys.path.insert(0, os.getcwd())
    sys.argv = ["python -m unittest", "discover", *session.args]
    options = arguments_parse(session.args)
    if session.mode == "setup":
        session.fatal("setup", "databases: the unittest driver cannot fill a template;"
                      " give the suite file a setup command")
    if not faulthandler.is_enabled():
        faulthandler.enable()
    suite = suite_load(options, session.selection)
    warnings_set()
    session.ready("unittest of Python %s" % platform.python_version())
    Runner(session, suite).serve()


if __name__ == "__main__":
    driver_main("unittest", work)
