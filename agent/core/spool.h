#ifndef AGENT_CORE_SPOOL_H
#define AGENT_CORE_SPOOL_H

/* What has happened and is not acknowledged yet: events in order, each with the next number.
 *
 *     add -> [first .. last] -> trim(acknowledged)
 *
 * The shell keeps the same events in a file; this is the copy in memory that syncs are made of. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/protocol/messages.h"

struct spooled {
    struct event *event; /* one block with everything it points to */
    size_t bytes;        /* in memory or on the wire, whichever is more */
};

struct spool {
    struct spooled *at; /* at[first .. first + count) */
    size_t cap;
    size_t first;
    size_t count;
    int64_t bytes;
    int64_t next_seq;
};

void spool_init(struct spool *spool);
void spool_release(struct spool *spool);

/* Copies the event, numbers the copy and keeps it; lives until it is trimmed. */
const struct event *spool_add(struct spool *spool, const struct event *event);

/* Forgets the events up to `seq`. */
void spool_trim(struct spool *spool, int64_t seq);

/* Past its bounds: no work may be taken until something is acknowledged. */
bool spool_is_full(const struct spool *spool);

static inline const struct spooled *spool_at(const struct spool *spool, size_t index)
{
    return &spool->at[spool->first + index];
}

/* Number of the last event ever added; 0 none. */
static inline int64_t spool_last_seq(const struct spool *spool)
{
    return spool->next_seq - 1;
}

/* Everything up to here has been acknowledged. */
static inline int64_t spool_trimmed_seq(const struct spool *spool)
{
    return spool->next_seq - 1 - (int64_t)spool->count;
}

/* A copy in one heap block, freed with free(); its texts are UTF-8, whatever the event's were. */
struct event *event_copy(const struct event *event, size_t *out_bytes);

#endif
