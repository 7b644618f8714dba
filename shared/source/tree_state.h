#ifndef SHARED_SOURCE_TREE_STATE_H
#define SHARED_SOURCE_TREE_STATE_H

/* Which version of a working tree lies in a directory, said so that two machines can compare:
 * the client writes it into the run, the agent reads it again before it uses its own copy.
 *
 * revision: `git rev-parse HEAD`.
 * hash: SHA-256 of what differs from that revision below the directory, that is of
 *
 *     "muster tree 1" NUL
 *     for each path of `git status --porcelain=v1 -z --no-renames --untracked-files=all`, in its
 * order: path relative to the directory NUL "file" NUL "x" or "-" NUL size in decimal NUL contents
 * |  "link" NUL target NUL "directory" NUL (a submodule)                           |  "gone" NUL
 *
 * so it does not matter whether a change is staged.  Left out are the paths in `except` (what the
 * suite's prepare steps make, so that an agent that has prepared still agrees with the client)
 * and what Python leaves behind in passing: `__pycache__`, `*.pyc`, `.pytest_cache`.
 *
 * Blocks: runs git and reads files. */

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/hash.h"
#include "shared/base/status.h"

#define TREE_REVISION_SIZE 65

struct tree_state {
    bool is_repository; /* false: both texts are "" */
    bool is_dirty;
    char revision[TREE_REVISION_SIZE]; /* "" before the first commit */
    char hash[HASH_HEX_SIZE];
};

/* `except`: paths relative to dir, each with all below it. */
enum status tree_state_read(const char *dir, const char *const *except, size_t except_count,
                            struct tree_state *out_state, struct error *err) MUST_USE;

#endif
