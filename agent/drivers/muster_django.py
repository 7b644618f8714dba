"""The driver for Django: the project's own test command, with Muster in the place of its last step.

    command (manage.py test, runtests.py) runs as __main__ in this process, as it always does:
      settings (ours: DATABASES) --> apps --> its own runner: environment, collection, order, tags
      --> databases (ours) --> checks --> run_suite (ours): serve the agent --> teardown

So a worker has everything that the runner's own process has.  Only three steps are replaced: the
settings' DATABASES when they load (muster_databases.py), the runner's setup_databases, and its
run_suite (muster_suite.py).  Django 3.2 and later; a runner must be a DiscoverRunner.
"""
import collections
import faulthandler
import importlib.util
import logging
import os
import runpy
import sys
import unittest

from muster_databases import Databases
from muster_suite import Hooks, Runner, iterate
from muster_worker import driver_main

FAILED_TEST = "unittest.loader._FailedTest."

# With MUSTER_DEBUG_SQL a failure tells the last statements before it, not all of them.
SQL_STATEMENTS_MAX = 50
SQL_STATEMENT_CHARACTERS_MAX = 2000

# Statements that change nothing by themselves.
READS = ("SELECT", "EXPLAIN", "SHOW", "PRAGMA", "SAVEPOINT", "RELEASE", "ROLLBACK")


def labels(selection):
    """The test labels of what was selected: ids, repeated ids, files, folders."""
    names = []
    for selected in selection:
        name, mark, count = selected.rpartition("#")
        name = name if mark and count.isdigit() else selected
        if name.startswith(FAILED_TEST):
            name = name[len(FAILED_TEST):]
        if name.endswith(".py") and os.path.isfile(name):
            name = module_name(os.path.abspath(name))
        names.append(name)
    return list(dict.fromkeys(names))


def module_name(path):
    """The dotted name of a file: up to the first folder without __init__.py."""
    folder, name = os.path.split(path[:-len(".py")])
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = "%s.%s" % (package, name)
    return name


def arguments(session):
    """(script or -m module, argv) of the project's own test command."""
    command = session.command or ["python3", "manage.py"]
    rest = command[1:] if len(command) > 1 else command
    module = rest[0] == "-m"
    if rest[0].startswith("-") and not module:
        session.fatal("start", "the command's interpreter option '%s' is not supported; set"
                      " PYTHONWARNINGS or the like in the suite's env" % rest[0])
    target, own = (rest[1], rest[2:]) if module else (rest[0], rest[1:])
    if not own and (module or os.path.basename(target) == "manage.py"):
        own = ["test"]
    selected = [] if session.mode == "setup" else labels(session.selection)
    if os.path.basename(target) == "runtests.py" and not module:
        target, selected = folder_enter(target, selected)
    if any(one == "--pdb" for one in session.args + own):
        session.fatal("start", "--pdb needs a terminal, and a worker has none")
    return module, target, [target, *own, *session.args, *selected]


def folder_enter(target, selected):
    """Django's own runtests.py is started in its folder: from outside, a folder that a test leaves
    in the working directory can hide a whole package of tests."""
    folder, name = os.path.split(os.path.abspath(target))
    selected = [os.path.relpath(one, folder) if os.path.isdir(one) else one for one in selected]
    os.chdir(folder)
    return name, selected


class SqlTail(logging.Handler):
    """Keeps the last statements for the details of a failure."""

    def __init__(self):
        super().__init__()
        self.statements = collections.deque(maxlen=SQL_STATEMENTS_MAX)

    def emit(self, record):
        try:
            self.statements.append(record.getMessage()[:SQL_STATEMENT_CHARACTERS_MAX])
        except Exception:
            self.statements.append("(a statement that could not be printed)")

    def text(self):
        return "\nlast SQL:\n%s\n" % "\n".join(self.statements) if self.statements else ""


class DjangoHooks(Hooks):
    def __init__(self, databases, runner):
        from django.db import connections
        from django.test import TestCase, TransactionTestCase, SimpleTestCase
        self.databases, self.connections = databases, connections
        self.kinds = (unittest.loader._FailedTest, *runner.reorder_by)
        self.case, self.transaction, self.simple = TestCase, TransactionTestCase, SimpleTestCase
        self.written, self.watched, self.was_broken = set(), [], False
        self.sql = SqlTail() if runner.debug_sql else None
        if self.sql:
            logger = logging.getLogger("django.db.backends")
            logger.setLevel(logging.DEBUG)
            logger.addHandler(self.sql)
        self.connections_debug()

    def connections_debug(self):
        for alias in self.connections:
            self.connections[alias].force_debug_cursor = self.sql is not None

    def phase(self, test):
        """The runner's own bins.  Tests that could not be loaded come first but touch nothing."""
        for place, kind in enumerate(self.kinds):
            if isinstance(test, kind):
                return max(place - 1, 0)
        return len(self.kinds) - 1

    def before(self, test):
        self.written.clear()
        self.was_broken = False
        if self.sql:
            self.sql.statements.clear()
        # Nobody rolls back or empties what other kinds of tests write: watch them.
        watch = not isinstance(test, self.transaction) and (
            not isinstance(test, self.simple) or getattr(test, "databases", None))
        for alias in self.connections if watch else ():
            wrappers = self.connections[alias].execute_wrappers
            wrappers.append(self.note_write)
            self.watched.append(wrappers)

    def note_write(self, execute, sql, params, many, context):
        if not str(sql).lstrip(" (\n\t").upper().startswith(READS):
            self.written.add(self.mirrored(context["connection"].alias))
        return execute(sql, params, many, context)

    def after(self, test):
        for wrappers in self.watched:
            if self.note_write in wrappers:
                wrappers.remove(self.note_write)
        self.watched.clear()
        given = set(self.databases.given)
        if self.was_broken:
            return given
        if not isinstance(test, self.transaction):
            return given & self.written
        aliases = getattr(type(test), "databases", None) or ()
        aliases = given if aliases == "__all__" else {self.mirrored(alias) for alias in aliases}
        if isinstance(test, self.case) and self.rolls_back(aliases):
            return []
        return given & aliases

    def mirrored(self, alias):
        try:
            return self.connections[alias].settings_dict["TEST"].get("MIRROR") or alias
        except Exception:                   # a class may name an alias that does not exist
            return alias

    def rolls_back(self, aliases):
        return all(self.connections[alias].features.supports_transactions
                   for alias in aliases if alias in self.databases.given)

    def broken(self, test):
        self.was_broken = True
        for step in ("doCleanups", "_post_teardown"):
            try:
                getattr(test, step, lambda: None)()
            except Exception:
                pass

    def failure_tail(self):
        return self.sql.text() if self.sql else ""

    def close(self):
        self.databases.close()
        self.connections_debug()            # a new connection keeps no test's switch

    def open(self):
        self.databases.reopen()


