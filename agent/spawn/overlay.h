#ifndef AGENT_SPAWN_OVERLAY_H
#define AGENT_SPAWN_OVERLAY_H

/* One directory laid over another, for one program.
 *
 *     at  =  upper     what the program writes (scratch is the kernel's own room beside it)
 *          + lower     never changes
 *
 * The mount lies in the program's mount namespace and ends with its last process.  Single-threaded;
 * returns NULL, or the name of the call that failed (errno tells why). */

#include <stdbool.h>

struct spawn_overlay {
    const char *lower; /* NULL: no overlay */
    const char *upper;
    const char *scratch;
    const char *at;
};

bool overlay_is_whole(const struct spawn_overlay *overlay); /* all four or none */

/* `by_user`: in a namespace of users, where only xattrs of users may be written. */
const char *overlay_mount(const struct spawn_overlay *overlay, bool by_user);

/* What the kernel's part of it is called in a failure: there the directories do not suit it. */
#define OVERLAY_MOUNT_FAILED "mount (overlay)"

#endif
