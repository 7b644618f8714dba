/* The environment of workers and of a suite's commands. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/workers/workers.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

TestSuite(worker_environment, .init = setup, .fini = teardown);

static const struct worker_database databases[] = {
    {.alias = "default", .engine = "sqlite", .name = "shop", .path = "/c/slot-2/default.sqlite3"},
    {.alias = "fast.one",
     .engine = "sqlite",
     .name = "shop",
     .path = "",
     .memory = true,
     .image = "/t/fast.sqlite3"},
};

static const char *value_of(char *const *environment, const char *name)
{
    size_t len = strlen(name);

    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    return NULL;
}

static struct suite suite_make(void)
{
    static struct suite_env env[] = {
        {.name = "MARK", .from = SUITE_ENV_TEMPLATE, .value = "${db.default.path}/${slot}"},
        {.name = "PATH", .from = SUITE_ENV_TEMPLATE, .value = "${dir}/bin:${env.PATH}"},
        {.name = "GIVEN", .from = SUITE_ENV_CLIENT, .value = "c$lient"},
        {.name = "ABSENT_ON_AGENT", .from = SUITE_ENV_AGENT, .fallback = "fallback"},
        {.name = "MUSTER_MODE", .from = SUITE_ENV_TEMPLATE, .value = "forged"},
    };
    static const char *args[] = {"--tag=${slot}"};

    return (struct suite){.name = "shop",
                          .driver = SUITE_DRIVER_DJANGO,
                          .args = args,
                          .args_count = 1,
                          .env = env,
                          .env_count = COUNT_OF(env)};
}

Test(worker_environment, a_worker_gets_what_is_named_and_nothing_else)
{
    struct suite suite = suite_make();
    struct worker_plan plan = {.slot = 3,
                               .run = 7,
                               .worker = "a.1.3.1",
                               .tree_dir = "/tree",
                               .suite = &suite,
                               .databases = databases,
                               .database_count = 2};
    char **environment = NULL;
    struct error err;

    (void)setenv("SECRET_OF_THE_AGENT", "x", 1);
    (void)setenv("PATH", "/usr/bin", 1);
    cr_assert_eq(
        worker_environment_build(&plan, ENVIRONMENT_RUN, "/tmp/x", &arena, &environment, &err),
        STATUS_OK, "%s", err.text);

    static const char *const wanted[][2] = {
        {"MUSTER_CONTROL", "fd:3,4"},
        {"MUSTER_MODE", "run"},
        {"MUSTER_SLOT", "3"},
        {"MUSTER_RUN", "7"},
        {"MUSTER_WORKER", "a.1.3.1"},
        {"MUSTER_DIR", "/tree"},
        {"MUSTER_COMMAND", "[\"python3\",\"manage.py\"]"},
        {"MUSTER_ARGS", "[\"--tag=3\"]"},
        {"MUSTER_SELECTION", "[]"},
        {"TMPDIR", "/tmp/x"},
        {"TEST_ENV_NUMBER", "3"},
        {"TEST_TOKEN", "3"},
        {"JEST_WORKER_ID", "3"},
        {"PYTEST_XDIST_WORKER", "gw2"},
        {"DATABASE_URL", "sqlite:////c/slot-2/default.sqlite3"},
        {"FAST_ONE_DATABASE_URL", "sqlite://:memory:"},
        {"MARK", "/c/slot-2/default.sqlite3/3"},
        {"PATH", "/tree/bin:/usr/bin"},
        {"GIVEN", "c$lient"},
        {"ABSENT_ON_AGENT", "fallback"},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        cr_assert_not_null(value_of(environment, wanted[i][0]), "%s", wanted[i][0]);
        cr_assert_str_eq(value_of(environment, wanted[i][0]), wanted[i][1]);
    }
    cr_assert_null(value_of(environment, "SECRET_OF_THE_AGENT"));
    cr_assert_null(value_of(environment, "PYTHONHASHSEED"));
}

Test(worker_environment, preparing_has_no_databases_and_no_channel)
{
    struct suite suite = suite_make();
    struct worker_plan plan = {.run = 7, .tree_dir = "/tree", .suite = &suite};
    char **environment = NULL;
    struct error err;

    cr_assert_eq(
        worker_environment_build(&plan, ENVIRONMENT_PREPARE, "/tmp/x", &arena, &environment, &err),
        STATUS_OK, "%s", err.text);
    cr_assert_null(value_of(environment, "MARK"));
    cr_assert_null(value_of(environment, "MUSTER_CONTROL"));
    cr_assert_null(value_of(environment, "DATABASE_URL"));
    cr_assert_str_eq(value_of(environment, "GIVEN"), "c$lient");
}

Test(worker_environment, a_variable_without_a_value_is_named_in_the_error)
{
    struct suite_env env[] = {{.name = "TOKEN_OF_NOBODY", .from = SUITE_ENV_AGENT}};
    struct suite suite = {.env = env, .env_count = 1};
    struct worker_plan plan = {.slot = 1, .tree_dir = "/tree", .suite = &suite};
    char **environment = NULL;
    struct error err;

    cr_assert_eq(
        worker_environment_build(&plan, ENVIRONMENT_RUN, "/tmp/x", &arena, &environment, &err),
        STATUS_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "env.TOKEN_OF_NOBODY"), "%s", err.text);
}

/* ---- databases on servers ------------------------------------------------------ */

