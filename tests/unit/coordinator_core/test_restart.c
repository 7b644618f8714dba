#include "coordinator/core/state.h"
#include "shared/base/hash.h"
#include "tests/unit/coordinator_core/stage.h"

/* The coordinator dies, and what must not be noticed. */

static struct stage stage;
static struct player player;
static int64_t run;

static void begin(void)
{
    struct run_submission *submission = NULL;

    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    submission = stage_submission(&stage, "k");
    submission->suite->retries->test = 1;
    run = stage_run(&stage, &player, submission, stage_tests(&stage, 40, 4), 40);
}

static void end(void)
{
    stage_release(&stage);
}

TestSuite(restart, .init = begin, .fini = end);

static void check_equal_after_restart(void)
{
    char before[HASH_HEX_SIZE];
    char after[HASH_HEX_SIZE];

    core_digest(stage.core, before);
    stage_restart(&stage);
    core_digest(stage.core, after);
    cr_assert_str_eq(before, after);
}

Test(restart, loads_the_same_state)
{
    const struct lease_grant *grant = &player.leases[0].grant;

    check_equal_after_restart();
    player_attempt(&player, grant->lease, grant->tests[0].test, OUTCOME_FAILED);
    player_attempt(&player, grant->lease, grant->tests[1].test, OUTCOME_LOST);
    player_extra(&player, grant->lease, "tearDownClass (x)", OUTCOME_ERROR);
    cr_assert_not_null(player_sync(&player));
    check_equal_after_restart();
    player_problem(&player, player.leases[0].grant.lease, "clone", "no");
    cr_assert_not_null(player_sync(&player));
    check_equal_after_restart();
}

Test(restart, makes_no_test_run_again)
{
    stage_restart(&stage);
    player_play(&player, 100);
    cr_assert_eq(stage_view(&stage, run)->counts->attempts, 40);
    cr_assert_eq(stage_view(&stage, run)->end, RUN_END_DONE);
}

Test(restart, gives_every_lease_its_time_anew)
{
    stage_pass(&stage, AGENT_LOST_MS - 1);
    stage_restart(&stage);
    stage_pass(&stage, AGENT_LOST_MS - 1);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_GONE), 0UL);
    stage_pass(&stage, 1);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_GONE), 1UL);
}

Test(restart, never_reissues_a_token)
{
    int64_t last = player_last(&player)->grant.lease;

    stage_restart(&stage);
    player_finish(&player, OUTCOME_PASSED);
    cr_assert_not_null(player_sync(&player));
    cr_assert_gt(player_last(&player)->grant.lease, last);
    cr_assert_eq(LEASE_EPOCH(player_last(&player)->grant.lease), 2);
}

Test(restart, wants_history_for_runs_that_still_collect)
{
    const char *name = NULL;
    int64_t number = 0;
    int64_t second = stage_submit(&stage, stage_submission(&stage, "second"), NULL);

    stage_restart(&stage);
    cr_assert_eq(core_runs_without_history(stage.core, &number, &name, 1), 1UL);
    cr_assert_eq(number, second);
    cr_assert_str_eq(name, "suite");
    core_give_history(stage.core, second, &(struct history){0});
    cr_assert_eq(core_runs_without_history(stage.core, &number, &name, 1), 0UL);
}

Test(restart, digest_tells_states_apart)
{
    char before[HASH_HEX_SIZE];
    char after[HASH_HEX_SIZE];

    core_digest(stage.core, before);
    player_attempt(&player, player.leases[0].grant.lease, player.leases[0].grant.tests[0].test,
                   OUTCOME_PASSED);
    cr_assert_not_null(player_sync(&player));
    core_digest(stage.core, after);
    cr_assert_str_neq(before, after);
}

/* ---- what was over before ------------------------------------------------------- */

Test(restart, knows_the_leases_that_were_closed)
{
    const struct lease_grant grant = player.leases[0].grant;

    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    stage_restart(&stage);
    player_attempt(&player, grant.lease, grant.tests[1].test, OUTCOME_FAILED);
    cr_assert_not_null(player_sync(&player));
    const struct fact *fact = stage_last(&stage, FACT_ATTEMPT_RECORDED);

    cr_assert_str_eq(fact->attempt_recorded->why_not, "late");
    cr_assert_eq(fact->attempt_recorded->report->test, grant.tests[1].test);
    cr_assert_eq(stage_last(&stage, FACT_AGENT_SYNCED)->agent_synced->dropped, 0);
    check_equal_after_restart();
}

