#ifndef COORDINATOR_ENGINE_MAILBOX_H
#define COORDINATOR_ENGINE_MAILBOX_H

/* Where the door's threads leave calls and the engine's thread fetches them: the only thing
 * both touch.  Posting gives the call away. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/engine/engine.h"

/* call->wait_until_ms of a wait that was withdrawn before the engine saw it. */
#define WAIT_WITHDRAWN INT64_C(-1)

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct engine_call *first, *last;
    size_t count;
    void **withdrawn; /* contexts of waits that the engine has already */
    size_t withdrawn_count, withdrawn_cap;
    bool is_stopping;
};

/* What one visit of the engine brought. */
struct haul {
    struct engine_call *calls; /* in order, through `next` */
    void **withdrawn;          /* the taker frees it       */
    size_t withdrawn_count;
    bool is_stopping;
};

void mailbox_init(struct mailbox *box);
void mailbox_release(struct mailbox *box);

/* Any thread.  STATUS_FULL, STATUS_STOPPING: the call was not taken. */
enum status mailbox_post(struct mailbox *box, struct engine_call *call) MUST_USE;
void mailbox_withdraw(struct mailbox *box, void *context);
void mailbox_stop(struct mailbox *box);

/* The engine's thread: waits at most wait_ms for something to be there, takes at most `max` calls
 * and all withdrawals. */
void mailbox_take(struct mailbox *box, size_t max, int64_t wait_ms, struct haul *out_haul);

#endif
