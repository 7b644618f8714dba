#ifndef COORDINATOR_CORE_LEASE_H
#define COORDINATOR_CORE_LEASE_H

/* A lease is the right of one agent's incarnation to run one batch (or to collect), under a token
 * that only grows.
 *
 *   grant -> [OPEN] -- all its tests have an attempt ----> DONE
 *               |  '-- its agent gave all back ----------> RETURNED
 *               |  '-- its agent is gone or forgot it ---> LOST      what it holds is offered again
 *               |  '-- its run ended --------------------> REVOKED
 *               '----- infrastructure failed ------------> PROBLEM   what it holds is offered again
 *
 * Of a closed lease only the token stays, as long as its run is remembered: what is
 * reported under it is late. */

#include "coordinator/core/fact.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/table.h"
#include "coordinator/core/test.h"

struct agent;
struct run;

struct lease_item {
    int64_t test;
    enum attempt_kind kind;
};

struct lease {
    int64_t token;
    enum lease_kind kind;
    struct run *run;
    struct agent *agent;
    int64_t sync_no; /* the sync whose reply carries it */
    int64_t slot;
    struct lease_item *items; /* as granted; those with test->lease == this are outstanding */
    size_t items_count;
    size_t outstanding;
    size_t first; /* no item before it is outstanding */
    struct load load;

    /* Pencil: what its holder said last. */
    bool was_held, is_wanted_back;
    int64_t held_sync_no, position, running, running_ms, heard_ms;

    UT_hash_handle hh;
    struct lease *run_prev, *run_next, *agent_prev, *agent_next;
};

/* What remains of a closed lease; in the run's arena. */
struct past_lease {
    int64_t token;
    struct run *run;
    enum lease_end end;
    UT_hash_handle hh;
    struct past_lease *next;
};

/* The first outstanding test in the order of the batch, or NULL. */
struct test *lease_first_outstanding(struct lease *lease);

/* The item of this test, outstanding or not; NULL: it was never in this lease. */
const struct lease_item *lease_item_of(const struct lease *lease, int64_t test);

/* Does the slot run this one, and not just keep it for later? */
bool lease_is_active(const struct lease *lease);

#endif
