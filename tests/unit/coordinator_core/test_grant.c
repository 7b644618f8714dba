#include <stdlib.h>
#include <string.h>

#include "tests/unit/coordinator_core/stage.h"

/* Which slot gets what. */

static struct stage stage;
static struct player player;
static struct run_submission *submission;

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

static int compare_entries(const void *a, const void *b)
{
    const struct history_entry *left = a;
    const struct history_entry *right = b;

    return strcmp(left->id, right->id);
}

TestSuite(grant, .init = begin, .fini = end);

Test(grant, batches_shrink_towards_the_end)
{
    size_t before = SIZE_MAX;

    (void)stage_run(&stage, &player, submission, stage_tests(&stage, 400, 0), 400);
    while (player.leases_count > 0) {
        const struct player_lease lease = player.leases[0];

        cr_assert_leq(lease.grant.tests_count, before, "batches grow");
        before = lease.grant.tests_count;
        for (size_t i = 0; i < lease.grant.tests_count; i++)
            player_attempt(&player, lease.grant.lease, lease.grant.tests[i].test, OUTCOME_PASSED);
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_leq(before, 3UL, "the last batch is larger than BATCH_US_MIN");
}

Test(grant, keeps_groups_whole_while_they_are_short)
{
    enum { TESTS = 120, GROUP = 6 };
    struct collected_test *tests = stage_tests(&stage, TESTS, GROUP);

    (void)stage_run(&stage, &player, submission, tests, TESTS);
    for (int i = 0; i < 100 && player.leases_count > 0; i++) {
        const struct lease_grant *grant = &player.leases[0].grant;

        if (stage_view(&stage, grant->run)->counts->passed < TESTS / 2)
            cr_assert_eq(grant->tests_count % GROUP, 0UL, "a group was split");
        player_finish(&player, OUTCOME_PASSED);
        cr_assert_not_null(player_sync(&player));
    }
}

Test(grant, splits_a_group_that_is_longer_than_a_fair_share)
{
    struct player other;

    player_init(&other, &stage, "b", 1);
    submission->key = "first";
    cr_assert_not_null(player_sync(&other));
    (void)stage_run(&stage, &player, submission, stage_tests(&stage, 100, 100), 100);
    cr_assert_not_null(player_sync(&other));
    cr_assert_lt(player.leases[0].grant.tests_count, 100UL);
    cr_assert_gt(other.leases_count, 0UL);
}

Test(grant, gives_a_batch_of_one_phase)
{
    struct collected_test *tests = stage_tests(&stage, 30, 0);

    for (size_t i = 0; i < 30; i++)
        tests[i].phase = i % 2 == 0 ? 0 : 1;
    (void)stage_run(&stage, &player, submission, tests, 30);
    int64_t phase = 0;

    for (int i = 0; i < 100 && player.leases_count > 0; i++) {
        const struct lease_grant *grant = &player.leases[0].grant;

        for (size_t j = 0; j < grant->tests_count; j++)
            cr_assert_eq(grant->tests[j].phase, grant->tests[0].phase);
        cr_assert_geq(grant->tests[0].phase, phase, "phases fell");
        phase = grant->tests[0].phase;
        player_finish(&player, OUTCOME_PASSED);
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_eq(phase, 1);
}

Test(grant, prefers_a_phase_that_needs_no_new_clone)
{
    struct collected_test *tests = stage_tests(&stage, 40, 0);

    for (size_t i = 20; i < 40; i++)
        tests[i].phase = 1;
    player.slots = 0;
    int64_t run = stage_submit(&stage, submission, NULL);

    player.slots = 1;
    player.slot_reports[0] = (struct slot_report){.slot = 1, .group = ""};
    cr_assert_not_null(player_sync(&player));
    player_collect(&player, player_last(&player)->grant.lease, tests, 40);
    player.slot_reports[0] = (struct slot_report){.slot = 1, .run = run, .phase = 1, .group = ""};
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(player.leases[0].grant.tests[0].phase, 1);
}

Test(grant, prefers_the_group_that_a_slot_has_warm)
{
    struct player other;
    struct collected_test *tests = stage_tests(&stage, 200, 100);

    int64_t run = stage_run(&stage, &player, submission, tests, 200);
    cr_assert_str_eq(player.leases[0].grant.tests[0].group, "g1");
    player_init(&other, &stage, "b", 1);
    other.slot_reports[0] = (struct slot_report){.slot = 1, .run = run, .group = "g2"};
    cr_assert_not_null(player_sync(&other));
    cr_assert_str_eq(other.leases[0].grant.tests[0].group, "g2");
}

Test(grant, keeps_to_the_bound_of_workers)
{
    submission->options->workers = 2;
    player.slots = 4;
    for (int64_t i = 0; i < 4; i++)
        player.slot_reports[i] = (struct slot_report){.slot = i + 1, .group = ""};
    int64_t run = stage_run(&stage, &player, submission, stage_tests(&stage, 200, 0), 200);

    cr_assert_eq(stage_view(&stage, run)->slots_busy, 2);
    cr_assert_not(core_has_news(stage.core, "a", 1), "the agent would be called in vain");
}

Test(grant, runs_one_workers_tests_in_exactly_the_listed_order)
{
    int64_t expected = 1;

    submission->options->workers = 1;
    submission->options->order = ORDER_LISTED;
    (void)stage_run(&stage, &player, submission, stage_tests(&stage, 100, 7), 100);
    for (int i = 0; i < 200 && player.leases_count > 0; i++) {
        for (size_t j = 0; j < player.leases_count; j++)
            for (size_t k = 0; k < player.leases[j].grant.tests_count; k++)
                cr_assert_eq(player.leases[j].grant.tests[k].test, expected++);
        player_finish(&player, OUTCOME_PASSED);
        cr_assert_not_null(player_sync(&player));
    }
    cr_assert_eq(expected, 101);
}

Test(grant, shares_the_slots_between_runs)
{
    player.slots = 4;
    for (int64_t i = 0; i < 4; i++)
        player.slot_reports[i] = (struct slot_report){.slot = i + 1, .group = ""};
    struct run_submission *second = stage_submission(&stage, "second");
    int64_t first_run = stage_submit(&stage, submission, NULL);
    int64_t second_run = stage_submit(&stage, second, NULL);

    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(player.leases_count, 2UL, "two collects");
    player_collect(&player, player.leases[0].grant.lease, stage_tests(&stage, 200, 0), 200);
    player_collect(&player, player.leases[1].grant.lease, stage_tests(&stage, 200, 0), 200);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_view(&stage, first_run)->slots_busy, 2);
    cr_assert_eq(stage_view(&stage, second_run)->slots_busy, 2);
}

Test(grant, needs_every_label_the_run_requires)
{
    struct label wanted[] = {{"os", "linux"}, {"db", "pg"}};
    struct player fitting;

    submission->requirements = wanted;
    submission->requirements_count = 2;
    (void)stage_submit(&stage, submission, NULL);
    player.labels[0] = wanted[0];
    player.labels_count = 1;
    cr_assert_eq(player_sync(&player)->leases_count, 0UL);
    cr_assert_not(core_has_news(stage.core, "a", 1));
    player_init(&fitting, &stage, "b", 1);
    fitting.labels[0] = wanted[1];
    fitting.labels[1] = wanted[0];
    fitting.labels_count = 2;
    cr_assert_eq(player_sync(&fitting)->leases_count, 1UL);
}

Test(grant, prefetches_while_the_queue_is_long_and_one_batch_is_nearly_over)
{
    (void)stage_run(&stage, &player, submission, stage_tests(&stage, 20, 0), 20);
    cr_assert_eq(player.leases_count, 2UL, "a batch of half a second and the next one");
    cr_assert_eq(player.leases[1].grant.slot, player.leases[0].grant.slot);
    cr_assert_eq(player_sync(&player)->leases_count, 0UL, "and no third");
}

/* Forty tests of a second: the first agent takes ten of them, and a second one comes and does the
 * rest. */
Test(grant, asks_back_what_waits_when_another_slot_has_nothing)
{
    enum { TESTS = 40 };
    struct player other;
    struct collected_test *tests = stage_tests(&stage, TESTS, 0);
    struct history_entry entries[TESTS];

    for (size_t i = 0; i < TESTS; i++)
        entries[i] = (struct history_entry){tests[i].id, 1000000};
    qsort(entries, TESTS, sizeof(entries[0]), compare_entries);
    (void)stage_submit(&stage, submission, &(struct history){entries, TESTS});
    cr_assert_not_null(player_sync(&player));
    player_collect(&player, player_last(&player)->grant.lease, tests, TESTS);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(player.leases[0].grant.tests_count, 10UL);
    cr_assert_not_null(player_sync(&player));

    player_init(&other, &stage, "b", 1);
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(player_sync(&player)->return_leases_count, 0UL, "others still have work");
    player_play(&other, 100);
    const struct sync_response *response = player_sync(&player);

    cr_assert_eq(response->return_leases_count, 1UL);
    cr_assert_eq(response->return_leases[0], player.leases[0].grant.lease);
    cr_assert_not(core_has_news(stage.core, "b", 1), "nothing is offered before it is returned");
    player_return(&player, player.leases[0].grant.lease);
    player.is_draining = true;
    cr_assert_eq(player_sync(&player)->return_leases_count, 0UL);
    cr_assert(core_has_news(stage.core, "b", 1));
}

Test(grant, offers_stolen_tests_only_after_they_were_returned)
{
    (void)stage_run(&stage, &player, submission, stage_tests(&stage, 20, 0), 20);
    struct player_lease *lease = &player.leases[0];
    int64_t last = lease->grant.tests[lease->grant.tests_count - 1].test;
    struct event event = {.kind = EVENT_RETURNED,
                          .lease = lease->grant.lease,
                          .numbers = &last,
                          .numbers_count = 1,
                          .text = "asked to"};

    player_add_event(&player, event);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_last(&stage, FACT_TESTS_RETURNED)->tests_returned->tests[0], last);
    cr_assert_not(core_has_news(stage.core, "a", 1), "its slot is busy");

    struct player other;

    player_init(&other, &stage, "b", 1);
    cr_assert_not_null(player_sync(&other));
    bool is_offered = false;

    for (size_t i = 0; i < other.leases_count; i++)
        for (size_t j = 0; j < other.leases[i].grant.tests_count; j++)
            is_offered |= other.leases[i].grant.tests[j].test == last;
    cr_assert(is_offered);
}
