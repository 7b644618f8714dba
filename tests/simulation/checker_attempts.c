/* What counts was really run, once, by the holder of an open lease, and ended as it is told; and
 * what was acknowledged is there at the end. */

#include <string.h>

#include "tests/simulation/shadow.h"
#include "tests/simulation/toy_suite.h"

static bool is_death(enum outcome outcome)
{
    return outcome == OUTCOME_CRASHED || outcome == OUTCOME_TIMED_OUT || outcome == OUTCOME_LOST;
}

static void check_holder(struct shadow *shadow, const struct shadow_test *test,
                         const struct fact_attempt_recorded *recorded)
{
    const struct shadow_lease *lease = shadow_lease(shadow, recorded->lease);

    if (lease == NULL || !lease->is_open)
        world_fail(shadow->world, "an attempt at '%s' counts under lease %lld, which is closed",
                   test->id, (long long)recorded->lease);
    else if (strcmp(lease->agent, recorded->agent) != 0)
        world_fail(shadow->world, "an attempt at '%s' counts for %s, but %s holds the lease",
                   test->id, recorded->agent, lease->agent);
    else if (!test->is_extra && test->lease != recorded->lease)
        world_fail(shadow->world, "an attempt at '%s' counts, but the test is not in the lease",
                   test->id);
}

static void check_execution(struct shadow *shadow, int64_t run, const struct shadow_test *test,
                            const struct fact_attempt_recorded *recorded)
{
    const struct attempt_report *report = recorded->report;
    const struct toy_suite *suite = world_suite_of_run(shadow->world, run);
    struct execution *execution = shadow_execution(shadow, report->worker, report->order);

    if (test->is_extra || report->worker[0] == '\0')
        return;
    if (execution == NULL) {
        world_fail(shadow->world, "an attempt at '%s' is told that never ran", test->id);
        return;
    }
    if (execution->run != run || strcmp(suite->tests[execution->test].id, test->id) != 0)
        world_fail(shadow->world, "an attempt at '%s' is told, but '%s' ran", test->id,
                   suite->tests[execution->test].id);
    else if (execution->is_recorded && recorded->counted)
        world_fail(shadow->world, "one execution of '%s' counts twice", test->id);
    else if (!is_death(report->outcome) &&
             (!execution->has_ended || execution->outcome != report->outcome))
        world_fail(shadow->world, "an execution of '%s' ended otherwise than is told", test->id);
    execution->is_recorded = true;
}

static void note_lost(struct shadow *shadow, struct shadow_test *test, const char *agent)
{
    test->lost++;
    for (int i = 0; i < test->loser_count; i++)
        if (strcmp(test->losers[i], agent) == 0)
            return;
    if (test->loser_count < (int)COUNT_OF(test->losers))
        test->losers[test->loser_count++] = arena_strdup(&shadow->arena, agent);
}

static void note_counted(struct shadow_test *test, enum outcome outcome)
{
    bool is_good =
        outcome == OUTCOME_PASSED || outcome == OUTCOME_XFAIL || outcome == OUTCOME_SKIPPED;

    test->counted++;
    test->passed += is_good;
    test->bad += !is_good;
}

static void note_sight(struct shadow *shadow, const struct fact_attempt_recorded *recorded)
{
    struct sights *sights = &shadow->world->sights;
    const struct shadow_lease *lease = shadow_lease(shadow, recorded->lease);
    bool is_late = strcmp(recorded->why_not, "late") == 0;

    sights->late += is_late;
    sights->late_after_restart +=
        is_late && lease != NULL && !lease->is_open && lease->closed_reloads < sights->reloads;
    sights->lost += strcmp(recorded->why_not, "lost") == 0;
    sights->retries += recorded->counted && recorded->kind == ATTEMPT_RETRY;
    sights->crashed += recorded->counted && recorded->report->outcome == OUTCOME_CRASHED;
    sights->timed_out += recorded->counted && recorded->report->outcome == OUTCOME_TIMED_OUT;
    sights->flaky += recorded->counted && recorded->verdict == VERDICT_FLAKY;
}

void checker_attempt_recorded(struct shadow *shadow, int64_t run,
                              const struct fact_attempt_recorded *recorded)
{
    struct shadow_test *test = NULL;
    const char *why_not = recorded->why_not;
    bool is_lost = strcmp(why_not, "lost") == 0;

    note_sight(shadow, recorded);
    if (recorded->report->test == 0) /* a late failure beside the tests */
        return;
    test = shadow_test(&shadow->runs[run], recorded->report->test);
    check_execution(shadow, run, test, recorded);
    if (!recorded->counted && !is_lost)
        return;
    check_holder(shadow, test, recorded);
    if (test->verdict != VERDICT_NONE)
        world_fail(shadow->world, "an attempt at '%s' counts after its verdict", test->id);
    if (is_lost)
        note_lost(shadow, test, recorded->agent);
    else
        note_counted(test, recorded->report->outcome);
    test->verdict = recorded->verdict;
    test->lease = 0;
}

void shadow_acknowledged(struct shadow *shadow, const char *agent, const struct event *event)
{
    const struct attempt_report *report = event->attempt;
    const struct world *world = shadow->world;
    const struct shadow_run *run = NULL;
    struct execution *execution = NULL;

    if (report->test == 0)
        return;
    execution = shadow_execution(shadow, report->worker, report->order);
    if (execution == NULL) {
        world_fail(shadow->world, "%s tells of an attempt that never ran", agent);
        return;
    }
    shadow->world->acked_count += !execution->is_acknowledged;
    execution->is_acknowledged = true;
    run = &shadow->runs[execution->run];
    execution->may_be_dropped =
        run->has_ended && world->now_ms >= run->ended_ms + STORE_LOAD_ENDED_MS;
}
