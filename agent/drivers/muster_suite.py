"""Runs unittest tests one at a time, as the agent asks, and says what became of each.

    message --> move to the test: tear down what it does not share --> start
            --> module fixture, class fixture, the test --> end     (fixtures: unittest.TestSuite's)

After a test nothing is torn down until the next message says what comes: the class and module of
the last test stay set up while their tests go on.  Everything framework-specific is in Hooks.
"""
import collections
import copy
import time
import traceback
import unittest
import unittest.suite

from muster_worker import DETAILS_BYTES_MAX, text_clean, text_cut, text_line

# What a test is when several things happened in it: the worst of them.
RANK = {"passed": 0, "skipped": 1, "xfail": 1, "xpass": 2, "failed": 3, "error": 4}

# Sub-tests may fail by the thousand; the details hold 64 KiB anyway.
SUBTESTS_TOLD_MAX = 100

Event = collections.namedtuple("Event", "outcome message details place")


class Hooks:
    """What a framework adds to plain unittest.  The defaults are plain unittest's."""

    def phase(self, test):
        """The place of a test's kind in the runner's order; on one clone phases only rise."""
        return 0

    def before(self, test):
        """Called after the fixtures, before the test."""

    def after(self, test):
        """Called after the test; returns the aliases whose contents may have changed for good."""
        return []

    def broken(self, test):
        """Called when the test ended by an exception that unittest lets through."""

    def failure_tail(self):
        """What is added to the details of a failure (the last SQL)."""
        return ""

    def close(self):
        """Closes every connection, for new clones to be put in place."""

    def open(self):
        """New clones are in place."""


class Recorder(unittest.TestResult):
    """A result that keeps only what happened in the test or the fixture of the moment."""

    def __init__(self, session, hooks):
        super().__init__()
        self.session, self.hooks = session, hooks
        self.events = []                    # of the running test
        self.fixtures = {}                  # by the fixture's id: its events
        self.subtests = 0
        self._testRunEntered = True

    def add(self, test, event):
        if isinstance(test, unittest.suite._ErrorHolder):
            self.fixtures.setdefault(test.id(), []).append(event)
        else:
            self.events.append(event)

    def failure(self, test, outcome, err, title=""):
        details = title + self.describe(err, test)
        return Event(outcome, exception_line(err[1]), details, failure_place(self.session, err[2]))

    def describe(self, err, test):
        try:
            text = self._exc_info_to_string(err, test)
        except Exception:                   # a traceback that cannot even be printed
            text = "%s (its traceback could not be printed)\n" % exception_line(err[1])
        return text + self.hooks.failure_tail()

    def addError(self, test, err):
        self.add(test, self.failure(test, "error", err))

    def addFailure(self, test, err):
        self.add(test, self.failure(test, "failed", err))

    def addSkip(self, test, reason):
        self.add(test, Event("skipped", text_line(str(reason)), "", None))

    def addExpectedFailure(self, test, err):
        self.add(test, Event("xfail", exception_line(err[1]), "", None))

    def addUnexpectedSuccess(self, test):
        self.add(test, Event("xpass", "unexpected success", "", None))

    def addSuccess(self, test):
        pass

    def addSubTest(self, test, subtest, err):
        if err is None:
            return
        self.subtests += 1
        if self.subtests > SUBTESTS_TOLD_MAX:
            return
        outcome = "failed" if issubclass(err[0], test.failureException) else "error"
        self.add(test, self.failure(test, outcome, err, "sub-test %s\n" % subtest_name(subtest)))

    def stop(self):
        """A Ctrl-C is the agent's business: it never stops a single worker."""

    def fixture_failed(self):
        """Whether the class or module fixture of the test about to run has failed."""
        return (getattr(self, "_moduleSetUpFailed", False)
                or getattr(self._previousTestClass, "_classSetupFailed", False))


def subtest_name(subtest):
    try:
        return subtest._subDescription()
    except Exception:
        return "(its parameters could not be printed)"


def exception_line(exception):
    """'TypeError: text' in one line, even of an exception whose text raises."""
    name = type(exception).__qualname__
    try:
        text = str(exception)
    except BaseException as trouble:
        text = "(its text raised %s)" % type(trouble).__qualname__
    return text_line("%s: %s" % (name, text) if text else name)


def failure_place(session, frames):
    """(file, line) of the innermost frame that lies in the tree and is not unittest's own."""
    place = None
    for frame, line in traceback.walk_tb(frames):
        if "__unittest" not in frame.f_globals:
            file = session.relative(frame.f_code.co_filename)
            place = (file, line) if file else place
    return place


def iterate(suite):
    """The tests of a suite in order, suites inside suites opened."""
    for test in suite:
        if isinstance(test, unittest.TestCase) or not hasattr(test, "__iter__"):
            yield test
        else:
            yield from iterate(test)


