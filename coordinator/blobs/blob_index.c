#include "coordinator/blobs/blob_index.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct blob *blob_index_find(const struct blob_index *index, const char *hash)
{
    for (size_t i = 0; i < index->count; i++)
        if (strcmp(index->at[i].hash, hash) == 0)
            return &index->at[i];
    return NULL;
}

void blob_index_add(struct blob_index *index, const char *hash, int64_t bytes, int64_t used_ms)
{
    struct blob *blob = blob_index_find(index, hash);

    CHECK(hash_is_hex(hash));
    if (blob != NULL) {
        blob->used_ms = used_ms;
        return;
    }
    blob = &VEC_PUSH(index->at, index->count, index->cap);
    *blob = (struct blob){.bytes = bytes, .used_ms = used_ms};
    (void)memcpy(blob->hash, hash, HASH_HEX_SIZE);
    index->total_bytes += bytes;
}

bool blob_index_remove(struct blob_index *index, const char *hash)
{
    struct blob *blob = blob_index_find(index, hash);

    if (blob == NULL)
        return false;
    index->total_bytes -= blob->bytes;
    *blob = index->at[--index->count];
    return true;
}

static bool is_kept(const struct blob *blob, const struct blob_keep *keep)
{
    for (size_t i = 0; keep != NULL && i < keep->count; i++)
        if (strcmp(keep->hashes[i], blob->hash) == 0)
            return true;
    return false;
}

const struct blob *blob_index_oldest(const struct blob_index *index, const struct blob_keep *keep)
{
    const struct blob *oldest = NULL;

    for (size_t i = 0; i < index->count; i++) {
        const struct blob *blob = &index->at[i];

        if (blob->readers > 0 || (oldest != NULL && blob->used_ms >= oldest->used_ms))
            continue;
        if (!is_kept(blob, keep))
            oldest = blob;
    }
    return oldest;
}

void blob_index_release(struct blob_index *index)
{
    free(index->at);
    *index = (struct blob_index){0};
}
