#include "tests/unit/coordinator_core/stage.h"

/* sync: the one verb. */

static struct stage stage;
static struct player player;
static int64_t run;

/* One agent "a" with one slot holds the first two batches of a run of 20 tests. */
static void begin(void)
{
    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    run = stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 20, 0), 20);
}

static void end(void)
{
    stage_release(&stage);
}

TestSuite(sync, .init = begin, .fini = end);

Test(sync, with_the_same_number_gets_the_same_answer)
{
    player_attempt(&player, player_last(&player)->grant.lease,
                   player_last(&player)->grant.tests[0].test, OUTCOME_PASSED);
    const struct sync_response *first = player_sync(&player);
    const struct sync_response *again = player_repeat(&player);

    cr_assert_eq(again->acknowledged, first->acknowledged);
    cr_assert_eq(again->leases_count, first->leases_count);
    for (size_t i = 0; i < first->leases_count; i++) {
        cr_assert_eq(again->leases[i].lease, first->leases[i].lease);
        cr_assert_eq(again->leases[i].tests_count, first->leases[i].tests_count);
    }
    cr_assert_eq(stage.facts.count, stage.seen, "a repeated sync decided something");
    cr_assert_eq(stage_view(&stage, run)->counts->passed, 1);
}

Test(sync, with_the_same_number_grants_again_after_a_restart)
{
    int64_t lease = player_last(&player)->grant.lease;

    stage_restart(&stage);
    const struct sync_response *again = player_repeat(&player);

    cr_assert_eq(again->leases_count, 2UL);
    cr_assert_eq(again->leases[1].lease, lease);
    cr_assert_str_eq(again->leases[1].tests[0].id, player_last(&player)->grant.tests[0].id);
}

Test(sync, with_a_lower_number_is_a_conflict)
{
    player.sync_no -= 2;
    cr_assert_null(player_sync(&player));
    cr_assert_eq(player.status, STATUS_CONFLICT);
}

Test(sync, takes_back_a_lease_that_the_agent_does_not_hold)
{
    int64_t lease = player_last(&player)->grant.lease;

    player_last(&player)->is_forgotten = true;
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_last(&stage, FACT_LEASE_ENDED)->lease_ended->lease, lease);
    cr_assert_eq(stage_last(&stage, FACT_LEASE_ENDED)->lease_ended->end, LEASE_END_LOST);
    cr_assert_eq(stage_count(&stage, FACT_ATTEMPT_RECORDED), 0UL, "nobody knows that it ran");
    cr_assert_neq(player_last(&player)->grant.lease, lease);
    cr_assert_eq(player_last(&player)->grant.tests[0].kind, ATTEMPT_FIRST);
}

Test(sync, charges_nothing_for_a_test_that_ran_and_was_forgotten)
{
    int64_t test = player_last(&player)->grant.tests[0].test;

    player_last(&player)->running = test;
    cr_assert_not_null(player_sync(&player));
    player_last(&player)->is_forgotten = true;
    cr_assert_not_null(player_sync(&player));
    const struct fact_attempt_recorded *lost =
        stage_last(&stage, FACT_ATTEMPT_RECORDED)->attempt_recorded;

    cr_assert_eq(lost->report->test, test);
    cr_assert_eq(lost->report->outcome, OUTCOME_LOST);
    cr_assert_not(lost->counted);
    cr_assert_eq(player_last(&player)->grant.tests[0].test, test, "lost tests go first");
    cr_assert_eq(player_last(&player)->grant.tests[0].kind, ATTEMPT_FIRST);
}

Test(sync, takes_the_events_before_what_is_forgotten)
{
    int64_t lease = player_last(&player)->grant.lease;

    player_attempt(&player, lease, player_last(&player)->grant.tests[0].test, OUTCOME_PASSED);
    player_last(&player)->is_forgotten = true;
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_view(&stage, run)->counts->passed, 1);
}

Test(sync, skips_events_that_were_taken_before)
{
    struct event event = {0};

    player_attempt(&player, player_last(&player)->grant.lease,
                   player_last(&player)->grant.tests[0].test, OUTCOME_PASSED);
    event = player.events[0];
    cr_assert_not_null(player_sync(&player));
    player.events[player.events_count++] = event;
    cr_assert_eq(player_sync(&player)->acknowledged, event.seq);
    cr_assert_eq(stage_view(&stage, run)->counts->attempts, 1);
}

