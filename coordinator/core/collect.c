#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/limits.h"
#include "shared/base/text.h"

/* The list of tests comes in pages under a collect lease and ends with its count and hash. */

/* ---- pages -------------------------------------------------------------------- */

/* A page while its ids are made unique: the page is not in the run yet. */
struct page {
    const struct run *run;
    struct test *tests; /* only ids and twins are used */
    size_t count;
    struct id_table ids;
};

static struct test *page_find(const struct page *page, const char *id)
{
    int64_t number = id_table_find(&page->run->ids, page->run->tests, id);

    if (number != 0)
        return run_test(page->run, number);
    number = id_table_find(&page->ids, page->tests, id);
    return number != 0 ? &page->tests[number - 1] : NULL;
}

/* The id itself, or with "#2", "#3", ... when it was listed before. */
static const char *page_unique_id(const struct page *page, const char *id, struct arena *arena)
{
    struct test *first = page_find(page, id);
    const char *candidate = id;

    while (page_find(page, candidate) != NULL)
        candidate = arena_printf(arena, "%s#%u", id, ++first->twins + 1);
    return candidate;
}

static void page_add(struct page *page, const char *id)
{
    page->tests[page->count++].id = id;
    id_table_add(&page->ids, page->tests, (int64_t)page->count);
}

static void hash_ids(struct run *run, const struct event *event)
{
    if (run->tests_count == 0) {
        hash_init(&run->listing_hash);
        run->has_listing_hash = true;
    }
    for (size_t i = 0; i < event->tests_count && run->has_listing_hash; i++) {
        hash_add(&run->listing_hash, event->tests[i].id, strlen(event->tests[i].id));
        hash_add(&run->listing_hash, "\n", 1);
    }
}

void collect_take_page(struct desk *desk, struct lease *lease, const struct event *event)
{
    struct run *run = lease->run;
    struct arena *arena = &desk->facts->arena;
    struct fact_tests_collected *fact = desk_body(desk, sizeof(*fact));
    struct page page = {.run = run,
                        .tests = arena_array(arena, event->tests_count, sizeof(struct test))};

    if (event->tests_count == 0)
        return;
    if (run->tests_count + event->tests_count > TESTS_PER_RUN_MAX) {
        problem_decide(desk, lease, "collect",
                       arena_printf(arena, "more than %d tests", TESTS_PER_RUN_MAX));
        return;
    }
    hash_ids(run, event);
    fact->lease = lease->token;
    fact->first = (int64_t)run->tests_count + 1;
    fact->tests_count = event->tests_count;
    fact->tests = arena_array(arena, event->tests_count, sizeof(*fact->tests));
    for (size_t i = 0; i < event->tests_count; i++) {
        fact->tests[i] = event->tests[i];
        fact->tests[i].id = page_unique_id(&page, event->tests[i].id, arena);
        page_add(&page, fact->tests[i].id);
    }
    id_table_clear(&page.ids);
    desk_decide(desk, FACT_TESTS_COLLECTED, run->number, fact);
}

/* ---- the end of the list ------------------------------------------------------ */

/* What does not fit; NULL: it is complete. */
static const char *mismatch(struct desk *desk, const struct run *run, const struct event *event)
{
    struct hash hash = run->listing_hash;
    char hex[HASH_HEX_SIZE];

    if (event->count != (int64_t)run->tests_count)
        return arena_printf(&desk->facts->arena, "%lld tests were announced and %zu came",
                            (long long)event->count, run->tests_count);
    if (run->tests_count == 0 || !run->has_listing_hash)
        return NULL;
    hash_final(&hash, hex);
    if (!text_equals(hex, event->hash))
        return "the ids that came have another hash than those that were listed";
    return NULL;
}

void collect_take_done(struct desk *desk, struct lease *lease, const struct event *event)
{
    struct run *run = lease->run;
    const char *wrong = mismatch(desk, run, event);
    const char *reason = "";

    if (wrong != NULL) {
        problem_decide(desk, lease, "collect", wrong);
        return;
    }
    struct fact_run_planned *plan = desk_body(desk, sizeof(*plan));
    enum run_end end = plan_build(run, &desk->facts->arena, plan, &reason);

    if (end != RUN_END_NONE) {
        lease_end_decide(desk, lease, LEASE_END_DONE);
        run_end_decide(desk, run, end, reason);
        return;
    }
    plan->lease = lease->token;
    plan->collected = event->count;
    plan->hash = event->hash;
    desk_decide(desk, FACT_RUN_PLANNED, run->number, plan);
    lease_end_decide(desk, lease, LEASE_END_DONE);
}
