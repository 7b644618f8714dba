#ifndef COORDINATOR_STORE_HISTORY_BOOK_H
#define COORDINATOR_STORE_HISTORY_BOOK_H

/* How a duration is remembered: the one formula of all stores. */

#include <stdint.h>

#include "coordinator/core/fact.h"
#include "coordinator/store/store.h"

/* The estimate after one more measurement. */
static inline int64_t history_after(int64_t old_us, int64_t sample_us)
{
    return old_us + (sample_us - old_us) / HISTORY_WEIGHT;
}

/* Does this attempt tell how long its test takes?  Failures end early, kills late. */
static inline bool history_wants(const struct fact_attempt_recorded *recorded)
{
    return recorded->counted && recorded->report->test > 0 &&
           (recorded->report->outcome == OUTCOME_PASSED ||
            recorded->report->outcome == OUTCOME_XFAIL);
}

#endif
