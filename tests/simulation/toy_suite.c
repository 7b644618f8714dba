#include "tests/simulation/toy_suite.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/limits.h"

/* Of a thousand tests, so many are of this kind. */
static const unsigned shares[TOY_KIND_COUNT] = {
    [TOY_PASSES] = 880, [TOY_FAILS] = 30,  [TOY_ERRORS] = 15, [TOY_SKIPS] = 20, [TOY_XFAILS] = 10,
    [TOY_XPASSES] = 10, [TOY_FLAKES] = 25, [TOY_CRASHES] = 6, [TOY_HANGS] = 4,
};

/* clang-format off */
#define MAY(verdict) (1U << VERDICT_##verdict)
static const unsigned allowed[TOY_KIND_COUNT] = {
    [TOY_PASSES]  = MAY(PASSED),
    [TOY_FAILS]   = MAY(FAILED),
    [TOY_ERRORS]  = MAY(ERROR),
    [TOY_SKIPS]   = MAY(SKIPPED),
    [TOY_XFAILS]  = MAY(PASSED),
    [TOY_XPASSES] = MAY(FAILED),
    [TOY_FLAKES]  = MAY(PASSED) | MAY(FAILED) | MAY(FLAKY),
    [TOY_CRASHES] = MAY(CRASHED),
    [TOY_HANGS]   = MAY(TIMED_OUT),
};
/* clang-format on */

bool toy_kind_allows(enum toy_kind kind, enum verdict verdict)
{
    return (allowed[kind] & (1U << verdict)) != 0;
}

static enum toy_kind roll_kind(struct dice *dice)
{
    unsigned roll = (unsigned)dice_below(dice, 1000);

    for (int kind = 0; kind < TOY_KIND_COUNT; kind++) {
        if (roll < shares[kind])
            return (enum toy_kind)kind;
        roll -= shares[kind];
    }
    return TOY_PASSES;
}

static void make_groups(struct toy_suite *suite, struct dice *dice)
{
    suite->group_count = suite->test_count / 6 + 1;
    suite->groups = arena_array(&suite->arena, (size_t)suite->group_count, sizeof(*suite->groups));
    for (int i = 0; i < suite->group_count; i++)
        suite->groups[i] = (struct toy_group){
            .name = arena_printf(&suite->arena, "app.tests.Case%d", i),
            .setup_ms = dice_between(dice, 0, 300),
            .teardown_ms = dice_between(dice, 0, 100),
            .teardown_fails = dice_chance(dice, 20),
        };
}

static void make_test(struct toy_suite *suite, int i, struct dice *dice)
{
    struct toy_test *test = &suite->tests[i];
    int group = i * suite->group_count / suite->test_count;

    *test = (struct toy_test){.group = suite->groups[group].name,
                              .group_number = group,
                              .phase = group * 10 >= suite->group_count * 8 ? 1 : 0,
                              .duration_ms = dice_chance(dice, 50) ? dice_between(dice, 5000, 15000)
                                                                   : dice_between(dice, 1, 7000),
                              .kind = roll_kind(dice)};
    test->is_dirty = test->phase == 1 && dice_chance(dice, 800);
    test->listed_id = arena_printf(&suite->arena, "%s.test_%d", test->group, i);
    test->id = test->listed_id;
    if (i > 0 && dice_chance(dice, 10) && suite->tests[i - 1].id == suite->tests[i - 1].listed_id) {
        test->listed_id = suite->tests[i - 1].listed_id;
        test->id = arena_printf(&suite->arena, "%s#2", test->listed_id);
    }
}

static void make_submission(struct toy_suite *suite, int number, struct dice *dice)
{
    struct arena *arena = &suite->arena;
    struct suite *file = arena_alloc(arena, sizeof(*file));
    struct suite_source *source = arena_alloc(arena, sizeof(*source));
    struct suite_timeouts *timeouts = arena_alloc(arena, sizeof(*timeouts));
    struct suite_retries *retries = arena_alloc(arena, sizeof(*retries));
    struct suite_limits *limits = arena_alloc(arena, sizeof(*limits));
    struct run_options *options = arena_alloc(arena, sizeof(*options));

    *source = (struct suite_source){
        .dir = "/suite", .repository = "", .revision = "", .tree_hash = "", .subdir = ""};
    *timeouts = (struct suite_timeouts){.test_ms = suite->test_ms,
                                        .ready_ms = suite->ready_ms,
                                        .prepare_ms = 60000,
                                        .setup_ms = 60000,
                                        .grace_ms = suite->grace_ms};
    *retries =
        (struct suite_retries){.test = dice_between(dice, 0, 2), .run_percent = 5, .crash = 2};
    *limits = (struct suite_limits){.processes = 100, .output_bytes = 1 << 20};
    *options = (struct run_options){
        .order = (enum run_order)dice_below(dice, ORDER_SHUFFLE + 1),
        .seed = (int64_t)dice_below(dice, 1000),
        .start_at = "",
        .fail_fast = dice_chance(dice, 50) ? dice_between(dice, 1, 10) : 0,
        .detached = dice_chance(dice, 200),
        .workers = dice_chance(dice, 200) ? dice_between(dice, 2, 20) : 0,
    };
    *file = (struct suite){.muster = 1,
                           .name = "toy",
                           .source = source,
                           .timeouts = timeouts,
                           .driver = SUITE_DRIVER_UNITTEST,
                           .retries = retries,
                           .limits = limits};
    suite->submission = (struct run_submission){
        .protocol = PROTOCOL_VERSION,
        .key = arena_printf(arena, "key-%d", number),
        .suite = file,
        .options = options,
    };
}

struct toy_suite *toy_suite_new(struct world *world, int number, int tests)
{
    static const enum suite_fresh freshness[] = {
        SUITE_FRESH_SLOT, SUITE_FRESH_SLOT, SUITE_FRESH_BATCH, SUITE_FRESH_GROUP, SUITE_FRESH_TEST};
    struct toy_suite *suite = mem_zalloc(sizeof(*suite));
    struct dice *dice = &world->dice_plan;

    arena_init(&suite->arena);
    suite->test_count = tests;
    suite->test_ms = 20000;
    suite->ready_ms = 10000;
    suite->grace_ms = 2000;
    suite->has_databases = dice_chance(dice, 800);
    suite->fresh = freshness[dice_below(dice, COUNT_OF(freshness))];
    make_groups(suite, dice);
    suite->tests = arena_array(&suite->arena, (size_t)tests, sizeof(*suite->tests));
    for (int i = 0; i < tests; i++)
        make_test(suite, i, dice);
    make_submission(suite, number, dice);
    return suite;
}

void toy_suite_free(struct toy_suite *suite)
{
    if (suite == NULL)
        return;
    arena_release(&suite->arena);
    free(suite);
}

int toy_suite_find(const struct toy_suite *suite, const char *id)
{
    const char *digits = strstr(id, ".test_");
    int i = digits != NULL ? (int)strtol(digits + strlen(".test_"), NULL, 10) : -1;

    /* A repeated id names the test before it. */
    for (int candidate = i; candidate >= 0 && candidate <= i + 1 && candidate < suite->test_count;
         candidate++)
        if (strcmp(suite->tests[candidate].id, id) == 0)
            return candidate;
    return -1;
}

struct toy_suite *world_suite_of_run(const struct world *world, int64_t run)
{
    for (int i = 0; i < world->run_count; i++)
        if (world->suites[i]->run == run)
            return world->suites[i];
    return NULL;
}
