"""The Django driver, told what to do by a played agent, in a small project with a canary."""
import importlib.util
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import unittest

import play
from tree import TreeTestCase

HERE = os.path.dirname(os.path.abspath(__file__))
SHOP = os.path.join(HERE, "..", "..", "docs", "examples", "shop")
COMMAND = [sys.executable, "manage.py"]

PROJECT = {
    "manage.py": """
        import os, sys
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
        from django.core.management import execute_from_command_line
        if __name__ == "__main__":
            execute_from_command_line(sys.argv)
    """,
    "project/__init__.py": "",
    "project/settings.py": """
        import os
        SECRET_KEY = "x"
        USE_TZ = True
        DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
        ALLOWED_HOSTS = ["here"]
        INSTALLED_APPS = ["django.contrib.contenttypes", "app"]
        ROOT_URLCONF = "project.settings"
        urlpatterns = []
        SQLITE = "django.db.backends.sqlite3"
        DATABASES = {
            "default": {"ENGINE": SQLITE, "NAME": os.path.abspath("canary.sqlite3")},
            "replica": {"ENGINE": SQLITE, "NAME": os.path.abspath("canary-replica.sqlite3"),
                        "TEST": {"MIRROR": "default"}},
            "twin": {"ENGINE": SQLITE, "NAME": os.path.abspath("canary.sqlite3")},
            "legacy": {"ENGINE": SQLITE, "NAME": os.path.abspath("canary-legacy.sqlite3")},
        }
        TEST_NON_SERIALIZED_APPS = ["django.contrib.contenttypes"]
    """,
    "app/__init__.py": "",
    "app/models.py": """
        from django.db import models
        class Thing(models.Model):
            name = models.CharField(max_length=20, unique=True)
    """,
    "app/migrations/__init__.py": "",
    "app/migrations/0001_initial.py": """
        from django.db import migrations, models
        def seed(apps, schema_editor):
            if schema_editor.connection.alias == "default":
                apps.get_model("app", "Thing").objects.create(name="seed")
        class Migration(migrations.Migration):
            operations = [
                migrations.CreateModel("Thing", [
                    ("id", models.AutoField(primary_key=True)),
                    ("name", models.CharField(max_length=20, unique=True))]),
                migrations.RunPython(seed),
            ]
    """,
    "app/tests.py": """
        import os, sys, unittest
        from django.contrib.contenttypes.models import ContentType
        from django.core import mail
        from django.db import connection, connections, transaction
        from django.test import SimpleTestCase, TestCase, TransactionTestCase, tag
        from app.models import Thing

        class Plain(unittest.TestCase):
            def test_reads(self):
                Thing.objects.count()
            def test_writes(self):
                Thing.objects.create(name="left behind")
            def test_writes_to_a_mirror(self):
                Thing.objects.using("replica").create(name="left behind")

        class Transactions(TransactionTestCase):
            def test_commits(self):
                Thing.objects.create(name="new")

        class Serialized(TransactionTestCase):
            serialized_rollback = True
            def test_seed(self):
                self.assertTrue(Thing.objects.filter(name="seed").exists())

        class Simple(SimpleTestCase):
            def test_state(self):
                from django.conf import settings
                self.assertEqual(mail.outbox, [])
                self.assertEqual(settings.ALLOWED_HOSTS, ["here", "testserver"])
                self.assertIs(settings.DEBUG, False)
                self.assertEqual(os.path.basename(sys.modules["__main__"].__file__), "manage.py")
                self.assertEqual(sys.argv[:2], ["manage.py", "test"])
                self.assertEqual([one for one in sys.path if one.endswith("drivers")], [])
            def test_queries(self):
                Thing.objects.count()

        class Cases(TestCase):
            databases = {"default", "replica", "twin"}
            def test_seed(self):
                self.assertEqual([thing.name for thing in Thing.objects.all()], ["seed"])
            def test_content_type(self):
                kept = ContentType.objects.get_for_model(Thing)
                self.assertEqual(kept.pk, ContentType.objects.get(model="thing").pk)
            def test_mirrors(self):
                for alias in ("replica", "twin"):
                    self.assertEqual(Thing.objects.using(alias).count(), 1)
            @tag("slow")
            def test_fails_after_a_query(self):
                Thing.objects.create(name="marker")
                self.fail("why")
            def test_is_interrupted(self):
                Thing.objects.create(name="half")
                raise KeyboardInterrupt

        class Legacy(TestCase):
            databases = {"default"}
            def test_forbidden(self):
                connections["legacy"].cursor()

        class LegacyMirrors(TestCase):
            databases = {"default", "legacy"}
            def test_legacy_mirrors(self):
                connections["legacy"].ensure_connection()
                self.assertEqual(connections["legacy"].settings_dict["NAME"],
                                 connections["default"].settings_dict["NAME"])
                self.assertEqual(Thing.objects.using("legacy").count(), 1)

        class LegacyAsked(unittest.TestCase):
            def test_absent(self):
                connections["legacy"].cursor()
    """,
}


