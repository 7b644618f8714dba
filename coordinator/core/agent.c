#include "coordinator/core/agent.h"

#include <string.h>

#include "coordinator/core/state.h"
#include "coordinator/core/submission.h"
#include "shared/base/limits.h"

struct agent *agent_find(const struct core *core, const char *name)
{
    struct agent *agent = NULL;

    HASH_FIND_STR(core->agents, name, agent);
    return agent;
}

static void release_slots(struct agent *agent)
{
    for (size_t i = 0; i < agent->slots_cap; i++)
        free(agent->slots[i].group);
    free(agent->slots);
    agent->slots = NULL;
    agent->slots_count = agent->slots_cap = 0;
}

void agent_free(struct core *core, struct agent *agent)
{
    CHECK(agent->leases == NULL);
    HASH_DEL(core->agents, agent);
    release_slots(agent);
    arena_release(&agent->arena);
    free(agent->doing);
    free(agent->name);
    free(agent);
}

static void gone_add(struct core *core, struct agent *agent)
{
    agent->is_live = false;
    DL_APPEND2(core->gone, agent, gone_prev, gone_next);
    core->gone_count++;
}

/* Only where a record is made: whoever walks the agents may let them go on the way. */
static void forget_oldest_gone(struct core *core)
{
    struct agent *oldest = core->gone;

    if (core->gone_count < AGENTS_GONE_MAX)
        return;
    DL_DELETE2(core->gone, oldest, gone_prev, gone_next);
    core->gone_count--;
    agent_free(core, oldest);
}

struct agent *agent_get(struct core *core, const char *name, int64_t incarnation)
{
    struct agent *agent = agent_find(core, name);

    if (agent != NULL)
        return agent;
    forget_oldest_gone(core);
    agent = mem_zalloc(sizeof(*agent));
    agent->name = mem_strdup(name);
    agent->doing = mem_strdup("");
    agent->incarnation = incarnation;
    HASH_ADD_KEYPTR(hh, core->agents, agent->name, strlen(agent->name), agent);
    gone_add(core, agent);
    return agent;
}

static void remember_past(struct agent *agent)
{
    if (agent->past_count == PAST_INCARNATIONS_MAX) {
        agent->past_count--;
        (void)memmove(&agent->past[0], &agent->past[1], agent->past_count * sizeof(agent->past[0]));
    }
    agent->past[agent->past_count++] =
        (struct past_incarnation){agent->incarnation, agent->acknowledged};
}

void agent_apply_joined(struct core *core, const struct fact_agent_joined *joined)
{
    struct agent *agent = agent_get(core, joined->agent, joined->incarnation);

    CHECK(!agent->is_live);
    if (agent->incarnation != joined->incarnation) {
        remember_past(agent);
        agent->incarnation = joined->incarnation;
        agent->acknowledged = agent->sync_no = agent->heard_sync_no = 0;
        agent->served_count = 0;
    }
    DL_DELETE2(core->gone, agent, gone_prev, gone_next);
    core->gone_count--;
    agent->is_live = true;
    agent->is_draining = agent->has_cancel = false;
    release_slots(agent);
    arena_release(&agent->arena);
    agent->labels = labels_copy(joined->labels, joined->labels_count, &agent->arena);
    agent->labels_count = joined->labels_count;
    core->fleet_version++;
}

void agent_apply_synced(struct core *core, const struct fact_agent_synced *synced)
{
    struct agent *agent = agent_get(core, synced->agent, synced->incarnation);

    if (agent->incarnation == synced->incarnation) {
        agent->acknowledged = synced->acknowledged;
        agent->sync_no = synced->sync_no;
        if (agent->heard_sync_no < synced->sync_no)
            agent->heard_sync_no = synced->sync_no;
        return;
    }
    for (size_t i = 0; i < agent->past_count; i++) {
        if (agent->past[i].incarnation != synced->incarnation)
            continue;
        agent->past[i].acknowledged = synced->acknowledged;
        return;
    }
}

void agent_apply_gone(struct core *core, const struct fact_agent_gone *gone)
{
    struct agent *agent = agent_find(core, gone->agent);

    CHECK(agent != NULL && agent->is_live && agent->leases == NULL);
    CHECK(agent->incarnation == gone->incarnation);
    gone_add(core, agent);
    agent->gone = gone->reason;
    core->fleet_version++;
}

static void take_slot(struct agent_slot *slot, const struct slot_report *report)
{
    slot->slot = report->slot;
    slot->run = report->run;
    slot->phase = report->phase;
    if (slot->group != NULL && strcmp(slot->group, report->group) == 0)
        return;
    free(slot->group);
    slot->group = mem_strdup(report->group);
}

void agent_take_slots(struct core *core, struct agent *agent, const struct slot_report *slots,
                      size_t count, bool is_draining)
{
    if (count != agent->slots_count || is_draining != agent->is_draining)
        core->fleet_version++;
    while (agent->slots_cap < count) {
        size_t before = agent->slots_cap;

        agent->slots = mem_grow(agent->slots, &agent->slots_cap, sizeof(*agent->slots));
        (void)memset(&agent->slots[before], 0, (agent->slots_cap - before) * sizeof(*agent->slots));
    }
    for (size_t i = 0; i < count; i++)
        take_slot(&agent->slots[i], &slots[i]);
    agent->slots_count = count;
    agent->is_draining = is_draining;
}

void agent_take_doing(struct agent *agent, const char *doing)
{
    if (strcmp(agent->doing, doing) == 0)
        return;
    free(agent->doing);
    agent->doing = mem_strdup(doing);
}

int64_t agent_lost_ms(const struct agent *agent)
{
    return agent->heard_ms + (agent->leases != NULL ? AGENT_LOST_MS : AGENT_IDLE_LOST_MS);
}

size_t agent_slot_leases(const struct agent *agent, int64_t slot, struct lease **out_lease)
{
    struct lease *lease = NULL;
    size_t count = 0;

    *out_lease = NULL;
    DL_FOREACH2(agent->leases, lease, agent_next)
    {
        if (lease->slot != slot)
            continue;
        count++;
        if (*out_lease == NULL)
            *out_lease = lease;
    }
    return count;
}

bool agent_has_free_slot(const struct agent *agent)
{
    struct lease *lease = NULL;

    if (agent->leases_count == 0)
        return agent->slots_count > 0;
    for (size_t i = 0; i < agent->slots_count; i++)
        if (agent_slot_leases(agent, agent->slots[i].slot, &lease) == 0)
            return true;
    return false;
}

void agent_note_served(struct agent *agent, int64_t run)
{
    for (size_t i = 0; i < agent->served_count; i++)
        if (agent->served[i].run == run)
            return;
    if (agent->served_count == SERVED_RUNS_MAX) {
        agent->served_count--;
        (void)memmove(&agent->served[0], &agent->served[1],
                      agent->served_count * sizeof(agent->served[0]));
    }
    agent->served[agent->served_count++] = (struct served_run){.run = run};
}
