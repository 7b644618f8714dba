#ifndef CLIENT_YAML_TREE_H
#define CLIENT_YAML_TREE_H

/* A YAML document as a JSON tree of objects, lists and strings, and the line on which each
 * of its places stands.  Places are named as the decoder names them: "prepare[0].run". */

#include <jansson.h>
#include <stddef.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

struct yaml_place {
    const char *path;
    int line; /* from 1 */
};

struct yaml_tree {
    json_t *root; /* owned; released by yaml_tree_release */
    struct yaml_place *places;
    size_t place_count;
    size_t place_cap;
};

/* `name` stands in errors for the file.  The places' paths are in the arena. */
enum status yaml_tree_read(const char *name, const char *bytes, size_t len, struct arena *arena,
                           struct yaml_tree *out_tree, struct error *err) MUST_USE;
void yaml_tree_release(struct yaml_tree *tree);

/* The line of the place, or of the nearest place around it; 1 when there is none. */
int yaml_tree_line(const struct yaml_tree *tree, const char *path);

#endif
