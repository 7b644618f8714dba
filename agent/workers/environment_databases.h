#ifndef AGENT_WORKERS_ENVIRONMENT_DATABASES_H
#define AGENT_WORKERS_ENVIRONMENT_DATABASES_H

/* Databases in the environment of workers and commands: what templates may name, and the variables
 * that existing tools know (docs/suite-file.md, "What a worker sees").  Pure; any thread. */

#include <stddef.h>

#include "agent/workers/workers.h"
#include "shared/base/memory.h"

/* The plan's databases.  Tests are collected before there is any, but by the suite's own variables
 * and commands, and by settings that want their DATABASE_URL: these are then promised databases
 * that lead nowhere, in the arena. */
void environment_databases_choose(const struct worker_plan *plan, enum environment_mode mode,
                                  const char *tmp_dir, struct arena *arena,
                                  const struct worker_database **out_databases, size_t *out_count);

typedef void environment_put(void *context, const char *name, const char *value);

/* DATABASE_URL, ALIAS_DATABASE_URL, PG*, MYSQL_*. */
void environment_databases_tell(const struct worker_database *databases, size_t count,
                                struct arena *arena, environment_put *put, void *context);

#endif
