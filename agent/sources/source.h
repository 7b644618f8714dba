#ifndef AGENT_SOURCES_SOURCE_H
#define AGENT_SOURCES_SOURCE_H

/* Where a tree comes from: one kind of source is one file behind this interface.
 *
 *     struct suite_source --acquire--> a directory with exactly that version
 *
 * Acquiring blocks (git, hashing files): sources.h does it on threads.  A kind keeps no state in
 * memory; what it keeps on disk it keeps under locks. */

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/status.h"
#include "shared/protocol/suite.h"

/* So many versions of one repository may be in use at once on an agent; a further one waits for
 * its coordinator's problem budget elsewhere. */
#define TREES_PER_SOURCE_MAX 8

/* A first clone of a big repository over a slow line; past it, the server hangs. */
#define SOURCE_FETCH_MS 1800000
#define SOURCE_LOCAL_MS 600000

struct source_settings {
    const char *work_dir;
    const char *const *roots; /* --source-root */
    size_t root_count;
};

struct source_request {
    const struct source_settings *settings;
    const struct suite_source *source;
    const char *const *outputs; /* what the suite's prepare steps make: kept over revisions and left
                                   out of the tree's hash; relative to the suite's directory */
    size_t output_count;
};

/* A tree that is held. */
struct source_tree {
    char *dir;   /* the suite's directory: absolute, without links */
    int lock_fd; /* -1 none; closing it lets the tree go            */
};

struct source_ops {
    const char *name;
    /* STATUS_INVALID: the source cannot be what the run wants, whoever tries again.
     * STATUS_CONFLICT: too many versions are in use here. */
    enum status (*acquire)(const struct source_request *request, struct source_tree *out_tree,
                           struct error *err);
};

extern const struct source_ops source_dir_ops;
extern const struct source_ops source_git_ops;

/* The kind's acquire.  Blocks. */
enum status source_acquire(const struct source_request *request, struct source_tree *out_tree,
                           struct error *err) MUST_USE;
void source_tree_release(struct source_tree *tree);

/* The suite's directory inside a tree: `top`/`subdir`, resolved, and still inside.  For the kinds.
 */
enum status source_subdir(const char *top, const char *subdir, char **out_dir,
                          struct error *err) MUST_USE;

/* A path that stays below the directory it is relative to. */
bool source_path_is_inside(const char *path);

#endif
