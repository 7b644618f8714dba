#ifndef COORDINATOR_BLOBS_BLOB_INDEX_H
#define COORDINATOR_BLOBS_BLOB_INDEX_H

/* What the blob store holds, by hash, and which of it may go.  Plain memory: the store locks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/blobs/blobs.h"

struct blob {
    char hash[HASH_HEX_SIZE];
    int64_t bytes;
    int64_t used_ms; /* wall clock */
    int64_t readers;
};

struct blob_index {
    struct blob *at;
    size_t count, cap;
    int64_t total_bytes;
};

/* NULL: none.  The pointer holds until the next addition or removal. */
struct blob *blob_index_find(const struct blob_index *index, const char *hash);

/* What is there already is only used anew. */
void blob_index_add(struct blob_index *index, const char *hash, int64_t bytes, int64_t used_ms);

/* false: there was none. */
bool blob_index_remove(struct blob_index *index, const char *hash);

/* The one used longest ago that nobody reads and that is not to be kept; NULL: none may go. */
const struct blob *blob_index_oldest(const struct blob_index *index, const struct blob_keep *keep);

void blob_index_release(struct blob_index *index);

#endif
