#include "tests/unit/coordinator_core/stage.h"

/* Why a run ends, and with which status. */

static struct stage stage;
static struct player player;
static struct run_submission *submission;
static int64_t run;

static void begin(void)
{
    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    submission = stage_submission(&stage, "k");
}

static void end(void)
{
    stage_release(&stage);
}

static void start(size_t tests)
{
    run = stage_run(&stage, &player, submission, stage_tests(&stage, tests, 0), tests);
}

static void check_end(enum run_end why, int64_t exit_status)
{
    const struct run_view *view = stage_view(&stage, run);

    cr_assert_eq(view->state, RUN_ENDED, "it waits: %s", view->reason);
    cr_assert_eq(view->end, why, "%s", view->reason);
    cr_assert_eq(view->exit_status, exit_status);
    cr_assert_str_not_empty(view->reason);
}

TestSuite(end, .init = begin, .fini = end);

Test(end, is_red_after_any_bad_verdict)
{
    static const enum outcome bad[] = {OUTCOME_FAILED, OUTCOME_ERROR, OUTCOME_XPASS,
                                       OUTCOME_TIMED_OUT};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        submission->key = arena_printf(&stage.arena, "k%zu", i);
        start(1);
        player_finish(&player, bad[i]);
        cr_assert_not_null(player_sync(&player));
        check_end(RUN_END_DONE, 1);
        cr_assert_not_null(player_sync(&player));
    }
}

Test(end, comes_after_enough_failures)
{
    submission->options->fail_fast = 2;
    start(200);
    player_finish(&player, OUTCOME_FAILED);
    cr_assert_not_null(player_sync(&player));
    check_end(RUN_END_FAIL_FAST, 1);
    const struct run_counts *counts = stage_view(&stage, run)->counts;

    cr_assert_geq(counts->failed, 2);
    cr_assert_gt(counts->not_run, 0);
    cr_assert_eq(counts->failed + counts->not_run, 200);
    cr_assert_eq(player.response->leases_count, 0UL);
}

Test(end, comes_with_a_cancel_once)
{
    struct cancel_request cancel = {"Ctrl-C"};
    struct command command = {.kind = COMMAND_CANCEL, .cancel = &cancel};

    start(20);
    command.run = run;
    cr_assert_eq(stage_handle(&stage, &command), STATUS_OK);
    cr_assert_eq(stage_last(&stage, FACT_LEASE_ENDED)->lease_ended->end, LEASE_END_REVOKED);
    check_end(RUN_END_CANCELLED, 130);
    cr_assert_str_eq(stage_view(&stage, run)->reason, "Ctrl-C");
    cr_assert_eq(stage_handle(&stage, &command), STATUS_OK);
    cr_assert_eq(stage_count(&stage, FACT_RUN_ENDED), 1UL);
}

Test(end, comes_with_the_time_limit)
{
    submission->suite->timeouts->run_ms = 3000;
    start(20);
    stage_pass(&stage, 2999);
    stage_tick(&stage);
    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
    cr_assert_eq(core_next_deadline_ms(stage.core), stage.at.now_ms + 1);
    stage_pass(&stage, 1);
    stage_tick(&stage);
    check_end(RUN_END_TIME_LIMIT, 124);
}

/* The player keeps syncing while time passes. */
static void pass_alive(int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += SYNC_INTERVAL_MS) {
        stage_pass(&stage, SYNC_INTERVAL_MS);
        cr_assert_not_null(player_sync(&player));
        stage_tick(&stage);
    }
}

Test(end, comes_two_minutes_after_the_last_client)
{
    struct attend_request attend = {.client = "c"};

    start(20);
    pass_alive(CLIENT_GONE_MS - SYNC_INTERVAL_MS);
    cr_assert_eq(
        stage_handle(&stage,
                     &(struct command){.kind = COMMAND_ATTEND, .run = run, .attend = &attend}),
        STATUS_OK);
    pass_alive(CLIENT_GONE_MS - SYNC_INTERVAL_MS);
    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
    pass_alive(SYNC_INTERVAL_MS);
    check_end(RUN_END_CLIENT_GONE, 130);
}

Test(end, does_not_come_to_a_detached_run_without_clients)
{
    submission->options->detached = true;
    start(20);
    pass_alive(2 * (int64_t)CLIENT_GONE_MS);
    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
}

