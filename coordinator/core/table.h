#ifndef COORDINATOR_CORE_TABLE_H
#define COORDINATOR_CORE_TABLE_H

/* uthash and utlist by our rules: memory by mem_*, a hash of our own. */

#include <stddef.h>
#include <stdlib.h>

#include "shared/base/check.h"
#include "shared/base/memory.h"

/* FNV-1a with a last mix: buckets are chosen by the low bits. */
static inline unsigned table_hash(const void *key, size_t len)
{
    const unsigned char *bytes = key;
    unsigned hash = 2166136261U;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash ^ (hash >> 15);
}

/* uthash chose these names. */
/* NOLINTBEGIN(readability-identifier-naming) */
#define HASH_FUNCTION(key, len, hash) ((hash) = table_hash((key), (len)))
#define uthash_malloc(bytes)          mem_alloc(bytes)
#define uthash_free(memory, bytes)    free(memory)
#define uthash_fatal(text)            UNREACHABLE(text)
/* NOLINTEND(readability-identifier-naming) */

#include <uthash.h>
#include <utlist.h>

#endif
