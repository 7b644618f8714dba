#include "tests/unit/coordinator_core/stage.h"

/* What counts. */

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

static void start(size_t tests)
{
    run = stage_run(&stage, &player, submission, stage_tests(&stage, tests, 0), tests);
}

static const struct run_counts *counts(void)
{
    return stage_view(&stage, run)->counts;
}

/* Answers the only test that the player holds. */
static void answer(enum outcome outcome)
{
    struct player_lease *lease = player_last(&player);

    cr_assert_eq(lease->grant.tests_count, 1UL);
    player_attempt(&player, lease->grant.lease, lease->grant.tests[0].test, outcome);
    cr_assert_not_null(player_sync(&player));
}

static void end(void)
{
    stage_release(&stage);
}

TestSuite(attempt, .init = begin, .fini = end);

Test(attempt, that_fails_is_retried_and_a_later_pass_makes_the_test_flaky)
{
    submission->suite->retries->test = 1;
    start(1);
    answer(OUTCOME_FAILED);
    cr_assert_eq(counts()->failed, 0);
    cr_assert_eq(player_last(&player)->grant.tests[0].kind, ATTEMPT_RETRY);
    cr_assert_eq(player_last(&player)->grant.tests[0].attempt, 2);
    answer(OUTCOME_PASSED);
    cr_assert_eq(counts()->flaky, 1);
    cr_assert_eq(counts()->retries, 1);
    cr_assert_eq(stage_view(&stage, run)->exit_status, 0);
}

Test(attempt, that_makes_a_test_flaky_makes_the_run_red_where_the_suite_says_so)
{
    submission->suite->retries->test = 1;
    submission->suite->retries->flaky_fails = true;
    start(1);
    answer(OUTCOME_FAILED);
    answer(OUTCOME_PASSED);
    cr_assert_eq(stage_view(&stage, run)->exit_status, 1);
}

Test(attempt, that_crashes_twice_is_charged)
{
    start(1);
    answer(OUTCOME_CRASHED);
    answer(OUTCOME_CRASHED);
    cr_assert_eq(counts()->crashed, 1);
    cr_assert_eq(stage_view(&stage, run)->exit_status, 1);
}

Test(attempt, that_is_lost_on_three_agents_is_crashed)
{
    start(1);
    for (int i = 0; i < LOST_AGENTS_MAX; i++) {
        cr_assert_eq(counts()->crashed, 0);
        answer(OUTCOME_LOST);
        player.is_leaving = true;
        if (stage_view(&stage, run)->state != RUN_ENDED)
            cr_assert_not_null(player_sync(&player));
        static const char *const names[] = {"b", "c", "d"};

        player_init(&player, &stage, names[i], 1);
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_eq(counts()->crashed, 1);
    cr_assert_eq(counts()->lost, 3);
}

Test(attempt, is_retried_within_the_budget_of_the_run_only)
{
    submission->suite->retries->test = 1;
    submission->suite->retries->run_percent = 0;
    start(1);
    answer(OUTCOME_FAILED);
    cr_assert_eq(counts()->failed, 1);
    cr_assert_eq(counts()->retries, 0);
}

Test(attempt, of_a_run_where_everything_fails_is_retried_for_some_tests_only)
{
    enum { TESTS = 300, BUDGET = 15 }; /* 5 % */

    submission->suite->retries->test = 1;
    start(TESTS);
    for (int i = 0; i < 1000 && player.leases_count > 0; i++) {
        player_finish(&player, OUTCOME_FAILED);
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_eq(counts()->failed, TESTS);
    cr_assert_eq(counts()->retries, BUDGET);
}

Test(attempt, of_the_same_test_again_under_the_same_lease_is_late)
{
    start(20);
    int64_t lease = player_last(&player)->grant.lease;
    int64_t test = player_last(&player)->grant.tests[0].test;

    player_attempt(&player, lease, test, OUTCOME_PASSED);
    player_attempt(&player, lease, test, OUTCOME_FAILED);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(counts()->passed, 1);
    cr_assert_eq(counts()->failed, 0);
    cr_assert_eq(counts()->late, 1);
}

Test(attempt, of_another_agents_lease_never_counts)
{
    struct player thief;

    start(20);
    player_init(&thief, &stage, "thief", 0);
    player_attempt(&thief, player_last(&player)->grant.lease,
                   player_last(&player)->grant.tests[0].test, OUTCOME_PASSED);
    cr_assert_not_null(player_sync(&thief));
    cr_assert_eq(counts()->passed, 0);
}

Test(attempt, after_the_run_ended_is_late)
{
    start(20);
    int64_t lease = player_last(&player)->grant.lease;

    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_CANCEL, .run = run}),
                 STATUS_OK);
    player_attempt(&player, lease, 1, OUTCOME_FAILED);
    cr_assert_eq(player_sync(&player)->acknowledged, player.seq);
    cr_assert_eq(counts()->late, 1);
    cr_assert_eq(counts()->not_run, 20);
    cr_assert_eq(counts()->failed, 0);
}

