#ifndef AGENT_CORE_REPORT_H
#define AGENT_CORE_REPORT_H

/* What is told of a lease.  Every event goes through here: numbered, spooled, announced to the
 * shell; and the event that leaves nothing of a lease open ends it here. */

#include "agent/core/foreman.h"
#include "agent/core/lease.h"
#include "agent/core/slot.h"

/* An attempt at `lease`'s test `index` has ended.  The lease ends with it when it was the last. */
void report_attempt(struct foreman *foreman, struct slot *slot, struct lease *lease, size_t index,
                    struct attempt_report *attempt);

/* The same for a driver that goes on: the last one of a lease waits for the teardown. */
void report_attempt_unsettled(struct foreman *foreman, struct slot *slot, const struct told *told,
                              struct attempt_report *attempt);

/* The driver has torn down after the attempt that waits, or never will: `trouble` then says why,
 * and is told as a failure of its own; NULL: all is well. */
void report_settle(struct foreman *foreman, struct slot *slot, const char *trouble);

/* Something that failed beside the tests of a lease (a teardown). */
void report_extra(struct foreman *foreman, struct slot *slot, const struct lease *lease,
                  struct attempt_report *attempt);

void report_note(struct foreman *foreman, const struct lease *lease, const struct note *note);

/* Gives back every test of the lease that waits. */
void report_returned(struct foreman *foreman, struct slot *slot, struct lease *lease,
                     const char *text);

/* Ends the lease: infrastructure failed. */
void report_problem(struct foreman *foreman, struct slot *slot, struct lease *lease,
                    const char *stage, const char *text);

void report_collected(struct foreman *foreman, const struct lease *lease,
                      struct collected_test *tests, size_t count);
void report_collection_done(struct foreman *foreman, struct slot *slot, struct lease *lease,
                            int64_t count, const char *hash);

#endif
