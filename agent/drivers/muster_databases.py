"""The database side of the Django driver: settings that can only reach Muster's own databases.

    settings load --> every alias overridden --> ... own runner ... --> setup_databases, ours:
                                 mode collect: nothing   (an empty in-memory SQLite answers)
                                 mode setup:   Django's own, into the file or server given
                                 mode run:     open the worker's clone, hand over the facts

An alias that the suite file does not name gets a backend that raises when it connects.  A mirror
of a named alias, or an alias of the very same database, follows the named one, as in Django.
"""
import json
import os
import sqlite3
import sys
import types
from importlib import import_module
from urllib.parse import quote

ABSENT = "muster_absent_database"

# Django's own backends by the engine they speak to; the first is used where a project's own
# setting speaks to another engine than the suite file asks for.
ENGINES = {
    "sqlite": ["django.db.backends.sqlite3", "django.contrib.gis.db.backends.spatialite"],
    "postgresql": ["django.db.backends.postgresql", "django.db.backends.postgresql_psycopg2",
                   "django.contrib.gis.db.backends.postgis"],
    "mysql": ["django.db.backends.mysql", "django.contrib.gis.db.backends.mysql"],
    "oracle": ["django.db.backends.oracle", "django.contrib.gis.db.backends.oracle"],
}
ENGINES["mariadb"] = ENGINES["mysql"]

# Options by which a driver could still be led to another server than HOST says.
OPTIONS_THAT_LEAD_AWAY = {"read_default_file", "read_default_group", "service", "passfile", "host",
                          "port", "user", "password", "passwd", "db", "database", "dbname", "dsn",
                          "unix_socket", "init_file", "sslkey", "sslcert"}

IDENTITY = ("ENGINE", "HOST", "PORT", "NAME")


def memory_name(alias, generation=1):
    """The name that Django's own runner gives; later clones in one process need another."""
    suffix = "" if generation == 1 else "_%d" % generation
    return "file:memorydb_%s%s?mode=memory&cache=shared" % (alias, suffix)


def absent_backend(engine):
    """A module path of a backend that is the project's own but for connecting."""
    try:
        base = import_module(engine + ".base").DatabaseWrapper
    except Exception:                       # its client library may not be installed here
        base = import_module("django.db.backends.dummy.base").DatabaseWrapper

    def refuse(self, *_args, **_kwargs):
        from django.core.exceptions import ImproperlyConfigured
        raise ImproperlyConfigured(
            "database alias '%s' is not among the databases of the suite file, and Muster"
            " connects to no database that it did not make" % self.alias)

    members = {"get_new_connection": refuse, "get_connection_params": lambda self: {}}
    if base.vendor == "unknown":            # the dummy would blame the settings
        members.update(dict.fromkeys(("ensure_connection", "connect", "cursor"), refuse))
    name = "%s.%s" % (ABSENT, engine.replace(".", "_"))
    for path in (ABSENT, name):
        sys.modules.setdefault(path, types.ModuleType(path)).__path__ = []
    module = sys.modules[name + ".base"] = types.ModuleType(name + ".base")
    module.DatabaseWrapper = type("DatabaseWrapper", (base,), members)
    return name


def contents_installed(contents):
    """The serialized contents without the models of apps that are not installed here: a runner
    may install fewer apps when it is asked for fewer tests (Django's own runtests.py)."""
    from django.apps import apps
    known = {model._meta.label_lower for model in apps.get_models()}
    objects = json.loads(contents)
    kept = [one for one in objects if one["model"].lower() in known]
    return contents if len(kept) == len(objects) else json.dumps(kept)


def identity(entry):
    return tuple(str(entry.get(key) or "") for key in IDENTITY)


