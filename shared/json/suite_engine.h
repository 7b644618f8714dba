#ifndef SHARED_JSON_SUITE_ENGINE_H
#define SHARED_JSON_SUITE_ENGINE_H

/* The engines of `databases.A.engine`, and what a suite may say and ask of each.  An engine is
 * a library that opens a file, or a server; no third kind. */

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/status.h"
#include "shared/protocol/suite.h"

struct suite_engine {
    const char *name;
    bool is_server;
    const char *fields;  /* of ${db.A.FIELD}: "path, url, name" */
    const char *schemes; /* of a given server's address, the same way; "" none */
};

/* NULL: no engine of this release. */
const struct suite_engine *suite_engine_find(const char *name);

bool suite_engine_has_field(const struct suite_engine *engine, const char *field);

/* The engine of an alias, through its mirror.  NULL: there is no such alias, or nothing serves it;
 * suite_check says what is wrong then. */
const struct suite_engine *suite_engine_of(const struct suite *suite, const char *alias);

/* Names, for "did you mean"; the text starts with "engine: ". */
enum status suite_engine_check(const char *name, struct error *err) MUST_USE;

/* What the engine of a database (known, no mirror) makes of its other keys.  The text starts with
 * the key: "version: ...". */
enum status suite_engine_check_keys(const struct suite_database *database,
                                    struct error *err) MUST_USE;

#endif