Test(sync, with_a_gap_is_sent_again_from_there)
{
    const struct lease_grant *grant = &player_last(&player)->grant;
    int64_t acknowledged = player.seq;

    player_attempt(&player, grant->lease, grant->tests[0].test, OUTCOME_PASSED);
    player_attempt(&player, grant->lease, grant->tests[1].test, OUTCOME_PASSED);
    struct event kept = player.events[0];

    player.events[0] = player.events[1];
    player.events_count = 1;
    const struct sync_response *response = player_sync(&player);

    cr_assert(response->resync);
    cr_assert_eq(response->acknowledged, acknowledged);
    cr_assert_eq(stage_view(&stage, run)->counts->attempts, 0);
    player.events[1] = player.events[0];
    player.events[0] = kept;
    player.events_count = 2;
    cr_assert_not(player_sync(&player)->resync);
    cr_assert_eq(stage_view(&stage, run)->counts->attempts, 2);
}

Test(sync, of_a_new_incarnation_ends_the_leases_of_the_old_one)
{
    int64_t lease = player.leases[0].grant.lease;
    struct player old = player;

    player_reincarnate(&player);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_last(&stage, FACT_AGENT_GONE)->agent_gone->reason, GONE_REPLACED);
    cr_assert_eq(stage_last(&stage, FACT_LEASE_ENDED)->lease_ended->lease, lease);
    cr_assert_eq(stage_last(&stage, FACT_LEASE_ENDED)->lease_ended->end, LEASE_END_LOST);
    cr_assert_gt(player_last(&player)->grant.lease, lease, "tokens only grow");

    cr_assert_null(player_sync(&old));
    cr_assert_eq(old.status, STATUS_SUPERSEDED);
}

Test(sync, of_an_old_spool_counts_while_its_leases_are_open_and_grants_nothing)
{
    struct player old = player;

    old.is_recovering = true;
    old.sync_no = 0;
    old.leases_count = 0;
    player_attempt(&old, player_last(&player)->grant.lease,
                   player_last(&player)->grant.tests[0].test, OUTCOME_FAILED);
    const struct sync_response *response = player_sync(&old);

    cr_assert_eq(response->acknowledged, old.seq);
    cr_assert_eq(response->leases_count, 0UL);
    cr_assert_eq(stage_view(&stage, run)->counts->failed, 1);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_GONE), 0UL);
}

Test(sync, of_an_old_spool_after_the_new_incarnation_is_late_and_taken_once)
{
    struct player old = player;

    player_attempt(&old, player_last(&player)->grant.lease,
                   player_last(&player)->grant.tests[0].test, OUTCOME_FAILED);
    player_reincarnate(&player);
    cr_assert_not_null(player_sync(&player));
    old.is_recovering = true;
    cr_assert_eq(player_sync(&old)->acknowledged, old.seq);
    cr_assert_eq(player_repeat(&old)->acknowledged, old.seq);
    cr_assert_eq(stage_view(&stage, run)->counts->late, 1);
    cr_assert_eq(stage_view(&stage, run)->counts->failed, 0);
}

Test(sync, of_an_agent_that_leaves_gives_back_what_it_holds_uncharged)
{
    player.is_leaving = true;
    const struct sync_response *response = player_sync(&player);

    cr_assert_eq(response->leases_count, 0UL);
    cr_assert_eq(stage_last(&stage, FACT_LEASE_ENDED)->lease_ended->end, LEASE_END_RETURNED);
    cr_assert_eq(stage_last(&stage, FACT_AGENT_GONE)->agent_gone->reason, GONE_LEFT);
    cr_assert_eq(stage_view(&stage, run)->counts->attempts, 0);
}

Test(sync, of_an_agent_that_drains_grants_nothing)
{
    player.is_draining = true;
    player_finish(&player, OUTCOME_PASSED);
    cr_assert_eq(player_sync(&player)->leases_count, 0UL);
    cr_assert_not(core_has_news(stage.core, "a", 1));
}

Test(sync, drops_events_about_what_is_not_there)
{
    player_attempt(&player, 12345, 1, OUTCOME_FAILED);
    player_attempt(&player, player_last(&player)->grant.lease, 4711, OUTCOME_FAILED);
    player_attempt(&player, player_last(&player)->grant.lease, -1, OUTCOME_FAILED);
    player_add_event(&player, (struct event){.kind = EVENT_PROBLEM, .lease = 12345});
    player_add_event(&player, (struct event){.kind = EVENT_COLLECTED, .lease = 12345});
    player_add_event(&player, (struct event){.kind = EVENT_NOTE, .lease = 12345});
    cr_assert_eq(player_sync(&player)->acknowledged, player.seq);
    cr_assert_eq(stage_view(&stage, run)->counts->attempts, 0);
    cr_assert_eq(stage_view(&stage, run)->counts->problems, 0);
}