def django_here():
    return importlib.util.find_spec("django") is not None


@unittest.skipUnless(django_here(), "this interpreter has no Django")
class ProjectTestCase(TreeTestCase):
    driver = "django"

    def project(self, **changes):
        files = dict(PROJECT)
        files.update({path.replace("__", "/") + ".py": text for path, text in changes.items()})
        root = self.tree(files)
        self.addCleanup(self.no_canary, root)
        return root

    def no_canary(self, root):
        self.assertEqual([name for name in os.listdir(root) if name.startswith("canary")], [])

    def record(self, root, memory=True, **more):
        return {"alias": "default", "engine": "sqlite", "name": "muster", "memory": memory,
                "path": os.path.join(root, "clone.sqlite3"),
                "image": os.path.join(root, "template.sqlite3"),
                "facts": os.path.join(root, "facts.json"), **more}

    def prepared(self, memory=True, **changes):
        """A project whose template is filled; returns (root, databases for a worker)."""
        root = self.project(**changes)
        record = self.record(root)
        filling = {**record, "memory": False, "path": record["image"]}
        status, text = play.setup("django", root, COMMAND, databases=[filling])
        self.assertEqual(status, 0, text)
        if not memory:
            shutil.copy(record["image"], record["path"])
            record = {key: value for key, value in record.items() if key != "image"}
        return root, [{**record, "memory": memory}]

    def started(self, root, databases, **more):
        return self.worker(root, command=COMMAND, databases=databases, **more)

    def played(self, worker, *names):
        for name in names:
            worker.run("app.tests." + name)
        return [worker.end() for _ in names]

    def refused(self, root, databases=(), mode="run", **more):
        worker = play.Worker("django", root, COMMAND, mode=mode, databases=databases, **more)
        self.addCleanup(worker.release)
        message = worker.until("fatal")[-1]
        return message["text"]