Test(end, comes_when_no_agent_connects)
{
    submission->options->wait_agents_ms = 10000;
    run = stage_submit(&stage, submission, NULL);
    cr_assert_str_eq(stage_view(&stage, run)->reason, "no agent has connected");
    stage_pass(&stage, 9999);
    stage_tick(&stage);
    cr_assert_eq(stage_view(&stage, run)->state, RUN_COLLECTING);
    stage_pass(&stage, 1);
    stage_tick(&stage);
    check_end(RUN_END_NO_AGENT, 3);
    cr_assert_str_eq(stage_view(&stage, run)->reason, "no agent has connected");
}

Test(end, comes_when_no_agent_has_the_label_and_says_which)
{
    struct label wanted[] = {{"os", "linux"}, {"gpu", "yes"}};

    submission->requirements = wanted;
    submission->requirements_count = 2;
    submission->options->wait_agents_ms = 10000;
    player.labels[0] = (struct label){"os", "linux"};
    player.labels[1] = (struct label){"gpu", "no"};
    player.labels_count = 2;
    run = stage_submit(&stage, submission, NULL);
    cr_assert_eq(player_sync(&player)->leases_count, 0UL);
    stage_pass(&stage, 10000);
    stage_tick(&stage);
    check_end(RUN_END_NO_AGENT, 3);
    cr_assert_str_eq(stage_view(&stage, run)->reason, "no agent has the label gpu=yes");
}

Test(end, does_not_come_while_an_agent_serves_the_run)
{
    submission->options->wait_agents_ms = 10000;
    start(20);
    pass_alive(30000);
    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
}

Test(end, comes_when_every_agent_has_had_too_many_problems)
{
    run = stage_submit(&stage, submission, NULL);
    for (int i = 0; i < PROBLEMS_PER_AGENT_MAX; i++) {
        cr_assert_not_null(player_sync(&player));
        player_problem(&player, player_last(&player)->grant.lease, "prepare", "make: not found");
    }
    cr_assert_not_null(player_sync(&player));
    check_end(RUN_END_INFRASTRUCTURE, 3);
    cr_assert_str_eq(stage_view(&stage, run)->reason, "prepare on agent 'a': make: not found");
    cr_assert_eq(stage_view(&stage, run)->counts->problems, PROBLEMS_PER_AGENT_MAX);
}

Test(end, does_not_come_when_another_agent_can_serve)
{
    struct player healthy;

    player_init(&healthy, &stage, "b", 1);
    run = stage_submit(&stage, submission, NULL);
    for (int i = 0; i < PROBLEMS_PER_AGENT_MAX; i++) {
        cr_assert_not_null(player_sync(&player));
        player_problem(&player, player_last(&player)->grant.lease, "prepare", "no");
    }
    healthy.is_draining = true;
    cr_assert_not_null(player_sync(&healthy));
    healthy.is_draining = false;
    cr_assert_not_null(player_sync(&healthy));
    cr_assert_eq(player_sync(&player)->leases_count, 0UL, "the sick agent got more");
    cr_assert_eq(stage_view(&stage, run)->state, RUN_COLLECTING);
    cr_assert_not(core_has_news(stage.core, "a", 1));
}

Test(end, problems_before_an_attempt_are_forgiven)
{
    start(60);
    for (int i = 0; i < 3 * PROBLEMS_PER_AGENT_MAX; i++) {
        const struct lease_grant *grant = &player_last(&player)->grant;

        if (i % 2 == 1)
            player_attempt(&player, grant->lease, grant->tests[0].test, OUTCOME_PASSED);
        if (player_lease(&player, grant->lease)->left > 0)
            player_problem(&player, grant->lease, "clone", "no");
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
}

Test(end, is_remembered_for_a_while_only)
{
    start(1);
    player_play(&player, 10);
    stage_pass(&stage, (int64_t)10 * 60 * 1000);
    stage_tick(&stage);
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_VIEW, .run = run}),
                 STATUS_NOT_FOUND);
}

Test(end, of_many_runs_keeps_the_memory_bounded)
{
    for (int i = 0; i < 100; i++) {
        submission->key = arena_printf(&stage.arena, "k%d", i);
        start(1);
        player_play(&player, 10);
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_VIEW, .run = 1}),
                 STATUS_NOT_FOUND);
    cr_assert_eq(stage_view(&stage, 100)->state, RUN_ENDED);
}
