/* The suite file: defaults, sugar, and the words for what is wrong in it. */

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/text.h"
#include "shared/json/suite_json.h"

static struct arena arena = ARENA_INIT;
static struct error err;
static const char *err_path;

static void clear(void)
{
    arena_release(&arena);
}

TestSuite(suite_file, .fini = clear);

/* Single quotes stand for double ones, so that the cases can be read. */
static enum status read_file(const char *quoted, struct suite *suite)
{
    char *text = arena_strdup(&arena, quoted);

    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(tree, "%s", text);
    enum status status = suite_from_file_json(tree, &arena, suite, &err_path, &err);
    json_decref(tree);
    return status;
}

Test(suite_file, the_least_of_files_gets_every_default)
{
    struct suite suite;

    cr_assert_eq(
        read_file("{'driver': 'django', 'databases': {'default': {'engine': 'sqlite'}}}", &suite),
        STATUS_OK, "%s", err.text);

    cr_assert_eq(suite.muster, 1);
    cr_assert_str_eq(suite.name, "");
    cr_assert_eq(suite.source->kind, SUITE_SOURCE_DIR);
    cr_assert_str_eq(suite.source->dir, ".");
    cr_assert_eq(suite.command_count, 2);
    cr_assert_str_eq(suite.command[1], "manage.py");
    cr_assert_eq(suite.timeouts->test_ms, 600000);
    cr_assert_eq(suite.timeouts->ready_ms, 300000);
    cr_assert_eq(suite.timeouts->prepare_ms, 1200000);
    cr_assert_eq(suite.timeouts->setup_ms, 7200000);
    cr_assert_eq(suite.timeouts->run_ms, 0);
    cr_assert_eq(suite.timeouts->grace_ms, 10000);
    cr_assert_eq(suite.retries->test, 0);
    cr_assert_eq(suite.retries->run_percent, 5);
    cr_assert_eq(suite.retries->crash, 2);
    cr_assert_not(suite.retries->flaky_fails);
    cr_assert_eq(suite.group, SUITE_GROUP_AUTO);
    cr_assert_eq(suite.limits->memory_bytes, 0);
    cr_assert_eq(suite.limits->processes, 4096);
    cr_assert_eq(suite.limits->output_bytes, 1048576);
    cr_assert_eq(suite.databases[0].setup, SUITE_SETUP_AUTO);
    cr_assert_eq(suite.databases[0].fresh, SUITE_FRESH_AUTO);
    cr_assert_str_eq(suite.databases[0].name, "");
    cr_assert_not(suite.databases[0].memory);
}

Test(suite_file, the_driver_may_stand_after_the_databases_and_still_decides_their_setup)
{
    struct suite suite;

    cr_assert_eq(
        read_file("{'databases': {'default': {'engine': 'sqlite'}}, 'driver': 'unittest'}", &suite),
        STATUS_OK, "%s", err.text);

    cr_assert_eq(suite.databases[0].setup, SUITE_SETUP_NONE);
    cr_assert_eq(suite.command_count, 1);
    cr_assert_str_eq(suite.command[0], "python3");
}