Test(restart, knows_the_leases_of_a_run_that_has_ended)
{
    const struct lease_grant grant = player.leases[0].grant;

    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_CANCEL, .run = run}),
                 STATUS_OK);
    stage_restart(&stage);
    player_attempt(&player, grant.lease, grant.tests[0].test, OUTCOME_PASSED);
    cr_assert_not_null(player_sync(&player));

    cr_assert_eq(stage_count_new(&stage, FACT_ATTEMPT_RECORDED), 1UL);
    cr_assert_eq(stage_view(&stage, run)->counts->late, 1);
}

Test(restart, says_which_results_it_drops)
{
    const struct lease_grant grant = player.leases[0].grant;

    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_CANCEL, .run = run}),
                 STATUS_OK);
    stage_pass(&stage, RUN_ENDED_KEEP_MS);
    stage_tick(&stage);
    player_attempt(&player, grant.lease, grant.tests[0].test, OUTCOME_PASSED);
    player_attempt(&player, grant.lease, grant.tests[1].test, OUTCOME_PASSED);
    const struct sync_response *response = player_sync(&player);

    cr_assert_eq(response->acknowledged, player.seq);
    cr_assert_eq(stage_count_new(&stage, FACT_ATTEMPT_RECORDED), 0UL);
    cr_assert_eq(stage_last(&stage, FACT_AGENT_SYNCED)->agent_synced->dropped, 2);
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_STATS}), STATUS_OK);
    cr_assert_eq(stage.reply.stats.total_dropped, 2);
    cr_assert_eq(stage.reply.stats.total_late, 0);
}

Test(restart, goes_on_counting_where_the_ledger_ends)
{
    int64_t before = stage_view(&stage, run)->last_seq;

    stage_restart(&stage);
    cr_assert_eq(stage_view(&stage, run)->last_seq, before);
    player_attempt(&player, player.leases[0].grant.lease, player.leases[0].grant.tests[0].test,
                   OUTCOME_PASSED);
    cr_assert_not_null(player_sync(&player));
    cr_assert_gt(stage_view(&stage, run)->last_seq, before);
}

Test(restart, forgets_no_agent_that_has_gone)
{
    struct player old = player;

    player_reincarnate(&player);
    player.is_leaving = true;
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_last(&stage, FACT_AGENT_GONE)->agent_gone->incarnation, 2);
    stage_restart(&stage);

    cr_assert_null(player_sync(&old));
    cr_assert_eq(old.status, STATUS_SUPERSEDED);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_JOINED), 2UL);
}

/* ---- a backup is put back ------------------------------------------------------- */

/* The agent's next `count` results are acknowledged by a store that is then lost. */
static void lose_what_follows(int count)
{
    size_t facts_count = stage.facts.count;

    for (int i = 0; i < count; i++) {
        const struct lease_grant *grant = &player.leases[0].grant;

        player_attempt(&player, grant->lease, grant->tests[i].test, OUTCOME_PASSED);
    }
    cr_assert_not_null(player_sync(&player));
    stage_restore(&stage, facts_count);
}

Test(restart, with_a_backup_gives_up_what_the_agent_no_longer_has_and_says_so)
{
    int64_t lease = player.leases[0].grant.lease;
    int64_t test = player.leases[0].grant.tests[3].test;

    lose_what_follows(3);
    player_attempt(&player, lease, test, OUTCOME_PASSED);
    const struct sync_response *response = player_sync(&player);
    const struct fact_agent_synced *synced = stage_last(&stage, FACT_AGENT_SYNCED)->agent_synced;

    cr_assert_not(response->resync);
    cr_assert_eq(response->acknowledged, player.seq);
    cr_assert_eq(synced->missing, 3);
    cr_assert_eq(synced->acknowledged, player.seq);
    cr_assert_eq(stage_last(&stage, FACT_ATTEMPT_RECORDED)->attempt_recorded->report->test, test);
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_STATS}), STATUS_OK);
    cr_assert_eq(stage.reply.stats.total_missing, 3);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_count_new(&stage, FACT_AGENT_SYNCED), 0UL, "it is said once");
}

