#ifndef COORDINATOR_BLOBS_BLOB_STORE_H
#define COORDINATOR_BLOBS_BLOB_STORE_H

/* What the files of this folder share: the store and its unfinished uploads.
 *
 * Two locks, taken in this order: `names` while names on the disk change, `lock` for what is in
 * memory, which is never held while the disk works. */

#include <pthread.h>

#include "coordinator/blobs/blob_index.h"
#include "coordinator/blobs/blobs.h"

struct partial {
    char hash[HASH_HEX_SIZE];
    int fd;
    int64_t total, received;
    int64_t touched_ms;        /* monotonic */
    bool is_busy;              /* a thread makes, writes or checks it */
    struct blob_upload *owner; /* NULL: nobody goes on with it just now */
    struct partial *next, *previous;
};

struct blob_upload {
    struct blobs *blobs;
    struct partial *partial; /* NULL: it is gone, or another upload has it */
};

struct blob_reading {
    struct blobs *blobs;
    char hash[HASH_HEX_SIZE];
};

struct blobs {
    char *dir;
    int64_t bytes_max;
    pthread_mutex_t names, lock;
    struct blob_index index;  /* under the lock, as all below */
    struct partial *partials; /* at most BLOB_UPLOADS_MAX      */
    size_t partials_count;
    int64_t last_used_ms;
};

void blobs_lock(pthread_mutex_t *lock);
void blobs_unlock(pthread_mutex_t *lock);

/* Under the lock: now, and later than every use before. */
int64_t blobs_use_ms(struct blobs *blobs);

/* The caller frees them. */
char *blobs_path(const struct blobs *blobs, const char *hash);
char *blobs_partial_path(const struct blobs *blobs, const char *hash);

/* Under the lock; NULL: none. */
struct partial *blobs_partial(const struct blobs *blobs, const char *hash);

#endif