Test(suite_file, all_sugar_is_undone)
{
    struct suite suite;

    cr_assert_eq(
        read_file(
            "{'muster': '1', 'name': 'shop', 'source': {'git': 'https://h/r.git'},"
            " 'driver': ['my-driver', '--flag'], 'command': ['run', '${slot}'],"
            " 'env': {'A': 'x-${db.default.url}', 'B': {'from': 'client', 'secret': 'true'},"
            "         'C': {'from': 'agent', 'default': ''}, 'D': '3', 'E': '$$HOME $x'},"
            " 'prepare': ['make', ['make', 'all'], {'run': ['x'], 'inputs': ['l'],"
            "             'outputs': ['.venv']}],"
            " 'databases': {'default': {'engine': 'sqlite', 'setup': ['init', '${dir}'],"
            "                           'name': 'db_${slot}', 'memory': 'true', 'fresh': 'test'},"
            "               'copy': {'mirror': 'default'}},"
            " 'timeouts': {'test': '1h30m', 'run': 'none'}, 'retries': '2',"
            " 'group': 'class', 'limits': {'memory': '2GiB', 'output': '64KiB'}}",
            &suite),
        STATUS_OK, "%s", err.text);

    cr_assert_eq(suite.source->kind, SUITE_SOURCE_GIT);
    cr_assert_str_eq(suite.source->repository, "https://h/r.git");
    cr_assert_eq(suite.driver, SUITE_DRIVER_COMMAND);
    cr_assert_str_eq(suite.driver_command[1], "--flag");
    cr_assert_eq(suite.env_count, 5);
    cr_assert_eq(suite.env[0].from, SUITE_ENV_TEMPLATE);
    cr_assert_eq(suite.env[1].from, SUITE_ENV_CLIENT);
    cr_assert(suite.env[1].secret);
    cr_assert_null(suite.env[1].fallback);
    cr_assert_str_eq(suite.env[2].fallback, "");
    cr_assert_eq(suite.prepare_count, 3);
    cr_assert_str_eq(suite.prepare[0].run[0], "make");
    cr_assert_eq(suite.prepare[1].run_count, 2);
    cr_assert_str_eq(suite.prepare[2].outputs[0], ".venv");
    cr_assert_eq(suite.databases[0].setup, SUITE_SETUP_COMMAND);
    cr_assert_str_eq(suite.databases[0].setup_command[0], "init");
    cr_assert(suite.databases[0].memory);
    cr_assert_eq(suite.databases[0].fresh, SUITE_FRESH_TEST);
    cr_assert_str_eq(suite.databases[1].mirror, "default");
    cr_assert_str_eq(suite.databases[1].engine, "sqlite");
    cr_assert_eq(suite.timeouts->test_ms, 5400000);
    cr_assert_eq(suite.retries->test, 2);
    cr_assert_eq(suite.retries->run_percent, 5);
    cr_assert_eq(suite.group, SUITE_GROUP_CLASS);
    cr_assert_eq(suite.limits->memory_bytes, INT64_C(2) << 30);
    cr_assert_eq(suite.limits->output_bytes, 65536);
}

Test(suite_file, retries_may_be_a_map)
{
    struct suite suite;

    cr_assert_eq(read_file("{'driver': 'django', 'retries': {'test': 1, 'run': '10 %', 'crash': "
                           "'3', 'flaky': 'fail'}}",
                           &suite),
                 STATUS_OK, "%s", err.text);

    cr_assert_eq(suite.retries->test, 1);
    cr_assert_eq(suite.retries->run_percent, 10);
    cr_assert_eq(suite.retries->crash, 3);
    cr_assert(suite.retries->flaky_fails);
}

