#include "tests/unit/coordinator_core/stage.h"

/* What people see. */

static struct stage stage;
static struct player player;
static int64_t run;

static void begin(void)
{
    stage_init(&stage);
    player_init(&player, &stage, "a", 2);
}

static void end(void)
{
    stage_release(&stage);
}

TestSuite(view, .init = begin, .fini = end);

Test(view, shows_what_runs_and_for_how_long)
{
    run = stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 50, 0), 50);
    player.leases[0].running = player.leases[0].grant.tests[0].test;
    cr_assert_not_null(player_sync(&player));
    stage_pass(&stage, 700);
    const struct run_view *view = stage_view(&stage, run);

    cr_assert_eq(view->running_count, 1UL);
    cr_assert_str_eq(view->running[0].id, player.leases[0].grant.tests[0].id);
    cr_assert_str_eq(view->running[0].agent, "a");
    cr_assert_eq(view->running[0].running_ms, 700);
    cr_assert_eq(view->slots_busy, 2);
    cr_assert_eq(view->slots, 2);
    cr_assert_eq(view->agents, 1);
    cr_assert_eq(view->exit_status, -1);
}

Test(view, estimates_the_rest_once_something_is_known)
{
    run = stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 50, 0), 50);
    cr_assert_eq(stage_view(&stage, run)->estimate_ms, -1);
    player_attempt(&player, player.leases[0].grant.lease, player.leases[0].grant.tests[0].test,
                   OUTCOME_PASSED);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_view(&stage, run)->estimate_ms, 49 * 100 / 2);
}

Test(view, says_what_a_run_waits_for)
{
    run = stage_submit(&stage, stage_submission(&stage, "k"), NULL);
    cr_assert_str_eq(stage_view(&stage, run)->reason, "no agent has connected");
    player.is_draining = true;
    cr_assert_not_null(player_sync(&player));
    cr_assert_str_eq(stage_view(&stage, run)->reason, "every agent is leaving");
    player.is_draining = false;
    cr_assert_not_null(player_sync(&player));
    cr_assert_str_eq(stage_view(&stage, run)->reason, "agent 'a' lists the tests");
}

Test(view, of_the_work_is_the_suite_and_the_options)
{
    struct run_submission *submission = stage_submission(&stage, "k");
    const char *selection[] = {"app/tests"};

    submission->options->selection = selection;
    submission->options->selection_count = 1;
    run = stage_submit(&stage, submission, NULL);
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_WORK, .run = run}),
                 STATUS_OK);
    cr_assert_str_eq(stage.reply.run_work.suite->name, "suite");
    cr_assert_str_eq(stage.reply.run_work.options->selection[0], "app/tests");
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_WORK, .run = 99}),
                 STATUS_NOT_FOUND);
}

Test(view, of_numbers_adds_up)
{
    run = stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 50, 0), 50);
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_STATS}), STATUS_OK);
    cr_assert_eq(stage.reply.stats.runs_open, 1);
    cr_assert_eq(stage.reply.stats.tests_queued + stage.reply.stats.tests_leased, 50);
    cr_assert_eq(stage.reply.stats.agents_busy, 1);
    cr_assert_eq(stage.reply.stats.slots_busy, 2);
    cr_assert_eq(stage.reply.stats.total_syncs, 2);
}
