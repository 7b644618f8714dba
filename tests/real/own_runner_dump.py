#!/usr/bin/env python3
"""Runs a suite by its own runner and writes what became of each test as JSON lines.

    own_runner_dump.py OUT.jsonl SCRIPT [ARG]...        e.g.  out.jsonl tests/runtests.py --parallel=1

SCRIPT (a manage.py, Django's runtests.py, or anything that ends in unittest's TextTestRunner) is
run as __main__, unchanged.  The lines:

    {"collected": ID}                                   in the order of the runner, before the run
    {"id": ID, "outcome": O, "reason": TEXT}            as each test ends; outcomes are Muster's

Only the outermost run is recorded: suites that test test runners start more of them inside.
Two tests with one id are told apart as Muster does it: the second is ID#2.
"""
import json
import os
import runpy
import sys
import unittest

# The same order in which Muster's drivers let a worse outcome replace a better one.
RANK = {"passed": 0, "skipped": 1, "xfail": 1, "xpass": 2, "failed": 3, "error": 4}


class Numbered:
    """Gives each test object its id, the n-th object with one id the suffix #n."""

    def __init__(self):
        self.seen, self.names = {}, {}

    def name(self, test):
        test = getattr(test, "test_case", test)
        if id(test) not in self.names:
            plain = test.id()
            self.seen[plain] = self.seen.get(plain, 0) + 1
            count = self.seen[plain]
            self.names[id(test)] = (plain if count == 1 else "%s#%d" % (plain, count), test)
        return self.names[id(test)][0]


class Dump:
    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.owner = os.getpid()
        self.numbered = Numbered()
        self.current = None

    def write(self, record):
        if os.getpid() == self.owner:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()

    def collected(self, suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                self.collected(test)
            else:
                self.write({"collected": self.numbered.name(test)})

    def attach(self, result):
        """Hooks the result object itself, so that any result class will do."""
        outcomes = {"addSuccess": "passed", "addFailure": "failed", "addError": "error",
                    "addSkip": "skipped", "addExpectedFailure": "xfail",
                    "addUnexpectedSuccess": "xpass", "addSubTest": None}
        for method, outcome in outcomes.items():
            setattr(result, method, self.hooked(getattr(result, method), outcome))
        start, stop = result.startTest, result.stopTest

        def start_test(test):
            self.current = {"id": self.numbered.name(test), "outcome": "passed", "reason": ""}
            start(test)

        def stop_test(test):
            stop(test)
            if self.current:
                self.write(self.current)
            self.current = None
        result.startTest, result.stopTest = start_test, stop_test

    def hooked(self, original, outcome):
        def method(test, *args):
            self.event(test, outcome, args)
            return original(test, *args)
        return method

    def event(self, test, outcome, args):
        reason = ""
        if outcome is None:                         # addSubTest(test, subtest, err or None)
            err = args[1]
            if err is None:
                return
            outcome = "failed" if issubclass(err[0], test.failureException) else "error"
        elif outcome == "skipped":
            reason = str(args[0])
        elif args:
            reason = args[0][0].__name__
        if self.current is None:                    # a fixture: setUpClass (module.Class)
            self.write({"id": test.id(), "outcome": outcome, "reason": reason})
        elif RANK[outcome] >= RANK[self.current["outcome"]]:
            self.current.update(outcome=outcome, reason=reason)


def install(dump):
    run = unittest.TextTestRunner.run
    make = unittest.TextTestRunner._makeResult
    depth, attached = [0], []

    def dumping_run(runner, suite):
        depth[0] += 1
        try:
            if depth[0] == 1:
                dump.collected(suite)
            return run(runner, suite)
        finally:
            depth[0] -= 1

    def dumping_make(runner):
        result = make(runner)
        if depth[0] == 1 and not attached:      # tests of runners make results, too
            attached.append(result)
            dump.attach(result)
        return result

    unittest.TextTestRunner.run = dumping_run
    unittest.TextTestRunner._makeResult = dumping_make


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    install(Dump(sys.argv[1]))
    script = sys.argv[2]
    sys.argv = sys.argv[2:]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
