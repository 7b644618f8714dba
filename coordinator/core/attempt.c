#include <string.h>

#include "coordinator/core/state.h"
#include "coordinator/core/verdict.h"
#include "shared/base/text.h"

/* A test has run.  Whether it counts (3.3 of the design):
 *
 *     lease open, test outstanding in it    counted, or lost: charges nothing
 *     lease closed, or the test moved on    late: recorded, shown, changes nothing
 *     no such lease, run or test            acknowledged and dropped, and that is said: its
 *                                           run ended long ago, or a backup does not know it */

static struct attempt_report *report_copy(struct desk *desk, const struct attempt_report *report,
                                          const struct test *test)
{
    struct attempt_report *copy = desk_body(desk, sizeof(*copy));

    *copy = *report;
    copy->attempt = test != NULL ? (int64_t)test->attempts_count + 1 : 0;
    return copy;
}

static enum verdict verdict_after(const struct run *run, struct test *test, const char *agent,
                                  enum outcome outcome, enum attempt_use use)
{
    struct attempt next = {.agent = agent, .outcome = (uint8_t)outcome, .use = (uint8_t)use};
    struct verdict_policy policy = verdict_policy_of(run->submission->suite->retries,
                                                     test->is_extra, run_retries_left(run) > 0);

    if (test->last_attempt == NULL)
        return verdict_of(&next, &policy);
    test->last_attempt->next = &next;
    enum verdict verdict = verdict_of(test->attempts, &policy);
    test->last_attempt->next = NULL;
    return verdict;
}

static void record(struct desk *desk, struct run *run, int64_t lease, const char *agent,
                   const struct fact_attempt_recorded *draft)
{
    struct fact_attempt_recorded *fact = desk_body(desk, sizeof(*fact));

    *fact = *draft;
    fact->lease = lease;
    fact->agent = agent;
    desk->core->stats.total_attempts++;
    desk->core->stats.total_counted += fact->counted;
    desk->core->stats.total_late += text_equals(fact->why_not, "late");
    desk->core->stats.total_retries += fact->kind == ATTEMPT_RETRY;
    desk_decide(desk, FACT_ATTEMPT_RECORDED, run->number, fact);
}

static void drop(struct desk *desk)
{
    desk->dropped++;
    desk->core->stats.total_dropped++;
}

static void record_late(struct desk *desk, struct run *run, const char *agent,
                        const struct event *event)
{
    struct test *test = run_test(run, event->attempt->test);

    if (event->attempt->test != 0 && (test == NULL || test->state == TEST_LISTED ||
                                      test->state == TEST_DESELECTED || test->is_extra)) {
        drop(desk);
        return;
    }
    record(desk, run, event->lease, agent,
           &(struct fact_attempt_recorded){
               .kind = test != NULL && test->was_counted ? ATTEMPT_RETRY : ATTEMPT_FIRST,
               .why_not = "late",
               .verdict = test != NULL ? (enum verdict)test->verdict : VERDICT_NONE,
               .report = report_copy(desk, event->attempt, test)});
}

static void record_counted(struct desk *desk, struct lease *lease, struct test *test,
                           enum attempt_kind kind, const struct attempt_report *report)
{
    bool is_lost = report->outcome == OUTCOME_LOST;
    const char *agent = arena_strdup(&desk->facts->arena, lease->agent->name);

    record(desk, lease->run, lease->token, agent,
           &(struct fact_attempt_recorded){
               .kind = kind,
               .counted = !is_lost,
               .why_not = is_lost ? "lost" : "",
               .verdict = verdict_after(lease->run, test, agent, report->outcome,
                                        is_lost ? ATTEMPT_LOST : ATTEMPT_COUNTED),
               .report = report_copy(desk, report, test)});
}

void attempt_record_lost(struct desk *desk, struct lease *lease, struct test *test,
                         const char *message)
{
    int64_t number = run_test_number(lease->run, test);
    struct attempt_report report = {.test = number,
                                    .id = "",
                                    .outcome = OUTCOME_LOST,
                                    .slot = lease->slot,
                                    .worker = "",
                                    .message = message,
                                    .details = "",
                                    .file = ""};

    CHECK(test->lease == lease);
    record_counted(desk, lease, test, lease_item_of(lease, number)->kind, &report);
}

/* ---- extras ------------------------------------------------------------------- */

/* Extras that one run may add; a suite whose every teardown fails has as many as classes. */
#define EXTRAS_PER_RUN_MAX 100000

static const char *unused_id(struct desk *desk, const struct run *run, const char *id)
{
    struct test *first = run_test(run, id_table_find(&run->ids, run->tests, id));
    const char *candidate = id;

    while (id_table_find(&run->ids, run->tests, candidate) != 0)
        candidate = arena_printf(&desk->facts->arena, "%s#%u", id, ++first->twins + 1);
    return candidate;
}

static void take_extra(struct desk *desk, struct lease *lease, const struct event *event)
{
    struct run *run = lease->run;
    struct fact_test_added *added = desk_body(desk, sizeof(*added));

    if (event->attempt->outcome == OUTCOME_LOST ||
        run->counts.collected - run->selected >= EXTRAS_PER_RUN_MAX)
        return;
    added->test = (int64_t)run->tests_count + 1;
    added->id = unused_id(desk, run, event->attempt->id);
    added->group = "";
    desk_decide(desk, FACT_TEST_ADDED, run->number, added);

    struct attempt_report report = *event->attempt;

    report.test = added->test;
    record_counted(desk, lease, run_test(run, added->test), ATTEMPT_FIRST, &report);
}

/* ---- */

/* The last event that concerns a test of the lease ends it. */
static void end_when_done(struct desk *desk, struct lease *lease)
{
    if (lease->outstanding == 0)
        lease_end_decide(desk, lease, LEASE_END_DONE);
}

void attempt_take(struct desk *desk, const char *agent, const struct event *event)
{
    struct lease *lease = core_lease(desk->core, event->lease);

    if (event->attempt == NULL)
        return;
    if (lease == NULL || strcmp(lease->agent->name, agent) != 0) {
        const struct past_lease *past = core_past_lease(desk->core, event->lease);

        if (past != NULL)
            record_late(desk, past->run, agent, event);
        else
            drop(desk);
        return;
    }
    if (lease->kind != LEASE_BATCH) {
        drop(desk);
        return;
    }
    if (event->attempt->test == 0) {
        take_extra(desk, lease, event);
        return;
    }
    const struct lease_item *item = lease_item_of(lease, event->attempt->test);

    if (item == NULL) {
        drop(desk);
        return;
    }
    struct test *test = run_test(lease->run, item->test);

    if (test->lease != lease) {
        record_late(desk, lease->run, agent, event);
        return;
    }
    record_counted(desk, lease, test, item->kind, event->attempt);
    end_when_done(desk, lease);
}
