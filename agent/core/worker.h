#ifndef AGENT_CORE_WORKER_H
#define AGENT_CORE_WORKER_H

/* A slot's clone and worker: made when a lease needs them, fed, ended, replaced.
 *
 * A driver that breaks the protocol, or is silent past the bound of what it does, is killed; the
 * lease it served ends by a problem, and its next lease gets a new worker on a new clone. */

#include "agent/core/foreman.h"
#include "agent/core/slot.h"

/* A collecting driver that says nothing for so long hangs: importing a large project takes this
 * long, one module at a time does not. */
#define COLLECT_SILENCE_MS ((int64_t)10 * 60 * 1000)

/* A killed process whose exit has not been seen is killed again after this. */
#define KILL_AGAIN_MS 5000

/* Does what the slot's leases ask for next.  May be called at any time. */
void worker_advance(struct foreman *foreman, struct slot *slot);

void worker_on_clone_ready(struct foreman *foreman, struct slot *slot);
void worker_on_clone_failed(struct foreman *foreman, struct slot *slot, const char *text);
void worker_on_start_failed(struct foreman *foreman, struct slot *slot, const char *text);
void worker_on_said(struct foreman *foreman, struct slot *slot,
                    const struct worker_message *message);
void worker_on_gone(struct foreman *foreman, struct slot *slot, const struct input *input);
void worker_on_dropped(struct slot *slot);

/* The slot's deadline has passed. */
void worker_on_overdue(struct foreman *foreman, struct slot *slot);

/* Takes a lease away: what runs of it is killed, nothing of it is reported any more. */
void worker_cancel(struct foreman *foreman, struct slot *slot, struct lease *lease);

/* Returns what waits under leases that are wanted back. */
void worker_return_wanted(struct foreman *foreman, struct slot *slot);

/* Ends a living worker for `reason`; `hard` without a chance to end by itself. */
void worker_stop(struct foreman *foreman, struct slot *slot, enum stop_reason reason, bool hard);

/* The slot's worker is no more: gives up its clone, unless that is still being made. */
void worker_drop(struct foreman *foreman, struct slot *slot);

#endif
