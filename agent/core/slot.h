#ifndef AGENT_CORE_SLOT_H
#define AGENT_CORE_SLOT_H

/* A slot: a place for one worker and its clone, and the leases that wait for it.
 *
 *   [EMPTY] --lease, run ready--> [CLONING] --clone ready--> [STARTING] --ready--> [IDLE]
 *      ^                                                          |                 |  ^
 *      |                              closed, clone, opened       |       run, collect |
 *      |              [SWAPPING] --------------------------> IDLE |                 v  |
 *      |                   ^-------- reset ---------------------- | ------------- [RUNNING]
 *      |                                                          v                 |
 *      '-- dropped -- [DROPPING] <------- gone ------------ [STOPPING] <--quit, kill'
 *
 * A worker may be gone from any state that has one; then its slot is DROPPING.  RUNNING means that
 * the driver has a test or still tears down after the last one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/foreman.h"
#include "agent/core/lease.h"
#include "shared/base/hash.h"

enum slot_state {
    SLOT_EMPTY,
    SLOT_CLONING,
    SLOT_STARTING,
    SLOT_IDLE,
    SLOT_RUNNING,
    SLOT_SWAPPING,
    SLOT_STOPPING,
    SLOT_DROPPING,
    SLOT_STATE_COUNT
};

/* Why the foreman ends a worker, and so what becomes of the test that runs in it. */
enum stop_reason {
    STOP_NONE,
    STOP_QUIT,    /* it was asked to; nothing runs          */
    STOP_TIMEOUT, /* past its limit: timed-out              */
    STOP_CANCEL,  /* nobody wants to know                   */
    STOP_PROBLEM, /* the lease has ended by a problem event */
    STOP_LEAVE    /* the agent leaves at once: lost         */
};

#define TOLD_MAX (1 + DRIVER_LOOKAHEAD)

/* A test the driver has been told to run. */
struct told {
    struct lease *lease; /* NULL: its lease is gone, the worker is killed when it starts it */
    size_t index;
    int64_t n;
    bool more;
    bool has_started;
};

/* What the clone in the slot has been through. */
struct clone_state {
    bool is_pending; /* ACTION_CLONE is not answered yet */
    bool is_used;
    bool is_dirty;
    int64_t dirty_phase;
    int64_t last_lease;
};

/* The last attempt of a lease waits here until the driver has torn down after it: a failed teardown
 * must be told before the lease is over, or it would come too late to count. */
struct unsettled {
    struct event *event;
    struct lease *lease;
    bool more; /* the driver was promised another test and holds its teardown back */
};

struct collecting {
    struct collected_test *tests;
    size_t count;
    struct arena arena; /* of the page */
    size_t bytes;       /* of the page on the wire, at most */
    int64_t total;
    struct hash hash;
};

struct slot {
    int64_t number;
    enum slot_state state;
    enum stop_reason stop;
    int64_t deadline_ms; /* INT64_MAX: none */

    struct lease **leases; /* oldest first */
    size_t lease_count;
    size_t lease_cap;

    int64_t run; /* whose clone and worker live here; 0 none */
    enum worker_mode mode;
    struct run_terms terms;
    bool has_worker;
    char *worker; /* name */
    int64_t workers_made;

    struct told told[TOLD_MAX];
    size_t told_count;
    int64_t last_n;
    int64_t order;            /* tests this worker has begun */
    int64_t started_ms;       /* of the test that runs       */
    int64_t notes_left;       /* of the test that runs       */
    struct lease *last_lease; /* of the test that ended last: its fixtures belong there; or NULL */
    struct unsettled unsettled;
    char *group; /* of the last test; heap */
    struct clone_state clone;
    struct collecting *collecting;
};

void slot_init(struct slot *slot, int64_t number);
void slot_release(struct slot *slot);

/* The one function that changes a slot's state; clears its deadline. */
void slot_move(struct slot *slot, enum slot_state to);
const char *slot_state_name(enum slot_state state);

void slot_add_lease(struct slot *slot, struct lease *lease);
struct lease *slot_find_lease(const struct slot *slot, int64_t token);

/* Removes and frees; nothing in the slot points to it afterwards. */
void slot_remove_lease(struct slot *slot, struct lease *lease);

/* Forgets the worker: its order, what it was told (put back), what it had collected. */
void slot_forget_worker(struct slot *slot);

void slot_note_group(struct slot *slot, const char *group);

/* What is always so; a failure is our own mistake. */
void slot_check(const struct slot *slot);

#endif
