#include <stdlib.h>
#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/random.h"
#include "shared/base/text.h"

/* Which of the listed tests run, and in which order.
 *
 *     history    by phase; unknown groups first, then the longest first; groups together
 *     listed     as the driver listed them
 *     reverse    by phase; inside each the other way round, as unittest runners mean it: a test of
 * a later phase may leave behind in its process what one of an earlier never meets shuffle    by
 * phase; groups shuffled, and the tests inside each start-at   all before it in that order is
 * dropped */

struct draft {
    const struct run *run;
    const struct run_options *options;
    struct arena *arena;
    int64_t *order;
    size_t count;
};

/* ---- selecting ---------------------------------------------------------------- */

static bool is_wanted(const struct run_options *options, const char *id)
{
    for (size_t i = 0; i < options->filters_count; i++)
        if (text_matches_glob(options->filters[i], id))
            return true;
    return options->filters_count == 0;
}

static void select_filtered(struct draft *draft)
{
    for (size_t i = 0; i < draft->run->tests_count; i++)
        if (is_wanted(draft->options, draft->run->tests[i].id))
            draft->order[draft->count++] = (int64_t)i + 1;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* Of the ids asked for by name, those that exist and that no filter drops. */
static void select_only(struct draft *draft)
{
    const struct run *run = draft->run;
    int64_t *found = arena_array(draft->arena, draft->options->only_count, sizeof(*found));
    size_t found_count = 0;

    for (size_t i = 0; i < draft->options->only_count; i++) {
        int64_t number = id_table_find(&run->ids, run->tests, draft->options->only[i]);

        if (number != 0 && is_wanted(draft->options, draft->options->only[i]))
            found[found_count++] = number;
    }
    if (found_count > 0)
        qsort(found, found_count, sizeof(*found), compare_numbers);
    for (size_t i = 0; i < found_count; i++)
        if (i == 0 || found[i] != found[i - 1])
            draft->order[draft->count++] = found[i];
}

/* The first filter that no listed test matches, or NULL. */
static const char *useless_filter(const struct draft *draft)
{
    for (size_t i = 0; i < draft->options->filters_count; i++) {
        bool has_match = false;

        for (size_t j = 0; j < draft->run->tests_count && !has_match; j++)
            has_match = text_matches_glob(draft->options->filters[i], draft->run->tests[j].id);
        if (!has_match)
            return draft->options->filters[i];
    }
    return NULL;
}

/* ---- bundles: the tests of one group and phase -------------------------------- */

struct bundle {
    const int64_t *numbers; /* ascending */
    size_t count;
    int64_t phase;
    int64_t us;
    bool has_unknown;
};

static int64_t estimate_us(const struct run *run, int64_t number)
{
    const struct history *history = run->history;
    const char *id = run_test(run, number)->id;
    size_t low = 0;
    size_t high = history != NULL ? history->entries_count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(history->entries[middle].id, id);

        if (order == 0)
            return history->entries[middle].duration_us;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int compare_by_group(const void *a, const void *b, void *context)
{
    const struct run *run = ((const struct draft *)context)->run;
    const struct test *left = run_test(run, *(const int64_t *)a);
    const struct test *right = run_test(run, *(const int64_t *)b);

    if (left->phase != right->phase)
        return left->phase < right->phase ? -1 : 1;
    int groups = left->group == right->group ? 0 : strcmp(left->group, right->group);

    return groups != 0 ? groups : compare_numbers(a, b);
}

static bool are_together(const struct test *a, const struct test *b)
{
    return a->phase == b->phase && a->group[0] != '\0' && strcmp(a->group, b->group) == 0;
}

static void bundle_add(const struct run *run, struct bundle *bundle, int64_t number)
{
    int64_t us = estimate_us(run, number);

    bundle->count++;
    bundle->phase = run_test(run, number)->phase;
    bundle->has_unknown |= us < 0;
    bundle->us += us < 0 ? ESTIMATE_DEFAULT_US : us;
}

/* `sorted` gets the draft's numbers by phase and group; the bundles point into it. */
static struct bundle *bundles_make(struct draft *draft, int64_t *sorted, size_t *out_count)
{
    struct bundle *bundles = mem_zalloc(draft->count * sizeof(*bundles));
    size_t count = 0;

    (void)memcpy(sorted, draft->order, draft->count * sizeof(*sorted));
    qsort_r(sorted, draft->count, sizeof(*sorted), compare_by_group, draft);
    for (size_t i = 0; i < draft->count; i++) {
        bool is_new = i == 0 || !are_together(run_test(draft->run, sorted[i - 1]),
                                              run_test(draft->run, sorted[i]));

        if (is_new)
            bundles[count++].numbers = &sorted[i];
        bundle_add(draft->run, &bundles[count - 1], sorted[i]);
    }
    *out_count = count;
    return bundles;
}

static int compare_by_history(const void *a, const void *b)
{
    const struct bundle *left = a;
    const struct bundle *right = b;

    if (left->phase != right->phase)
        return left->phase < right->phase ? -1 : 1;
    if (left->has_unknown != right->has_unknown)
        return left->has_unknown ? -1 : 1;
    if (left->us != right->us)
        return left->us > right->us ? -1 : 1;
    return compare_numbers(left->numbers, right->numbers);
}

static int compare_by_listing(const void *a, const void *b)
{
    const struct bundle *left = a;
    const struct bundle *right = b;

    if (left->phase != right->phase)
        return left->phase < right->phase ? -1 : 1;
    return compare_numbers(left->numbers, right->numbers);
}

static void bundles_write(struct draft *draft, const struct bundle *bundles, size_t count)
{
    size_t place = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < bundles[i].count; j++)
            draft->order[place++] = bundles[i].numbers[j];
    CHECK(place == draft->count);
}

/* ---- orders ------------------------------------------------------------------- */

static void order_by_history(struct draft *draft)
{
    size_t count = 0;
    CLEANUP(mem_freep) int64_t *sorted = mem_alloc(draft->count * sizeof(*sorted));
    CLEANUP(mem_freep) struct bundle *bundles = bundles_make(draft, sorted, &count);

    qsort(bundles, count, sizeof(*bundles), compare_by_history);
    bundles_write(draft, bundles, count);
}

static void swap_bundles(struct bundle *a, struct bundle *b)
{
    struct bundle kept = *a;

    *a = *b;
    *b = kept;
}

static void shuffle_tests(struct dice *dice, int64_t *numbers, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)dice_below(dice, i);
        int64_t kept = numbers[i - 1];

        numbers[i - 1] = numbers[j];
        numbers[j] = kept;
    }
}