Test(attempt, of_an_extra_is_a_test_of_its_own)
{
    start(1);
    int64_t lease = player_last(&player)->grant.lease;

    player_extra(&player, lease, "tearDownClass (app.T)", OUTCOME_ERROR);
    player_extra(&player, lease, "tearDownClass (app.T)", OUTCOME_ERROR);
    answer(OUTCOME_PASSED);
    cr_assert_eq(counts()->collected, 3);
    cr_assert_eq(counts()->error, 2);
    cr_assert_eq(counts()->passed, 1);
    cr_assert_str_eq(stage_last(&stage, FACT_TEST_ADDED)->test_added->id,
                     "tearDownClass (app.T)#2");
    cr_assert_eq(stage_view(&stage, run)->exit_status, 1);
}

Test(attempt, of_a_late_extra_is_shown_and_adds_no_test)
{
    start(20);
    int64_t lease = player_last(&player)->grant.lease;

    player_last(&player)->is_forgotten = true;
    cr_assert_not_null(player_sync(&player));
    player_extra(&player, lease, "tearDownClass (app.T)", OUTCOME_ERROR);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(counts()->collected, 20);
    cr_assert_eq(counts()->late, 1);
}

Test(attempt, goes_to_another_host_first_when_it_is_retried)
{
    struct player other;

    submission->suite->retries->test = 1;
    start(1);
    player_init(&other, &stage, "b", 1);
    cr_assert_not_null(player_sync(&other));
    answer(OUTCOME_FAILED);
    cr_assert_eq(player.leases_count, 0UL, "the agent where it failed got it again");
    cr_assert(core_has_news(stage.core, "b", 1));
    cr_assert_not(core_has_news(stage.core, "a", 1));
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(player_last(&other)->grant.tests[0].kind, ATTEMPT_RETRY);
}

Test(attempt, is_retried_on_the_same_host_when_the_others_are_busy)
{
    struct player other;

    submission->suite->retries->test = 1;
    player_init(&other, &stage, "b", 1);
    (void)stage_submit(&stage, stage_submission(&stage, "other"), NULL);
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(player_last(&other)->grant.kind, LEASE_COLLECT);
    start(1);
    answer(OUTCOME_FAILED);
    cr_assert_eq(player.leases_count, 1UL);
    cr_assert_eq(player_last(&player)->grant.tests[0].kind, ATTEMPT_RETRY);
}

Test(attempt, notes_are_kept_up_to_the_bound)
{
    start(20);
    struct note note = {
        .test = player_last(&player)->grant.tests[0].test, .name = "n", .value = "v"};

    for (int i = 0; i < NOTES_PER_TEST_MAX + 5; i++)
        player_add_event(&player, (struct event){.kind = EVENT_NOTE,
                                                 .lease = player_last(&player)->grant.lease,
                                                 .note = &note});
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_count(&stage, FACT_NOTE_RECORDED), (size_t)NOTES_PER_TEST_MAX);
}
