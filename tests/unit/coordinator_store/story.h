#ifndef TESTS_UNIT_COORDINATOR_STORE_STORY_H
#define TESTS_UNIT_COORDINATOR_STORE_STORY_H

/* A run told in facts, every kind of them: an agent joins, a run is submitted, a first
 * collection is lost, a second becomes a plan of three tests of four, an extra is added, one
 * test is flaky, one is lost and late, leases end, notes and a problem are recorded, the
 * run ends, images are built, fail and go, the agent leaves.  One lap a fact. */

#include "coordinator/core/fact.h"
#include "coordinator/store/store.h"

/* Moments of the story: how many of its facts have been told. */
enum story_moment {
    STORY_COLLECTING = 5, /* a page of the first collection is there       */
    STORY_RUNNING = 16,   /* leases open, attempts recorded                */
    STORY_ENDED = 27,     /* the run has ended, the agent still there      */
    STORY_COUNT = 36
};

#define STORY_WALL_MS  INT64_C(1764000000000)
#define STORY_PASSWORD "hunter2-is-secret"

/* The n-th fact, from 0. */
const struct fact *story_fact(int n);

/* A suite's submission with `key`; the story's has the key "story". */
struct run_submission *story_submission(const char *key);

/* Commits the facts [from, to), one lap each, and answers the last one's status. */
enum status story_tell(struct store *store, int from, int to, struct error *err);

#endif
