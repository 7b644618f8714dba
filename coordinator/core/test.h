#ifndef COORDINATOR_CORE_TEST_H
#define COORDINATOR_CORE_TEST_H

/* A test inside its run.  It is always in exactly one place:
 *
 *   [LISTED] --plan--> [QUEUED] --granted--> [LEASED] --verdict--> [DECIDED]
 *      |                  ^                     |                      ^
 *      |                  '-- returned, lost, --'                      |
 *      |                      to be run again                          |
 *      |                  '----------------- the run ended ------------'
 *      '--not selected--> [DESELECTED]
 *
 * An extra (a failed teardown) goes from LISTED to DECIDED with its one attempt. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/protocol/messages.h"

struct lease;

enum test_state { TEST_LISTED, TEST_DESELECTED, TEST_QUEUED, TEST_LEASED, TEST_DECIDED };

/* What an attempt counted for. */
enum attempt_use { ATTEMPT_COUNTED, ATTEMPT_LOST, ATTEMPT_LATE };

/* As much of an attempt as verdicts are made of; the rest is the store's. */
struct attempt {
    struct attempt *next;
    const char *agent; /* the run's own copy of the name */
    int64_t lease;
    uint8_t kind;    /* enum attempt_kind */
    uint8_t outcome; /* enum outcome      */
    uint8_t use;     /* enum attempt_use  */
};

/* Where a queued test waits, see queue.h. */
enum lane {
    LANE_FRONT, /* lost with its agent: goes first, alone        */
    LANE_RETRY, /* has run and runs again, elsewhere if possible */
    LANE_REST,  /* never ran                                     */
    LANE_COUNT
};

struct test {
    const char *id;
    const char *group;
    struct attempt *attempts, *last_attempt;
    struct lease *lease; /* LEASED: who has it */
    int64_t phase;
    int64_t estimate_us; /* -1 unknown */
    uint32_t attempts_count;
    uint32_t place;   /* in the plan's order                          */
    uint32_t cluster; /* the queue's, see there                       */
    uint32_t twins;   /* how often this id was listed again as "#2"…  */
    uint16_t notes;
    uint8_t state;   /* enum test_state */
    uint8_t verdict; /* enum verdict    */
    uint8_t lane;    /* QUEUED: which   */
    bool is_extra;
    bool was_lost;    /* some attempt was lost */
    bool was_counted; /* some attempt counted  */
};

#endif
