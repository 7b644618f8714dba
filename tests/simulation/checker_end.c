/* When the run has ended: every collected test has one verdict, the one that its kind and its
 * attempts allow; collected = counted; and the store tells what the books tell. */

#include <string.h>

#include "coordinator/store/reader.h"
#include "shared/base/limits.h"
#include "tests/simulation/shadow.h"
#include "tests/simulation/toy_coordinator.h"
#include "tests/simulation/toy_suite.h"

/* So often lost, on whatever agents, a test counts as crashed too (coordinator/core/verdict.h). */
#define LOST_MANY 10

static void check_counts(struct shadow *shadow, const struct run_counts *counts)
{
    int64_t sum = counts->passed + counts->failed + counts->error + counts->skipped +
                  counts->flaky + counts->crashed + counts->timed_out + counts->not_run;

    if (sum != counts->collected)
        world_fail(shadow->world, "%lld tests were collected and %lld counted",
                   (long long)counts->collected, (long long)sum);
}

void checker_run_ended(struct shadow *shadow, int64_t run, const struct fact_run_ended *ended)
{
    struct shadow_run *book = &shadow->runs[run];

    if (book->has_ended)
        world_fail(shadow->world, "run %lld ends twice", (long long)run);
    book->has_ended = true;
    book->ended_ms = shadow->world->now_ms;
    book->end = ended->end;
    book->counts = *ended->counts;
    check_counts(shadow, ended->counts);
    if (ended->exit_status == 0 &&
        ended->counts->passed + ended->counts->skipped + ended->counts->flaky <
            ended->counts->collected)
        world_fail(shadow->world, "run %lld is green and is not", (long long)run);
}

static bool was_lost_too_often(const struct shadow_test *test)
{
    return test->loser_count >= LOST_AGENTS_MAX || test->lost >= LOST_MANY;
}

/* What faults can make of a test, beside what its kind does. */
static bool fault_allows(const struct world *world, const struct shadow_test *test,
                         enum verdict verdict)
{
    const struct weather *weather = &world->weather;
    /* A machine that stands still while a test runs makes it slow. */
    bool deaths = weather->worker_dies > 0 || weather->worker_hangs > 0 || weather->pause_agent > 0;

    if (verdict == VERDICT_CRASHED && was_lost_too_often(test))
        return true;
    if (deaths && (verdict == VERDICT_CRASHED || verdict == VERDICT_TIMED_OUT))
        return test->bad > 0;
    return deaths && verdict == VERDICT_FLAKY && test->bad > 0 && test->passed > 0;
}

static void check_test(struct shadow *shadow, const struct toy_suite *suite,
                       const struct shadow_test *test)
{
    int index = toy_suite_find(suite, test->id);

    if (index < 0) {
        world_fail(shadow->world, "'%s' was collected and does not exist", test->id);
        return;
    }
    if (test->verdict == VERDICT_NONE)
        world_fail(shadow->world, "'%s' has no verdict", test->id);
    else if (!toy_kind_allows(suite->tests[index].kind, test->verdict) &&
             !fault_allows(shadow->world, test, test->verdict))
        world_fail(shadow->world, "'%s' is of kind %d and has verdict %d", test->id,
                   (int)suite->tests[index].kind, (int)test->verdict);
    else if (test->verdict == VERDICT_PASSED && (test->passed == 0 || test->bad > 0))
        world_fail(shadow->world, "'%s' passed without a pass, or with a failure", test->id);
}

/* An end that the weather explains; every other run must be done. */
static bool end_is_explained(const struct shadow *shadow, const struct toy_suite *suite,
                             const struct shadow_run *run)
{
    const struct weather *weather = &shadow->world->weather;

    switch (run->end) {
    case RUN_END_DONE:
        return true;
    case RUN_END_CLIENT_GONE:
        return weather->client_leaves;
    case RUN_END_INFRASTRUCTURE:
        return run->problems >= PROBLEMS_PER_AGENT_MAX;
    case RUN_END_FAIL_FAST:
        return suite->submission.options->fail_fast > 0;
    case RUN_END_CANCELLED:
        return weather->client_cancels;
    case RUN_END_NONE:
    case RUN_END_TIME_LIMIT:
    case RUN_END_NO_AGENT:
    case RUN_END_NOTHING:
    case RUN_END_BAD_FILTER:
        return false;
    }
    return false;
}

