/* Templates and clones on real servers: each engine that is installed here. */

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/databases/database.h"
#include "agent/databases/template.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "tests/unit/agent_databases/server_ask.h"

/* Longer than any build or clone here; a test that needs it has failed. */
#define WAIT_MS 120000

struct answer {
    int count;
    enum status status;
    char text[2048];
};

struct kind {
    const char *engine;
    const char *setup[8];
    size_t setup_count;
};

#define FILL "create table t (x int); insert into t values (1), (2)"

/* clang-format off */
static struct kind kinds[] = {
    {"postgresql", {"psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", FILL}, 6},
    {"mariadb", {"mariadb", "--no-defaults", "-u", "${db.default.user}", "${db.default.name}", "-e", FILL}, 7},
    {"mysql",   {"mariadb", "--no-defaults", "-u", "${db.default.user}", "${db.default.name}", "-e", FILL}, 7},
};
/* clang-format on */

static char dir[64];
static char run_dir[128];
static uv_loop_t loop;
static uv_timer_t guard;
static bool is_late;
static struct lease_book *book;
static struct workers *workers;
static struct databases *databases;

static void on_input(void *context, const struct input *input)
{
    (void)context;
    (void)input;
}

static void setup(void)
{
    const char *where = getenv("MUSTER_SERVERS");
    const char *const server_dirs[] = {where};
    struct error err;

    (void)snprintf(dir, sizeof(dir), "/tmp/muster-servers-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(uv_loop_init(&loop), 0);
    (void)uv_timer_init(&loop, &guard);
    cr_assert_eq(lease_book_open(dir, &book, &err), STATUS_OK);
    struct workers_settings settings = {.loop = &loop,
                                        .book = book,
                                        .work_dir = dir,
                                        .helper_path = HELPER_PATH,
                                        .drivers_dir = dir,
                                        .on_input = on_input};
    cr_assert_eq(workers_new(&settings, &workers, &err), STATUS_OK, "%s", err.text);
    struct databases_settings wishes = {.loop = &loop,
                                        .workers = workers,
                                        .book = book,
                                        .work_dir = dir,
                                        .drivers_dir = dir,
                                        .server_dirs = server_dirs,
                                        .server_dir_count = where != NULL ? 1 : 0};
    cr_assert_eq(databases_new(&wishes, &databases, &err), STATUS_OK, "%s", err.text);
    (void)snprintf(run_dir, sizeof(run_dir), "%s", databases->run_dir);
    cr_log_info("%s; servers: %s", databases_means(databases), databases_servers(databases));
}

static void teardown(void)
{
    struct error err;

    databases_stop(databases);
    workers_free(workers);
    databases_free(databases);
    cr_assert_eq(lease_book_count(book), 0, "records are left");
    cr_assert_not(file_exists(run_dir), "'%s' is left", run_dir);
    lease_book_free(book);
    uv_close((uv_handle_t *)&guard, NULL);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
        continue;
    cr_assert_eq(uv_loop_close(&loop), 0, "handles are left");
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(server_clones, .init = setup, .fini = teardown, .timeout = 300);

/* ---- asking ------------------------------------------------------------------------- */

static void on_answer(void *context, enum status status, const char *text)
{
    struct answer *answer = context;

    answer->count++;
    answer->status = status;
    (void)snprintf(answer->text, sizeof(answer->text), "%s", text);
}

static void on_late(uv_timer_t *timer)
{
    (void)timer;
    is_late = true;
}

static void wait_for(const struct answer *answer)
{
    (void)uv_timer_start(&guard, on_late, WAIT_MS, 0);
    while (answer->count == 0 && !is_late)
        (void)uv_run(&loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&guard);
    cr_assert_eq(answer->count, 1);
}

static struct answer build(int64_t run, const struct suite *suite)
{
    struct template_plan plan = {.run = run, .tree_dir = dir, .suite = suite};
    struct answer answer = {0};

    databases_build(databases, &plan, on_answer, &answer);
    wait_for(&answer);
    return answer;
}

static void clone_to(int64_t run, int64_t slot)
{
    struct answer answer = {0};

    databases_clone(databases, run, slot, on_answer, &answer);
    wait_for(&answer);
    cr_assert_eq(answer.status, STATUS_OK, "%s", answer.text);
}

static struct worker_database told(int64_t run, int64_t slot)
{
    const struct worker_database *list = NULL;
    size_t count = 0;

    databases_of_slot(databases, run, slot, &list, &count);
    cr_assert_eq(count, 1);
    return list[0];
}

#define ROWS "select count(*) from t"

/* ---- suites --------------------------------------------------------------------------- */

static struct suite_timeouts timeouts = {.setup_ms = 60000, .grace_ms = 100};

static struct suite_database database_of(struct kind *kind)
{
    return (struct suite_database){.alias = "default",
                                   .engine = kind->engine,
                                   .version = "",
                                   .name = "shop",
                                   .setup = SUITE_SETUP_COMMAND,
                                   .setup_command = kind->setup,
                                   .setup_command_count = kind->setup_count,
                                   .mirror = "",
                                   .attach = ""};
}

static struct suite suite_of(struct suite_database *database)
{
    return (struct suite){.name = "s",
                          .driver = SUITE_DRIVER_UNITTEST,
                          .databases = database,
                          .databases_count = 1,
                          .timeouts = &timeouts};
}

static bool is_here(const struct kind *kind)
{
    const struct server_install *install = NULL;
    struct error err;

    if (servers_choose(&databases->servers, kind->engine, "", &install, &err) == STATUS_OK)
        return true;
    cr_log_info("skipped: %s", err.text);
    return false;
}

/* Runs `check` for each engine that is here, on a run of its own that has been built. */
static void for_each_engine(void (*check)(const struct kind *kind, int64_t run))
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct suite_database database = database_of(&kinds[i]);
        struct suite suite = suite_of(&database);
        struct answer answer = {0};

        if (!is_here(&kinds[i]))
            continue;
        answer = build((int64_t)i + 1, &suite);
        cr_assert_eq(answer.status, STATUS_OK, "%s: %s", kinds[i].engine, answer.text);
        check(&kinds[i], (int64_t)i + 1);
        databases_drop_slot(databases, 1);
        databases_drop_slot(databases, 2);
        databases_forget_run(databases, (int64_t)i + 1);
    }
}

