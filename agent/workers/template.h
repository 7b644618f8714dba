#ifndef AGENT_WORKERS_TEMPLATE_H
#define AGENT_WORKERS_TEMPLATE_H

/* ${...} in a suite's variables and commands.
 *
 *     ${slot}            1-based            ${run.id}            the run's number
 *     ${token}           "RUN_SLOT"         ${seed}              of --order shuffle:SEED
 *     ${dir}             the tree           ${dir.tmp}           TMPDIR
 *     ${env.NAME}        what stands in the environment so far
 *     ${db.ALIAS.path|url|name}                                  of a file
 *     ${db.ALIAS.host|port|socket|user|password|url|name}        of a server
 *     $$                 one $
 *
 * Any other name, and a $ that begins none of them, is an error.  Pure; any thread. */

#include <stddef.h>
#include <stdint.h>

#include "agent/workers/workers.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"

struct template_context {
    int64_t slot;
    int64_t run;
    int64_t seed;
    const char *dir;
    const char *dir_tmp;
    const struct worker_database *databases;
    size_t database_count;
    char *const *environment; /* "NAME=VALUE" */
    size_t environment_count;
};

/* A variable may not be longer: the kernel's bound for one (MAX_ARG_STRLEN). */
#define TEMPLATE_BYTES_MAX ((size_t)128 * 1024 - 1)

/* The text with its names replaced; in the arena.
 * STATUS_NOT_FOUND: a database or variable that is not there.  STATUS_INVALID: no such name. */
enum status template_expand(const struct template_context *context, const char *text,
                            struct arena *arena, const char **out_text, struct error *err) MUST_USE;

/* What ${db.ALIAS.FIELD} is for this database; in the arena.  NULL: its engine has no such field.
 * `url` is "sqlite:////path", "sqlite://:memory:", "postgresql://USER:PASSWORD@HOST:PORT/NAME" or
 * "mysql://USER:PASSWORD@HOST:PORT/NAME" (of MariaDB, too). */
const char *template_database_field(const struct worker_database *database, const char *field,
                                    struct arena *arena);

/* The database of an alias, for a mirror the one that it shows.  NULL: there is none. */
const struct worker_database *template_database_find(const struct worker_database *databases,
                                                     size_t count, const char *alias);

#endif
