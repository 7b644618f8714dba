#ifndef COORDINATOR_BLOBS_BLOB_ROOM_H
#define COORDINATOR_BLOBS_BLOB_ROOM_H

/* The blob room: threads that do what takes a disk's time, so that the door's loop never waits
 * for one, and a bounded queue.  Between the jobs they remove dead uploads. */

#include <stdbool.h>

#include "coordinator/blobs/blobs.h"

/* Two: while one makes a large blob durable, the other goes on writing. */
#define BLOB_ROOM_THREADS 2

/* A connection has one job at a time; more of them would wait longer than their clients. */
#define BLOB_JOBS_WAITING_MAX 1024

struct blob_job {
    /* On a thread of the room, once; its last act gives the job back. */
    void (*run)(struct blob_job *job);
    struct blob_job *next; /* the room's */
};

struct blob_room;

struct blob_room *blob_room_start(struct blobs *blobs);

/* Any thread.  false: the queue is full, and run is not called. */
bool blob_room_post(struct blob_room *room, struct blob_job *job) MUST_USE;

/* Ends the threads after what is queued. */
void blob_room_stop(struct blob_room *room);

#endif