/* ---- tests ------------------------------------------------------------------------------- */

static void clones_are_apart(const struct kind *kind, int64_t run)
{
    clone_to(run, 1);
    clone_to(run, 2);
    struct worker_database one = told(run, 1);
    struct worker_database two = told(run, 2);

    cr_assert_eq(server_ask(&one, ROWS), 2, "%s", kind->engine);
    (void)server_ask(&one, "delete from t");
    cr_assert_eq(server_ask(&one, ROWS), 0, "%s", kind->engine);
    cr_assert_eq(server_ask(&two, ROWS), 2, "%s", kind->engine);
    cr_assert_str_neq(one.password, two.password);
}

Test(server_clones, what_one_slot_does_the_other_does_not_see)
{
    for_each_engine(clones_are_apart);
}

static void a_new_clone_is_clean(const struct kind *kind, int64_t run)
{
    clone_to(run, 1);
    struct worker_database before = told(run, 1);
    CLEANUP(mem_freep) char *socket = mem_strdup(before.socket);
    int64_t port = before.port;

    (void)server_ask(&before, "drop table t");
    cr_assert_eq(server_ask(&before, ROWS), NO_ANSWER, "%s", kind->engine);
    clone_to(run, 1);
    struct worker_database after = told(run, 1);
    cr_assert_str_eq(after.socket, socket, "%s", kind->engine);
    cr_assert_eq(after.port, port, "%s", kind->engine);
    cr_assert_eq(server_ask(&after, ROWS), 2, "%s", kind->engine);
}

Test(server_clones, a_new_clone_stands_at_the_same_address_and_knows_nothing_of_the_old)
{
    for_each_engine(a_new_clone_is_clean);
}

static void a_password_is_wanted(const struct kind *kind, int64_t run)
{
    clone_to(run, 1);
    struct worker_database database = told(run, 1);

    database.password = "wrong";
    cr_assert_eq(server_ask(&database, "select 1"), NO_ANSWER, "%s", kind->engine);
    database.password = "";
    cr_assert_eq(server_ask(&database, "select 1"), NO_ANSWER, "%s", kind->engine);
}

Test(server_clones, only_who_knows_the_slots_password_gets_in)
{
    for_each_engine(a_password_is_wanted);
}

static void without_overlay(const struct kind *kind, int64_t run)
{
    databases->can_overlay = false;
    clones_are_apart(kind, run);
    databases->can_overlay = true;
}

Test(server_clones, copies_serve_where_overlays_do_not)
{
    for_each_engine(without_overlay);
}

Test(server_clones, a_set_up_that_makes_no_table_is_an_error_that_says_so)
{
    static const char *nothing[] = {"true"};

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct suite_database database = database_of(&kinds[i]);
        struct suite suite = suite_of(&database);

        if (!is_here(&kinds[i]))
            continue;
        database.setup_command = nothing;
        database.setup_command_count = 1;
        struct answer answer = build((int64_t)i + 1, &suite);
        cr_assert_eq(answer.status, STATUS_INVALID, "%s", answer.text);
        cr_assert_not_null(strstr(answer.text, "set-up made no table in database 'default'"), "%s",
                           answer.text);
    }
}

Test(server_clones, a_version_that_is_not_installed_is_named)
{
    struct suite_database database = database_of(&kinds[0]);
    struct suite suite = suite_of(&database);

    database.version = ">=99";
    struct answer answer = build(1, &suite);
    cr_assert_neq(answer.status, STATUS_OK);
    cr_assert_not_null(strstr(answer.text, "database 'default': needs postgresql >=99"), "%s",
                       answer.text);
}
