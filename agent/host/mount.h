#ifndef AGENT_HOST_MOUNT_H
#define AGENT_HOST_MOUNT_H

/* Mount points that a record names.  Any thread. */

#include <stdbool.h>

#include "shared/base/status.h"

/* Is something mounted exactly there? */
bool mount_is_point(const char *path);

/* Unmounts everything that is mounted there (lazily: nobody of ours uses it any more).
 * A path where nothing is mounted is a success. */
enum status mount_remove(const char *path, struct error *err) MUST_USE;

#endif
