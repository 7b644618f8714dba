#ifndef AGENT_CORE_LEAVE_H
#define AGENT_CORE_LEAVE_H

/* How an agent ends.
 *
 *   [NOT] --DRAIN--> [DRAIN] --DRAIN again--> [KILL] --+-- last sync answered --> EXIT
 *     |                 '------------------------------+-- or its time is over -->
 *     '--superseded--> [SILENT] --- slots are empty, or its time is over --> EXIT
 */

#include "agent/core/foreman.h"

/* For the last sync of an agent that has finished all it held: coordinator restarts take less. */
#define LEAVE_SYNC_MS 30000

/* The same where nothing waits to be acknowledged: the last sync only says goodbye then, and a
 * coordinator that is away hears of it by silence. */
#define LEAVE_GOODBYE_MS 2000

/* An impatient operator waits no longer than this. */
#define LEAVE_NOW_MS 5000

void leave_on_drain(struct foreman *foreman);

/* This incarnation must not go on: what runs is killed, nothing is said any more. */
void leave_silently(struct foreman *foreman);

/* Forgets every lease and kills what serves one; answers whether there was any.  Warm workers that
 * have nothing to do stay, unless `all`. */
bool leave_leases(struct foreman *foreman, bool all);

/* Nothing is held or lives any more: the next sync may be the last. */
bool leave_is_finished(const struct foreman *foreman);

/* Goes on with leaving after an input. */
void leave_step(struct foreman *foreman);

void leave_exit(struct foreman *foreman);

#endif