#define SERVER(alias_, engine_, port_)                                                             \
    {                                                                                              \
        .alias = (alias_), .engine = (engine_), .name = alias_ "_db", .path = "",                  \
        .host = "127.0.0.1", .port = (port_), .socket = "/run/" alias_, .user = "muster",          \
        .password = "pw"                                                                           \
    }
#define FILE_DATABASE(alias_)                                                                      \
    {                                                                                              \
        .alias = (alias_), .engine = "sqlite", .name = "", .path = "/c/" alias_                    \
    }
#define MIRROR(alias_, of_)                                                                        \
    {                                                                                              \
        .alias = (alias_), .engine = "", .name = "", .path = "", .mirror = (of_)                   \
    }

#define DATABASES_MAX 4
#define WANTED_MAX    12

struct server_case {
    const char *what;
    struct worker_database databases[DATABASES_MAX];
    const char *wanted[WANTED_MAX][2]; /* a value of NULL: must not be set */
};

/* clang-format off */
static const struct server_case server_cases[] = {
    {"the only one, under any name",
     {SERVER("main", "postgresql", 5001)},
     {{"DATABASE_URL", "postgresql://muster:pw@127.0.0.1:5001/main_db"},
      {"MAIN_DATABASE_URL", "postgresql://muster:pw@127.0.0.1:5001/main_db"},
      {"PGHOST", "127.0.0.1"}, {"PGPORT", "5001"}, {"PGUSER", "muster"}, {"PGPASSWORD", "pw"}, {"PGDATABASE", "main_db"},
      {"MYSQL_HOST", NULL}, {"MYSQL_PWD", NULL}}},
    {"MariaDB is told as MySQL",
     {SERVER("default", "mariadb", 5002)},
     {{"DATABASE_URL", "mysql://muster:pw@127.0.0.1:5002/default_db"},
      {"MYSQL_HOST", "127.0.0.1"}, {"MYSQL_TCP_PORT", "5002"}, {"MYSQL_UNIX_PORT", "/run/default"}, {"MYSQL_USER", "muster"},
      {"MYSQL_PWD", "pw"}, {"MYSQL_PASSWORD", "pw"}, {"MYSQL_DATABASE", "default_db"}, {"PGHOST", NULL}, {"PGPASSWORD", NULL}}},
    {"'default' before the others of its family",
     {SERVER("read-only", "mysql", 5003), SERVER("default", "mysql", 5004)},
     {{"DATABASE_URL", "mysql://muster:pw@127.0.0.1:5004/default_db"},
      {"READ_ONLY_DATABASE_URL", "mysql://muster:pw@127.0.0.1:5003/read-only_db"},
      {"DEFAULT_DATABASE_URL", "mysql://muster:pw@127.0.0.1:5004/default_db"},
      {"MYSQL_TCP_PORT", "5004"}}},
    {"each family has its own only one",
     {FILE_DATABASE("default"), SERVER("pg", "postgresql", 5005), SERVER("my", "mysql", 5006)},
     {{"DATABASE_URL", "sqlite:////c/default"}, {"PGPORT", "5005"}, {"PGDATABASE", "pg_db"}, {"MYSQL_TCP_PORT", "5006"}}},
    {"of two, none of which is 'default', nobody can say which",
     {SERVER("a", "mysql", 5007), SERVER("b", "mariadb", 5008), SERVER("c", "postgresql", 5009)},
     {{"DATABASE_URL", NULL}, {"MYSQL_HOST", NULL}, {"MYSQL_DATABASE", NULL}, {"PGPORT", "5009"},
      {"A_DATABASE_URL", "mysql://muster:pw@127.0.0.1:5007/a_db"}, {"B_DATABASE_URL", "mysql://muster:pw@127.0.0.1:5008/b_db"}}},
    {"a mirror is no second one, and has the address of its database",
     {SERVER("main", "postgresql", 5010), MIRROR("replica", "main")},
     {{"DATABASE_URL", "postgresql://muster:pw@127.0.0.1:5010/main_db"}, {"PGPORT", "5010"},
      {"REPLICA_DATABASE_URL", "postgresql://muster:pw@127.0.0.1:5010/main_db"}}},
    {"'default' may be a mirror",
     {SERVER("one", "postgresql", 5011), SERVER("two", "postgresql", 5012), MIRROR("default", "two")},
     {{"DATABASE_URL", "postgresql://muster:pw@127.0.0.1:5012/two_db"}, {"PGPORT", "5012"},
      {"DEFAULT_DATABASE_URL", "postgresql://muster:pw@127.0.0.1:5012/two_db"}}},
    {"a file has no server's variables",
     {FILE_DATABASE("default")},
     {{"DATABASE_URL", "sqlite:////c/default"}, {"PGHOST", NULL}, {"PGUSER", NULL}, {"MYSQL_HOST", NULL}, {"MYSQL_UNIX_PORT", NULL}}},
    {"no database, no variable",
     {{.alias = NULL}},
     {{"DATABASE_URL", NULL}, {"PGHOST", NULL}, {"MYSQL_HOST", NULL}, {"MUSTER_DATABASES", "[]"}}},
};
/* clang-format on */

