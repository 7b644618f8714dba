/* Templates and clones of a run, with real set-up commands. */

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/databases/database.h"
#include "agent/databases/template.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

/* Longer than any build or clone here; a test that needs it has failed. */
#define WAIT_MS 30000

struct answer {
    int count;
    enum status status;
    char text[1024];
};

static char dir[64];
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
    struct error err;

    (void)snprintf(dir, sizeof(dir), "/tmp/muster-databases-XXXXXX");
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
    struct databases_settings wishes = {
        .loop = &loop, .workers = workers, .book = book, .work_dir = dir, .drivers_dir = dir};
    cr_assert_eq(databases_new(&wishes, &databases, &err), STATUS_OK, "%s", err.text);
    cr_log_info("%s", databases_means(databases));
}

static void teardown(void)
{
    struct error err;

    databases_stop(databases);
    workers_free(workers);
    databases_free(databases);
    cr_assert_eq(lease_book_count(book), 0, "records are left");
    lease_book_free(book);
    uv_close((uv_handle_t *)&guard, NULL);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
        continue;
    cr_assert_eq(uv_loop_close(&loop), 0, "handles are left");
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(databases, .init = setup, .fini = teardown, .timeout = 60);

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

static struct suite_timeouts timeouts = {.setup_ms = 20000, .grace_ms = 100};

static struct suite suite_of(struct suite_database *list, size_t count)
{
    return (struct suite){.name = "s",
                          .driver = SUITE_DRIVER_UNITTEST,
                          .databases = list,
                          .databases_count = count,
                          .timeouts = &timeouts};
}

static struct answer build(int64_t run, const struct suite *suite)
{
    struct template_plan plan = {.run = run, .tree_dir = dir, .suite = suite};
    struct answer answer = {0};

    databases_build(databases, &plan, on_answer, &answer);
    wait_for(&answer);
    return answer;
}

static struct answer clone_to(int64_t run, int64_t slot)
{
    struct answer answer = {0};

    databases_clone(databases, run, slot, on_answer, &answer);
    wait_for(&answer);
    return answer;
}

static const struct worker_database *told(int64_t run, int64_t slot, const char *alias)
{
    const struct worker_database *list = NULL;
    size_t count = 0;

    databases_of_slot(databases, run, slot, &list, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].alias, alias) == 0)
            return &list[i];
    return NULL;
}

/* ---- suites --------------------------------------------------------------------------- */

#define FILL                                                                                       \
    "import sqlite3; c = sqlite3.connect('${db.default.path}');"                                   \
    "c.execute('create table t (x)');"                                                             \
    "c.executemany('insert into t values (?)', [('row %d' % i,) for i in range(1000)]);"           \
    "c.commit(); open('built', 'a').write('x')"

static const char *fill_command[] = {"python3", "-c", FILL};

static struct suite_database filled(void)
{
    return (struct suite_database){.alias = "default",
                                   .engine = "sqlite",
                                   .name = "s",
                                   .setup = SUITE_SETUP_COMMAND,
                                   .setup_command = fill_command,
                                   .setup_command_count = 3,
                                   .mirror = ""};
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK, "%s", path);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return value;
}

/* ---- templates --------------------------------------------------------------------------- */

Test(databases, a_template_is_built_once_for_all_who_ask)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);
    struct template_plan plan = {.run = 1, .tree_dir = dir, .suite = &suite};
    struct answer first = {0};
    struct answer second = {0};
    struct stat info;
    char built[128];

    databases_build(databases, &plan, on_answer, &first);
    databases_build(databases, &plan, on_answer, &second);
    wait_for(&first);
    wait_for(&second);
    cr_assert_eq(first.status, STATUS_OK, "%s", first.text);
    cr_assert_eq(build(1, &suite).status, STATUS_OK);
    (void)snprintf(built, sizeof(built), "%s/built", dir);
    cr_assert_eq(stat(built, &info), 0);
    cr_assert_eq(info.st_size, 1, "the set-up ran once");
    cr_assert_not_null(databases_hash(databases, 1, "default"));
    databases_forget_run(databases, 1);
    cr_assert_null(databases_hash(databases, 1, "default"));
}