class Setup(ProjectTestCase):
    def test_fills_the_template_as_the_own_runner_does(self):
        root, (record,) = self.prepared()

        image = sqlite3.connect(record["image"])
        names = [row[0] for row in image.execute("SELECT name FROM app_thing")]
        image.close()
        with open(record["facts"]) as file:
            facts = json.load(file)

        self.assertEqual(names, ["seed"])
        self.assertEqual([one["fields"]["name"] for one in json.loads(facts["serialized"])],
                         ["seed"])

    def test_obeys_test_migrate_false(self):
        settings = PROJECT["project/settings.py"] + """
        DATABASES["default"]["TEST"] = {"MIGRATE": False}
        """
        root, (record,) = self.prepared(project__settings=settings)

        image = sqlite3.connect(record["image"])
        count = image.execute("SELECT count(*) FROM app_thing").fetchone()[0]
        image.close()

        self.assertEqual(count, 0)

    def test_runs_what_a_projects_own_runner_adds(self):
        runner = """
            from django.test.runner import DiscoverRunner
            class Runner(DiscoverRunner):
                def setup_databases(self, **kwargs):
                    old = super().setup_databases(**kwargs)
                    from app.models import Thing
                    Thing.objects.create(name="by the runner")
                    return old
        """
        settings = PROJECT["project/settings.py"] + """
        TEST_RUNNER = "project.runner.Runner"
        """
        root, databases = self.prepared(project__runner=runner, project__settings=settings)
        worker = self.started(root, databases)

        end, = self.played(worker, "Cases.test_seed")

        self.assertIn("AssertionError: Lists differ: ['seed', 'by the runner'] != ['seed']",
                      end["message"])

    def test_fails_with_the_reason_when_a_migration_fails(self):
        root = self.project(app__migrations__0002_bad="""
            from django.db import migrations
            def fail(apps, schema_editor): raise RuntimeError("bad seed")
            class Migration(migrations.Migration):
                dependencies = [("app", "0001_initial")]
                operations = [migrations.RunPython(fail)]
        """)

        status, text = play.setup("django", root, COMMAND, databases=[
            {**self.record(root), "path": os.path.join(root, "template.sqlite3")}])

        self.assertNotEqual(status, 0)
        self.assertIn("bad seed", text)


class Collecting(ProjectTestCase):
    def test_makes_no_file_and_keeps_the_runners_order(self):
        root = self.project()
        before = sorted(os.listdir(root))

        tests = self.collect(root, command=COMMAND, databases=[self.record(root)])

        self.assertEqual(sorted(os.listdir(root)), before)
        phases = [test["phase"] for test in tests]
        self.assertEqual(phases, sorted(phases))
        by_class = {test["group"].rpartition(".")[2]: test["phase"] for test in tests}
        self.assertEqual(by_class, {"Cases": 0, "Legacy": 0, "LegacyMirrors": 0, "Simple": 1,
                                    "Transactions": 1,
                                    "Serialized": 1, "Plain": 2, "LegacyAsked": 2})

    def test_takes_the_runners_own_arguments_and_labels(self):
        root = self.project()
        cases = [
            (["--tag=slow"], [], 1), (["--exclude-tag", "slow"], [], 14), (["-k", "seed"], [], 2),
            (["--pattern", "nothing*.py"], [], 0), (["--parallel=4"], [], 15),
            ([], ["app.tests.Plain"], 3), ([], ["app/tests.py"], 15), ([], ["app"], 15),
        ]
        for args, selection, count in cases:
            with self.subTest(args=args, selection=selection):
                tests = self.collect(root, command=COMMAND, args=args, selection=selection,
                                     databases=[self.record(root)])
                self.assertEqual(len(tests), count)


