/* What a run needs is got in order, once, and told; whatever fails or is forgotten on the way. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/runs/runs.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "tests/unit/agent_runs/neighbours.h"

static uv_loop_t loop;
static struct runs *runs;
static char base[] = "/tmp/muster-runs-XXXXXX";

static struct {
    size_t ready, failed;
    struct run_terms terms;
    char stage[32];
    char text[1000];
} told;

static const char *step_one[] = {"one"};
static const char *step_two[] = {"two"};
static struct suite_prepare steps[] = {{.run = step_one, .run_count = 1},
                                       {.run = step_two, .run_count = 1}};
static struct suite_database databases_of_suite[] = {{.alias = "default", .engine = "sqlite"}};
static struct suite_timeouts timeouts = {
    .test_ms = 11, .ready_ms = 12, .prepare_ms = 13, .grace_ms = 14};
static struct suite suite;

static void on_input(void *context, const struct input *input)
{
    (void)context;
    if (input->kind == INPUT_RUN_READY) {
        told.ready++;
        told.terms = *input->terms;
        return;
    }
    cr_assert_eq(input->kind, INPUT_RUN_FAILED);
    told.failed++;
    (void)snprintf(told.stage, sizeof(told.stage), "%s", input->stage);
    (void)snprintf(told.text, sizeof(told.text), "%s", input->text);
}

static void world_make(void)
{
    struct runs_settings settings = {.loop = &loop, .work_dir = base, .on_input = on_input};

    cr_assert_not_null(mkdtemp(base));
    suite = (struct suite){.name = "s",
                           .prepare = steps,
                           .prepare_count = 2,
                           .databases = databases_of_suite,
                           .databases_count = 1,
                           .timeouts = &timeouts};
    neighbours.suite = &suite;
    neighbours.tree_dir = base;
    cr_assert_eq(uv_loop_init(&loop), 0);
    runs = runs_new(&settings);
}

static void world_remove(void)
{
    struct error err;

    runs_free(runs);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(file_remove_tree(base, &err), STATUS_OK);
}

TestSuite(runs, .init = world_make, .fini = world_remove, .timeout = 30);

/* Turns the loop until so many commands have been started. */
static void await_commands(size_t count)
{
    while (neighbours.commands < count)
        (void)uv_run(&loop, UV_RUN_ONCE);
}