/* clang-format off */
static const struct {
    const char *file;
    const char *path;
    const char *text;
} refusals[] = {
    {"[]", "", "the document: expected a map, found a list"},
    {"{}", "driver", "driver: is missing"},
    {"{'drivr': 'django'}", "drivr", "drivr: unknown key; did you mean 'driver'?"},
    {"{'driver': 'djnago'}", "driver", "driver: 'djnago' is not one of django, unittest; did you mean 'django'?"},
    {"{'driver': 'pytest'}", "driver", "driver: 'pytest' is not built yet; there are django, unittest and [COMMAND]"},
    {"{'driver': []}", "driver", "driver: must not be empty"},
    {"{'driver': 'django', 'services': {}}", "services", "services: is not built yet (helper servers)"},
    {"{'driver': 'django', 'source': 'ship'}", "source", "source: 'ship' is not built yet; write {dir: .} or {git: URL}"},
    {"{'driver': 'django', 'source': {'lfs': 'true'}}", "source.lfs", "source.lfs: is not built yet (git large files)"},
    {"{'driver': 'django', 'source': {}}", "source", "source: needs one of 'dir' and 'git'"},
    {"{'driver': 'django', 'command': 'python3'}", "command", "command: expected a list of words, found a string"},
    {"{'driver': 'django', 'command': ['a', ['b']]}", "command[1]", "command[1]: expected a string, found a list"},
    {"{'driver': 'django', 'args': ['-k', '${sloot}']}", "args[1]",
     "args[1]: '${sloot}' is not known in a template; did you mean '${slot}'?"},
    {"{'driver': 'django', 'args': ['${slot']}", "args[0]", "args[0]: '${' without its '}'; '$$' is a plain dollar"},
    {"{'driver': 'django', 'args': ['${db.other.url}']}", "args[0]", "args[0]: '${db.other.url}' names no database of this suite"},
    {"{'driver': 'django', 'args': ['${port.http}']}", "args[0]", "args[0]: '${port.http}' is not built yet"},
    {"{'driver': 'django', 'prepare': [['make', '${slot}']]}", "prepare[0].run[1]",
     "prepare[0].run[1]: '${slot}' has no value here: a tree is prepared once for all slots"},
    {"{'driver': 'django', 'prepare': ['make all']}", "prepare[0]", "prepare[0]: a command is a list of words, such as [make, all]"},
    {"{'driver': 'django', 'prepare': [{'inputs': ['x']}]}", "prepare[0].run", "prepare[0].run: is missing"},
    {"{'driver': 'django', 'prepare': [{'run': ['x'], 'outputs': ['']}]}", "prepare[0].outputs[0]",
     "prepare[0].outputs[0]: must not be empty"},
    {"{'driver': 'django', 'env': {'1A': 'x'}}", "env.1A", "env.1A: is no name of a variable (letters, digits, '_')"},
    {"{'driver': 'django', 'env': {'MUSTER_SLOT': 'x'}}", "env.MUSTER_SLOT", "env.MUSTER_SLOT: names with MUSTER_ are Muster's own"},
    {"{'driver': 'django', 'env': {'A': {'secret': 'true'}}}", "env.A.from", "env.A.from: is missing"},
    {"{'driver': 'django', 'env': {'A': '${B}'}}", "env.A", "env.A: '${B}' is not known in a template"},
    {"{'driver': 'django', 'databases': {'default': {'engine': 'oracle'}}}", "databases.default.engine",
     "databases.default.engine: 'oracle' is not built yet; there are sqlite, postgresql, mysql and mariadb"},
    {"{'driver': 'django', 'databases': {'default': {'engine': 'command'}}}", "databases.default.engine",
     "databases.default.engine: 'command' is not built yet; there are sqlite, postgresql, mysql and mariadb"},
    {"{'driver': 'django', 'databases': {'default': {'engine': 'sqlit'}}}", "databases.default.engine",
     "databases.default.engine: 'sqlit' is not one of sqlite, postgresql, mysql, mariadb; did you mean 'sqlite'?"},
    {"{'driver': 'django', 'databases': {'default': {'engine': 'postgres'}}}", "databases.default.engine",
     "databases.default.engine: 'postgres' is not one of sqlite, postgresql, mysql, mariadb; did you mean 'postgresql'?"},
    {"{'driver': 'django', 'databases': {'default': {'engine': 'x'}}}", "databases.default.engine",
     "databases.default.engine: 'x' is not one of sqlite, postgresql, mysql, mariadb"},
    {"{'driver': 'django', 'databases': {'default': {}}}", "databases.default.engine", "databases.default.engine: is missing"},
    {"{'driver': 'django', 'databases': {'a': {'mirror': 'b'}}}", "databases.a.mirror", "databases.a.mirror: there is no database 'b' here"},
    {"{'driver': 'django', 'databases': {'a': {'mirror': 'a'}}}", "databases.a.mirror", "databases.a.mirror: a database mirrors another one"},
    {"{'driver': 'django', 'databases': {'a': {'mirror': 'b'}, 'b': {'mirror': 'a'}}}", "databases.a.mirror",
     "databases.a.mirror: 'b' is a mirror itself"},
    {"{'driver': 'unittest', 'databases': {'a': {'engine': 'sqlite', 'setup': 'auto'}}}", "databases.a.setup",
     "databases.a.setup: 'auto' needs a driver that sets up databases; unittest does not"},
    {"{'driver': 'django', 'databases': {'a': {'engine': 'sqlite', 'setup': ['x', '${nope}']}}}", "databases.a.setup[1]",
     "databases.a.setup[1]: '${nope}' is not known in a template"},
    {"{'driver': 'django', 'timeouts': {'test': '10'}}", "timeouts.test", "timeouts.test: '10' is no time such as 500ms, 90s, 10m or 2h"},
    {"{'driver': 'django', 'timeouts': {'test': 'none'}}", "timeouts.test", "timeouts.test: 'none' is no time such as 500ms, 90s, 10m or 2h"},
    {"{'driver': 'django', 'timeouts': {'test': '31d'}}", "timeouts.test", "timeouts.test: '31d' is not in 1ms..30d"},
    {"{'driver': 'django', 'retries': '-1'}", "retries", "retries: -1 is not in 0..100"},
    {"{'driver': 'django', 'retries': {'run': '101%'}}", "retries.run", "retries.run: '101%' is not in 0%..100%"},
    {"{'driver': 'django', 'retries': {'flaky': 'ok'}}", "retries.flaky", "retries.flaky: 'ok' is not one of pass, fail"},
    {"{'driver': 'django', 'limits': {'output': 'none'}}", "limits.output", "limits.output: 'none' is no size such as 64KiB or 2GiB"},
    {"{'driver': 'django', 'muster': '2'}", "muster", "muster: 2 is not in 1..1"},
};
/* clang-format on */

