#ifndef AGENT_CORE_FEED_H
#define AGENT_CORE_FEED_H

/* What a worker is told next, and which clone a test may run on.
 *
 * The driver runs one test and knows of DRIVER_LOOKAHEAD more, so that it keeps a class set up
 * while its tests go on.  Nothing is told across a reset: a test that may need a clean clone after
 * the one before it is told only when that one has ended. */

#include "agent/core/foreman.h"
#include "agent/core/slot.h"

/* Tells the slot's worker as much as it may know; starts a reset where the next test needs one.
 * The slot is IDLE or RUNNING. */
void feed_slot(struct foreman *foreman, struct slot *slot);

/* Until when the driver may take for what it does now (RUNNING); counted from now. */
void feed_set_deadline(struct foreman *foreman, struct slot *slot);

/* How long a driver may take to answer reset, flush or quit. */
int64_t feed_answer_ms(const struct slot *slot);

/* How long the first test told has from now, to start or to end. */
int64_t feed_test_ms(const struct slot *slot);

#endif
