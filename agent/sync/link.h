#ifndef AGENT_SYNC_LINK_H
#define AGENT_SYNC_LINK_H

/* The agent's side of the wire: what the foreman wants said, said; what comes back, as inputs.
 *
 *     link_sync  --POST /v1/agents/A/sync--> INPUT_SYNCED | INPUT_SYNC_FAILED   one at a time
 *     link_wait  --GET  /v1/agents/A/wait--> INPUT_NUDGED                       one at a time
 *     link_fetch_work --GET /v1/runs/R/work--> done()                           any number
 *
 * Nothing is tried again here: the foreman repeats its syncs, the runs their fetches.
 * Loop's thread only; reports come from the loop, never from inside the function that asked. */

#include <stdint.h>
#include <uv.h>

#include "agent/core/foreman.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/http/http_client.h"

struct link;

/* A coordinator that has not answered a sync by then is tried again. */
#define LINK_SYNC_MS SYNC_ANSWER_MS

/* A long poll that the coordinator does not end is ended here. */
#define LINK_WAIT_MS (LONG_POLL_MS_MAX + 5000)

/* What a run needs is one small document. */
#define LINK_WORK_MS 10000

/* A long poll that fails is not asked for again sooner. */
#define LINK_WAIT_FAILED_MS 2000

struct link_settings {
    uv_loop_t *loop;
    struct http_client *client;
    const char *agent;
    int64_t incarnation;
    /* INPUT_SYNCED, INPUT_SYNC_FAILED, INPUT_NUDGED.  What the input points to is gone when it
     * returns. */
    void (*on_input)(void *context, const struct input *input);
    void *context;
};

struct link *link_new(const struct link_settings *settings);

/* Ends what is under way without a report. */
void link_free(struct link *link);

void link_sync(struct link *link, const struct sync_request *request);
void link_wait(struct link *link);
void link_stop_wait(struct link *link);

/* `work`: NULL when status is not STATUS_OK; else in the arena that was given. */
typedef void link_work_done(void *context, enum status status, const struct run_work *work,
                            const char *text);

void link_fetch_work(struct link *link, int64_t run, struct arena *arena, link_work_done *done,
                     void *context);

/* The fetch of this context is wanted no more. */
void link_drop_work(struct link *link, const void *context);

#endif
