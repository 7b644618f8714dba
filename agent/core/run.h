#ifndef AGENT_CORE_RUN_H
#define AGENT_CORE_RUN_H

/* The runs this agent has met: what of each is prepared, and its terms.
 *
 *   [NOTHING] --PREPARE--> [TREE] --PREPARE with databases--> [DATABASES]
 *
 * Collecting needs the tree, batches need the databases too.  One PREPARE of a run is under way at
 * a time.  A failed one is asked again for the next lease that needs it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/foreman.h"
#include "agent/core/lease.h"

enum run_level { RUN_NOTHING, RUN_TREE, RUN_DATABASES };

/* A coordinator that never says `forget` must not make us grow: the run that was met
 * first and lives in no slot is given up then.  More than one machine serves at once. */
#define RUNS_KNOWN_MAX 64

struct known_run {
    int64_t number;
    enum run_level ready;
    enum run_level asked; /* > ready: a PREPARE is under way */
    bool is_over;         /* goes when it lives in no slot   */
    struct run_terms terms;
};

struct run_list_known {
    struct known_run *at; /* in the order in which they were met */
    size_t count;
    size_t cap;
};

struct known_run *known_run_find(struct foreman *foreman, int64_t number);

/* Is everything there that the lease needs?  Asks for it if not. */
bool run_is_ready_for(struct foreman *foreman, const struct lease *lease);

void run_on_ready(struct foreman *foreman, const struct input *input);

/* Ends the leases that waited for it by a problem each. */
void run_on_failed(struct foreman *foreman, const struct input *input);

/* The coordinator says that it has ended. */
void run_end(struct foreman *foreman, int64_t number);

/* Gives up the runs that are over and live nowhere any more. */
void runs_sweep(struct foreman *foreman);

#endif
