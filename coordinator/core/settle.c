#include "coordinator/core/state.h"

#include "coordinator/core/verdict.h"

/* Does a run end?  Asked of every open run after each command: the questions are cheap. */

static int64_t bad_verdicts(const struct run_counts *counts)
{
    return counts->failed + counts->error + counts->crashed + counts->timed_out;
}

int64_t run_exit_status(const struct run *run, enum run_end end)
{
    const struct run_counts *counts = &run->counts;
    bool is_red = bad_verdicts(counts) > 0 ||
                  (run->submission->suite->retries->flaky_fails && counts->flaky > 0);

    switch (end) {
    case RUN_END_DONE:
        return is_red ? 1 : 0;
    case RUN_END_FAIL_FAST:
        return 1;
    case RUN_END_CANCELLED:
    case RUN_END_CLIENT_GONE:
        return 130;
    case RUN_END_TIME_LIMIT:
        return 124;
    case RUN_END_NO_AGENT:
    case RUN_END_INFRASTRUCTURE:
        return is_red ? 1 : 3;
    case RUN_END_NOTHING:
        return 4;
    case RUN_END_BAD_FILTER:
        return 2;
    case RUN_END_NONE:
        break;
    }
    UNREACHABLE("a run that ends has a reason");
}

void run_end_decide(struct desk *desk, struct run *run, enum run_end end, const char *reason)
{
    struct fact_run_ended *fact = desk_body(desk, sizeof(*fact));
    struct run_counts *counts = desk_body(desk, sizeof(*counts));

    while (run->leases != NULL)
        lease_end_decide(desk, run->leases->run_prev, LEASE_END_REVOKED);
    *counts = run->counts;
    counts->not_run += run->undecided;
    fact->end = end;
    fact->reason = reason;
    fact->exit_status = run_exit_status(run, end);
    fact->ended_ms = desk->instant.wall_ms;
    fact->counts = counts;
    desk_decide(desk, FACT_RUN_ENDED, run->number, fact);
}

static const char *done_reason(struct desk *desk, const struct run *run)
{
    int64_t bad = bad_verdicts(&run->counts);

    if (bad == 0)
        return "every test has a verdict";
    return arena_printf(&desk->facts->arena, "every test has a verdict, %lld of %lld are bad",
                        (long long)bad, (long long)run->counts.collected);
}

static enum run_end what_ends(struct desk *desk, struct run *run, const char **out_reason)
{
    struct arena *arena = &desk->facts->arena;
    int64_t fail_fast = run->submission->options->fail_fast;

    if (run->state == RUN_RUNNING && run->undecided == 0) {
        *out_reason = done_reason(desk, run);
        return RUN_END_DONE;
    }
    if (fail_fast > 0 && bad_verdicts(&run->counts) >= fail_fast) {
        *out_reason = arena_printf(arena, "stopped after %lld failures", (long long)fail_fast);
        return RUN_END_FAIL_FAST;
    }
    if (run->counts.problems >= PROBLEMS_PER_RUN_MAX) {
        *out_reason = arena_printf(arena, "%d problems, the last: %s", PROBLEMS_PER_RUN_MAX,
                                   run->last_problem);
        return RUN_END_INFRASTRUCTURE;
    }
    run_count_fleet(run);
    if (run->excluded_agents > 0 && run->serving_agents == 0 && run->leases_count == 0) {
        *out_reason = arena_strdup(arena, run->last_problem);
        return RUN_END_INFRASTRUCTURE;
    }
    return RUN_END_NONE;
}

/* How long nobody has been there for it. */
static void note_unserved(struct desk *desk, struct run *run)
{
    if (run->serving_agents > 0 || run->leases_count > 0)
        run->unserved_since_ms = -1;
    else if (run->unserved_since_ms < 0)
        run->unserved_since_ms = desk->instant.now_ms;
}

void settle_runs(struct desk *desk)
{
    struct run *next = NULL;

    for (struct run *run = desk->core->open_runs; run != NULL; run = next) {
        const char *reason = "";
        enum run_end end = what_ends(desk, run, &reason);

        next = run->next;
        if (end != RUN_END_NONE)
            run_end_decide(desk, run, end, reason);
        else
            note_unserved(desk, run);
    }
}