def runner_class(kind, session, databases, hook):
    """The project's own runner class with the steps at the databases and at the tests replaced."""

    class MusterRunner(kind):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.parallel, self.failfast, self.buffer = 1, False, False
            self.reverse, self.shuffle, self.interactive = False, False, False
            self.debug_sql = self.debug_sql or session.debug_sql

        def setup_databases(self, **kwargs):
            hook.remove()
            aliases = set(databases.given)
            if session.mode == "setup":
                kwargs["aliases"] = aliases
                if "serialized_aliases" in kwargs:
                    kwargs["serialized_aliases"] = aliases & set(kwargs["serialized_aliases"])
                databases.created(lambda: super(MusterRunner, self).setup_databases(**kwargs))
                return []
            if session.mode == "run":
                databases.opened(kwargs.get("serialized_aliases"))
            if os.environ.get("RUNNING_DJANGOS_TEST_SUITE") == "true":
                for connection, _ in databases.connections():
                    connection.creation.mark_expected_failures_and_skips()
            return []

        def run_checks(self, *args, **kwargs):
            from django.core.management.base import SystemCheckError
            if session.mode == "collect":   # some checks connect, and there is nothing yet
                return
            try:
                super().run_checks(*args, **kwargs)
            except SystemCheckError as trouble:
                session.fatal("checks", str(trouble))

        def run_suite(self, suite, **kwargs):
            if session.mode == "setup":
                session.done = True
            else:
                serve(session, databases, self, suite)
            return unittest.TestResult()

        def teardown_databases(self, old_config=None, **kwargs):
            databases.close()

    MusterRunner.__name__, MusterRunner.__qualname__ = kind.__name__, kind.__qualname__
    MusterRunner.__module__ = kind.__module__
    return MusterRunner


def serve(session, databases, runner, suite):
    import django
    hooks = DjangoHooks(databases, runner)
    session.ready("Django %s" % django.get_version())
    Runner(session, iterate(suite), hooks).serve()


class DjangoHook:
    """Stands between Django and the project until the runner has its databases."""

    def __init__(self, session, databases):
        import django.conf
        import django.test.utils
        self.session, self.databases, self.active = session, databases, True
        self.settings_init = django.conf.Settings.__init__
        self.settings_configure = django.conf.LazySettings.configure
        self.get_runner = django.test.utils.get_runner
        django.conf.Settings.__init__ = self.wrapped_init()
        django.conf.LazySettings.configure = self.wrapped_configure()
        django.test.utils.get_runner = self.wrapped_get_runner()

    def wrapped_init(self):
        def __init__(settings, *args, **kwargs):
            self.settings_init(settings, *args, **kwargs)
            if self.active:
                self.databases.override(settings.DATABASES)
        return __init__

    def wrapped_configure(self):
        def configure(settings, *args, **options):
            if self.active:
                self.databases.override(options.setdefault("DATABASES", {}))
            return self.settings_configure(settings, *args, **options)
        return configure

    def wrapped_get_runner(self):
        def get_runner(*args, **kwargs):
            from django.test.runner import DiscoverRunner
            kind = self.get_runner(*args, **kwargs)
            if not self.active:
                return kind
            if not (isinstance(kind, type) and issubclass(kind, DiscoverRunner)):
                self.session.fatal("start", "TEST_RUNNER %r is no subclass of DiscoverRunner"
                                   % (kind,))
            return runner_class(kind, self.session, self.databases, self)
        return get_runner

    def remove(self):
        """From here on the tests may do with settings and runners what they like."""
        import django.conf
        import django.test.utils
        self.active = False
        django.conf.Settings.__init__ = self.settings_init
        django.conf.LazySettings.configure = self.settings_configure
        django.test.utils.get_runner = self.get_runner


def work(session):
    module, target, sys.argv = arguments(session)
    sys.path.insert(0, os.getcwd() if module else os.path.dirname(os.path.abspath(target)))
    if not faulthandler.is_enabled():
        faulthandler.enable()
    if importlib.util.find_spec("django") is None:
        session.fatal("start", "there is no Django in %s; name your project's Python in the suite "
                      "file, such as 'command: [.venv/bin/python, manage.py]'" % sys.executable)
    DjangoHook(session, Databases(session))
    if module:
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(target, run_name="__main__")


if __name__ == "__main__":
    driver_main("django", work)