Test(suite_file, what_is_wrong_is_said_with_its_key)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct suite suite;

        cr_assert_eq(read_file(refusals[i].file, &suite), STATUS_INVALID, "%s", refusals[i].file);

        cr_assert_str_eq(err.text, refusals[i].text);
        cr_assert_str_eq(err_path, refusals[i].path);
    }
}

/* ---- databases on servers ---------------------------------------------------- */

/* One database with alias 'default'; `inside` is what stands in its map. */
static enum status read_database(const char *inside, struct suite *suite)
{
    return read_file(
        arena_printf(&arena, "{'driver': 'django', 'databases': {'default': {%s}}}", inside),
        suite);
}

Test(suite_file, a_server_that_says_nothing_more_gets_every_default)
{
    static const char *const engines[] = {"postgresql", "mysql", "mariadb"};

    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        struct suite suite;

        cr_assert_eq(read_database(arena_printf(&arena, "'engine': '%s'", engines[i]), &suite),
                     STATUS_OK, "%s", err.text);

        const struct suite_database *database = &suite.databases[0];
        cr_assert_str_eq(database->engine, engines[i]);
        cr_assert_str_eq(database->version, "");
        cr_assert_str_eq(database->name, "");
        cr_assert_eq(database->options_count, 0);
        cr_assert_str_eq(database->attach, "");
        cr_assert_eq(database->keep, SUITE_KEEP_NEVER);
        cr_assert_eq(database->fingerprint_count, 0);
        cr_assert(database->incremental);
        cr_assert_eq(database->check_count, 0);
    }
}

Test(suite_file, a_server_may_say_all_of_its_keys)
{
    struct suite suite;

    cr_assert_eq(read_database("'engine': 'mysql', 'version': '>=8', 'keep': 'never',"
                               " 'options': {'sql_mode': '', 'max_connections': 200,"
                               "             'mysqlx.enabled': false},"
                               " 'fingerprint': ['db/*.sql', 'seed'], 'incremental': 'false',"
                               " 'check': ['ci/check.sh', '${db.default.socket}']",
                               &suite),
                 STATUS_OK, "%s", err.text);

    const struct suite_database *database = &suite.databases[0];
    cr_assert_str_eq(database->version, ">=8");
    cr_assert_eq(database->options_count, 3);
    cr_assert_str_eq(database->options[0].name, "sql_mode");
    cr_assert_str_eq(database->options[0].value, "");
    cr_assert_str_eq(database->options[1].value, "200");
    cr_assert_str_eq(database->options[2].name, "mysqlx.enabled");
    cr_assert_str_eq(database->options[2].value, "false");
    cr_assert_eq(database->fingerprint_count, 2);
    cr_assert_str_eq(database->fingerprint[1], "seed");
    cr_assert_not(database->incremental);
    cr_assert_str_eq(database->check[0], "ci/check.sh");
}