class Running(ProjectTestCase):
    def test_sees_the_clone_in_memory_and_in_a_file(self):
        for memory in (True, False):
            with self.subTest(memory=memory):
                root, databases = self.prepared(memory)
                worker = self.started(root, databases)

                ends = self.played(worker, "Cases.test_seed", "Cases.test_mirrors",
                                   "Simple.test_state", "Serialized.test_seed")
                worker.quit()

                self.assertEqual([end["outcome"] for end in ends], ["passed"] * 4, ends)
                self.assertEqual(os.path.exists(databases[0]["path"]), not memory)

    def test_an_alias_that_is_said_to_mirror_another_follows_it(self):
        for memory in (True, False):
            with self.subTest(memory=memory):
                root, databases = self.prepared(memory)
                databases.append({"alias": "legacy", "mirror": "default"})
                worker = self.started(root, databases)

                ends = self.played(worker, "LegacyMirrors.test_legacy_mirrors",
                                   "Cases.test_mirrors")
                worker.quit()

                self.assertEqual([end["outcome"] for end in ends], ["passed"] * 2, ends)

    def test_a_mirror_of_nothing_is_fatal(self):
        root, databases = self.prepared()
        text = self.refused(root, [*databases, {"alias": "legacy", "mirror": "nowhere"}])

        self.assertIn("'legacy' is to mirror 'nowhere'", text)

    def test_keeps_djangos_own_guard(self):
        root, databases = self.prepared()
        worker = self.started(root, databases)

        simple, legacy = self.played(worker, "Simple.test_queries", "Legacy.test_forbidden")

        self.assertIn("not allowed in SimpleTestCase", simple["details"])
        self.assertIn("not allowed in this test", legacy["details"])

    def test_an_alias_that_was_not_given_raises_and_says_why(self):
        root, databases = self.prepared()
        worker = self.started(root, databases)

        end, = self.played(worker, "LegacyAsked.test_absent")

        self.assertEqual(end["outcome"], "error")
        self.assertIn("'legacy' is not among the databases of the suite file", end["message"])

    def test_says_which_tests_leave_the_database_changed(self):
        root, databases = self.prepared()
        worker = self.started(root, databases)

        ends = self.played(worker, "Cases.test_seed", "Simple.test_state", "Plain.test_reads",
                           "Plain.test_writes", "Transactions.test_commits",
                           "Plain.test_writes_to_a_mirror")

        self.assertEqual([end.get("dirty") for end in ends],
                         [None, None, None, ["default"], ["default"], ["default"]])

    def test_a_reset_brings_everything_back(self):
        for memory in (True, False):
            with self.subTest(memory=memory):
                root, databases = self.prepared(memory)
                worker = self.started(root, databases)
                self.played(worker, "Cases.test_content_type", "Transactions.test_commits")
                emptied, = self.played(worker, "Cases.test_seed")

                worker.tell("reset", databases=["default"])
                worker.until("closed")
                if not memory:
                    self.assertEqual(open_files(worker, databases[0]["path"]), 0)
                    shutil.copy(os.path.join(root, "template.sqlite3"), databases[0]["path"])
                worker.tell("opened")
                ends = self.played(worker, "Cases.test_seed", "Cases.test_content_type",
                                   "Cases.test_mirrors")

                self.assertEqual(emptied["outcome"], "failed")
                self.assertEqual([end["outcome"] for end in ends], ["passed"] * 3, ends)

    def test_an_interrupted_test_leaves_no_transaction_open(self):
        root, databases = self.prepared()
        worker = self.started(root, databases)

        interrupted, after = self.played(worker, "Cases.test_is_interrupted", "Cases.test_seed")

        self.assertEqual((interrupted["outcome"], interrupted["dirty"]), ("error", ["default"]))
        self.assertEqual(after["outcome"], "passed", after.get("details"))

    def test_tells_the_last_sql_of_a_failure_when_asked(self):
        root, databases = self.prepared()
        worker = self.started(root, databases, MUSTER_DEBUG_SQL="1")

        end, = self.played(worker, "Cases.test_fails_after_a_query")

        self.assertRegex(end["details"], r"INSERT INTO .app_thing.*marker")


class WithoutDatabases(ProjectTestCase):
    def test_a_project_may_have_none(self):
        settings = PROJECT["project/settings.py"] + """
        DATABASES = {}
        INSTALLED_APPS = []
        """
        tests = """
            from django.test import SimpleTestCase
            class Simple(SimpleTestCase):
                def test_it(self): pass
        """
        worker = self.started(self.project(project__settings=settings, app__tests=tests), [])

        end, = self.played(worker, "Simple.test_it")

        self.assertEqual(end["outcome"], "passed")


