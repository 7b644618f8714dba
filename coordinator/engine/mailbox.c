#include "coordinator/engine/mailbox.h"

#include <stdlib.h>
#include <time.h>

void mailbox_init(struct mailbox *box)
{
    pthread_condattr_t attributes;

    *box = (struct mailbox){.first = NULL};
    CHECK(pthread_mutex_init(&box->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&box->arrived, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void mailbox_release(struct mailbox *box)
{
    CHECK(box->first == NULL);
    (void)pthread_cond_destroy(&box->arrived);
    (void)pthread_mutex_destroy(&box->lock);
    free(box->withdrawn);
}

enum status mailbox_post(struct mailbox *box, struct engine_call *call)
{
    enum status status = STATUS_OK;

    call->next = NULL;
    call->wait_until_ms = 0;
    (void)pthread_mutex_lock(&box->lock);
    if (box->is_stopping) {
        status = STATUS_STOPPING;
    } else if (box->count >= MAILBOX_MAX) {
        status = STATUS_FULL;
    } else {
        if (box->last != NULL)
            box->last->next = call;
        else
            box->first = call;
        box->last = call;
        box->count++;
        (void)pthread_cond_signal(&box->arrived);
    }
    (void)pthread_mutex_unlock(&box->lock);
    return status;
}

void mailbox_withdraw(struct mailbox *box, void *context)
{
    bool is_queued = false;

    (void)pthread_mutex_lock(&box->lock);
    for (struct engine_call *call = box->first; call != NULL && !is_queued; call = call->next) {
        bool may_wait =
            call->command.kind == COMMAND_WAIT || call->command.kind == COMMAND_IMAGE_CLAIM;

        if (!may_wait || call->context != context)
            continue;
        call->wait_until_ms = WAIT_WITHDRAWN;
        is_queued = true;
    }
    if (!is_queued && !box->is_stopping) {
        VEC_PUSH(box->withdrawn, box->withdrawn_count, box->withdrawn_cap) = context;
        (void)pthread_cond_signal(&box->arrived);
    }
    (void)pthread_mutex_unlock(&box->lock);
}

void mailbox_stop(struct mailbox *box)
{
    (void)pthread_mutex_lock(&box->lock);
    box->is_stopping = true;
    (void)pthread_cond_signal(&box->arrived);
    (void)pthread_mutex_unlock(&box->lock);
}

static struct timespec deadline_after(int64_t wait_ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(wait_ms / 1000);
    at.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static bool has_something(const struct mailbox *box)
{
    return box->first != NULL || box->withdrawn_count > 0 || box->is_stopping;
}

static struct engine_call *take_calls(struct mailbox *box, size_t max)
{
    struct engine_call *first = box->first;
    struct engine_call *last = NULL;

    for (size_t i = 0; i < max && box->first != NULL; i++) {
        last = box->first;
        box->first = last->next;
        box->count--;
    }
    if (last == NULL)
        return NULL;
    last->next = NULL;
    if (box->first == NULL)
        box->last = NULL;
    return first;
}

void mailbox_take(struct mailbox *box, size_t max, int64_t wait_ms, struct haul *out_haul)
{
    struct timespec until = deadline_after(wait_ms);

    (void)pthread_mutex_lock(&box->lock);
    while (wait_ms > 0 && !has_something(box))
        if (pthread_cond_timedwait(&box->arrived, &box->lock, &until) != 0)
            break;
    *out_haul = (struct haul){.calls = take_calls(box, max),
                              .withdrawn = box->withdrawn,
                              .withdrawn_count = box->withdrawn_count,
                              .is_stopping = box->is_stopping};
    box->withdrawn = NULL;
    box->withdrawn_count = 0;
    box->withdrawn_cap = 0;
    (void)pthread_mutex_unlock(&box->lock);
}