class Databases:
    """The databases that the agent gave, and what the settings must say for them."""

    def __init__(self, session):
        self.mode = session.mode
        self.fatal = session.fatal
        self.given = {record["alias"]: record for record in session.databases
                      if not record.get("mirror")}
        self.mirrors = {record["alias"]: record["mirror"] for record in session.databases
                        if record.get("mirror")}
        self.expected = {}                  # alias: where its settings must lead
        self.generation = 1

    # Settings

    def override(self, databases):
        """Changes a DATABASES setting in place, so that a settings module's own name sees it."""
        missing = sorted((set(self.given) | set(self.mirrors)) - set(databases))
        if missing:
            self.fatal("settings", "the project has no database alias '%s', which the suite file"
                       " names; it has %s" % (missing[0], sorted(databases) or "none"))
        for alias, mirror in sorted(self.mirrors.items()):
            if mirror not in self.given:
                self.fatal("settings", "database alias '%s' is to mirror '%s', which is no"
                           " database of its own" % (alias, mirror))
        original = {alias: dict(entry) for alias, entry in databases.items()}
        for alias, entry in original.items():
            if alias in self.given:
                databases[alias] = self.entry_given(entry, self.given[alias])
        for alias, entry in original.items():
            if alias in self.mirrors or (alias not in self.given and entry):
                databases[alias] = self.entry_follower(alias, entry, original, databases)
        self.expected = {alias: identity(entry) for alias, entry in databases.items() if entry}

    def entry_given(self, entry, record):
        engine = entry.get("ENGINE", "")
        named = ENGINES.get(record["engine"], [])
        others = {one for engines in ENGINES.values() for one in engines} - set(named)
        test = {key: value for key, value in entry.get("TEST", {}).items() if key != "MIRROR"}
        result = {**entry, "TEST": test}
        if named and (not engine or engine in others):
            result["ENGINE"] = named[0]
            result.pop("OPTIONS", None)
        result["OPTIONS"] = {key: value for key, value in result.get("OPTIONS", {}).items()
                             if key not in OPTIONS_THAT_LEAD_AWAY}
        if record["engine"] == "sqlite":
            in_memory = self.mode != "run" or record.get("memory")
            result["NAME"] = memory_name(record["alias"]) if in_memory else record["path"]
            test["NAME"] = None if in_memory else record["path"]
            result.update(HOST="", PORT="", USER="", PASSWORD="")
        else:
            result["NAME"] = test["NAME"] = record.get("name", "")
            result.update(HOST=record.get("socket") or record.get("host") or "",
                          PORT=str(record.get("port") or ""), USER=record.get("user") or "",
                          PASSWORD=record.get("password") or "")
            if os.path.basename(result["HOST"]).startswith(".s.PGSQL."):
                result["HOST"] = os.path.dirname(result["HOST"])    # libpq wants the folder
        return result

    def entry_follower(self, alias, entry, original, databases):
        """An alias that was not given: it follows a given one, or it cannot be used."""
        mirror = self.mirrors.get(alias) or entry.get("TEST", {}).get("MIRROR")
        if mirror in self.given:
            return {**databases[mirror], "TEST": {**databases[mirror]["TEST"], "MIRROR": mirror}}
        for given in self.given:
            named = original[given].get("NAME") not in (None, "", ":memory:")
            if named and identity(original[given]) == identity(entry):
                return {**databases[given], "TEST": {**databases[given]["TEST"], "MIRROR": given}}
        engine = entry.get("ENGINE") or "django.db.backends.dummy"
        return {**entry, "ENGINE": absent_backend(engine), "NAME": "muster-absent", "USER": "",
                "PASSWORD": "", "HOST": "", "PORT": "", "OPTIONS": {}}

    # Connections

    def connections(self):
        from django.db import connections
        return [(connections[alias], record) for alias, record in self.given.items()]

    def check(self):
        """Nothing between the settings and here may have led an alias elsewhere."""
        from django.db import connections
        for alias in connections:
            found = identity(connections[alias].settings_dict)
            unset = alias not in self.expected and found[0].endswith(".dummy")
            if found != self.expected.get(alias) and not unset:
                self.fatal("settings", "the project changed database alias '%s' to '%s' after its"
                           " settings were read" % (alias, found[-1]))

    def created(self, own_setup):
        """Mode setup: runs Django's own set-up, whose CREATE DATABASE the agent has done."""
        self.check()
        for connection, _ in self.connections():
            name = connection.settings_dict["NAME"]
            connection.creation._create_test_db = lambda *args, name=name, **kwargs: name
        own_setup()
        for connection, record in self.connections():
            self.facts_write(connection, record)
            if record["engine"] == "sqlite":
                image = sqlite3.connect(record["path"])
                connection.ensure_connection()
                connection.connection.backup(image)
                image.close()

    def facts_write(self, connection, record):
        """What a framework's serialized_rollback needs.  The template outlives this set of tests,
        so it is written even if no test of today asks for it."""
        facts = {}
        try:
            contents = getattr(connection, "_test_serialized_contents", None)
            wanted = connection.settings_dict["TEST"].get("SERIALIZE", True)
            if contents is None and wanted:
                contents = connection.creation.serialize_db_to_string()
            facts["serialized"] = contents
        except Exception as trouble:
            facts["error"] = "%s: %s" % (type(trouble).__name__, trouble)
        if record.get("facts"):
            with open(record["facts"], "w", encoding="utf-8") as file:
                json.dump(facts, file)

    def opened(self, serialized_aliases=None):
        """Mode run: connects to the worker's clones and gives Django what its set-up knew."""
        from django.db.backends.signals import connection_created
        self.check()
        connection_created.connect(self.connection_hasten, dispatch_uid="muster", weak=False)
        for connection, record in self.connections():
            self.load(connection, record)
            connection.ensure_connection()
            if serialized_aliases is None or record["alias"] in serialized_aliases:
                self.facts_read(connection, record)
        self.mirrors_point()

    def connection_hasten(self, connection, **_kwargs):
        """A clone is thrown away whatever happens to it: it need not survive a power cut."""
        if connection.vendor == "sqlite" and connection.alias in self.given:
            connection.connection.execute("PRAGMA synchronous=OFF")

    def facts_read(self, connection, record):
        path = record.get("facts")
        if not path or not os.path.exists(path):
            return
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        if facts.get("serialized") is not None:
            connection._test_serialized_contents = contents_installed(facts["serialized"])
        elif facts.get("error"):
            self.fatal("databases", "the contents of '%s' could not be serialized at set-up: %s"
                       % (record["alias"], facts["error"]))

    def load(self, connection, record):
        if record["engine"] != "sqlite" or not record.get("memory") or not record.get("image"):
            return
        name = memory_name(record["alias"], self.generation)
        connection.settings_dict["NAME"] = name
        image = sqlite3.connect("file:%s?mode=ro&immutable=1" % quote(record["image"]), uri=True)
        connection.ensure_connection()
        image.backup(connection.connection)
        image.close()

    def mirrors_point(self):
        from django.db import connections
        for alias in connections:
            mirror = connections[alias].settings_dict["TEST"].get("MIRROR")
            if mirror in self.given:
                connections[alias].creation.set_as_test_mirror(connections[mirror].settings_dict)

    def close(self):
        """Closes what Django would keep: an in-memory database, a persistent connection."""
        from django.db import connections
        for alias in connections:
            connection = connections[alias]
            raw, connection.connection = connection.connection, None
            if raw is not None:
                try:
                    raw.close()
                except Exception:           # a server that is gone has closed it already
                    pass
            if getattr(connection, "close_pool", None):
                connection.close_pool()

    def reopen(self):
        """New clones are behind the same addresses: forget what was cached of the old ones."""
        from django.apps import apps
        self.generation += 1
        for connection, record in self.connections():
            self.load(connection, record)
        self.mirrors_point()
        for model in apps.get_models():
            for manager in model._meta.managers:
                if hasattr(manager, "clear_cache"):
                    manager.clear_cache()
