#include "agent/core/feed.h"

#include "agent/core/state.h"
#include "shared/base/check.h"
#include "shared/base/text.h"

/* A waiting test of a slot, and where it stands. */
struct candidate {
    struct lease *lease; /* NULL: there is none */
    size_t index;
};

static const struct granted_test *granted(const struct candidate *candidate)
{
    return &candidate->lease->tests[candidate->index].granted;
}

/* The first test of the slot's queue that waits, after `after` when it is not NULL. */
static struct candidate next_waiting(const struct slot *slot, const struct candidate *after)
{
    size_t l = 0;
    size_t from = 0;

    if (after != NULL) {
        while (l < slot->lease_count && slot->leases[l] != after->lease)
            l++;
        from = after->index + 1;
    }
    for (; l < slot->lease_count; l++, from = 0) {
        struct lease *lease = slot->leases[l];

        if (lease->kind == LEASE_COLLECT)
            break;
        size_t index = lease_waiting(lease, from);
        if (index < lease->test_count)
            return (struct candidate){lease, index};
    }
    return (struct candidate){NULL, 0};
}

static bool is_served_here(const struct slot *slot, const struct candidate *candidate)
{
    return candidate->lease != NULL && candidate->lease->run == slot->run;
}

static bool fresh_asks_for_reset(const struct slot *slot, const char *group, int64_t lease,
                                 const struct candidate *next)
{
    switch (slot->terms.fresh) {
    case SUITE_FRESH_BATCH:
        return next->lease->token != lease;
    case SUITE_FRESH_GROUP:
        return !text_equals(group, granted(next)->group);
    case SUITE_FRESH_TEST:
        return true;
    case SUITE_FRESH_AUTO:
    case SUITE_FRESH_SLOT:
        return false;
    }
    UNREACHABLE("every value is handled");
}

/* Does the clone, as it is now, not do for the next test? */
static bool needs_reset(const struct slot *slot, const struct candidate *next)
{
    const struct clone_state *clone = &slot->clone;

    if (!slot->terms.has_databases || !clone->is_used)
        return false;
    if (clone->is_dirty && granted(next)->phase < clone->dirty_phase)
        return true;
    return fresh_asks_for_reset(slot, slot->group, clone->last_lease, next);
}

/* Might the clone not do for `next` once `last` has run, whatever it does? */
static bool may_need_reset(const struct slot *slot, const struct candidate *last,
                           const struct candidate *next)
{
    int64_t floor = granted(last)->phase;

    if (!slot->terms.has_databases)
        return false;
    for (size_t i = 0; i < slot->told_count; i++) {
        const struct told *told = &slot->told[i];

        if (told->lease != NULL && told->lease->tests[told->index].granted.phase > floor)
            floor = told->lease->tests[told->index].granted.phase;
    }
    if (slot->clone.is_dirty && slot->clone.dirty_phase > floor)
        floor = slot->clone.dirty_phase;
    if (granted(next)->phase < floor)
        return true;
    return fresh_asks_for_reset(slot, granted(last)->group, last->lease->token, next);
}

int64_t feed_answer_ms(const struct slot *slot)
{
    return slot->terms.ready_ms + slot->terms.grace_ms;
}

int64_t feed_test_ms(const struct slot *slot)
{
    return slot->terms.test_ms;
}

void feed_set_deadline(struct foreman *foreman, struct slot *slot)
{
    int64_t limit_ms = slot->told_count > 0 ? feed_test_ms(slot) : feed_answer_ms(slot);

    slot->deadline_ms = foreman->now_ms + limit_ms;
}

/* The lease is nearly told: the next one should be on its way before the driver runs dry.  Not
 * for tiny leases, whose end is as near. */
static void ask_for_more(struct foreman *foreman, const struct slot *slot,
                         const struct lease *lease)
{
    if (slot->lease_count == 1 && lease->test_count > TOLD_MAX && !lease_has_waiting(lease))
        foreman->sync.is_urgent = true;
}

static void tell_run(struct foreman *foreman, struct slot *slot, const struct candidate *test)
{
    struct candidate after = next_waiting(slot, test);
    bool more = is_served_here(slot, &after) && !may_need_reset(slot, test, &after);
    struct action *action = action_add_slot(foreman, ACTION_TELL, slot);

    action->order = (struct worker_order){
        .order = DO_RUN, .id = granted(test)->id, .n = ++slot->last_n, .more = more};
    lease_test_tell(test->lease, test->index);
    slot->told[slot->told_count++] =
        (struct told){.lease = test->lease, .index = test->index, .n = slot->last_n, .more = more};
    if (slot->state == SLOT_IDLE)
        slot_move(slot, SLOT_RUNNING);
    if (slot->told_count == 1)
        feed_set_deadline(foreman, slot);
    ask_for_more(foreman, slot, test->lease);
}

static void begin_reset(struct foreman *foreman, struct slot *slot)
{
    action_tell(foreman, slot, DO_RESET);
    slot_move(slot, SLOT_SWAPPING);
    slot->deadline_ms = foreman->now_ms + feed_answer_ms(slot);
}

void feed_slot(struct foreman *foreman, struct slot *slot)
{
    CHECK(slot->state == SLOT_IDLE || slot->state == SLOT_RUNNING);
    while (slot->told_count < TOLD_MAX) {
        struct candidate next = next_waiting(slot, NULL);

        if (!is_served_here(slot, &next))
            return;
        if (slot->told_count == 0) {
            if (needs_reset(slot, &next)) {
                begin_reset(foreman, slot);
                return;
            }
        } else {
            const struct told *last = &slot->told[slot->told_count - 1];
            struct candidate before = {last->lease, last->index};

            if (last->lease == NULL || may_need_reset(slot, &before, &next))
                return;
        }
        tell_run(foreman, slot, &next);
    }
}
