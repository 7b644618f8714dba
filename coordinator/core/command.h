#ifndef COORDINATOR_CORE_COMMAND_H
#define COORDINATOR_CORE_COMMAND_H

/* What can be asked of the core, and what it answers.  The door (http) fills a
 * command, the engine carries it, the core answers; nobody else interprets them.
 * Everything a command points to lives until its reply has been sent. */

#include <stdint.h>

#include "shared/protocol/messages.h"

enum command_kind {
    COMMAND_SUBMIT,       /* POST /v1/runs                   -> run_created   */
    COMMAND_SYNC,         /* POST /v1/agents/{agent}/sync    -> sync_response */
    COMMAND_WAIT,         /* GET  /v1/agents/{agent}/wait    -> (nothing): the engine parks it until
                             core_has_news, LONG_POLL_MS_MAX or the engine's stop; never reaches the core */
    COMMAND_ATTEND,       /* POST /v1/runs/{run}/attend      -> run_view      */
    COMMAND_CANCEL,       /* POST /v1/runs/{run}/cancel      -> run_view      */
    COMMAND_VIEW,         /* GET  /v1/runs/{run}             -> run_view      */
    COMMAND_AGENTS,       /* GET  /v1/agents                 -> agent_list    */
    COMMAND_WORK,         /* GET  /v1/runs/{run}/work        -> run_work      */
    COMMAND_STATS,        /* GET  /metrics                   -> stats         */
    COMMAND_IMAGE_CLAIM,  /* POST   /v1/images/{fingerprint}/claim  -> image_answer; "wait" may be
                             parked by the engine, see core_image_has_news */
    COMMAND_IMAGE_DONE,   /* POST   /v1/images/{fingerprint}/done   -> (nothing)    */
    COMMAND_IMAGE_FAILED, /* POST   /v1/images/{fingerprint}/failed -> (nothing)    */
    COMMAND_IMAGE_BAD,    /* POST   /v1/images/{fingerprint}/bad    -> unneeded_blob */
    COMMAND_IMAGE_DROP,   /* DELETE /v1/images/{fingerprint}        -> unneeded_blob */
    COMMAND_IMAGES,       /* GET    /v1/images                      -> image_list   */
    COMMAND_TICK,         /* the engine's own: a deadline has come            */
};

/* How long tests took before, for estimates and order. */
struct history {
    struct history_entry {
        const char *id;
        int64_t duration_us;
    } * entries; /* sorted by id (strcmp) */
    size_t entries_count;
};

struct command {
    enum command_kind kind;
    int64_t run;         /* ATTEND, CANCEL, VIEW, WORK */
    const char *agent;   /* WAIT                       */
    int64_t incarnation; /* WAIT                       */
    const struct run_submission *submission;
    const struct history *history; /* SUBMIT: filled in by the engine; may be NULL */
    const struct sync_request *sync;
    const struct attend_request *attend;
    const struct cancel_request *cancel;
    const char *fingerprint; /* IMAGE_* */
    const char *trust;       /* IMAGE_DROP */
    const struct image_claim *image_claim;
    const struct image_done *image_done;
    const struct image_failed *image_failed;
    const struct image_bad *image_bad;
};

/* Counters and gauges for /metrics; what starts with "total" only grows while the process lives. */
struct stats {
    int64_t runs_open, runs_collecting, tests_queued, tests_leased, leases_open;
    int64_t images_ready, images_building;
    int64_t agents_known, agents_idle, agents_busy, slots, slots_busy;
    int64_t total_attempts, total_counted, total_late, total_lost_leases, total_retries,
        total_problems, total_syncs, total_repeated_syncs, total_resyncs;
    int64_t total_dropped; /* results under leases that are not known: acknowledged, not stored */
    int64_t total_missing; /* events that no agent has any more and this store never saw        */
};

struct reply {
    struct run_created run_created;
    struct sync_response sync_response;
    struct run_view run_view;
    struct agent_list agent_list;
    struct run_work run_work;
    struct stats stats;
    struct image_answer image_answer;
    struct image_list image_list;
    const char *unneeded_blob; /* no image is in it any more; NULL: one is */
};

#endif
