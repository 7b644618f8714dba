#ifndef CLIENT_VERBS_H
#define CLIENT_VERBS_H

/* The verbs of `muster`, one file each (verb_*.c).  A verb reads its own command line through its
 * option table, does its work and answers the process' exit status. */

#include "shared/cli/options.h"

/* Exit statuses, as CI systems tell them apart (docs/guarantees.md). */
enum exit_status {
    EXIT_PASSED = 0,
    EXIT_TESTS_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INFRASTRUCTURE = 3,
    EXIT_NOTHING = 4,
    EXIT_TIME_LIMIT = 124,
    EXIT_INTERRUPTED = 130
};

struct verb {
    const char *name;
    const struct option_table *options;
    int (*run)(int argc, char *const *argv);
};

extern const struct verb verb_run, verb_runs, verb_show, verb_watch, verb_cancel, verb_agents,
    verb_report;

#endif
