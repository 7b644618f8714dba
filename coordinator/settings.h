#ifndef COORDINATOR_SETTINGS_H
#define COORDINATOR_SETTINGS_H

/* What the operator says to a coordinator: one table a verb, for the command line, the environment
 * and the help.
 *
 *     muster-coordinator [--listen ...] --data DIR     serves
 *     muster-coordinator backup --data DIR --to FILE   copies the store, also while it is served
 *     muster-coordinator prune --data DIR --older-than 30d   deletes finished runs of a stopped one
 */

#include <stdint.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/cli/options.h"

enum coordinator_verb { VERB_SERVE, VERB_BACKUP, VERB_PRUNE, VERB_COUNT };

struct coordinator_settings {
    enum coordinator_verb verb;
    const char *listen;
    const char *data;
    const char *token_file; /* NULL none */
    const char *pool;
    const char *port_file; /* NULL none */
    const char *level;
    const char *to;
    const char *age;
    int64_t keep_days; /* 0: all */
    /* Made from the above: */
    const char *address; /* without brackets */
    uint16_t port;
    enum log_level log_level;
    int64_t older_than_ms;
};

/* Of the verb that the first argument names; VERB_SERVE without one. */
const struct option_table *coordinator_options(enum coordinator_verb verb);

/* Reads and checks; everything is in the arena or in argv.  With another wish than WISH_RUN
 * nothing is checked, and only the verb is of use. */
enum status coordinator_settings_read(int argc, char *const *argv, struct arena *arena,
                                      struct coordinator_settings *out_settings,
                                      enum option_wish *out_wish, struct error *err) MUST_USE;

#endif
