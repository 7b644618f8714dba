#ifndef AGENT_HOST_TREE_LIST_H
#define AGENT_HOST_TREE_LIST_H

/* Everything in a tree, as it stood when it was looked at: the one walk of tree.h's functions.
 *
 * Parents come before what is in them, and what is in one directory stands together.  No path is
 * ever resolved as a whole: each of its directories is opened in the one before it, and none may be
 * a symbolic link, so nobody leads us out of the tree while we are in it.  Any thread; a list that
 * is complete may be read by many. */

#include <stddef.h>
#include <sys/stat.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

struct tree_entry {
    const char *path;  /* from the root, which is "" */
    const char *name;  /* its last part              */
    size_t parent;     /* of the root: 0             */
    struct stat state; /* never of a link's target   */
};

struct tree_list {
    const char *root;
    int fd; /* the root, open */
    struct tree_entry *entries;
    size_t count, cap;
    struct arena arena;
};

/* `root` is a directory, and lives as long as the list. */
enum status tree_list_take(struct tree_list *list, const char *root, struct error *err) MUST_USE;
void tree_list_release(struct tree_list *list);

/* The directory that was opened last, kept because the next entry is likely in it, too. */
struct tree_place {
    int fd; /* -1 none */
    size_t directory;
};

#define TREE_PLACE_INIT                                                                            \
    {                                                                                              \
        -1, 0                                                                                      \
    }

/* The directory that holds `entry`, below root_fd: the list's own, or that of a copy that has the
 * same directories.  -1: errno.  The descriptor stays the place's. */
int tree_place_open(struct tree_place *place, const struct tree_list *list, int root_fd,
                    const struct tree_entry *entry);
void tree_place_release(struct tree_place *place);

#endif
