/* ${...} in variables and commands, and the environment that is made of them. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/workers/template.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

TestSuite(worker_template, .init = setup, .fini = teardown);

static const struct worker_database databases[] = {
    {.alias = "default", .engine = "sqlite", .name = "shop", .path = "/c/slot-2/default.sqlite3"},
    {.alias = "fast.one",
     .engine = "sqlite",
     .name = "shop",
     .path = "",
     .memory = true,
     .image = "/t/fast.sqlite3"},
};

static struct template_context context(void)
{
    static char first[] = "A=1";
    static char path[] = "PATH=/bin";
    static char last[] = "A=2";
    static char *environment[] = {first, path, last};

    return (struct template_context){.slot = 2,
                                     .run = 7,
                                     .seed = 99,
                                     .dir = "/tree",
                                     .dir_tmp = "/tmp/x",
                                     .databases = databases,
                                     .database_count = 2,
                                     .environment = environment,
                                     .environment_count = 3};
}

Test(worker_template, every_name_has_its_value)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"${slot}", "2"},
        {"a${token}b", "a7_2b"},
        {"${seed}${run.id}", "997"},
        {"${dir}:${dir.tmp}", "/tree:/tmp/x"},
        {"${db.default.path}", "/c/slot-2/default.sqlite3"},
        {"${db.default.url}", "sqlite:////c/slot-2/default.sqlite3"},
        {"${db.default.name}", "shop"},
        {"${db.fast.one.path}", ":memory:"},
        {"${db.fast.one.url}", "sqlite://:memory:"},
        {"${env.PATH}:/x", "/bin:/x"},
        {"${env.A}", "2"},
        {"$$", "$"},
        {"$${slot}", "${slot}"},
        {"$$$${slot}$$", "$${slot}$"},
    };
    struct template_context names = context();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = NULL;
        struct error err;
        cr_assert_eq(template_expand(&names, cases[i][0], &arena, &text, &err), STATUS_OK, "%s: %s",
                     cases[i][0], err.text);
        cr_assert_str_eq(text, cases[i][1]);
    }
}

Test(worker_template, what_has_no_value_is_an_error_that_names_it)
{
    static const char *const cases[][2] = {
        {"$", "$"},
        {"a $b", "$b"},
        {"${", "${"},
        {"${slot", "${slot"},
        {"${}", "${}"},
        {"${slots}", "slots"},
        {"${db.other.path}", "other"},
        {"${db.default.host}", "host"},
        {"${db.path}", "path"},
        {"${db.default}", "default"},
        {"${env.NONE}", "NONE"},
        {"${run.id }", "run.id "},
    };
    struct template_context names = context();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = NULL;
        struct error err;
        cr_assert_neq(template_expand(&names, cases[i][0], &arena, &text, &err), STATUS_OK, "%s",
                      cases[i][0]);
        cr_assert_not_null(strstr(err.text, cases[i][1]), "%s: %s", cases[i][0], err.text);
    }
}

/* ---- the environment ------------------------------------------------------------- */

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

Test(worker_template, a_worker_gets_what_is_named_and_nothing_else)
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

Test(worker_template, preparing_has_no_databases_and_no_channel)
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

Test(worker_template, a_variable_without_a_value_is_named_in_the_error)
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