Test(databases, a_set_up_that_fails_says_why_and_leaves_nothing)
{
    static const char *no_table[] = {"python3", "-c", "open('${db.default.path}', 'w')"};
    static const char *nothing[] = {"true"};
    static const char *refuses[] = {"sh", "-c", "echo migration 3 is broken; exit 1"};
    static const char *garbage[] = {"sh", "-c", "echo garbage >${db.default.path}"};
    static const char *slow[] = {"sleep", "1000"};
    static const char *unknown[] = {"true", "${db.other.path}"};
    static const struct {
        const char **command;
        size_t count;
        const char *text;
    } cases[] = {
        {no_table, 3, "set-up made no table in database 'default'; does it read ${db.default"},
        {nothing, 1, "set-up made no database 'default'; does it read ${db.default.path}?"},
        {refuses, 3, "exit status 1\nmigration 3 is broken"},
        {garbage, 3, "not a database"},
        {slow, 2, "killed after 300 ms"},
        {unknown, 2, "no database 'other'"},
    };

    timeouts.setup_ms = 300;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite_database list[] = {filled()};
        struct suite suite = suite_of(list, 1);
        timeouts.setup_ms = cases[i].command == slow ? 300 : 20000;
        list[0].setup_command = cases[i].command;
        list[0].setup_command_count = cases[i].count;
        struct answer answer = build((int64_t)i + 1, &suite);
        cr_assert_neq(answer.status, STATUS_OK);
        cr_assert_not_null(strstr(answer.text, cases[i].text), "%s", answer.text);
        cr_assert_neq(clone_to((int64_t)i + 1, 1).status, STATUS_OK, "never handed out");
    }
}

Test(databases, a_failed_build_may_be_asked_for_again)
{
    static const char *once[] = {"sh", "-c",
                                 "test -e again || { touch again; exit 1; }; python3"
                                 " -c \"import sqlite3; c = sqlite3.connect('${db.default.path}');"
                                 " c.execute('create table t (x)')\""};
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);

    list[0].setup_command = once;
    cr_assert_neq(build(1, &suite).status, STATUS_OK);
    struct answer answer = build(1, &suite);
    cr_assert_eq(answer.status, STATUS_OK, "%s", answer.text);
}

Test(databases, an_engine_that_is_not_built_is_named)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);

    list[0].engine = "oracle";
    struct answer answer = build(1, &suite);
    cr_assert_neq(answer.status, STATUS_OK);
    cr_assert_not_null(strstr(answer.text, "engine 'oracle' is not built yet"), "%s", answer.text);
}

/* ---- clones --------------------------------------------------------------------------------- */

Test(databases, a_new_clone_stands_at_the_same_address_and_knows_nothing_of_the_old)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);
    char path[256];
    char wal[300];
    struct error err;

    cr_assert_eq(build(1, &suite).status, STATUS_OK);
    CLEANUP(mem_freep) char *hash = mem_strdup(databases_hash(databases, 1, "default"));
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    (void)snprintf(path, sizeof(path), "%s", told(1, 1, "default")->path);
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    cr_assert_eq(ask(path, "SELECT count(*) FROM t"), 1000);
    (void)ask(path, "DELETE FROM t");
    cr_assert_eq(ask(path, "SELECT count(*) FROM t"), 0);
    cr_assert_eq(file_write_atomic(wal, "leftover", 8, 0600, &err), STATUS_OK);

    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    cr_assert_str_eq(told(1, 1, "default")->path, path);
    cr_assert_not(file_exists(wal));
    cr_assert_eq(ask(path, "SELECT count(*) FROM t"), 1000);
    cr_assert_eq(clone_to(1, 2).status, STATUS_OK);
    cr_assert_str_neq(told(1, 2, "default")->path, path);
    cr_assert_str_eq(databases_hash(databases, 1, "default"), hash);
}

Test(databases, a_template_that_was_touched_is_never_cloned)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);
    char path[256];

    cr_assert_eq(build(1, &suite).status, STATUS_OK);
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    (void)snprintf(path, sizeof(path), "%s/templates/run-1/default.sqlite3", dir);
    cr_assert_eq(chmod(path, 0600), 0);
    (void)ask(path, "DELETE FROM t");
    struct answer answer = clone_to(1, 1);
    cr_assert_eq(answer.status, STATUS_CONFLICT);
    cr_assert_not_null(strstr(answer.text, "touched"), "%s", answer.text);
    cr_assert_not(file_exists(told(1, 1, "default")->path), "not even the old one");
}

Test(databases, where_workers_can_reach_a_template_its_hash_is_compared_too)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);
    char path[256];

    cr_assert_eq(build(1, &suite).status, STATUS_OK);
    databases->must_hash = true;
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    /* As if somebody had changed the bytes and put every time back. */
    (void)snprintf(path, sizeof(path), "%s/templates/run-1/default.sqlite3", dir);
    cr_assert_eq(chmod(path, 0600), 0);
    (void)ask(path, "UPDATE t SET x = 'row X' WHERE x = 'row 5'");
    struct error err;
    cr_assert_eq(file_print_take(path, &databases->runs->templates[0].print, &err), STATUS_OK);
    struct answer answer = clone_to(1, 1);
    cr_assert_eq(answer.status, STATUS_CONFLICT);
    cr_assert_not_null(strstr(answer.text, "changed"), "%s", answer.text);
}

Test(databases, a_slot_serves_one_run_after_the_other)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);

    cr_assert_eq(build(1, &suite).status, STATUS_OK);
    cr_assert_eq(build(2, &suite).status, STATUS_OK);
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    cr_assert_eq(clone_to(2, 1).status, STATUS_OK);
    cr_assert(file_exists(told(2, 1, "default")->path));
    cr_assert_not(file_exists(told(1, 1, "default")->path));
    char path[256];
    (void)snprintf(path, sizeof(path), "%s", told(2, 1, "default")->path);
    databases_drop_slot(databases, 1);
    cr_assert_eq(clone_to(2, 2).status, STATUS_OK);
    databases_forget_run(databases, 1);
    cr_assert_eq(clone_to(2, 1).status, STATUS_OK, "after the drop");
    cr_assert(file_exists(path));
}

