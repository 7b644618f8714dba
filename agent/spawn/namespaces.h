#ifndef AGENT_SPAWN_NAMESPACES_H
#define AGENT_SPAWN_NAMESPACES_H

/* Namespaces of pids and mounts around a worker.  Single-threaded; each function returns NULL,
 * or the name of the call that failed (errno tells why). */

#include "agent/spawn/options.h"

/* In the helper: the next child is the namespace's first process.  Mounts the overlay.  Covers
 * options->hide with an empty read-only file system that has only the files of options->show. */
const char *namespaces_enter(const struct spawn_options *options);

/* In the namespace's first process: /proc shows its processes, and their number is bounded. */
const char *namespaces_settle(const struct spawn_options *options);

#endif
