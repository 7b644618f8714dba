#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/limits.h"

/* What an agent reports, in order of its sequence numbers.  What names a lease, a run
 * or a test that is not there is acknowledged and dropped: the agent could do nothing about it. */

/* The open lease of this agent, or NULL. */
static struct lease *open_lease(struct desk *desk, const char *agent, int64_t token)
{
    struct lease *lease = core_lease(desk->core, token);

    return lease != NULL && strcmp(lease->agent->name, agent) == 0 ? lease : NULL;
}

static void take_note(struct desk *desk, const char *agent, const struct event *event)
{
    const struct lease *lease = open_lease(desk, agent, event->lease);
    const struct note *note = event->note;

    if (lease == NULL || note == NULL || lease->run->notes >= NOTES_PER_RUN_MAX)
        return;
    const struct test *test = run_test(lease->run, note->test);

    if (note->test != 0 && (test == NULL || test->notes >= NOTES_PER_TEST_MAX))
        return;
    struct fact_note_recorded *fact = desk_body(desk, sizeof(*fact));

    fact->lease = event->lease;
    fact->note = note;
    desk_decide(desk, FACT_NOTE_RECORDED, lease->run->number, fact);
}

static void take_returned(struct desk *desk, const char *agent, const struct event *event)
{
    struct lease *lease = open_lease(desk, agent, event->lease);

    if (lease == NULL)
        return;
    if (lease->kind == LEASE_COLLECT) {
        lease_end_decide(desk, lease, LEASE_END_RETURNED);
        return;
    }
    struct fact_tests_returned *fact = desk_body(desk, sizeof(*fact));

    fact->lease = lease->token;
    fact->reason = event->text;
    fact->tests = arena_array(&desk->facts->arena, event->numbers_count, sizeof(*fact->tests));
    for (size_t i = 0; i < event->numbers_count; i++) {
        const struct test *test = run_test(lease->run, event->numbers[i]);

        if (test != NULL && test->lease == lease)
            fact->tests[fact->tests_count++] = event->numbers[i];
    }
    if (fact->tests_count > 0)
        desk_decide(desk, FACT_TESTS_RETURNED, lease->run->number, fact);
    lease->is_wanted_back = false;
    if (lease->outstanding == 0)
        lease_end_decide(desk, lease, LEASE_END_RETURNED);
}

void problem_decide(struct desk *desk, struct lease *lease, const char *stage, const char *text)
{
    struct fact_problem_recorded *fact = desk_body(desk, sizeof(*fact));

    fact->lease = lease->token;
    fact->agent = arena_strdup(&desk->facts->arena, lease->agent->name);
    fact->stage = stage;
    fact->text = text;
    fact->at_ms = desk->instant.wall_ms;
    desk->core->stats.total_problems++;
    desk_decide(desk, FACT_PROBLEM_RECORDED, lease->run->number, fact);
    lease_end_decide(desk, lease, LEASE_END_PROBLEM);
}

static void take_problem(struct desk *desk, const char *agent, const struct event *event)
{
    struct lease *lease = open_lease(desk, agent, event->lease);

    if (lease != NULL)
        problem_decide(desk, lease, event->stage, event->text);
}

static void take_collected(struct desk *desk, const char *agent, const struct event *event)
{
    struct lease *lease = open_lease(desk, agent, event->lease);

    if (lease == NULL || lease->kind != LEASE_COLLECT)
        return;
    if (event->kind == EVENT_COLLECTED)
        collect_take_page(desk, lease, event);
    else
        collect_take_done(desk, lease, event);
}

static void event_take(struct desk *desk, const char *agent, const struct event *event)
{
    switch (event->kind) {
    case EVENT_COLLECTED:
    case EVENT_COLLECTION_DONE:
        take_collected(desk, agent, event);
        break;
    case EVENT_ATTEMPT:
        attempt_take(desk, agent, event);
        break;
    case EVENT_NOTE:
        take_note(desk, agent, event);
        break;
    case EVENT_RETURNED:
        take_returned(desk, agent, event);
        break;
    case EVENT_PROBLEM:
        take_problem(desk, agent, event);
        break;
    }
}

bool events_take(struct desk *desk, const char *agent, const struct sync_request *request,
                 int64_t *acknowledged)
{
    for (size_t i = 0; i < request->events_count; i++) {
        const struct event *event = &request->events[i];

        if (event->seq <= *acknowledged)
            continue;
        if (event->seq != *acknowledged + 1) {
            desk->core->stats.total_resyncs++;
            return false;
        }
        event_take(desk, agent, event);
        *acknowledged = event->seq;
    }
    return true;
}