Test(suite_file, an_image_may_grow_from_a_nearer_one_where_the_driver_fills_it)
{
    static const struct {
        const char *inside;
        bool incremental;
    } cases[] = {
        {"'engine': 'sqlite'", true},
        {"'engine': 'sqlite', 'setup': 'auto'", true},
        {"'engine': 'sqlite', 'incremental': 'false'", false},
        {"'engine': 'mariadb', 'setup': 'none'", false},
        {"'engine': 'mariadb', 'setup': ['load']", false},
        {"'engine': 'mariadb', 'incremental': true, 'setup': ['load']", true},
        {"'mirror': 'default'", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite suite;
        const char *file = arena_printf(&arena,
                                        "{'driver': 'django', 'databases': {'one': {%s}, 'default':"
                                        " {'engine': 'sqlite'}}}",
                                        cases[i].inside);

        cr_assert_eq(read_file(file, &suite), STATUS_OK, "%s: %s", file, err.text);

        cr_assert_eq(suite.databases[0].incremental, cases[i].incremental, "%s", file);
    }
}

Test(suite_file, a_version_is_up_to_three_numbers_or_the_least_of_them)
{
    static const struct {
        const char *version;
        bool is_good;
    } cases[] = {
        {"15", true},         {"8.0", true},  {"10.11.4", true},  {">=8", true},
        {">=10.6.1", true},   {"9999", true}, {"0", true},        {"10000", false},
        {"", false},          {">=", false},  {"15.", false},     {".5", false},
        {"8..0", false},      {">8", false},  {"<=8", false},     {">= 8", false},
        {"8 ", false},        {"v15", false}, {"8.x", false},     {"-1", false},
        {"10.11.4.1", false}, {"8,0", false}, {"15-beta", false}, {">=>=8", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite suite;
        const char *inside =
            arena_printf(&arena, "'engine': 'mariadb', 'version': '%s'", cases[i].version);

        cr_assert_eq(read_database(inside, &suite) == STATUS_OK, cases[i].is_good, "'%s'",
                     cases[i].version);
        if (!cases[i].is_good)
            cr_assert_str_eq(err_path, "databases.default.version");
    }
}

/* clang-format off */
static const struct {
    const char *inside;
    const char *text; /* after "databases.default." */
} database_refusals[] = {
    {"'engine': 'sqlite', 'version': '3'", "version: is not built yet for sqlite: the suite's own library opens the file"},
    {"'engine': 'mysql', 'version': 'new'", "version: 'new' is none such as 15, 8.0, 10.11.4 or >=8"},
    {"'engine': 'mysql', 'version': ['8']", "version: expected a string, found a list"},
    {"'engine': 'sqlite', 'options': {'a': 'b'}", "options: are of a server, and sqlite has none"},
    {"'engine': 'mysql', 'options': ['a']", "options: expected a map, found a list"},
    {"'engine': 'mysql', 'options': {'a': {}}", "options.a: expected a string, found an object"},
    {"'engine': 'mysql', 'options': {'': 'b'}", "options.: the name must not be empty"},
    {"'engine': 'mysql', 'options': {'a b': 'c'}",
     "options: 'a b' is no name of a server's variable (letters, digits, '_', '.')"},
    {"'engine': 'mysql', 'options': {'--port': '1'}",
     "options: '--port' is no name of a server's variable (letters, digits, '_', '.')"},
    {"'engine': 'mysql', 'options': {'a': 'b\\nport=1'}", "options.a: a value is one line of plain text"},
    {"'engine': 'mysql', 'options': {'a': '\\u007f'}", "options.a: a value is one line of plain text"},
    {"'engine': 'mysql', 'options': {'a': 'x_${slot}'}",
     "options.a: templates have no value here: the server is made once for all slots"},
    {"'engine': 'sqlite', 'attach': 'sqlite:///x'", "attach: names a server, and sqlite has none"},
    {"'engine': 'postgresql', 'attach': 'mysql://u:secret@h/'",
     "attach: the address of a postgresql server starts with one of postgresql, postgres and '://'"},
    {"'engine': 'mysql', 'attach': 'mariadb://h/'", "attach: the address of a mysql server starts with one of mysql and '://'"},
    {"'engine': 'mariadb', 'attach': 'db.example'",
     "attach: the address of a mariadb server starts with one of mariadb, mysql and '://'"},
    {"'engine': 'mariadb', 'attach': '://h'", "attach: the address of a mariadb server starts with one of mariadb, mysql and '://'"},
    {"'engine': 'mariadb', 'attach': 'maria://h'", "attach: the address of a mariadb server starts with one of mariadb, mysql and '://'"},
    {"'engine': 'mysql', 'attach': 'mysql://h/', 'version': '8'", "attach: a given server has its own version and options"},
    {"'engine': 'mysql', 'attach': 'mysql://h/', 'options': {'a': '1'}", "attach: a given server has its own version and options"},
    {"'engine': 'postgresql', 'attach': 'postgres://h/'", "attach: is not built yet (a given database server)"},
    {"'engine': 'mariadb', 'attach': 'mysql://h/'", "attach: is not built yet (a given database server)"},
    {"'engine': 'sqlite', 'keep': 'failed'", "keep: 'failed' is not built yet (freezing the clone of a failure)"},
    {"'engine': 'mysql', 'keep': 'fail'", "keep: 'fail' is not one of never, failed"},
    {"'engine': 'mysql', 'fingerprint': 'db/*.sql'", "fingerprint: write auto, or a list of patterns such as [db/*.sql]"},
    {"'engine': 'mysql', 'fingerprint': []", "fingerprint: must not be empty"},
    {"'engine': 'mysql', 'fingerprint': ['a', '']", "fingerprint[1]: must not be empty"},
    {"'engine': 'mysql', 'incremental': 'yes'", "incremental: 'yes' is neither true nor false"},
    {"'engine': 'mysql', 'check': 'x'", "check: expected a list of words, found a string"},
    {"'engine': 'mysql', 'check': []", "check: must not be empty"},
    {"'engine': 'mysql', 'check': ['x', '${db.default.path}']",
     "check[1]: '${db.default.path}' is not there: a mysql database has no 'path'; it has host, port, socket, user, password, name, url"},
    {"'engine': 'mysql', 'memory': 'true'", "memory: is for sqlite; a mysql server is no file"},
};
/* clang-format on */

Test(suite_file, what_no_server_can_be_told_is_said_with_its_key)
{
    for (size_t i = 0; i < COUNT_OF(database_refusals); i++) {
        struct suite suite;
        const char *text = arena_printf(&arena, "databases.default.%s", database_refusals[i].text);

        cr_assert_eq(read_database(database_refusals[i].inside, &suite), STATUS_INVALID, "%s",
                     database_refusals[i].inside);

        cr_assert_str_eq(err.text, text);
        cr_assert_str_eq(err_path, arena_strndup(&arena, text, strcspn(text, ": ")));
    }
}

Test(suite_file, a_server_takes_a_bounded_number_of_options_of_a_bounded_length)
{
    struct suite suite;
    struct buffer many;
    char *text = arena_alloc(&arena, SUITE_OPTION_BYTES_MAX + 2);

    (void)memset(text, 'x', SUITE_OPTION_BYTES_MAX);
    cr_assert_eq(
        read_database(arena_printf(&arena, "'engine': 'mysql', 'options': {'a': '%s'}", text),
                      &suite),
        STATUS_OK, "%s", err.text);
    text[SUITE_OPTION_BYTES_MAX] = 'x';
    cr_assert_eq(
        read_database(arena_printf(&arena, "'engine': 'mysql', 'options': {'a': '%s'}", text),
                      &suite),
        STATUS_TOO_BIG);

    buffer_init(&many, 65536);
    for (int i = 0; i < SUITE_OPTIONS_MAX; i++)
        (void)buffer_printf(&many, "%s'v%d': 1", i != 0 ? "," : "", i);
    cr_assert_eq(
        read_database(arena_printf(&arena, "'engine': 'mysql', 'options': {%s}", many.at), &suite),
        STATUS_OK, "%s", err.text);
    cr_assert_eq(
        read_database(
            arena_printf(&arena, "'engine': 'mysql', 'options': {%s, 'more': 1}", many.at), &suite),
        STATUS_TOO_BIG);
    cr_assert_str_eq(err_path, "databases.default.options");
    buffer_release(&many);
}

Test(suite_file, a_template_names_what_the_engine_of_its_database_has)
{
    static const struct {
        const char *name;
        bool of_file;
        bool of_server;
    } cases[] = {
        {"path", true, false}, {"url", true, true},       {"name", true, true},
        {"host", false, true}, {"port", false, true},     {"socket", false, true},
        {"user", false, true}, {"password", false, true}, {"pasword", false, false},
    };
    static const struct {
        const char *alias; /* of the suite below */
        bool is_server;
    } aliases[] = {
        {"file", false}, {"copy", false}, {"pg", true},
        {"my", true},    {"maria", true}, {"twin", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t j = 0; j < COUNT_OF(aliases); j++) {
            bool is_good = aliases[j].is_server ? cases[i].of_server : cases[i].of_file;
            struct suite suite;
            const char *file = arena_printf(
                &arena,
                "{'driver': 'django', 'env': {'A': '${db.%s.%s}'}, 'databases': {'copy': {'mirror':"
                " 'file'}, 'file': {'engine': 'sqlite'}, 'pg': {'engine': 'postgresql'},"
                " 'my': {'engine': 'mysql'}, 'maria': {'engine': 'mariadb'}, 'twin': {'mirror':"
                " 'pg'}}}",
                aliases[j].alias, cases[i].name);

            cr_assert_eq(read_file(file, &suite) == STATUS_OK, is_good, "${db.%s.%s}: %s",
                         aliases[j].alias, cases[i].name, err.text);
            if (!is_good)
                cr_assert_str_eq(err_path, "env.A");
        }
    }
}

Test(suite_file, what_is_shown_of_a_long_word_is_whole_characters)
{
    static const char *const files[] = {
        "{'driver': 'django', 'databases': {'default': {'engine': '%s'}}}",
        "{'driver': 'django', 'databases': {'default': {'engine': 'mysql', 'version': '%s'}}}",
        "{'driver': 'django', 'databases': {'default': {'engine': 'mysql', 'options': {'%s': 1}}}}",
        "{'driver': 'django', 'databases': {'default': {'mirror': '%s'}}}",
        "{'driver': 'django', 'databases': {'%s': {'engine': 'mysql'}}}",
        "{'driver': 'django', 'env': {'%s': 'x'}}",
    };

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        for (size_t shift = 0; shift < 2; shift++) { /* one of both cuts a character in two */
            char word[128] = "";
            char file[512];
            struct suite suite;

            (void)strncat(word, "x", shift);
            while (strlen(word) < 118)
                (void)strncat(word, "\xc3\xa4", sizeof(word) - strlen(word) - 1);
            const char *mark = strstr(files[i], "%s");
            (void)snprintf(file, sizeof(file), "%.*s%s%s", (int)(mark - files[i]), files[i], word,
                           mark + 2);

            cr_assert_neq(read_file(file, &suite), STATUS_OK, "%s", file);

            cr_assert(text_is_utf8(err.text, strlen(err.text)), "%s", err.text);
        }
    }
}

Test(suite_file, what_was_read_travels_and_arrives_equal)
{
    struct suite suite;
    struct suite arrived;
    struct buffer first;
    struct buffer second;

    cr_assert_eq(read_file("{'name': 'shop', 'driver': 'django', 'args': ['--tag', '${slot}'],"
                           " 'env': {'B': {'from': 'agent', 'default': ''}, 'A': ''},"
                           " 'databases': {'b': {'mirror': 'a'}, 'a': {'engine': 'mysql',"
                           "  'version': '8.0', 'options': {'z': '1', 'y': ''}, 'check': ['c'],"
                           "  'fingerprint': ['f/*'], 'setup': ['s'], 'incremental': 'true'}}}",
                           &suite),
                 STATUS_OK, "%s", err.text);
    buffer_init(&first, 65536);
    buffer_init(&second, 65536);
    cr_assert_eq(codec_encode(&suite_shape, &suite, &first, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(
        codec_decode(&suite_shape, first.at, first.len, CODEC_CLOSED, &arena, &arrived, &err),
        STATUS_OK, "%s", err.text);
    cr_assert_eq(codec_encode(&suite_shape, &arrived, &second, &err), STATUS_OK, "%s", err.text);

    cr_assert_str_eq(second.at, first.at);
    cr_assert_null(arrived.env[0].fallback);
    cr_assert_str_eq(arrived.env[1].fallback, "");
    cr_assert_eq(arrived.databases[0].options_count, 2);
    cr_assert_str_eq(arrived.databases[0].options[0].name, "y");
    cr_assert(arrived.databases[0].incremental);
    buffer_release(&first);
    buffer_release(&second);
}

Test(suite_file, a_suite_of_an_older_client_has_no_server_and_keeps_nothing)
{
    static const char text[] = "{\"alias\":\"default\",\"engine\":\"sqlite\",\"setup\":\"auto\"}";
    struct suite_database database;

    cr_assert_eq(codec_decode(&suite_database_shape, text, strlen(text), CODEC_OPEN, &arena,
                              &database, &err),
                 STATUS_OK, "%s", err.text);

    cr_assert_str_eq(database.version, "");
    cr_assert_eq(database.options_count, 0);
    cr_assert_str_eq(database.attach, "");
    cr_assert_eq(database.keep, SUITE_KEEP_NEVER);
    cr_assert_eq(database.fingerprint_count, 0);
    cr_assert_not(database.incremental);
    cr_assert_eq(database.check_count, 0);
}
