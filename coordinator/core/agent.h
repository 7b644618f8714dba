#ifndef COORDINATOR_CORE_AGENT_H
#define COORDINATOR_CORE_AGENT_H

/* An agent as the coordinator knows it.
 *
 *   first sync -> [LIVE] -- silent, left or replaced --> [GONE]
 *                    ^                                      |
 *                    '-------- its next sync ---------------'
 *
 * A gone agent is remembered, so that what it still sends is not taken twice and nobody older
 * than it joins.
 * Incarnations only grow; those before the present one may only empty their spools. */

#include "coordinator/core/fact.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/table.h"
#include "shared/base/limits.h"

/* An idle agent is silent while it waits on the long poll. */
#define AGENT_IDLE_LOST_MS (LONG_POLL_MS_MAX + AGENT_LOST_MS)

/* Gone agents that are remembered: an hour of a fleet that changes three machines a second. */
#define AGENTS_GONE_MAX 10000

/* Spools of earlier incarnations that one agent empties after it started again. */
#define PAST_INCARNATIONS_MAX 8

/* Ended runs that an agent is still to be told of; more than that it forgets by itself. */
#define SERVED_RUNS_MAX 256

struct agent_slot {
    int64_t slot;
    int64_t run;
    int64_t phase;
    char *group;
};

struct past_incarnation {
    int64_t incarnation;
    int64_t acknowledged;
};

/* A run that had a lease here, so its tree lies there. */
struct served_run {
    int64_t run;
    int64_t told_sync_no; /* its end was told in this reply; 0 not yet */
};

struct agent {
    char *name;
    int64_t incarnation;
    bool is_live;
    enum gone_reason gone; /* why, where it is not live */
    int64_t acknowledged;  /* events up to this seq are taken        */
    int64_t sync_no;       /* of the last sync that changed anything */
    struct label *labels;  /* in the arena */
    size_t labels_count;
    struct arena arena;   /* of this incarnation */
    struct lease *leases; /* ascending token */
    size_t leases_count;

    /* Pencil. */
    int64_t heard_ms, heard_sync_no;
    struct agent_slot *slots;
    size_t slots_count, slots_cap;
    bool is_draining;
    bool has_cancel; /* a lease of it was revoked since its last sync */
    char *doing;
    struct past_incarnation past[PAST_INCARNATIONS_MAX]; /* newest last */
    size_t past_count;
    struct served_run served[SERVED_RUNS_MAX];
    size_t served_count;

    UT_hash_handle hh;
    struct agent *gone_prev, *gone_next;
};

struct core;

struct agent *agent_find(const struct core *core, const char *name);

/* The record, made when there is none yet. */
struct agent *agent_get(struct core *core, const char *name, int64_t incarnation);
void agent_free(struct core *core, struct agent *agent);

/* Facts. */
void agent_apply_joined(struct core *core, const struct fact_agent_joined *joined);
void agent_apply_synced(struct core *core, const struct fact_agent_synced *synced);
void agent_apply_gone(struct core *core, const struct fact_agent_gone *gone);

/* Pencil: takes over what a sync says of the agent's slots. */
void agent_take_slots(struct core *core, struct agent *agent, const struct slot_report *slots,
                      size_t count, bool is_draining);
void agent_take_doing(struct agent *agent, const char *doing);

/* After this it counts as lost. */
int64_t agent_lost_ms(const struct agent *agent);

/* How many leases of the slot still hold tests, and one of them (NULL none). */
size_t agent_slot_leases(const struct agent *agent, int64_t slot, struct lease **out_lease);

/* Has it a slot with nothing to do?  (Slots the agent reported.) */
bool agent_has_free_slot(const struct agent *agent);

void agent_note_served(struct agent *agent, int64_t run);

#endif