static void bring_to_tree(void)
{
    runs_prepare(runs, 7, false);
    answer_work(STATUS_OK);
    answer_tree(STATUS_OK);
    await_commands(1);
    answer_step(STATUS_OK, "");
    await_commands(2);
    answer_step(STATUS_OK, "");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

Test(runs, a_tree_is_fetched_got_and_prepared_in_order)
{
    const char *dir = NULL;

    runs_prepare(runs, 7, false);
    cr_assert_null(runs_work(runs, 7, &dir));
    answer_work(STATUS_OK);
    answer_tree(STATUS_OK);
    await_commands(1);
    cr_assert_str_eq(neighbours.last_command, "one");
    answer_step(STATUS_OK, "");
    await_commands(2);
    cr_assert_str_eq(neighbours.last_command, "two");
    cr_assert_eq(told.ready, 0);
    answer_step(STATUS_OK, "");
    (void)uv_run(&loop, UV_RUN_DEFAULT);

    cr_assert_eq(told.ready, 1);
    cr_assert_eq(told.terms.test_ms, 11);
    cr_assert(told.terms.has_databases);
    cr_assert_str_eq(runs_work(runs, 7, &dir)->suite->name, "s");
    cr_assert_str_eq(dir, base);
    cr_assert_eq(neighbours.builds, 0);
}

Test(runs, databases_are_built_when_they_are_asked_for_and_not_twice)
{
    bring_to_tree();
    runs_prepare(runs, 7, true);
    cr_assert_eq(neighbours.builds, 0, "it answers from the loop only");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(neighbours.builds, 1);
    cr_assert_eq(told.ready, 1);
    answer_build(STATUS_OK);
    cr_assert_eq(told.ready, 2);

    runs_prepare(runs, 7, true);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(told.ready, 3);
    cr_assert_eq(neighbours.builds, 1);
    cr_assert_eq(neighbours.fetches, 1);
}

Test(runs, what_fails_is_told_with_its_stage_and_begun_anew)
{
    runs_prepare(runs, 7, false);
    answer_work(STATUS_UNAVAILABLE);
    cr_assert_str_eq(told.stage, "source");

    runs_prepare(runs, 7, false);
    answer_work(STATUS_OK);
    answer_tree(STATUS_INVALID);
    cr_assert_str_eq(told.stage, "source");
    cr_assert_str_eq(told.text, "no tree");

    runs_prepare(runs, 7, false);
    answer_work(STATUS_OK);
    answer_tree(STATUS_OK);
    await_commands(1);
    answer_step(STATUS_IO, "the last line\n");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_str_eq(told.stage, "prepare");
    cr_assert_str_eq(told.text,
                     "prepare step 1 'one': exit status 2; it printed last: the last line\n");
    cr_assert_eq(told.failed, 3);
    cr_assert_eq(neighbours.fetches, 3);
    cr_assert_eq(neighbours.puts, 1);
}

Test(runs, a_failed_build_keeps_the_tree)
{
    bring_to_tree();
    runs_prepare(runs, 7, true);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    answer_build(STATUS_INVALID);
    cr_assert_str_eq(told.stage, "set-up");
    cr_assert_str_eq(told.text, "no table");

    runs_prepare(runs, 7, true);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    answer_build(STATUS_OK);
    cr_assert_eq(told.ready, 2);
    cr_assert_eq(neighbours.fetches, 1);
}

Test(runs, a_run_that_is_forgotten_on_the_way_tells_nothing_and_lets_its_tree_go)
{
    runs_prepare(runs, 7, false);
    answer_work(STATUS_OK);
    runs_forget(runs, 7);
    cr_assert_eq(neighbours.puts, 0);
    answer_tree(STATUS_OK);
    cr_assert_eq(neighbours.puts, 1);

    bring_to_tree();
    told.ready = 0;
    runs_prepare(runs, 7, true);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    runs_forget(runs, 7);
    answer_build(STATUS_OK);

    cr_assert_eq(told.ready + told.failed, 0);
    cr_assert_eq(neighbours.puts, 2);
    cr_assert_eq(neighbours.forgets, 1);
}

Test(runs, a_suite_without_databases_builds_none)
{
    suite.databases_count = 0;
    suite.prepare_count = 0;
    runs_prepare(runs, 7, true);
    answer_work(STATUS_OK);
    answer_tree(STATUS_OK);
    (void)uv_run(&loop, UV_RUN_DEFAULT);

    cr_assert_eq(told.ready, 1);
    cr_assert_not(told.terms.has_databases);
    cr_assert_eq(neighbours.builds + neighbours.commands, 0);
}

Test(runs, steps_wait_while_another_agent_prepares_the_directory)
{
    int fd = open(base, O_RDONLY | O_DIRECTORY);

    cr_assert_geq(fd, 0);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    runs_prepare(runs, 7, false);
    answer_work(STATUS_OK);
    answer_tree(STATUS_OK);
    /* Its first try, and the second one after it. */
    (void)uv_run(&loop, UV_RUN_ONCE);
    (void)uv_run(&loop, UV_RUN_ONCE);
    cr_assert_eq(neighbours.commands, 0);

    cr_assert_eq(close(fd), 0);
    await_commands(1);
    answer_step(STATUS_OK, "");
    await_commands(2);
    answer_step(STATUS_OK, "");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(told.ready, 1);
}

Test(runs, the_strictest_database_rules)
{
    static const struct {
        enum suite_fresh one, other, strictest;
    } cases[] = {
        {SUITE_FRESH_AUTO, SUITE_FRESH_SLOT, SUITE_FRESH_AUTO},
        {SUITE_FRESH_SLOT, SUITE_FRESH_SLOT, SUITE_FRESH_SLOT},
        {SUITE_FRESH_AUTO, SUITE_FRESH_BATCH, SUITE_FRESH_BATCH},
        {SUITE_FRESH_TEST, SUITE_FRESH_GROUP, SUITE_FRESH_TEST},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite_database two[] = {{.fresh = cases[i].one}, {.fresh = cases[i].other}};
        struct suite both = {.databases = two, .databases_count = 2};

        cr_assert_eq(suite_strictest_fresh(&both), cases[i].strictest, "case %zu", i);
    }
}
