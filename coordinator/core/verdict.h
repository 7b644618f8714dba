#ifndef COORDINATOR_CORE_VERDICT_H
#define COORDINATOR_CORE_VERDICT_H

/* What a test's attempts say of it: a pure function of them and the suite's policy.
 *
 *   last counted attempt   passed, xfail              passed; flaky after any bad one
 *                          skipped                    skipped; after a bad one that one stays:
 *                                                     a skip proves nothing
 *                          failed, xpass, error,      runs again while the test has retries,
 *                          timed-out                  else failed, failed, error, timed-out
 *                          crashed                    runs again below the crash limit
 *   lost on LOST_AGENTS_MAX agents, or LOST_ATTEMPTS_MAX times: crashed
 *
 * Late attempts say nothing. */

#include <stdbool.h>

#include "coordinator/core/test.h"

/* A fleet of one agent that dies of a test would try it for ever. */
#define LOST_ATTEMPTS_MAX 10

struct verdict_policy {
    int64_t retries; /* failed attempts that are run again                        */
    int64_t crashes; /* kills until the test is charged for good; at least 1      */
    bool may_retry;  /* the run's budget allows it; true when asked after the fact */
};

struct verdict_policy verdict_policy_of(const struct suite_retries *retries, bool is_extra,
                                        bool may_retry);

/* VERDICT_NONE: it runs (again). */
enum verdict verdict_of(const struct attempt *attempts, const struct verdict_policy *policy);

/* Does this outcome use up a retry of the run's budget when the test runs again? */
bool outcome_is_failure(enum outcome outcome);

/* Does the verdict make the run red?  Flaky is the suite's own choice. */
bool verdict_is_bad(enum verdict verdict);

#endif
