#include "coordinator/http/readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "shared/base/memory.h"

struct readers {
    reader_open_function *open;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct reader_job *first, *last; /* under the lock, as the two below */
    unsigned waiting;
    bool is_stopping;
    pthread_t threads[READERS_COUNT];
};

static struct reader_job *take(struct readers *readers)
{
    struct reader_job *job;

    CHECK(pthread_mutex_lock(&readers->lock) == 0);
    while (readers->first == NULL && !readers->is_stopping)
        CHECK(pthread_cond_wait(&readers->news, &readers->lock) == 0);
    job = readers->first;
    if (job != NULL) {
        readers->first = job->next;
        readers->waiting--;
    }
    CHECK(pthread_mutex_unlock(&readers->lock) == 0);
    return job;
}

static void run_job(struct readers *readers, struct reader **reader, struct reader_job *job)
{
    struct error err = {.status = STATUS_OK};
    enum status status = STATUS_OK;

    if (*reader == NULL)
        status = readers->open(readers->context, reader, &err);
    if (status == STATUS_OK)
        status = job->run(job, *reader, &err);
    if (*reader != NULL && status != STATUS_OK && status != STATUS_NOT_FOUND) {
        (*reader)->ops->close(*reader);
        *reader = NULL;
    }
    job->done(job, status, &err);
}

static void *reader_main(void *context)
{
    struct readers *readers = context;
    struct reader *reader = NULL;

    for (struct reader_job *job = take(readers); job != NULL; job = take(readers))
        run_job(readers, &reader, job);
    if (reader != NULL)
        reader->ops->close(reader);
    return NULL;
}

struct readers *readers_start(reader_open_function *open, void *context)
{
    struct readers *readers = mem_zalloc(sizeof(*readers));

    readers->open = open;
    readers->context = context;
    CHECK(pthread_mutex_init(&readers->lock, NULL) == 0);
    CHECK(pthread_cond_init(&readers->news, NULL) == 0);
    for (size_t i = 0; i < READERS_COUNT; i++)
        CHECK(pthread_create(&readers->threads[i], NULL, reader_main, readers) == 0);
    return readers;
}

bool readers_post(struct readers *readers, struct reader_job *job)
{
    CHECK(pthread_mutex_lock(&readers->lock) == 0);
    bool has_room = readers->waiting < READS_WAITING_MAX && !readers->is_stopping;
    if (has_room) {
        job->next = NULL;
        if (readers->first == NULL)
            readers->first = job;
        else
            readers->last->next = job;
        readers->last = job;
        readers->waiting++;
        CHECK(pthread_cond_signal(&readers->news) == 0);
    }
    CHECK(pthread_mutex_unlock(&readers->lock) == 0);
    return has_room;
}

void readers_stop(struct readers *readers)
{
    CHECK(pthread_mutex_lock(&readers->lock) == 0);
    readers->is_stopping = true;
    CHECK(pthread_cond_broadcast(&readers->news) == 0);
    CHECK(pthread_mutex_unlock(&readers->lock) == 0);
    for (size_t i = 0; i < READERS_COUNT; i++)
        CHECK(pthread_join(readers->threads[i], NULL) == 0);
    CHECK(pthread_cond_destroy(&readers->news) == 0);
    CHECK(pthread_mutex_destroy(&readers->lock) == 0);
    free(readers);
}
