#include "agent/core/report.h"

#include <stdlib.h>

#include "agent/core/state.h"
#include "shared/base/memory.h"

static int64_t add_event(struct foreman *foreman, const struct event *event)
{
    const struct event *spooled = spool_add(&foreman->spool, event);
    struct action *action = action_add(foreman, ACTION_SPOOL);

    action->event = spooled;
    action->incarnation = foreman->incarnation;
    return spooled->seq;
}

/* Nothing of the lease is open: it stays in `held` until event `seq` is acknowledged. */
static void lease_is_over(struct foreman *foreman, struct slot *slot, struct lease *lease,
                          int64_t seq)
{
    VEC_PUSH(foreman->closing, foreman->closing_count, foreman->closing_cap) =
        (struct closing){lease->token, (int64_t)lease->test_count, seq};
    slot_remove_lease(slot, lease);
    foreman->sync.is_urgent = true;
}

static void fill_attempt(const struct slot *slot, struct attempt_report *attempt)
{
    attempt->slot = slot->number;
    attempt->worker = slot->worker;
    if (attempt->id == NULL)
        attempt->id = "";
    if (attempt->message == NULL)
        attempt->message = "";
    if (attempt->details == NULL)
        attempt->details = "";
    if (attempt->file == NULL)
        attempt->file = "";
}

static void fill_test(const struct lease *lease, size_t index, struct attempt_report *attempt)
{
    attempt->test = lease->tests[index].granted.test;
    attempt->attempt = lease->tests[index].granted.attempt;
}

static struct event event_of(const struct lease *lease, enum event_kind kind)
{
    return (struct event){.kind = kind, .lease = lease->token, .hash = "", .stage = "", .text = ""};
}

void report_attempt(struct foreman *foreman, struct slot *slot, struct lease *lease, size_t index,
                    struct attempt_report *attempt)
{
    struct event event = event_of(lease, EVENT_ATTEMPT);

    fill_attempt(slot, attempt);
    fill_test(lease, index, attempt);
    event.attempt = attempt;
    int64_t seq = add_event(foreman, &event);
    lease_test_end(lease, index);
    if (lease->open_count == 0)
        lease_is_over(foreman, slot, lease, seq);
}

void report_attempt_unsettled(struct foreman *foreman, struct slot *slot, const struct told *told,
                              struct attempt_report *attempt)
{
    struct lease *lease = told->lease;
    struct event event = event_of(lease, EVENT_ATTEMPT);
    size_t bytes = 0;

    CHECK(slot->unsettled.event == NULL);
    slot->last_lease = lease;
    if (lease->open_count > 1) {
        report_attempt(foreman, slot, lease, told->index, attempt);
        return;
    }
    fill_attempt(slot, attempt);
    fill_test(lease, told->index, attempt);
    event.attempt = attempt;
    lease_test_end(lease, told->index);
    slot->unsettled = (struct unsettled){event_copy(&event, &bytes), lease, told->more};
}

void report_settle(struct foreman *foreman, struct slot *slot, const char *trouble)
{
    struct unsettled unsettled = slot->unsettled;

    if (unsettled.event == NULL)
        return;
    slot->unsettled = (struct unsettled){0};
    if (trouble != NULL) {
        const char *group = slot->group != NULL ? slot->group : "";
        struct attempt_report extra = {
            .id = arena_printf(&foreman->actions->arena, "teardown (%s)", group),
            .outcome = OUTCOME_ERROR,
            .message = trouble};

        report_extra(foreman, slot, unsettled.lease, &extra);
    }
    int64_t seq = add_event(foreman, unsettled.event);
    free(unsettled.event);
    lease_is_over(foreman, slot, unsettled.lease, seq);
}

void report_extra(struct foreman *foreman, struct slot *slot, const struct lease *lease,
                  struct attempt_report *attempt)
{
    struct event event = event_of(lease, EVENT_ATTEMPT);

    fill_attempt(slot, attempt);
    attempt->order = slot->order;
    attempt->started_ms = foreman->now_ms + foreman->wall_offset_ms;
    event.attempt = attempt;
    (void)add_event(foreman, &event);
}

void report_note(struct foreman *foreman, const struct lease *lease, const struct note *note)
{
    struct event event = event_of(lease, EVENT_NOTE);

    event.note = note;
    (void)add_event(foreman, &event);
}

void report_returned(struct foreman *foreman, struct slot *slot, struct lease *lease,
                     const char *text)
{
    CLEANUP(mem_freep) int64_t *numbers = mem_alloc(lease->test_count * sizeof(int64_t));
    struct event event = event_of(lease, EVENT_RETURNED);

    for (size_t i = lease_waiting(lease, 0); i < lease->test_count; i = lease_waiting(lease, i)) {
        numbers[event.numbers_count++] = lease->tests[i].granted.test;
        lease_test_end(lease, i);
    }
    if (event.numbers_count == 0)
        return;
    event.numbers = numbers;
    event.text = text;
    int64_t seq = add_event(foreman, &event);
    foreman->sync.is_urgent = true;
    if (lease->open_count == 0 && slot->unsettled.lease != lease)
        lease_is_over(foreman, slot, lease, seq);
}

void report_problem(struct foreman *foreman, struct slot *slot, struct lease *lease,
                    const char *stage, const char *text)
{
    struct event event = event_of(lease, EVENT_PROBLEM);

    event.stage = stage;
    event.text = text;
    lease_is_over(foreman, slot, lease, add_event(foreman, &event));
}

void report_collected(struct foreman *foreman, const struct lease *lease,
                      struct collected_test *tests, size_t count)
{
    struct event event = event_of(lease, EVENT_COLLECTED);

    event.tests = tests;
    event.tests_count = count;
    (void)add_event(foreman, &event);
}

void report_collection_done(struct foreman *foreman, struct slot *slot, struct lease *lease,
                            int64_t count, const char *hash)
{
    struct event event = event_of(lease, EVENT_COLLECTION_DONE);

    event.count = count;
    event.hash = hash;
    lease_is_over(foreman, slot, lease, add_event(foreman, &event));
}
