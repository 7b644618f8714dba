#ifndef AGENT_DATABASES_ENGINE_H
#define AGENT_DATABASES_ENGINE_H

/* What an engine does for a template and its clones; one file an engine.  A template is one file,
 * closed cleanly.  Everything here blocks and runs in a thread of uv_queue_work. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/status.h"

/* An SQLite header; what makes one file different from another lies in it. */
#define SEAL_HEAD_BYTES 100
#define SEAL_TAIL_BYTES 512

/* What a finished template looks like, to compare clones with. */
struct database_seal {
    int64_t bytes;
    int64_t tables;
    unsigned char head[SEAL_HEAD_BYTES];
    unsigned char tail[SEAL_TAIL_BYTES];
};

struct database_ops {
    const char *engine;
    const char *suffix; /* of the file's name */

    /* A valid database without a table. */
    enum status (*make_empty)(const char *path, struct error *err) MUST_USE;

    /* Closes what the set-up left: nothing is pending beside the file, nothing in it is broken.
     * Where someone still has it open, the file is replaced by a consistent copy. */
    enum status (*seal)(const char *path, struct database_seal *out_seal,
                        struct error *err) MUST_USE;

    /* Is the copy whole?  Cheap: it runs for every clone. */
    enum status (*check)(const char *path, const struct database_seal *seal,
                         struct error *err) MUST_USE;

    /* Removes what a process that died left beside the file. */
    void (*remove_beside)(const char *path);
};

/* NULL: there is none of that name. */
const struct database_ops *database_ops_find(const char *engine);

extern const struct database_ops database_sqlite_ops;

#endif