Test(sync, refuses_what_is_malformed_and_changes_nothing)
{
    static const struct {
        int64_t protocol, incarnation, sync_no;
        size_t events_count, slots_count;
        enum status status;
    } cases[] = {
        {PROTOCOL_VERSION + 1, 1, 9, 0, 0, STATUS_VERSION},
        {0, 1, 9, 0, 0, STATUS_VERSION},
        {PROTOCOL_VERSION, 0, 9, 0, 0, STATUS_INVALID},
        {PROTOCOL_VERSION, 1, 0, 0, 0, STATUS_INVALID},
        {PROTOCOL_VERSION, 1, 9, EVENTS_PER_SYNC_MAX + 1, 0, STATUS_TOO_BIG},
        {PROTOCOL_VERSION, 1, 9, 0, SLOTS_PER_AGENT_MAX + 1, STATUS_TOO_BIG},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sync_request request = {.protocol = cases[i].protocol,
                                       .agent = "a",
                                       .incarnation = cases[i].incarnation,
                                       .sync_no = cases[i].sync_no,
                                       .events_count = cases[i].events_count,
                                       .slots_count = cases[i].slots_count,
                                       .doing = ""};

        cr_assert_eq(
            stage_handle(&stage, &(struct command){.kind = COMMAND_SYNC, .sync = &request}),
            cases[i].status, "case %zu", i);
    }
}

Test(sync, brings_a_cancel_for_a_lease_of_a_run_that_has_ended)
{
    int64_t lease = player_last(&player)->grant.lease;

    cr_assert_not(core_has_news(stage.core, "a", 1));
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_CANCEL, .run = run}),
                 STATUS_OK);
    cr_assert(core_has_news(stage.core, "a", 1));
    const struct sync_response *response = player_sync(&player);

    cr_assert_eq(response->cancel_count, 2UL);
    cr_assert_eq(response->cancel[1], lease);
    cr_assert_eq(response->forget_runs_count, 1UL);
    cr_assert_eq(response->forget_runs[0], run);
    cr_assert_eq(player_repeat(&player)->forget_runs_count, 1UL);
    cr_assert_eq(player_sync(&player)->forget_runs_count, 0UL);
    cr_assert_not(core_has_news(stage.core, "a", 1));
}

Test(sync, of_an_idle_agent_writes_nothing)
{
    struct player idle;

    player_init(&idle, &stage, "b", 0);
    cr_assert_not_null(player_sync(&idle));
    cr_assert_not_null(player_sync(&idle));
    cr_assert_eq(stage.facts.count, stage.seen);
    cr_assert(idle.response->may_wait);
}

Test(sync, is_news_for_an_agent_that_is_not_known)
{
    cr_assert(core_has_news(stage.core, "nobody", 1));
    cr_assert(core_has_news(stage.core, "a", 2));
}

Test(sync, after_silence_joins_again_and_its_results_are_late)
{
    int64_t lease = player_last(&player)->grant.lease;
    int64_t test = player_last(&player)->grant.tests[1].test;

    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    player_attempt(&player, lease, test, OUTCOME_FAILED);
    const struct sync_response *response = player_sync(&player);

    cr_assert_eq(stage_count(&stage, FACT_AGENT_JOINED), 2UL);
    cr_assert_eq(response->acknowledged, player.seq);
    cr_assert_eq(response->cancel_count, 2UL);
    cr_assert_eq(response->cancel[1], lease);
    cr_assert_str_eq(stage_last(&stage, FACT_ATTEMPT_RECORDED)->attempt_recorded->why_not, "late");
    cr_assert_eq(stage_view(&stage, run)->counts->failed, 0);
}

Test(sync, of_an_agent_that_was_lost_before_a_restart_goes_on_where_it_was)
{
    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    stage_restart(&stage);
    player_attempt(&player, player_last(&player)->grant.lease, 1, OUTCOME_FAILED);
    const struct sync_response *response = player_sync(&player);

    cr_assert_not(response->resync);
    cr_assert_eq(response->acknowledged, player.seq);
    cr_assert_gt(response->leases_count, 0UL);
}
