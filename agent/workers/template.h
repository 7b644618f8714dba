#ifndef AGENT_WORKERS_TEMPLATE_H
#define AGENT_WORKERS_TEMPLATE_H

/* ${...} in a suite's variables and commands.
 *
 *     ${slot}            1-based            ${run.id}            the run's number
 *     ${token}           "RUN_SLOT"         ${seed}              of --order shuffle:SEED
 *     ${dir}             the tree           ${dir.tmp}           TMPDIR
 *     ${db.ALIAS.path|url|name}             ${env.NAME}          what stands in the environment so
 * far
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

/* "sqlite:////path" or "sqlite://:memory:"; in the arena. */
const char *template_database_url(const struct worker_database *database, struct arena *arena);

#endif
