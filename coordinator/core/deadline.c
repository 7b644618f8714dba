#include "coordinator/core/state.h"

#include "shared/base/limits.h"

/* What time brings: silent agents, runs whose time, client or patience is over. */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- agents ------------------------------------------------------------------- */

/* All agents are looked at only when one may be lost; a sync moves its own deadline away, so that
 * is at most every few seconds however many there are. */
static void lose_silent_agents(struct desk *desk)
{
    struct core *core = desk->core;
    int64_t now_ms = desk->instant.now_ms;
    int64_t bound_ms = INT64_MAX;

    if (now_ms < core->agents_bound_ms)
        return;
    for (struct agent *agent = core->agents, *next = NULL; agent != NULL; agent = next) {
        next = agent->hh.next;
        if (!agent->is_live)
            continue;
        if (agent_lost_ms(agent) <= now_ms)
            agent_lose(desk, agent, GONE_SILENT);
        else
            bound_ms = earlier(bound_ms, agent_lost_ms(agent));
    }
    core->agents_bound_ms = bound_ms;
}

/* ---- runs --------------------------------------------------------------------- */

struct run_deadline {
    enum run_end end;
    int64_t at_ms;
    const char *reason;
};

#define RUN_DEADLINES 3

static void run_deadlines(const struct run *run, struct run_deadline out_deadlines[RUN_DEADLINES])
{
    const struct run_options *options = run->submission->options;
    int64_t run_ms = run->submission->suite->timeouts->run_ms;
    bool is_waiting = options->wait_agents_ms > 0 && run->unserved_since_ms >= 0;

    out_deadlines[0] =
        (struct run_deadline){RUN_END_TIME_LIMIT, run_ms > 0 ? run->begun_ms + run_ms : INT64_MAX,
                              "the run's time limit has passed"};
    out_deadlines[1] = (struct run_deadline){
        RUN_END_CLIENT_GONE, options->detached ? INT64_MAX : run->attended_ms + CLIENT_GONE_MS,
        "its last client is gone"};
    out_deadlines[2] = (struct run_deadline){
        RUN_END_NO_AGENT, is_waiting ? run->unserved_since_ms + options->wait_agents_ms : INT64_MAX,
        NULL};
}

static void end_overdue_run(struct desk *desk, struct run *run)
{
    struct run_deadline deadlines[RUN_DEADLINES];

    run_deadlines(run, deadlines);
    for (size_t i = 0; i < RUN_DEADLINES; i++) {
        const char *reason = deadlines[i].reason;

        if (deadlines[i].at_ms > desk->instant.now_ms)
            continue;
        if (reason == NULL)
            reason = view_waiting_reason(run, &desk->facts->arena);
        run_end_decide(desk, run, deadlines[i].end, reason);
        return;
    }
}

static void forget_old_runs(struct core *core)
{
    while (core->ended_runs != NULL && core->ended_runs->forgotten_ms <= core->now_ms) {
        struct run *oldest = core->ended_runs;

        DL_DELETE(core->ended_runs, oldest);
        core->ended_count--;
        run_free(core, oldest);
    }
}

void deadline_tick(struct desk *desk)
{
    struct run *next = NULL;

    lose_silent_agents(desk);
    settle_runs(desk);
    for (struct run *run = desk->core->open_runs; run != NULL; run = next) {
        next = run->next;
        end_overdue_run(desk, run);
    }
    forget_old_runs(desk->core);
}

int64_t core_next_deadline_ms(const struct core *core)
{
    int64_t at_ms = core->agents_bound_ms;

    for (const struct run *run = core->open_runs; run != NULL; run = run->next) {
        struct run_deadline deadlines[RUN_DEADLINES];

        run_deadlines(run, deadlines);
        for (size_t i = 0; i < RUN_DEADLINES; i++)
            at_ms = earlier(at_ms, deadlines[i].at_ms);
    }
    if (core->ended_runs != NULL)
        at_ms = earlier(at_ms, core->ended_runs->forgotten_ms);
    return at_ms;
}
