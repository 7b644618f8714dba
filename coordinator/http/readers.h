#ifndef COORDINATOR_HTTP_READERS_H
#define COORDINATOR_HTTP_READERS_H

/* The reading room: threads with a reader each, and a bounded queue.  What is stored is
 * read here and never by the engine, however long a report is.
 *
 * A reader that fails is closed and opened anew for the next job. */

#include <stdbool.h>

#include "coordinator/store/reader.h"
#include "shared/base/status.h"

/* Two: a long report does not hold up a short list. */
#define READERS_COUNT 2

/* More would wait longer than their askers do. */
#define READS_WAITING_MAX 256

struct reader_job {
    /* On a reader thread, once.  STATUS_OK and STATUS_NOT_FOUND keep the reader. */
    enum status (*run)(struct reader_job *job, struct reader *reader, struct error *err);
    /* On the same thread, once, with what run said or why there was no reader. */
    void (*done)(struct reader_job *job, enum status status, const struct error *err);
    struct reader_job *next; /* the room's */
};

struct readers;

typedef enum status reader_open_function(void *context, struct reader **out_reader,
                                         struct error *err);

struct readers *readers_start(reader_open_function *open, void *context);

/* Any thread.  false: the queue is full, and done is not called. */
bool readers_post(struct readers *readers, struct reader_job *job) MUST_USE;

/* Ends the threads after what is queued. */
void readers_stop(struct readers *readers);

#endif