static void check_servers(const struct server_case *one, enum environment_mode mode)
{
    struct suite suite = {.driver = SUITE_DRIVER_DJANGO};
    struct worker_plan plan = {.slot = 1, .run = 7, .tree_dir = "/tree", .suite = &suite};
    char **environment = NULL;
    struct error err;

    plan.databases = one->databases;
    while (plan.database_count < DATABASES_MAX && one->databases[plan.database_count].alias != NULL)
        plan.database_count++;
    cr_assert_eq(worker_environment_build(&plan, mode, "/tmp/x", &arena, &environment, &err),
                 STATUS_OK, "%s: %s", one->what, err.text);
    for (size_t i = 0; i < WANTED_MAX && one->wanted[i][0] != NULL; i++) {
        const char *value = value_of(environment, one->wanted[i][0]);

        if (one->wanted[i][1] == NULL) {
            cr_expect_null(value, "%s: %s", one->what, one->wanted[i][0]);
            continue;
        }
        cr_assert_not_null(value, "%s: %s", one->what, one->wanted[i][0]);
        cr_expect_str_eq(value, one->wanted[i][1], "%s: %s=%s", one->what, one->wanted[i][0],
                         value);
    }
}

Test(worker_environment, tools_find_the_server_that_is_theirs)
{
    static const enum environment_mode modes[] = {ENVIRONMENT_COLLECT, ENVIRONMENT_RUN,
                                                  ENVIRONMENT_SETUP};

    for (size_t i = 0; i < COUNT_OF(server_cases); i++)
        for (size_t j = 0; j < COUNT_OF(modes); j++)
            check_servers(&server_cases[i], modes[j]);
}

