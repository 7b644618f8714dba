#ifndef CLIENT_LOCAL_H
#define CLIENT_LOCAL_H

/* Local mode: without a coordinator `muster run` starts one and one agent on this machine for this
 * run, on loopback, with a token that only they know.
 *
 * History, runs and caches last in the user's state directory (XDG_STATE_HOME/muster, one
 * folder per project directory).  A second run beside it gets a temporary state and says so. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

struct local;

struct local_settings {
    const char *project_dir; /* absolute: the agent's --source-root         */
    int64_t workers;         /* 0: one a processor                          */
    bool reads_only;         /* no agent: what earlier runs left is looked at */
};

/* Returns when the coordinator answers.  STATUS_IO, STATUS_UNAVAILABLE (the text quotes its log).
 *
 * With reads_only also STATUS_NOT_FOUND (no run was made for this directory) and STATUS_CONFLICT (a
 * run uses its state just now). */
enum status local_start(const struct local_settings *settings, struct local **out_local,
                        struct error *err) MUST_USE;

const char *local_url(const struct local *local);
const char *local_token_file(const struct local *local);

/* The directory whose state it is. */
const char *local_project_dir(const struct local *local);

/* Why the state does not last: another run uses the lasting one, or there is no place for it. NULL:
 * it lasts. */
const char *local_why_temporary(const struct local *local);

/* Has the coordinator or the agent ended by itself?  Then *err says which, how, and the end of its
 * log. */
bool local_has_failed(struct local *local, struct error *err);

/* Drains the agent, stops both, removes what is temporary. */
void local_stop(struct local *local);

#endif
