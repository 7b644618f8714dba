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
