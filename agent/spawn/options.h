#ifndef AGENT_SPAWN_OPTIONS_H
#define AGENT_SPAWN_OPTIONS_H

/* What muster-spawn is told on its command line; the environment is the program's own.
 *
 *   muster-spawn --record FILE --key KEY --parent PID [--namespaces none|pid|user]
 *                [--hide DIR] [--show FILE]... [--directory DIR] [--processes N]
 *                [--memory BYTES] [--keep FDS]
 *                [--overlay LOWER --upper DIR --scratch DIR --at DIR] [--user UID:GID]
 *                -- PROGRAM [ARGUMENT]...
 *   muster-spawn --probe DIR
 *
 * An overlay (overlay.h) needs namespaces.  --user is for root only, and is never root; in a
 * namespace of users that user makes the overlay, too, and must reach its directories.
 *
 * Descriptor SPAWN_STATUS_FD takes what happened, one line each:
 *
 *     error TEXT         the program was not started
 *     exit N | signal N  how it ended, after its whole tree is gone */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/spawn/overlay.h"

#define SPAWN_STATUS_FD 5

/* A suite shows one image for each of its databases in memory. */
#define SPAWN_SHOW_MAX 64

enum namespaces {
    NAMESPACES_NONE, /* the tree is found by its parents and its key */
    NAMESPACES_PID,  /* of pids and mounts                          */
    NAMESPACES_USER, /* the same, inside a namespace of users       */
    NAMESPACES_COUNT
};

struct spawn_options {
    const char *record;
    const char *key;
    pid_t parent;
    enum namespaces namespaces;
    const char *hide;
    const char *show[SPAWN_SHOW_MAX];
    size_t show_count;
    const char *directory;
    int64_t processes; /* 0: as they are */
    int64_t memory_bytes;
    unsigned keep_fds; /* the program gets descriptors 0 .. keep_fds-1 */
    struct spawn_overlay overlay;
    bool drop; /* to uid and gid */
    uid_t uid;
    gid_t gid;
    const char *probe;
    char **argv;
};

extern const char *const namespaces_names[NAMESPACES_COUNT];

/* false: out_text says what is wrong. */
bool spawn_options_read(struct spawn_options *options, int argc, char **argv,
                        const char **out_text);

#endif