Test(worker_environment, what_the_suite_says_wins_except_over_what_is_musters)
{
    struct suite_env env[] = {
        {.name = "PGDATABASE", .from = SUITE_ENV_TEMPLATE, .value = "${db.default.name}_2"},
        {.name = "DATABASE_URL", .from = SUITE_ENV_TEMPLATE, .value = "x:${env.DATABASE_URL}"},
        {.name = "DEFAULT_DATABASE_URL", .from = SUITE_ENV_TEMPLATE, .value = ""},
        {.name = "MUSTER_SLOT", .from = SUITE_ENV_TEMPLATE, .value = "9"},
    };
    struct worker_database server[] = {SERVER("default", "postgresql", 5001)};
    struct suite suite = {.driver = SUITE_DRIVER_DJANGO, .env = env, .env_count = COUNT_OF(env)};
    struct worker_plan plan = {.slot = 1,
                               .run = 7,
                               .tree_dir = "/tree",
                               .suite = &suite,
                               .databases = server,
                               .database_count = 1};
    char **environment = NULL;
    struct error err;

    cr_assert_eq(
        worker_environment_build(&plan, ENVIRONMENT_RUN, "/tmp/x", &arena, &environment, &err),
        STATUS_OK, "%s", err.text);

    cr_assert_str_eq(value_of(environment, "PGDATABASE"), "default_db_2");
    cr_assert_str_eq(value_of(environment, "DATABASE_URL"),
                     "x:postgresql://muster:pw@127.0.0.1:5001/default_db");
    cr_assert_str_eq(value_of(environment, "DEFAULT_DATABASE_URL"), "");
    cr_assert_str_eq(value_of(environment, "PGHOST"), "127.0.0.1");
    cr_assert_str_eq(value_of(environment, "MUSTER_SLOT"), "1");
}

Test(worker_environment, collecting_before_there_is_a_database_leads_nowhere)
{
    struct suite_env env[] = {
        {.name = "MARK", .from = SUITE_ENV_TEMPLATE, .value = "${db.file.path}"},
        {.name = "SOCKET", .from = SUITE_ENV_TEMPLATE, .value = "${db.copy.socket}"},
    };
    struct suite_database said[] = {
        {.alias = "file", .engine = "sqlite", .name = "shop", .mirror = ""},
        {.alias = "pg", .engine = "postgresql", .name = "shop", .mirror = ""},
        {.alias = "copy", .engine = "postgresql", .name = "shop", .mirror = "pg"},
    };
    struct suite suite = {.driver = SUITE_DRIVER_DJANGO,
                          .env = env,
                          .env_count = COUNT_OF(env),
                          .databases = said,
                          .databases_count = COUNT_OF(said)};
    struct worker_plan plan = {.slot = 1, .run = 7, .tree_dir = "/tree", .suite = &suite};
    static const char *const wanted[][2] = {
        {"MARK", "/tmp/x/none/file.sqlite3"},
        {"FILE_DATABASE_URL", "sqlite:////tmp/x/none/file.sqlite3"},
        {"PG_DATABASE_URL", "postgresql://none:none@127.0.0.1:1/shop"},
        {"COPY_DATABASE_URL", "postgresql://none:none@127.0.0.1:1/shop"},
        {"SOCKET", "/tmp/x/none/pg.sock"},
        {"PGPORT", "1"},
        {"MUSTER_DATABASES", "[]"},
    };
    char **environment = NULL;
    struct error err;

    cr_assert_eq(
        worker_environment_build(&plan, ENVIRONMENT_COLLECT, "/tmp/x", &arena, &environment, &err),
        STATUS_OK, "%s", err.text);

    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        cr_assert_not_null(value_of(environment, wanted[i][0]), "%s", wanted[i][0]);
        cr_assert_str_eq(value_of(environment, wanted[i][0]), wanted[i][1]);
    }
    cr_assert_eq(
        worker_environment_build(&plan, ENVIRONMENT_RUN, "/tmp/x", &arena, &environment, &err),
        STATUS_NOT_FOUND, "a worker without its database must not start");
}
