#include "coordinator/core/state.h"

/* Agents that are no more, and leases that end without a word. */

void lease_end_decide(struct desk *desk, struct lease *lease, enum lease_end end)
{
    struct fact_lease_ended *fact = desk_body(desk, sizeof(*fact));

    fact->lease = lease->token;
    fact->end = end;
    desk->core->stats.total_lost_leases += end == LEASE_END_LOST;
    desk_decide(desk, FACT_LEASE_ENDED, lease->run->number, fact);
}

/* Which test of it was under way, as far as we know; NULL none. */
static struct test *running_test(struct lease *lease)
{
    struct test *running = run_test(lease->run, lease->running);

    if (running != NULL && running->lease == lease)
        return running;
    return lease_is_active(lease) ? lease_first_outstanding(lease) : NULL;
}

void lease_lose(struct desk *desk, struct lease *lease, const char *why, bool may_have_run)
{
    struct test *test = may_have_run && lease->kind == LEASE_BATCH ? running_test(lease) : NULL;

    if (test != NULL)
        attempt_record_lost(desk, lease, test, why);
    lease_end_decide(desk, lease, LEASE_END_LOST);
}

static const char *why_lost(struct desk *desk, const struct agent *agent, enum gone_reason reason)
{
    const char *what = reason == GONE_SILENT     ? "fell silent"
                       : reason == GONE_REPLACED ? "started again"
                                                 : "left";

    return arena_printf(&desk->facts->arena, "agent '%s' %s", agent->name, what);
}

void agent_lose(struct desk *desk, struct agent *agent, enum gone_reason reason)
{
    const char *why = why_lost(desk, agent, reason);
    struct fact_agent_gone *fact = desk_body(desk, sizeof(*fact));

    /* From the youngest lease to the oldest: each is asked while the slot's active one still stands
     * before it. */
    while (agent->leases != NULL) {
        struct lease *last = agent->leases->agent_prev;

        if (reason == GONE_LEFT)
            lease_end_decide(desk, last, LEASE_END_RETURNED);
        else
            lease_lose(desk, last, why, true);
    }
    images_release(desk, agent);
    fact->agent = arena_strdup(&desk->facts->arena, agent->name);
    fact->incarnation = agent->incarnation;
    fact->reason = reason;
    desk_decide(desk, FACT_AGENT_GONE, 0, fact);
}
