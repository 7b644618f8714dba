#ifndef AGENT_CORE_STATE_H
#define AGENT_CORE_STATE_H

/* All that a foreman knows.  Shared by the files of this folder; nobody else includes it.
 *
 *     foreman.c    an input comes in: the switch, and what follows from it
 *     slot.c       a slot's lifecycle            lease.c  a lease and its tests
 *     worker.c     what a worker says            worker_gone.c  what its death means
 *     feed.c       what a worker is told next    run.c    which runs are prepared
 *     report.c     what is told of a lease       spool.c  what is not acknowledged yet
 *     sync.c       requests and their rhythm     sync_reply.c  what an answer changes
 *     leave.c      draining and ending */

#include "agent/core/action.h"
#include "agent/core/foreman.h"
#include "agent/core/lease.h"
#include "agent/core/run.h"
#include "agent/core/slot.h"
#include "agent/core/spool.h"
#include "agent/core/sync.h"

/* A lease that is over here and stays in `held` until the event that ended it is acknowledged. */
struct closing {
    int64_t lease;
    int64_t position;
    int64_t seq;
};

/* How the agent is leaving. */
enum leaving {
    LEAVING_NOT,
    LEAVING_DRAIN,  /* what runs may finish; then a last sync                     */
    LEAVING_KILL,   /* the second signal: what runs is killed; then a last sync   */
    LEAVING_SILENT, /* this incarnation is over: what runs is killed, no more sync */
    LEAVING_LEFT    /* ACTION_EXIT has been given                                 */
};

struct foreman {
    struct arena arena; /* settings; as long as the foreman */
    const char *agent;
    int64_t incarnation;
    int64_t wall_offset_ms;
    struct label *labels;
    size_t label_count;

    struct slot *slots;
    size_t slot_count;
    struct run_list_known runs;
    struct spool spool;
    struct closing *closing;
    size_t closing_count;
    size_t closing_cap;
    struct syncing sync;

    enum leaving leaving;
    int64_t leave_until_ms; /* then it ends without the last sync; INT64_MAX: not yet counted */
    bool has_finished;      /* leaving, and nothing is held or lives any more */
    char *doing;

    /* While an input is handled. */
    int64_t now_ms;
    struct action_list *actions;
};

#endif
