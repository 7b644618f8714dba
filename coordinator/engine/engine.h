#ifndef COORDINATOR_ENGINE_ENGINE_H
#define COORDINATOR_ENGINE_ENGINE_H

/* The one thread that owns the core and the writing store.
 *
 *     lap:  drain the mailbox (at most LAP_COMMANDS_MAX)
 *           core_handle each, in order
 *           store commit, one transaction       <- nothing has left the engine before this
 *           release the replies
 *           parked waits whose agent has news, and those that are over; parked claims of images
 *           go to the next lap for that
 *
 * Posting gives a call away; `done` gives it back, on the engine's thread, exactly once.  `done`
 * must not block (the door's wakes its event loop). */

#include <stdbool.h>

#include "coordinator/core/command.h"
#include "coordinator/store/store.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"

struct engine;

/* One question and its answer.  The poster owns it before engine_post and after done. */
struct engine_call {
    struct command command;
    struct arena arena; /* the poster's request and the core's reply */
    struct reply reply;
    enum status status;
    struct error error;
    void (*done)(struct engine_call *call);
    void *context;            /* the poster's */
    struct engine_call *next; /* the engine's */
    int64_t wait_until_ms;    /* the engine's */
};

/* A lap that takes more would answer its first command late. */
#define LAP_COMMANDS_MAX 256
/* More waiting commands than this are answered STATUS_FULL at once. */
#define MAILBOX_MAX      20000

/* Loads the core from the store (begin, load) and starts the thread.  The engine owns the store
 * from now on. */
enum status engine_start(struct store *store, const char *pool, struct engine **out_engine,
                         struct error *err) MUST_USE;

/* Any thread.  After engine_stop began: done is called with STATUS_STOPPING. */
void engine_post(struct engine *engine, struct engine_call *call);

/* Any thread: a parked COMMAND_WAIT is answered now (its client has gone).  Does nothing when it is
 * answered already; the caller guarantees that `call` is still valid or was posted with this
 * context. */
void engine_withdraw(struct engine *engine, void *context);

/* Any thread.  False while the store does not accept commits (degraded). */
bool engine_is_ready(const struct engine *engine);

/* Any thread.  Finished runs older than this are deleted, in small steps between the laps; 0 (the
 * default) keeps all. */
void engine_keep_runs(struct engine *engine, int64_t keep_ms);

/* Answers everything, ends the thread, closes the store. */
void engine_stop(struct engine *engine);

#endif