static void shuffle(struct draft *draft)
{
    struct dice dice;
    size_t count = 0;
    CLEANUP(mem_freep) int64_t *sorted = mem_alloc(draft->count * sizeof(*sorted));
    CLEANUP(mem_freep) struct bundle *bundles = bundles_make(draft, sorted, &count);

    dice_init(&dice, (uint64_t)draft->options->seed);
    qsort(bundles, count, sizeof(*bundles), compare_by_listing);
    for (size_t end = count; end > 0;) {
        size_t start = end;

        while (start > 0 && bundles[start - 1].phase == bundles[end - 1].phase)
            start--;
        for (size_t i = end - start; i > 1; i--)
            swap_bundles(&bundles[start + i - 1], &bundles[start + (size_t)dice_below(&dice, i)]);
        end = start;
    }
    bundles_write(draft, bundles, count);
    for (size_t i = 0, place = 0; i < count; place += bundles[i++].count)
        shuffle_tests(&dice, &draft->order[place], bundles[i].count);
}

struct backward {
    int64_t phase;
    int64_t number;
};

static int compare_backward(const void *a, const void *b)
{
    const struct backward *left = a;
    const struct backward *right = b;

    if (left->phase != right->phase)
        return left->phase < right->phase ? -1 : 1;
    return left->number > right->number ? -1 : left->number < right->number;
}

static void reverse(struct draft *draft)
{
    CLEANUP(mem_freep) struct backward *tests = mem_alloc(draft->count * sizeof(*tests));

    for (size_t i = 0; i < draft->count; i++)
        tests[i] = (struct backward){draft->run->tests[draft->order[i] - 1].phase, draft->order[i]};
    qsort(tests, draft->count, sizeof(*tests), compare_backward);
    for (size_t i = 0; i < draft->count; i++)
        draft->order[i] = tests[i].number;
}

static void put_in_order(struct draft *draft)
{
    switch (draft->options->order) {
    case ORDER_HISTORY:
        order_by_history(draft);
        break;
    case ORDER_LISTED:
        break;
    case ORDER_REVERSE:
        reverse(draft);
        break;
    case ORDER_SHUFFLE:
        shuffle(draft);
        break;
    }
}

/* false: the id is not among the selected tests. */
static bool drop_before_start(struct draft *draft)
{
    const char *start_at = draft->options->start_at;
    size_t place = 0;

    if (start_at[0] == '\0')
        return true;
    while (place < draft->count &&
           strcmp(run_test(draft->run, draft->order[place])->id, start_at) != 0)
        place++;
    if (place == draft->count)
        return false;
    draft->order += place;
    draft->count -= place;
    return true;
}

static enum run_end bad_filter(const struct draft *draft, const char **out_reason)
{
    const char *filter = useless_filter(draft);

    if (filter != NULL)
        *out_reason = arena_printf(draft->arena, "no test matches the filter '%s'", filter);
    else
        *out_reason = "none of the tests asked for is in the collection";
    return RUN_END_BAD_FILTER;
}

enum run_end plan_build(const struct run *run, struct arena *arena,
                        struct fact_run_planned *out_plan, const char **out_reason)
{
    struct draft draft = {.run = run, .options = run->submission->options, .arena = arena};

    if (run->tests_count == 0) {
        *out_reason = "no tests were found";
        return RUN_END_NOTHING;
    }
    draft.order =
        arena_array(arena, run->tests_count + draft.options->only_count, sizeof(*draft.order));
    if (draft.options->only_count > 0)
        select_only(&draft);
    else
        select_filtered(&draft);
    if (draft.count == 0 || useless_filter(&draft) != NULL)
        return bad_filter(&draft, out_reason);
    put_in_order(&draft);
    if (!drop_before_start(&draft)) {
        *out_reason = arena_printf(arena, "no test '%s' to start at", draft.options->start_at);
        return RUN_END_BAD_FILTER;
    }
    out_plan->order = draft.order;
    out_plan->order_count = out_plan->estimates_us_count = draft.count;
    out_plan->estimates_us = arena_array(arena, draft.count, sizeof(*out_plan->estimates_us));
    for (size_t i = 0; i < draft.count; i++)
        out_plan->estimates_us[i] = estimate_us(run, draft.order[i]);
    return RUN_END_NONE;
}