class Refusals(ProjectTestCase):
    def test_a_python_without_django_is_named_and_the_key_that_names_another(self):
        root = self.project()
        python = os.path.join(root, "bare-python")
        with open(python, "w") as file:
            file.write("#!/bin/sh\nexec '%s' -S \"$@\"\n" % sys.executable)
        os.chmod(python, 0o755)
        worker = play.Worker("django", root, [python, "manage.py"], mode="collect", databases=())
        self.addCleanup(worker.release)

        text = worker.until("fatal")[-1]["text"]

        self.assertIn("there is no Django in " + sys.executable, text)
        self.assertIn("command: [", text)
        self.assertNotIn("Traceback", text)

    def test_a_debugger_has_no_terminal(self):
        root = self.project()

        self.assertIn("--pdb", self.refused(root, args=["--pdb"]))

    def test_settings_that_do_not_import(self):
        root = self.project(project__settings="import nothing_of_that_name")

        self.assertIn("nothing_of_that_name", self.refused(root, mode="collect"))

    def test_an_alias_that_the_project_does_not_have(self):
        root = self.project()

        text = self.refused(root, [self.record(root, alias="other")], mode="collect")

        self.assertIn("no database alias 'other'", text)

    def test_an_alias_that_is_led_elsewhere_after_the_settings_were_read(self):
        root, databases = self.prepared()
        with open(os.path.join(root, "app", "tests.py"), "a") as file:
            file.write("\nfrom django.conf import settings\n"
                       "settings.DATABASES['default']['NAME'] = 'canary.sqlite3'\n")

        self.assertIn("changed database alias 'default'", self.refused(root, databases))

    def test_a_runner_of_another_kind(self):
        root = self.project(project__settings=PROJECT["project/settings.py"] + """
        TEST_RUNNER = "unittest.TextTestRunner"
        """)

        self.assertIn("no subclass of DiscoverRunner", self.refused(root, mode="collect"))

    def test_a_command_that_runs_no_tests(self):
        root = self.project(manage="print('nothing to do')")

        self.assertIn("before its tests were run", self.refused(root, mode="collect"))

    def test_a_system_check_that_fails(self):
        root, databases = self.prepared()
        with open(os.path.join(root, "app", "models.py"), "a") as file:
            file.write("class Bad(models.Model):\n    name = models.CharField()\n")

        self.assertIn("fields.E120", self.refused(root, databases))


@unittest.skipUnless(django_here(), "this interpreter has no Django")
class Shop(unittest.TestCase):
    """The example project, in another order than its own, on clean clones after dirty tests."""

    def test_passes_in_a_shuffled_order_and_never_makes_the_canary(self):
        directory = tempfile.mkdtemp(prefix="muster-shop-")
        self.addCleanup(shutil.rmtree, directory)
        with open(os.path.join(directory, "fast.py"), "w") as file:
            file.write("from shop.settings import *\nPAYMENT_DELAY_S = 0\n")
        path = os.pathsep.join(filter(None, [directory, os.environ.get("PYTHONPATH")]))
        common = {"command": COMMAND, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "fast"}
        record = {"alias": "default", "engine": "sqlite", "name": "muster", "memory": True,
                  "image": os.path.join(directory, "t.sqlite3"), "path": directory + "/unused",
                  "facts": os.path.join(directory, "facts.json")}
        status, text = play.setup("django", SHOP, databases=[{**record, "path": record["image"]}],
                                  **common)
        self.assertEqual(status, 0, text)
        tests = play.collect("django", SHOP, databases=[record], **common)
        random.Random(7).shuffle(tests)
        worker = play.Worker("django", SHOP, databases=[record], **common)
        self.addCleanup(worker.release)
        worker.until("ready")

        failed, level = [], -1
        for test in tests:
            if level > test["phase"]:
                worker.tell("reset", databases=["default"])
                worker.until("closed")
                worker.tell("opened")
                level = -1
            worker.run(test["id"])
            end = worker.end()
            level = max(level, test["phase"]) if end.get("dirty") else level
            if end["outcome"] != "passed":
                failed.append(end)

        self.assertGreater(len(tests), 150)
        self.assertEqual(failed, [])
        self.assertFalse(os.path.exists(os.path.join(SHOP, "canary.sqlite3")))


def open_files(worker, path):
    """How many descriptors of a worker are on a file."""
    folder = "/proc/%d/fd" % worker.process.pid
    links = []
    for name in os.listdir(folder):
        try:
            links.append(os.readlink(os.path.join(folder, name)))
        except OSError:
            pass
    return links.count(path)


if __name__ == "__main__":
    unittest.main()
