#include <string.h>

#include "tests/unit/coordinator_core/stage.h"

/* Which tests run, and in which order. */

static const struct collected_test listing[] = {
    {.id = "A.1", .group = "A", .phase = 0, .file = ""},
    {.id = "B.1", .group = "B", .phase = 1, .file = ""},
    {.id = "A.2", .group = "A", .phase = 0, .file = ""},
    {.id = "C.1", .group = "C", .phase = 0, .file = ""},
    {.id = "D.1", .group = "", .phase = 0, .file = ""},
    {.id = "E.1", .group = "", .phase = 0, .file = ""},
};

static struct history_entry durations[] = {
    {"A.1", 100000}, {"A.2", 200000}, {"B.1", 9000000}, {"C.1", 400000}, {"D.1", 250000},
};

/* The plan's ids, "A.1 A.2 ..."; or the reason why there is none. */
static const char *plan_of(struct stage *stage, const struct run_submission *submission,
                           bool with_history)
{
    struct history history = {durations, COUNT_OF(durations)};
    struct player player;
    const char *text = "";

    stage_init(stage);
    player_init(&player, stage, "a", 1);
    int64_t run = stage_submit(stage, submission, with_history ? &history : NULL);

    cr_assert_not_null(player_sync(&player));
    player_collect(&player, player_last(&player)->grant.lease, listing, COUNT_OF(listing));
    cr_assert_not_null(player_sync(&player));
    const struct fact *planned = stage_last(stage, FACT_RUN_PLANNED);

    if (planned == NULL)
        return stage_view(stage, run)->reason;
    for (size_t i = 0; i < planned->run_planned->order_count; i++)
        text = arena_printf(&stage->arena, "%s%s%s", text, i > 0 ? " " : "",
                            listing[planned->run_planned->order[i] - 1].id);
    return text;
}

struct plan_case {
    const char *what;
    enum run_order order;
    bool with_history;
    const char *filters[2];
    const char *only[3];
    const char *start_at;
    const char *plan;
};

static size_t count_texts(const char *const *texts, size_t max)
{
    size_t count = 0;

    while (count < max && texts[count] != NULL)
        count++;
    return count;
}

static void check_plan(const struct plan_case *it)
{
    static struct stage stage;
    struct stage scratch = {0};
    const char *filters[2] = {it->filters[0], it->filters[1]};
    const char *only[3] = {it->only[0], it->only[1], it->only[2]};
    struct run_submission *submission = stage_submission(&scratch, "k");

    submission->options->order = it->order;
    submission->options->filters = filters;
    submission->options->filters_count = count_texts(filters, 2);
    submission->options->only = only;
    submission->options->only_count = count_texts(only, 3);
    if (it->start_at != NULL)
        submission->options->start_at = it->start_at;
    cr_assert_str_eq(plan_of(&stage, submission, it->with_history), it->plan, "%s", it->what);
    stage_release(&stage);
    arena_release(&scratch.arena);
}

