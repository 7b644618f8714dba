#include <string.h>

#include "tests/unit/coordinator_core/stage.h"

/* The list of tests. */

static struct stage stage;
static struct player player;
static int64_t run;

static void begin(void)
{
    stage_init(&stage);
    player_init(&player, &stage, "a", 2);
    run = stage_submit(&stage, stage_submission(&stage, "k"), NULL);
    cr_assert_not_null(player_sync(&player));
}

static void end(void)
{
    stage_release(&stage);
}

TestSuite(collect, .init = begin, .fini = end);

Test(collect, is_one_lease_of_one_agent)
{
    struct player other;

    player_init(&other, &stage, "b", 2);
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(player.leases_count, 1UL);
    cr_assert_eq(player_last(&player)->grant.kind, LEASE_COLLECT);
    cr_assert_eq(other.leases_count, 0UL);
    cr_assert_eq(stage_view(&stage, run)->state, RUN_COLLECTING);
}

Test(collect, marks_an_id_that_is_listed_again)
{
    struct collected_test tests[] = {
        {.id = "x", .group = "", .file = ""}, {.id = "x", .group = "", .file = ""},
        {.id = "y", .group = "", .file = ""}, {.id = "x#2", .group = "", .file = ""},
        {.id = "x", .group = "", .file = ""},
    };
    static const char *const ids[] = {"x", "x#2", "y", "x#2#2", "x#3"};

    player_collect(&player, player_last(&player)->grant.lease, tests, COUNT_OF(tests));
    cr_assert_not_null(player_sync(&player));
    const struct fact_tests_collected *page =
        stage_last(&stage, FACT_TESTS_COLLECTED)->tests_collected;

    cr_assert_eq(stage_view(&stage, run)->counts->collected, 5);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        cr_assert_str_eq(page->tests[i].id, ids[i]);
}

Test(collect, goes_over_pages_and_a_restart)
{
    struct collected_test *tests = stage_tests(&stage, 30, 3);
    int64_t lease = player_last(&player)->grant.lease;

    player_add_event(
        &player,
        (struct event){.kind = EVENT_COLLECTED, .lease = lease, .tests = tests, .tests_count = 10});
    cr_assert_not_null(player_sync(&player));
    stage_restart(&stage);
    player_add_event(&player, (struct event){.kind = EVENT_COLLECTED,
                                             .lease = lease,
                                             .tests = &tests[10],
                                             .tests_count = 20});
    player_add_event(&player,
                     (struct event){.kind = EVENT_COLLECTION_DONE, .lease = lease, .count = 30});
    player_last(&player)->is_over = true;
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
    cr_assert_eq(stage_view(&stage, run)->counts->collected, 30);
}

Test(collect, begins_again_when_the_count_or_the_hash_does_not_fit)
{
    static const struct {
        int64_t count;
        const char *hash;
    } cases[] = {{4, "whatever"}, {3, "0000"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t lease = player_last(&player)->grant.lease;

        player_add_event(&player, (struct event){.kind = EVENT_COLLECTED,
                                                 .lease = lease,
                                                 .tests = stage_tests(&stage, 3, 0),
                                                 .tests_count = 3});
        player_add_event(&player, (struct event){.kind = EVENT_COLLECTION_DONE,
                                                 .lease = lease,
                                                 .count = cases[i].count,
                                                 .hash = cases[i].hash});
        player_last(&player)->is_over = true;
        cr_assert_not_null(player_sync(&player));
        cr_assert_eq(stage_count_new(&stage, FACT_PROBLEM_RECORDED), 1UL);
        cr_assert_eq(player_last(&player)->grant.kind, LEASE_COLLECT);
        cr_assert_neq(player_last(&player)->grant.lease, lease);
    }
    player_collect(&player, player_last(&player)->grant.lease, stage_tests(&stage, 3, 0), 3);
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_view(&stage, run)->counts->collected, 3);
}

Test(collect, of_an_agent_that_is_lost_is_undone_and_given_to_another)
{
    struct player other;

    player_add_event(&player, (struct event){.kind = EVENT_COLLECTED,
                                             .lease = player_last(&player)->grant.lease,
                                             .tests = stage_tests(&stage, 3, 0),
                                             .tests_count = 3});
    cr_assert_not_null(player_sync(&player));
    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    player_init(&other, &stage, "b", 1);
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(player_last(&other)->grant.kind, LEASE_COLLECT);
    player_collect(&other, player_last(&other)->grant.lease, stage_tests(&stage, 2, 0), 2);
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(stage_view(&stage, run)->counts->collected, 2);
}
