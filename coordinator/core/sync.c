#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/limits.h"

/* sync, the one verb between agent and coordinator (3.2 of the design).
 *
 *     new incarnation      the older one's leases end; it joins
 *     old incarnation      superseded, unless it empties its spool: taken, nothing granted
 *     same number again    the same answer
 *     else                 events, then what it forgot, then what it gets
 *
 * Events have no gaps: what is missing is sent again.  Only what the agent no longer has is given
 * up.  It was acknowledged, so this happens after a backup was put back, and it is recorded. */

/* A thousand events a second for thirty years; sums of it stay far from the end of a number. */
#define SEQ_MAX ((int64_t)1 << 40)

/* ---- is it well-formed? ------------------------------------------------------- */

static enum status check_request(const struct sync_request *request, struct error *err)
{
    if (request->protocol < PROTOCOL_VERSION_MIN || request->protocol > PROTOCOL_VERSION)
        return error_set(err, STATUS_VERSION, "protocol %lld is not spoken here, %d is",
                         (long long)request->protocol, PROTOCOL_VERSION);
    if (request->agent[0] == '\0' || strlen(request->agent) > NAME_BYTES_MAX)
        return error_set(err, STATUS_INVALID, "an agent's name has 1 to %d bytes", NAME_BYTES_MAX);
    if (request->incarnation < 1 || request->sync_no < 1)
        return error_set(err, STATUS_INVALID, "incarnation and sync_no begin with 1");
    if (request->events_count > EVENTS_PER_SYNC_MAX)
        return error_set(err, STATUS_TOO_BIG, "%zu events in one sync, %d are allowed",
                         request->events_count, EVENTS_PER_SYNC_MAX);
    if (request->oldest_seq > SEQ_MAX ||
        (request->events_count > 0 && request->events[request->events_count - 1].seq > SEQ_MAX))
        return error_set(err, STATUS_INVALID, "no agent has had so many events");
    if (request->slots_count > SLOTS_PER_AGENT_MAX || request->labels_count > LABELS_MAX)
        return error_set(err, STATUS_TOO_BIG, "%zu slots and %zu labels, %d and %d are allowed",
                         request->slots_count, request->labels_count, SLOTS_PER_AGENT_MAX,
                         LABELS_MAX);
    return STATUS_OK;
}

static enum status check_number(const struct agent *agent, const struct sync_request *request,
                                struct error *err)
{
    if (agent == NULL)
        return STATUS_OK;
    if (request->incarnation < agent->incarnation)
        return error_set(err, STATUS_SUPERSEDED, "agent '%s' has started again since",
                         request->agent);
    if (request->incarnation == agent->incarnation && request->sync_no < agent->heard_sync_no)
        return error_set(err, STATUS_CONFLICT, "sync %lld of agent '%s' came after %lld",
                         (long long)request->sync_no, request->agent,
                         (long long)agent->heard_sync_no);
    return STATUS_OK;
}

/* ---- who calls ---------------------------------------------------------------- */

static struct agent *join(struct desk *desk, struct agent *agent,
                          const struct sync_request *request)
{
    struct fact_agent_joined *fact = NULL;

    if (agent != NULL && agent->is_live && agent->incarnation == request->incarnation)
        return agent;
    if (agent != NULL && agent->is_live)
        agent_lose(desk, agent, GONE_REPLACED);
    fact = desk_body(desk, sizeof(*fact));
    fact->agent = request->agent;
    fact->incarnation = request->incarnation;
    fact->labels = request->labels;
    fact->labels_count = request->labels_count;
    desk_decide(desk, FACT_AGENT_JOINED, 0, fact);
    return agent_find(desk->core, request->agent);
}

/* What a sync has brought. */
struct taken {
    int64_t acknowledged;
    int64_t missing;
};

static void synced_decide(struct desk *desk, const struct sync_request *request,
                          const struct taken *taken, int64_t sync_no)
{
    struct fact_agent_synced *fact = desk_body(desk, sizeof(*fact));

    fact->agent = request->agent;
    fact->incarnation = request->incarnation;
    fact->acknowledged = taken->acknowledged;
    fact->sync_no = sync_no;
    fact->missing = taken->missing;
    fact->dropped = desk->dropped;
    desk_decide(desk, FACT_AGENT_SYNCED, 0, fact);
}

/* ---- events -------------------------------------------------------------------- */

/* Takes the events after `taken->acknowledged`; false: there is a gap that can be closed. */
static bool take_events(struct desk *desk, const struct sync_request *request, struct taken *taken)
{
    if (request->oldest_seq > taken->acknowledged + 1) {
        taken->missing = request->oldest_seq - 1 - taken->acknowledged;
        taken->acknowledged += taken->missing;
        desk->core->stats.total_missing += taken->missing;
    }
    return events_take(desk, request->agent, request, &taken->acknowledged);
}

/* ---- the spool of an earlier incarnation --------------------------------------- */

