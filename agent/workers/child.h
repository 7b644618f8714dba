#ifndef AGENT_WORKERS_CHILD_H
#define AGENT_WORKERS_CHILD_H

/* One process tree under muster-spawn: its pipes, its kill, its end.
 *
 *   child_start -> [RUNNING] -- helper exited, streams at their end --> [SWEPT] -> [CLOSED] ->
 * on_gone ^                               only where the helper itself was killed still open after
 * CHILD_DRAIN_MS: taken as ended
 *
 * Whatever happens, on_gone comes once, from the loop, when nothing of the tree is left.  The child
 * is freed after it.  Loop's thread only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "agent/host/isolation.h"
#include "agent/host/leases.h"
#include "shared/base/buffer.h"
#include "shared/base/status.h"

/* Streams that are read.  CHILD_TOLD is the helper's own and never reported. */
enum child_stream { CHILD_STDOUT, CHILD_STDERR, CHILD_SAYS, CHILD_TOLD, CHILD_STREAM_COUNT };

/* A tree that is gone closes its pipes; only a descriptor passed to a stranger stays open. */
#define CHILD_DRAIN_MS 500

/* The helper needs this long for its kill at most; then it is killed itself and its key is looked
 * for. */
#define CHILD_KILL_MS 3000

/* Orders that a driver has not read: it gets two tests ahead at most. */
#define CHILD_ORDERS_BYTES_MAX ((size_t)4 * 1024 * 1024)

#define CHILD_READ_BYTES ((size_t)64 * 1024)

struct child;

/* What all children of an agent share. */
struct child_group {
    uv_loop_t *loop;
    struct lease_book *book;
    const char *helper_path;
    struct isolation isolation;
    const char *hide; /* NULL: nothing */
    struct child *first;
    size_t count;
    char *read_buffer; /* CHILD_READ_BYTES */
};

struct child_events {
    void (*on_bytes)(void *context, enum child_stream stream, const char *bytes, size_t len);
    void (*on_end)(void *context, enum child_stream stream);
    /* `was_started` false: the program did not even begin, `text` says why. */
    void (*on_gone)(void *context, bool was_started, bool is_clean, const char *text);
};

/* `at` shows `lower`, and what the program writes goes to `upper` (agent/spawn/overlay.h).  The
 * caller makes all four directories; upper and scratch lie on one file system and are the
 * program's user's, 0700. */
struct child_overlay {
    const char *lower;
    const char *upper;
    const char *scratch;
    const char *at;
};

struct child_plan {
    const char *const *argv;
    const char *const *environment; /* MUSTER_LEASE is added */
    const char *directory;
    bool has_control;                        /* descriptors 3 and 4 */
    int64_t processes_max, memory_bytes_max; /* 0: none */
    const char *const *show;                 /* files below group->hide to be seen */
    size_t show_count;
    const struct child_overlay *overlay; /* NULL none; only where isolation.can_overlay */
    bool drop; /* to uid and gid; the agent must be root.  processes_max then counts all of that
                  user's processes, and `directory` must be open to it */
    uid_t uid;
    gid_t gid;
    bool shows_all; /* group->hide is not hidden: for servers */
};

/* Always gives a child; a failure comes through on_gone. */
struct child *child_start(struct child_group *group, const struct child_plan *plan,
                          const struct child_events *events, void *context);

void child_kill(struct child *child, bool hard);

/* false: the driver does not read what it is told. */
bool child_write(struct child *child, const char *bytes, size_t len);

/* Stops or goes on with reading one stream. */
void child_pause(struct child *child, enum child_stream stream, bool is_paused);

/* No event is reported any more. */
void child_abandon(struct child *child);
struct child *child_next(const struct child *child);

#endif