class Runner:
    """Plays the driver's side of `collect` and `run` for a suite of unittest tests."""

    def __init__(self, session, suite, hooks=None):
        self.session, self.hooks = session, hooks or Hooks()
        self.tests = list(iterate(suite))
        self.recorder = Recorder(session, self.hooks)
        self.machine = unittest.TestSuite()
        self.recorder._previousTestClass = None
        self.fixture_events = []
        self.by_id = {}
        seen = collections.Counter()
        for test in self.tests:
            plain = text_clean(test.id())
            seen[plain] += 1
            self.by_id[plain if seen[plain] == 1 else "%s#%d" % (plain, seen[plain])] = test

    def serve(self):
        """Answers messages until `quit` or the end of the stream."""
        verbs = {"collect": self.collect, "run": self.run, "flush": lambda message: self.finish(),
                 "reset": self.reset}
        idle = True
        while True:
            if not idle and not self.session.channel.pending():
                self.session.say("idle")
                idle = True
            message = self.session.channel.next()
            if message is None or message.get("do") == "quit":
                self.finish()
                break
            verb = verbs.get(message.get("do"))
            if verb:
                verb(message)
                idle = False
        self.session.done = True
        if message:
            self.session.say("bye")

    def collect(self, _message):
        for test in self.tests:
            self.session.say("test", **self.describe(test))
        self.session.say("collected", count=len(self.tests))

    def describe(self, test):
        kind = type(test)
        fields = {"id": text_clean(test.id()), "phase": self.hooks.phase(test),
                  "group": "%s.%s" % (kind.__module__, kind.__qualname__)}
        method = getattr(kind, getattr(test, "_testMethodName", ""), None)
        while hasattr(method, "__wrapped__"):
            method = method.__wrapped__
        code = getattr(method, "__code__", None)
        file = self.session.relative(code.co_filename) if code else None
        if file:
            fields.update(file=file, line=code.co_firstlineno)
        return fields

    def reset(self, _message):
        self.finish()
        self.hooks.close()
        self.session.say("closed")
        while True:
            message = self.session.channel.next()
            if message is None:
                self.session.channel.queue.append(None)
                return
            if message.get("do") == "opened":
                break
        self.hooks.open()

    def run(self, message):
        name, number = message.get("id"), message.get("n")
        test = self.by_id.get(name)
        if test is not None:
            self.leave(test)
        self.session.output.flush()
        self.session.say("start", id=name, n=number)
        self.session.output.mark(number)
        if test is None:
            self.end(name, number, [Event("unknown", "no such test here", "", None)], 0, [])
        else:
            self.run_known(copied(test), name, number)
        if not message.get("more"):
            self.finish()

    def run_known(self, test, name, number):
        recorder = self.recorder
        recorder.events, recorder.subtests = [], 0
        dirty, duration_us = set(), 0
        self.enter(test)
        if recorder.fixture_failed():
            recorder.events = list(self.fixture_events)
        else:
            self.hooks.before(test)
            duration_us = self.call(test)
            dirty = self.hooks.after(test)
        self.end(name, number, recorder.events, duration_us, sorted(dirty))

    def call(self, test):
        started = time.perf_counter_ns()
        try:
            test(self.recorder)
        except BaseException as trouble:     # KeyboardInterrupt passes through unittest
            self.session.stop_stray_child()
            self.recorder.addError(test, (type(trouble), trouble, trouble.__traceback__))
            self.hooks.broken(test)
        self.session.stop_stray_child()
        return (time.perf_counter_ns() - started) // 1000

    def end(self, name, number, events, duration_us, dirty):
        fields = {"outcome": "passed"}
        if events:
            worst = max(events, key=lambda event: RANK.get(event.outcome, 5))
            fields = {"outcome": worst.outcome, "message": worst.message}
            details = "\n".join(event.details for event in events if event.details)
            if details:
                fields["details"] = text_cut(details, DETAILS_BYTES_MAX)
            if worst.place:
                fields["file"], fields["line"] = worst.place
        if number == 0:
            fields["extra"] = True
        elif self.recorder.subtests:
            fields["subtests"] = self.recorder.subtests
        if dirty:
            fields["dirty"] = dirty
        for note, value in self.session.notes.fresh():
            self.session.say("note", name=note, value=value, id=name)
        self.session.output.mark(0)
        self.session.say("end", id=name, n=number, duration_us=duration_us, **fields)

    # Fixtures.  unittest.TestSuite does the work; its methods have kept their names since 3.2.

    def enter(self, test):
        """Sets up the module and the class of a test, unless they are."""
        recorder, kind = self.recorder, type(test)
        fresh = recorder._previousTestClass is not kind
        recorder.fixtures = {}
        try:
            self.machine._handleModuleFixture(test, recorder)
            self.machine._handleClassSetUp(test, recorder)
        except BaseException as trouble:     # SystemExit in setUpClass passes through unittest
            self.session.stop_stray_child()
            holder = unittest.suite._ErrorHolder("setUpClass")
            recorder.addError(holder, (type(trouble), trouble, trouble.__traceback__))
            kind._classSetupFailed = True
        recorder._previousTestClass = kind
        if recorder.fixtures:
            self.fixture_events = [event for events in recorder.fixtures.values()
                                   for event in events]
        elif fresh and not recorder.fixture_failed():
            self.fixture_events = []

    def leave(self, following):
        """Tears down what the following test (None: nothing) does not share with the last one."""
        recorder = self.recorder
        last = recorder._previousTestClass
        if last is None or last is type(following):
            return
        recorder.fixtures = {}
        recorder.subtests = 0
        self.guarded(last, self.machine._tearDownPreviousClass, following, recorder)
        if following is None or type(following).__module__ != last.__module__:
            self.guarded(last, self.machine._handleModuleTearDown, recorder)
            recorder._previousTestClass = None
            recorder._moduleSetUpFailed = False
        for name, events in recorder.fixtures.items():
            self.end(name, 0, events, 0, [])

    def guarded(self, last, action, *arguments):
        try:
            action(*arguments)
        except BaseException as trouble:
            self.session.stop_stray_child()
            holder = unittest.suite._ErrorHolder(
                "tearDownClass (%s.%s)" % (last.__module__, last.__qualname__))
            self.recorder.addError(holder, (type(trouble), trouble, trouble.__traceback__))

    def finish(self):
        self.leave(None)


def copied(test):
    """A fresh copy, so that a test may run again and holds nothing back when it has run."""
    try:
        return copy.copy(test)
    except Exception:
        return test