/* Up to where its events are known.  Of an incarnation that is not remembered the first one that
 * comes is the next: an agent forgets only what was acknowledged. */
static int64_t old_acknowledged(struct agent *agent, const struct sync_request *request)
{
    bool is_known = agent->acknowledged > 0 || (agent->sync_no > 0 && request->oldest_seq > 0);

    if (agent->incarnation == request->incarnation && is_known)
        return agent->acknowledged;
    for (size_t i = 0; i < agent->past_count; i++)
        if (agent->past[i].incarnation == request->incarnation)
            return agent->past[i].acknowledged;
    return request->events_count > 0 && request->events[0].seq > 0 ? request->events[0].seq - 1 : 0;
}

static void remember_old(struct agent *agent, int64_t incarnation, int64_t acknowledged)
{
    if (agent->incarnation == incarnation)
        return;
    for (size_t i = 0; i < agent->past_count; i++)
        if (agent->past[i].incarnation == incarnation)
            return;
    if (agent->past_count == PAST_INCARNATIONS_MAX)
        (void)memmove(&agent->past[0], &agent->past[1],
                      --agent->past_count * sizeof(agent->past[0]));
    agent->past[agent->past_count++] = (struct past_incarnation){incarnation, acknowledged};
}

static void recover(struct desk *desk, const struct sync_request *request,
                    struct sync_response *response)
{
    struct agent *agent = agent_get(desk->core, request->agent, request->incarnation);
    int64_t before = old_acknowledged(agent, request);
    struct taken taken = {.acknowledged = before};
    bool is_present = agent->incarnation == request->incarnation;

    response->resync = !take_events(desk, request, &taken);
    response->acknowledged = taken.acknowledged;
    response->next_sync_ms = SYNC_INTERVAL_MS;
    remember_old(agent, request->incarnation, taken.acknowledged);
    if (taken.acknowledged != before)
        synced_decide(desk, request, &taken, is_present ? agent->sync_no : request->sync_no);
    agent->heard_ms = desk->instant.now_ms;
    settle_runs(desk);
}

/* ---- what it holds ------------------------------------------------------------- */

static void take_held(struct desk *desk, struct agent *agent, const struct sync_request *request)
{
    for (size_t i = 0; i < request->held_count; i++) {
        const struct held_lease *held = &request->held[i];
        struct lease *lease = core_lease(desk->core, held->lease);

        if (lease == NULL || lease->agent != agent)
            continue;
        lease->was_held = true;
        lease->held_sync_no = request->sync_no;
        lease->position = held->position;
        lease->running = held->running;
        lease->running_ms = held->running_ms;
        lease->heard_ms = desk->instant.now_ms;
    }
}

/* Granted in an earlier reply and not held: the reply was lost, or the agent forgot. */
static void take_back_forgotten(struct desk *desk, struct agent *agent, int64_t sync_no)
{
    struct lease *lease = NULL;
    struct lease *next = NULL;

    DL_FOREACH_SAFE2(agent->leases, lease, next, agent_next)
    if (lease->sync_no < sync_no && lease->held_sync_no != sync_no)
        lease_lose(desk, lease,
                   arena_printf(&desk->facts->arena, "agent '%s' forgot it", agent->name),
                   lease->was_held && lease->running != 0);
}

/* ---- the answer ---------------------------------------------------------------- */

static void answer_leases(const struct agent *agent, int64_t sync_no, struct arena *arena,
                          struct sync_response *response)
{
    const struct lease *lease = NULL;

    response->leases = arena_array(arena, agent->leases_count, sizeof(*response->leases));
    response->return_leases =
        arena_array(arena, agent->leases_count, sizeof(*response->return_leases));
    DL_FOREACH2(agent->leases, lease, agent_next)
    {
        if (lease->sync_no == sync_no)
            grant_fill(lease, arena, &response->leases[response->leases_count++]);
        if (lease->is_wanted_back)
            response->return_leases[response->return_leases_count++] = lease->token;
    }
}

/* Is what the agent holds closed, other than by its own word? */
static bool is_cancelled(const struct core *core, const struct agent *agent, int64_t token)
{
    const struct lease *lease = core_lease(core, token);
    const struct past_lease *past = core_past_lease(core, token);

    if (lease != NULL)
        return lease->agent != agent;
    return past == NULL || past->end == LEASE_END_LOST || past->end == LEASE_END_REVOKED;
}

static void answer_cancels(const struct core *core, const struct agent *agent,
                           const struct sync_request *request, struct arena *arena,
                           struct sync_response *response)
{
    response->cancel = arena_array(arena, request->held_count, sizeof(*response->cancel));
    for (size_t i = 0; i < request->held_count; i++)
        if (is_cancelled(core, agent, request->held[i].lease))
            response->cancel[response->cancel_count++] = request->held[i].lease;
}

static bool has_ended(const struct core *core, int64_t number)
{
    const struct run *run = run_find(core, number);

    return run == NULL || run->state == RUN_ENDED;
}

