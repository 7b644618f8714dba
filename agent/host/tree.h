#ifndef AGENT_HOST_TREE_H
#define AGENT_HOST_TREE_H

/* Copies of whole directories: a server's data directory for a clone of its own.
 *
 *     TREE_OVERLAY   nothing is copied: muster-spawn mounts one over the other for the program it
 *                    starts (agent/spawn, --overlay), and the mount ends with that program
 *     TREE_REFLINK   every file shares its blocks
 *     TREE_COPY      by several threads; holes stay holes
 *
 * Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/host/copy.h"
#include "shared/base/status.h"

/* Threads of one copy: the cost is the making of files, which the kernel does side by side. */
#define TREE_THREADS_MAX 4

struct tree_options {
    enum copy_means means; /* to begin with; dearer ones are tried */
    int threads;           /* 1 .. TREE_THREADS_MAX */
    bool give;             /* to uid and gid: only root can */
    uid_t uid;
    gid_t gid;
};

/* Makes `to` (which must not be there) a copy of `from`: plain files, directories and symbolic
 * links with their modes; anything else (sockets, devices) is refused.  All or nothing: on failure
 * there is no `to`.  STATUS_FULL-like errors keep their errno's text ("No space left on device").
 */
enum status tree_copy(const char *from, const char *to, const struct tree_options *options,
                      struct error *err) MUST_USE;

/* Gives everything below (and `path` itself) to uid and gid. */
enum status tree_give(const char *path, uid_t uid, gid_t gid, struct error *err) MUST_USE;

struct tree_size {
    int64_t files;
    int64_t bytes;           /* as long as the files are   */
    int64_t allocated_bytes; /* what they take: holes less */
};

enum status tree_measure(const char *path, struct tree_size *out_size, struct error *err) MUST_USE;

/* SHA-256 over all paths, kinds, modes and contents, in the order of the paths. */
enum status tree_hash(const char *path, char out_hash[65], struct error *err) MUST_USE;

/* Cheap: over paths, sizes, inodes, change and modification times.  Tells a tree that nobody
 * touched from one that somebody did. */
enum status tree_print(const char *path, char out_hash[65], struct error *err) MUST_USE;

#endif