/* ---- the store against the books --------------------------------------------------------- */

static void check_stored_test(struct shadow *shadow, struct shadow_run *run,
                              const struct test_view *stored)
{
    const struct shadow_test *test = shadow_test(run, stored->test);

    if (strcmp(test->id, stored->id) != 0)
        world_fail(shadow->world, "test %lld is '%s' in the store, not '%s'",
                   (long long)stored->test, stored->id, test->id);
    if (run->end == RUN_END_DONE && stored->verdict != test->verdict)
        world_fail(shadow->world, "'%s' has verdict %d in the store, not %d", test->id,
                   (int)stored->verdict, (int)test->verdict);
    for (size_t i = 0; i < stored->attempts_count; i++) {
        const struct attempt_view *attempt = &stored->attempts[i];
        struct execution *execution = shadow_execution(shadow, attempt->worker, attempt->order);

        if (execution != NULL && attempt->worker[0] != '\0')
            execution->is_acknowledged = false; /* found */
    }
}

static void check_stored_run(struct shadow *shadow, struct reader *reader, struct shadow_run *run)
{
    struct arena arena = ARENA_INIT;
    struct run_report report;
    struct error err = {.text = ""};

    if (reader->ops->report(reader, run->number, &arena, &report, &err) != STATUS_OK) {
        world_fail(shadow->world, "the store has no report: %s", err.text);
    } else {
        if (report.tests_count < (size_t)run->counts.collected)
            world_fail(shadow->world, "the store has %zu tests of %lld", report.tests_count,
                       (long long)run->counts.collected);
        for (size_t i = 0; i < report.tests_count; i++)
            check_stored_test(shadow, run, &report.tests[i]);
    }
    arena_release(&arena);
}

static void check_acknowledged(struct shadow *shadow)
{
    for (size_t i = 0; i < shadow->execution_cap; i++) {
        const struct execution *execution = &shadow->executions[i];

        if (execution->worker != NULL && execution->is_acknowledged && !execution->may_be_dropped)
            world_fail(shadow->world,
                       "attempt %lld of worker %s was acknowledged and is not in the store",
                       (long long)execution->order, execution->worker);
    }
}

/* Where nothing goes wrong nothing is lost, nor where only the coordinator starts again: its open
 * leases get their time anew. */
static void check_fair_weather(struct world *world)
{
    const struct sights *sights = &world->sights;
    int64_t late = sights->revoked_leases == 0 ? sights->late : 0;

    if (late + sights->lost + sights->lost_leases + sights->gone_agents > 0)
        world_fail(world, "on a quiet day %lld late, %lld lost, %lld leases and %lld agents lost",
                   (long long)late, (long long)sights->lost, (long long)sights->lost_leases,
                   (long long)sights->gone_agents);
}

void checker_end(struct shadow *shadow)
{
    struct world *world = shadow->world;
    struct reader *reader = toy_coordinator_reader(world->coordinator);

    for (int i = 0; i < world->run_count; i++) {
        const struct toy_suite *suite = world->suites[i];
        struct shadow_run *run = &shadow->runs[suite->run];

        if (!end_is_explained(shadow, suite, run))
            world_fail(world, "run %lld ended by %d", (long long)run->number, (int)run->end);
        for (size_t t = 0; t < run->count && run->end == RUN_END_DONE; t++)
            if (run->tests[t].is_selected)
                check_test(shadow, suite, &run->tests[t]);
        check_stored_run(shadow, reader, run);
    }
    check_acknowledged(shadow);
    if (world->settings.faults == 0 || world->settings.only_restarts)
        check_fair_weather(world);
    reader->ops->close(reader);
}