static void add_forgotten(struct sync_response *response, int64_t run)
{
    for (size_t i = 0; i < response->forget_runs_count; i++)
        if (response->forget_runs[i] == run)
            return;
    response->forget_runs[response->forget_runs_count++] = run;
}

/* Runs that ended: those it served, and those its slots still show (after a restart of ours). */
static void answer_forgets(const struct core *core, struct agent *agent,
                           const struct sync_request *request, struct arena *arena,
                           struct sync_response *response)
{
    size_t kept = 0;

    response->forget_runs = arena_array(arena, agent->served_count + request->slots_count,
                                        sizeof(*response->forget_runs));
    for (size_t i = 0; i < agent->served_count; i++) {
        struct served_run served = agent->served[i];

        if (served.told_sync_no != 0 && served.told_sync_no < request->sync_no)
            continue; /* the reply that told it has arrived */
        if (has_ended(core, served.run)) {
            served.told_sync_no = request->sync_no;
            add_forgotten(response, served.run);
        }
        agent->served[kept++] = served;
    }
    agent->served_count = kept;
    for (size_t i = 0; i < request->slots_count; i++)
        if (request->slots[i].run != 0 && has_ended(core, request->slots[i].run))
            add_forgotten(response, request->slots[i].run);
}

static void answer(struct desk *desk, struct agent *agent, const struct sync_request *request,
                   struct sync_response *response)
{
    response->acknowledged = agent->acknowledged;
    answer_leases(agent, request->sync_no, desk->arena, response);
    answer_cancels(desk->core, agent, request, desk->arena, response);
    answer_forgets(desk->core, agent, request, desk->arena, response);
    response->next_sync_ms = SYNC_INTERVAL_MS;
    response->may_wait = agent->leases_count == 0 && request->held_count == 0;
    agent->has_cancel = false;
}

/* ---- */

static void note_heard(struct desk *desk, struct agent *agent)
{
    agent->heard_ms = desk->instant.now_ms;
    if (agent->is_live && agent_lost_ms(agent) < desk->core->agents_bound_ms)
        desk->core->agents_bound_ms = agent_lost_ms(agent);
}

static void leave(struct desk *desk, struct agent *agent, const struct taken *taken,
                  const struct sync_request *request)
{
    synced_decide(desk, request, taken, request->sync_no);
    agent_lose(desk, agent, GONE_LEFT);
    settle_runs(desk);
}

static void work(struct desk *desk, struct agent *agent, const struct sync_request *request,
                 size_t facts_before, struct sync_response *response)
{
    struct taken taken = {.acknowledged = agent->acknowledged};

    agent->heard_sync_no = request->sync_no;
    if (agent->sync_no == 0 && request->sync_no > 1 && request->oldest_seq == 0)
        taken.acknowledged = old_acknowledged(agent, request); /* it lived before we did */
    response->resync = !take_events(desk, request, &taken);
    take_held(desk, agent, request);
    take_back_forgotten(desk, agent, request->sync_no);
    agent_take_slots(desk->core, agent, request->slots, request->slots_count, request->draining);
    agent_take_doing(agent, request->doing);
    if (request->leaving) {
        leave(desk, agent, &taken, request);
        return;
    }
    settle_runs(desk);
    if (!response->resync)
        grant_to_agent(desk, agent);
    if (desk->facts->count > facts_before || taken.acknowledged != agent->acknowledged ||
        agent->sync_no == 0)
        synced_decide(desk, request, &taken, request->sync_no);
}

enum status sync_handle(struct desk *desk, const struct sync_request *request,
                        struct sync_response *out_response, struct error *err)
{
    struct agent *agent = agent_find(desk->core, request->agent);
    enum status status = check_request(request, err);

    if (status != STATUS_OK)
        return status;
    if (request->recovering) {
        recover(desk, request, out_response);
        return STATUS_OK;
    }
    status = check_number(agent, request, err);
    if (status != STATUS_OK)
        return status;
    desk->core->stats.total_syncs++;
    bool is_repeated = agent != NULL && agent->is_live &&
                       agent->incarnation == request->incarnation &&
                       agent->heard_sync_no == request->sync_no;

    /* Who joins is written with its numbers: one that was lost and comes back keeps them. */
    size_t facts_before = desk->facts->count;

    agent = join(desk, agent, request);
    if (is_repeated)
        desk->core->stats.total_repeated_syncs++;
    else
        work(desk, agent, request, facts_before, out_response);
    note_heard(desk, agent);
    answer(desk, agent, request, out_response);
    return STATUS_OK;
}

bool core_has_news(const struct core *core, const char *name, int64_t incarnation)
{
    const struct agent *agent = agent_find(core, name);

    if (agent == NULL || !agent->is_live || agent->incarnation != incarnation || agent->has_cancel)
        return true;
    for (size_t i = 0; i < agent->served_count; i++)
        if (agent->served[i].told_sync_no == 0 && has_ended(core, agent->served[i].run))
            return true;
    return grant_is_possible(core, agent);
}