Test(plan, puts_the_tests_in_the_order_asked_for)
{
    static const struct plan_case cases[] = {
        {.what = "listed", .order = ORDER_LISTED, .plan = "A.1 B.1 A.2 C.1 D.1 E.1"},
        {.what = "reverse", .order = ORDER_REVERSE, .plan = "E.1 D.1 C.1 A.2 A.1 B.1"},
        {.what = "phases first, groups together, without history as listed",
         .order = ORDER_HISTORY,
         .plan = "A.1 A.2 C.1 D.1 E.1 B.1"},
        {.what = "unknown first, then the longest group",
         .order = ORDER_HISTORY,
         .with_history = true,
         .plan = "E.1 C.1 A.1 A.2 D.1 B.1"},
        {.what = "filter", .order = ORDER_LISTED, .filters = {"A*"}, .plan = "A.1 A.2"},
        {.what = "any of two filters",
         .order = ORDER_LISTED,
         .filters = {"B*", "*.2"},
         .plan = "B.1 A.2"},
        {.what = "only", .order = ORDER_LISTED, .only = {"E.1", "B.1", "E.1"}, .plan = "B.1 E.1"},
        {.what = "only, one of them gone",
         .order = ORDER_LISTED,
         .only = {"Z.9", "B.1"},
         .plan = "B.1"},
        {.what = "start-at in listed order",
         .order = ORDER_LISTED,
         .start_at = "C.1",
         .plan = "C.1 D.1 E.1"},
        {.what = "start-at in reverse order",
         .order = ORDER_REVERSE,
         .start_at = "A.2",
         .plan = "A.2 A.1 B.1"},
        {.what = "a filter that matches nothing",
         .order = ORDER_LISTED,
         .filters = {"A*", "nope*"},
         .plan = "no test matches the filter 'nope*'"},
        {.what = "only unknown ids",
         .order = ORDER_LISTED,
         .only = {"Z.9"},
         .plan = "none of the tests asked for is in the collection"},
        {.what = "start-at an unknown id",
         .order = ORDER_LISTED,
         .start_at = "Z.9",
         .plan = "no test 'Z.9' to start at"},
        {.what = "start-at an id that the filter dropped",
         .order = ORDER_LISTED,
         .filters = {"A*"},
         .start_at = "C.1",
         .plan = "no test 'C.1' to start at"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_plan(&cases[i]);
}

static void shuffled(struct stage *stage, int64_t seed, const struct collected_test *tests,
                     size_t count, int64_t *out_order)
{
    struct player player;

    stage_init(stage);
    player_init(&player, stage, "a", 1);
    struct run_submission *submission = stage_submission(stage, "k");

    submission->options->order = ORDER_SHUFFLE;
    submission->options->seed = seed;
    (void)stage_run(stage, &player, submission, tests, count);
    (void)memcpy(out_order, stage_last(stage, FACT_RUN_PLANNED)->run_planned->order,
                 count * sizeof(*out_order));
    stage_release(stage);
}

Test(plan, shuffles_groups_and_their_tests_by_the_seed_alone)
{
    enum { COUNT = 60, GROUP = 5 };
    struct stage scratch = {0};
    struct stage stage;
    struct collected_test *tests = stage_tests(&scratch, COUNT, GROUP);
    int64_t first[COUNT];
    int64_t again[COUNT];
    int64_t other[COUNT];

    shuffled(&stage, 7, tests, COUNT, first);
    shuffled(&stage, 7, tests, COUNT, again);
    shuffled(&stage, 8, tests, COUNT, other);
    cr_assert_eq(memcmp(first, again, sizeof(first)), 0);
    cr_assert_neq(memcmp(first, other, sizeof(first)), 0);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_str_eq(tests[first[i] - 1].group, tests[first[i - i % GROUP] - 1].group);
    arena_release(&scratch.arena);
}

Test(plan, ends_a_run_without_tests_with_status_4)
{
    struct stage stage;
    struct player player;

    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    int64_t run = stage_run(&stage, &player, stage_submission(&stage, "k"), NULL, 0);

    cr_assert_eq(stage_view(&stage, run)->end, RUN_END_NOTHING);
    cr_assert_eq(stage_view(&stage, run)->exit_status, 4);
    stage_release(&stage);
}

Test(plan, ends_a_run_with_a_bad_filter_with_status_2)
{
    struct stage stage;
    struct player player;
    const char *filters[] = {"x*"};

    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    struct run_submission *submission = stage_submission(&stage, "k");

    submission->options->filters = filters;
    submission->options->filters_count = 1;
    int64_t run = stage_run(&stage, &player, submission, stage_tests(&stage, 3, 0), 3);

    cr_assert_eq(stage_view(&stage, run)->end, RUN_END_BAD_FILTER);
    cr_assert_eq(stage_view(&stage, run)->exit_status, 2);
    cr_assert_eq(stage_view(&stage, run)->counts->collected, 0);
    stage_release(&stage);
}
