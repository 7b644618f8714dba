#include "coordinator/blobs/blob_room.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "shared/base/memory.h"

/* Between two looks for dead uploads, which may stay for an hour. */
#define TIDY_INTERVAL_S 60

struct blob_room {
    struct blobs *blobs;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct blob_job *first, *last; /* under the lock, as all below */
    unsigned waiting;
    bool is_stopping;
    pthread_t threads[BLOB_ROOM_THREADS];
};

/* Waits for a job or for the time to tidy; true: it was the time. */
static bool is_idle(struct blob_room *room)
{
    struct timespec until;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += TIDY_INTERVAL_S;
    while (room->first == NULL && !room->is_stopping) {
        int failure = pthread_cond_timedwait(&room->news, &room->lock, &until);

        CHECK(failure == 0 || failure == ETIMEDOUT);
        if (failure == ETIMEDOUT)
            return true;
    }
    return false;
}

static struct blob_job *take(struct blob_room *room)
{
    struct blob_job *job;

    CHECK(pthread_mutex_lock(&room->lock) == 0);
    while (is_idle(room)) {
        CHECK(pthread_mutex_unlock(&room->lock) == 0);
        blobs_tidy(room->blobs, BLOB_PARTIAL_KEEP_MS);
        CHECK(pthread_mutex_lock(&room->lock) == 0);
    }
    job = room->first;
    if (job != NULL) {
        room->first = job->next;
        room->waiting--;
    }
    CHECK(pthread_mutex_unlock(&room->lock) == 0);
    return job;
}

static void *room_main(void *context)
{
    struct blob_room *room = context;

    for (struct blob_job *job = take(room); job != NULL; job = take(room))
        job->run(job);
    return NULL;
}

struct blob_room *blob_room_start(struct blobs *blobs)
{
    struct blob_room *room = mem_zalloc(sizeof(*room));
    pthread_condattr_t attributes;

    room->blobs = blobs;
    CHECK(pthread_mutex_init(&room->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&room->news, &attributes) == 0);
    CHECK(pthread_condattr_destroy(&attributes) == 0);
    for (size_t i = 0; i < BLOB_ROOM_THREADS; i++)
        CHECK(pthread_create(&room->threads[i], NULL, room_main, room) == 0);
    return room;
}

bool blob_room_post(struct blob_room *room, struct blob_job *job)
{
    CHECK(pthread_mutex_lock(&room->lock) == 0);
    bool has_room = room->waiting < BLOB_JOBS_WAITING_MAX && !room->is_stopping;
    if (has_room) {
        job->next = NULL;
        if (room->first == NULL)
            room->first = job;
        else
            room->last->next = job;
        room->last = job;
        room->waiting++;
        CHECK(pthread_cond_signal(&room->news) == 0);
    }
    CHECK(pthread_mutex_unlock(&room->lock) == 0);
    return has_room;
}

void blob_room_stop(struct blob_room *room)
{
    CHECK(pthread_mutex_lock(&room->lock) == 0);
    room->is_stopping = true;
    CHECK(pthread_cond_broadcast(&room->news) == 0);
    CHECK(pthread_mutex_unlock(&room->lock) == 0);
    for (size_t i = 0; i < BLOB_ROOM_THREADS; i++)
        CHECK(pthread_join(room->threads[i], NULL) == 0);
    CHECK(pthread_cond_destroy(&room->news) == 0);
    CHECK(pthread_mutex_destroy(&room->lock) == 0);
    free(room);
}
