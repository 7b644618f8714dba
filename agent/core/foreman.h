#ifndef AGENT_CORE_FOREMAN_H
#define AGENT_CORE_FOREMAN_H

/* What the agent does next, as a pure state machine like the coordinator's core: no I/O, no
 * clock, no dice.  The shell (agent/main.c and the folders beside this one) feeds inputs
 * and carries out actions; the simulation does the same with toys.
 *
 *     input + time --foreman_handle--> actions, in the order in which to do them
 *
 * A slot's life:
 *
 *   [EMPTY] --lease, tree ready--> [CLONING] --clone ready--> [STARTING] --ready--> [IDLE]
 *      ^                              ^                                               |  ^
 *      |                              | closed           reset <- needs clean clone --+  |
 *      |                          [SWAPPING] <--------------------------------------------+
 *      '---- exited ---- [STOPPING] <-- quit, kill ---- [RUNNING] <--run / all ended----'
 *
 * Rules it keeps:
 * - It kills its workers when trusted_until has passed: LEASE_TTL_MS after the *start* of the last
 * request that was answered.  Leases are then forgotten; the coordinator sees that from `held`.
 * - Events get seq 1, 2, ... and are spooled (ACTION_SPOOL) before a sync carries them; they stay
 * until acknowledged. Past SPOOL_EVENTS_MAX or SPOOL_BYTES_MAX unacknowledged it takes no work
 * (`slots` of its sync is empty).
 * - One sync is under way at a time.  A failed one is repeated with the same number and contents.
 * - The test that was running when its worker died is crashed (or timed-out, when the foreman
 * killed it for that; or lost, when it killed it for another reason); the rest of the lease is
 * returned.
 * - A worker that replaces another gets a new clone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/worker_message.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/messages.h"

struct foreman;

#define SPOOL_EVENTS_MAX 100000
#define SPOOL_BYTES_MAX  ((int64_t)256 * 1024 * 1024)

/* The shell gives up a sync that is not answered by then (INPUT_SYNC_FAILED): after an interval,
 * two that got lost leave time for a third before the leases lapse (checked in sync.c). */
#define SYNC_ANSWER_MS 4000

/* Tests handed to the driver beyond the one that runs: enough to know whether a class goes on. */
#define DRIVER_LOOKAHEAD 1

/* Events an earlier incarnation left in the spool. */
struct foreman_old_spool {
    int64_t incarnation;
    const struct event *events; /* ascending seq */
    size_t event_count;
};

struct foreman_settings {
    const char *agent;
    int64_t incarnation;
    int64_t slots;
    const struct label *labels;
    size_t label_count;
    const struct foreman_old_spool *old_spools; /* oldest first; copied */
    size_t old_spool_count;
    int64_t wall_offset_ms; /* wall clock minus monotonic clock, for `started_ms` of attempts */
};

struct foreman *foreman_new(const struct foreman_settings *settings);
void foreman_free(struct foreman *foreman);

/* ---- inputs ----------------------------------------------------------------- */

enum input_kind {
    INPUT_START,        /* once, first                                                  */
    INPUT_SYNCED,       /* reply to ACTION_SYNC                       -> response       */
    INPUT_SYNC_FAILED,  /* no usable answer                           -> status, text   */
    INPUT_NUDGED,       /* the long poll said "sync now", or it ended                   */
    INPUT_RUN_READY,    /* answer to ACTION_PREPARE                   -> run, terms     */
    INPUT_RUN_FAILED,   /* "                                          -> run, stage, text */
    INPUT_CLONE_READY,  /* answer to ACTION_CLONE                     -> slot           */
    INPUT_CLONE_FAILED, /* "                                          -> slot, text     */
    INPUT_WORKER_SAID,  /* a line                                     -> slot, message  */
    INPUT_WORKER_GONE,  /* exited, whole tree reaped                  -> slot, text, output,
                           was_clean */
    INPUT_START_FAILED, /* ACTION_WORKER could not be done            -> slot, text     */
    INPUT_DROPPED,      /* answer to ACTION_DROP                      -> slot           */
    INPUT_DRAIN,        /* SIGTERM: finish what runs and leave; a second one: kill and leave */
    INPUT_DOING,        /* what the shell is at, for people           -> text           */
    INPUT_TICK          /* foreman_next_deadline_ms has come                            */
};

/* What the foreman needs to know of a run's suite. */
struct run_terms {
    int64_t test_ms, ready_ms, grace_ms;
    enum suite_fresh fresh; /* the strictest of the suite's databases     */
    bool has_databases;
};

struct input {
    enum input_kind kind;
    int64_t slot;
    int64_t run;
    const struct sync_response *response;
    enum status status;
    const struct run_terms *terms;
    const struct worker_message *message;
    const struct output *output; /* WORKER_GONE: of the test that was running; NULL none */
    const char *stage;
    const char *text; /* WORKER_GONE: "signal 11 (SIGSEGV)", "exit status 0" */
    bool was_clean;   /* WORKER_GONE: status 0 */
};

/* ---- actions ---------------------------------------------------------------- */

enum action_kind {
    ACTION_SYNC,      /* send `request`; its events are already spooled                  */
    ACTION_WAIT,      /* open the long poll (ends in INPUT_NUDGED)                       */
    ACTION_STOP_WAIT, /* close it                                                        */
    ACTION_SPOOL,     /* append `event` under this incarnation                           */
    ACTION_TRIM,      /* events of `incarnation` up to `seq` are acknowledged            */
    ACTION_PREPARE,   /* fetch the run's work, get its tree, prepare it; `with_databases`: build its
                         templates too.  May be asked again for what is there already    */
    ACTION_CLONE,     /* a new, complete, checked clone for the slot, in place of any old one */
    ACTION_WORKER,    /* start `worker` in the slot in `mode`                            */
    ACTION_TELL,      /* send `order` to the slot's worker                               */
    ACTION_KILL,      /* `hard`: SIGKILL, else SIGTERM, to the worker's whole tree       */
    ACTION_DROP,      /* the slot's clone and directories go                             */
    ACTION_FORGET,    /* the run has ended: nothing of it is needed any more             */
    ACTION_EXIT       /* all is done: end the process with status 0                      */
};

enum worker_mode { WORKER_COLLECT, WORKER_RUN };

struct action {
    enum action_kind kind;
    int64_t slot;
    int64_t run;
    const struct sync_request *request;
    const struct event *event;
    int64_t incarnation, seq;
    bool with_databases;
    enum worker_mode mode;
    const char *worker; /* name, unique in the run */
    struct worker_order order;
    bool hard;
};

struct action_list {
    struct action *at;
    size_t count;
    size_t cap;
    struct arena arena; /* owns what the actions point to */
};

void action_list_init(struct action_list *list);
void action_list_clear(struct action_list *list);
void action_list_release(struct action_list *list);

/* `now_ms` is the agent's monotonic clock.  What the input points to may go afterwards. */
void foreman_handle(struct foreman *foreman, int64_t now_ms, const struct input *input,
                    struct action_list *actions);

/* When INPUT_TICK is due at the latest; INT64_MAX: never. */
int64_t foreman_next_deadline_ms(const struct foreman *foreman);

/* For tests and the simulation: does anything of this run live in a slot? */
bool foreman_slot_is_empty(const struct foreman *foreman, int64_t slot);

#endif