Test(databases, a_collecting_slot_gets_names_and_no_files)
{
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);
    struct template_plan plan = {.run = 5, .tree_dir = dir, .suite = &suite};

    cr_assert_null(told(5, 1, "default"));
    databases_know(databases, &plan);
    cr_assert_not_null(told(5, 1, "default"));
    cr_assert_not(file_exists(told(5, 1, "default")->path));
    cr_assert_str_eq(told(5, 1, "default")->facts, "");
}

Test(databases, mirrors_share_memory_makes_no_file_and_none_is_empty)
{
    struct suite_database list[] = {filled(), filled(), filled(), filled()};
    struct suite suite = suite_of(list, 4);

    list[1].alias = "replica";
    list[1].mirror = "default";
    list[2].alias = "fast";
    list[2].memory = true;
    list[2].setup = SUITE_SETUP_NONE;
    list[3].alias = "bare";
    list[3].setup = SUITE_SETUP_NONE;
    struct answer answer = build(1, &suite);
    cr_assert_eq(answer.status, STATUS_OK, "%s", answer.text);
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);

    char path[256];
    (void)snprintf(path, sizeof(path), "%s", told(1, 1, "default")->path);
    cr_assert_str_eq(told(1, 1, "replica")->path, path);
    cr_assert_str_eq(told(1, 1, "replica")->mirror, "default");
    cr_assert_str_eq(told(1, 1, "default")->image, "");
    cr_assert(told(1, 1, "fast")->memory);
    cr_assert_not(file_exists(told(1, 1, "fast")->path));
    cr_assert(file_exists(told(1, 1, "fast")->image));
    cr_assert_eq(ask(told(1, 1, "bare")->path, "SELECT count(*) FROM sqlite_master"), 0);
}

/* A driver of Django's kind fills all its databases at once and hands facts over. */
Test(databases, the_drivers_set_up_fills_all_and_its_facts_reach_every_slot)
{
    static const char driver[] = "import json, os, sqlite3\n"
                                 "assert os.environ['MUSTER_MODE'] == 'setup'\n"
                                 "for d in json.loads(os.environ['MUSTER_DATABASES']):\n"
                                 "    c = sqlite3.connect(d['path'])\n"
                                 "    if d['alias'] == 'default': c.execute('create table t (x)')\n"
                                 "    c.close()\n"
                                 "    open(d['facts'], 'w').write('facts of ' + d['alias'])\n";
    struct suite_database list[] = {filled(), filled()};
    struct suite suite = suite_of(list, 2);
    struct buffer facts;
    char path[128];
    struct error err;

    (void)snprintf(path, sizeof(path), "%s/muster_django.py", dir);
    cr_assert_eq(file_write_atomic(path, driver, strlen(driver), 0600, &err), STATUS_OK);
    suite.driver = SUITE_DRIVER_DJANGO;
    list[0].setup = list[1].setup = SUITE_SETUP_AUTO;
    list[1].alias = "other";
    struct answer answer = build(1, &suite);
    cr_assert_eq(answer.status, STATUS_OK, "%s", answer.text);
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
    buffer_init(&facts, 100);
    cr_assert_eq(file_read(told(1, 1, "other")->facts, &facts, &err), STATUS_OK, "%s", err.text);
    cr_assert_str_eq(facts.at, "facts of other");
    buffer_release(&facts);
}

Test(databases, a_clone_of_fifteen_megabytes_takes_milliseconds)
{
    static const char *big[] = {"python3", "-c",
                                "import sqlite3; c = sqlite3.connect('${db.default.path}');"
                                "c.execute('create table t (x)');"
                                "c.executemany('insert into t values (?)', [('y' * 1000,)"
                                " for i in range(14000)]); c.commit()"};
    struct suite_database list[] = {filled()};
    struct suite suite = suite_of(list, 1);
    int64_t best_us = INT64_MAX;

    list[0].setup_command = big;
    cr_assert_eq(build(1, &suite).status, STATUS_OK);
    for (int i = 0; i < 10; i++) {
        int64_t before_us = clock_monotonic_us();
        cr_assert_eq(clone_to(1, 1).status, STATUS_OK);
        int64_t took_us = clock_monotonic_us() - before_us;
        best_us = took_us < best_us ? took_us : best_us;
    }
    cr_log_info("best of ten: %lld us", (long long)best_us);
    cr_assert_eq(ask(told(1, 1, "default")->path, "SELECT count(*) FROM t"), 14000);
    /* Far above what any machine needs; a clone by SQL would not make it. */
    cr_assert_lt(best_us, 1000000);
}