Test(restart, with_a_backup_lets_the_run_go_on_to_its_end)
{
    lose_what_follows(3);
    player_play(&player, 200); /* their lease ends when the agent holds it no more */
    cr_assert_eq(stage_view(&stage, run)->end, RUN_END_DONE);
    cr_assert_eq(stage_view(&stage, run)->counts->passed, 40);
}

Test(restart, with_a_backup_asks_an_older_agent_to_send_again)
{
    player.is_older = true;
    lose_what_follows(3);
    player_attempt(&player, player.leases[0].grant.lease, player.leases[0].grant.tests[3].test,
                   OUTCOME_PASSED);

    cr_assert(player_sync(&player)->resync);
    cr_assert_eq(stage_count_new(&stage, FACT_ATTEMPT_RECORDED), 0UL);
}

Test(restart, with_a_backup_takes_the_spool_of_an_earlier_life)
{
    lose_what_follows(3);
    player_attempt(&player, player.leases[0].grant.lease, player.leases[0].grant.tests[3].test,
                   OUTCOME_PASSED);
    player.is_recovering = true;
    const struct sync_response *response = player_sync(&player);

    cr_assert_not(response->resync);
    cr_assert_eq(response->acknowledged, player.seq);
    cr_assert_eq(stage_last(&stage, FACT_AGENT_SYNCED)->agent_synced->missing, 3);
    cr_assert_eq(stage_count_new(&stage, FACT_ATTEMPT_RECORDED), 1UL);
}

Test(restart, with_a_backup_from_before_the_agent_came_says_what_is_missing_too)
{
    lose_what_follows(2);
    stage_restore(&stage, 0);
    const struct sync_response *response = player_sync(&player);

    cr_assert_not(response->resync);
    cr_assert_eq(response->acknowledged, player.seq);
    cr_assert_eq(stage_last(&stage, FACT_AGENT_SYNCED)->agent_synced->missing, player.seq);
}

/* ---- soundness is a real check ------------------------------------------------- */

struct damage {
    const char *what;
    void (*inflict)(struct run *run, struct lease *lease);
};

static void forge_verdict(struct run *target, struct lease *lease)
{
    struct test *test = lease_first_outstanding(lease);

    run_decide_test(target, test, VERDICT_PASSED);
}

static void lose_from_queue(struct run *target, struct lease *lease)
{
    (void)lease;
    struct places *rest = &target->queue.lanes[LANE_REST];

    places_remove(rest, places_next(rest, 0));
}

static void miscount(struct run *target, struct lease *lease)
{
    (void)lease;
    target->counts.passed++;
}

static void take_from_lease(struct run *target, struct lease *lease)
{
    (void)target;
    lease_first_outstanding(lease)->lease = NULL;
}

static void raise_token(struct run *target, struct lease *lease)
{
    (void)target;
    lease->token += 1000;
}

static void end_holder(struct run *target, struct lease *lease)
{
    (void)target;
    lease->agent->is_live = false;
}

static void drop_estimate(struct run *target, struct lease *lease)
{
    (void)lease;
    target->queue.load.unknown--;
}

Test(restart, sound_sees_each_kind_of_damage)
{
    static const struct damage damages[] = {
        {"a verdict without an attempt", forge_verdict},
        {"a lost test", lose_from_queue},
        {"a wrong count", miscount},
        {"a test nowhere", take_from_lease},
        {"a strange token", raise_token},
        {"a holder that is gone", end_holder},
        {"a wrong load", drop_estimate},
    };

    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        struct core *core = stage_load(&stage);
        struct error err = {0};
        struct run *target = run_find(core, run);

        cr_assert(core_is_sound(core, &err), "%s", err.text);
        damages[i].inflict(target, target->leases);
        cr_assert_not(core_is_sound(core, &err), "%s was not seen", damages[i].what);
        cr_assert_str_not_empty(err.text);
        core_free(core);
    }
}
