#ifndef AGENT_RUNS_PREPARE_H
#define AGENT_RUNS_PREPARE_H

/* Makes a tree runnable: the suite's prepare steps, in order, while nobody else prepares
 * the same directory.
 *
 *   [LOCKING] -- the directory's lock --> [HASHING] -- unchanged -----------> next step
 *       ^  '- taken: again in a while        '------- changed --> [RUNNING] -- made its outputs -->
 * next
 *       '------------------------------------------------------------'- anything else: failed
 *
 * The lock is on the directory itself (flock), so agents that use one directory of their
 * machine wait for each other.  Steps that ran in a tree since it is held are not run again
 * for the next run that shares it.
 *
 * Loop's thread only; done() comes from the loop, once, never from inside prepare_start. */

#include <uv.h>

#include "agent/sources/sources.h"
#include "agent/workers/workers.h"

struct prepare_plan {
    uv_loop_t *loop;
    struct workers *workers;
    const char *work_dir;
    int64_t run;
    const struct suite *suite; /* outlives done() */
    struct held_tree *tree;    /* "               */
};

/* `text` explains a failure with the end of what the step printed. */
typedef void prepare_done(void *context, enum status status, const char *text);

void prepare_start(const struct prepare_plan *plan, prepare_done *done, void *context);

#endif
