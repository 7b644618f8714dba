#ifndef AGENT_RUNS_RUNS_H
#define AGENT_RUNS_RUNS_H

/* The runs this agent serves, and what each needs before a worker can start.
 *
 *   [FETCHING] -work-> [GETTING] -tree-> [PREPARING] -steps-> [TREE] -asked for-> [BUILDING] ->
 * [BUILT]
 *        '---------------'------------------'-> failed: told, and     ^                |
 *                                               known no more         '---- failed: told
 *
 * One runs_prepare of a run is answered before the next; a run that has what is asked for is
 * answered at once (from the loop).  A run that is forgotten while something is under
 * way for it goes when that has ended, and nothing is told.
 *
 * Loop's thread only; reports come from the loop, never from inside the function that asked. */

#include <stdint.h>
#include <uv.h>

#include "agent/core/foreman.h"
#include "agent/databases/database.h"
#include "agent/sources/sources.h"
#include "agent/sync/link.h"
#include "agent/workers/workers.h"

struct runs;

struct runs_settings {
    uv_loop_t *loop;
    struct link *link;
    struct sources *sources;
    struct workers *workers;
    struct databases *databases;
    const char *work_dir;
    /* INPUT_RUN_READY, INPUT_RUN_FAILED.  What the input points to is gone when it returns. */
    void (*on_input)(void *context, const struct input *input);
    void *context;
};

struct runs *runs_new(const struct runs_settings *settings);

/* Before the link, sources, workers and databases that it uses.  Nothing is told any more.  A run
 * that something is under way for (a prepare step may take minutes) is abandoned with its memory:
 * this is for the end of the process. */
void runs_free(struct runs *runs);

void runs_prepare(struct runs *runs, int64_t number, bool with_databases);
void runs_forget(struct runs *runs, int64_t number);

/* A run whose tree is ready; else NULL. */
const struct run_work *runs_work(const struct runs *runs, int64_t number,
                                 const char **out_tree_dir);

/* The strictest wish of a suite's databases: how often a slot needs a new clone. */
enum suite_fresh suite_strictest_fresh(const struct suite *suite);

#endif
