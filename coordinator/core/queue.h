#ifndef COORDINATOR_CORE_QUEUE_H
#define COORDINATOR_CORE_QUEUE_H

/* The tests of a run that wait for a slot.
 *
 * The plan gave each test a place; neighbours of one group and phase form a cluster.  Three sets of
 * places, the lanes (test.h), say who waits; where a test goes follows from its attempts alone, so
 * a restart makes the same queue.
 *
 *     places    0 1 2 3 4 5 6 7 8
 *     clusters  [  A  ][ B ][ C ]
 *     lanes     front {4}   retry {1}   rest {2, 5, 6, 7, 8}
 *
 * All steps cost O(log64 n) per test. */

#include "coordinator/core/places.h"
#include "coordinator/core/test.h"

/* A slot gets at least this much work at once: a request costs a round trip. */
#define BATCH_US_MIN 300000

/* A batch is this part of a slot's fair share, so the end of a run is even (performance.md 5). */
#define BATCH_SHARE 4

/* What a test takes of which nothing is known. */
#define ESTIMATE_DEFAULT_US 100000

/* So many tests that wait for another host are looked at before the rest of the queue is. */
#define RETRY_SCAN_MAX 64

/* An amount of work, in which unknown tests count with what the run has seen so far. */
struct load {
    int64_t known_us;
    int64_t unknown; /* tests */
};

void load_add(struct load *load, const struct test *test);
void load_remove(struct load *load, const struct test *test);
int64_t load_us(const struct load *load, int64_t mean_us);

struct cluster {
    size_t first, end; /* places */
    const char *group;
    int64_t phase;
    struct load load; /* of its tests in LANE_REST */
};

struct queue {
    int64_t *order; /* place -> number */
    size_t places_count;
    struct places lanes[LANE_COUNT];
    struct cluster *clusters;
    size_t clusters_count, clusters_cap;
    size_t *by_group; /* clusters by (group, phase); only where the order may be left for warmth */
    bool rises;       /* phases rise along the order (history)                  */
    struct load load; /* of all that waits */
};

/* `order`: numbers of the selected tests; `tests[number - 1]` must know group and phase. */
void queue_init(struct queue *queue, struct test *tests, const int64_t *order, size_t count,
                bool rises);
void queue_release(struct queue *queue);

void queue_add(struct queue *queue, struct test *test);
void queue_remove(struct queue *queue, struct test *test);
size_t queue_count(const struct queue *queue);

/* Which lane a test would wait in. */
enum lane queue_lane_of(const struct test *test);

/* What a slot is and wants. */
struct wish {
    const char *agent;
    const char *group;   /* warm; "" none                                           */
    int64_t phase;       /* lowest that needs no new clone                          */
    int64_t mean_us;     /* what an unknown test counts                             */
    int64_t budget_us;   /* the batch is over when it holds this much               */
    int64_t share_us;    /* groups below it stay whole                              */
    bool retries_itself; /* nobody else could take what this agent failed           */
};

/* Chooses the next batch, at most `max` tests of one phase; nothing is changed.  Answers how many;
 * 0: nothing here for this slot. */
size_t queue_choose(const struct queue *queue, const struct test *tests, const struct wish *wish,
                    int64_t *out_tests, size_t max);

/* Would queue_choose find anything? */
bool queue_offers(const struct queue *queue, const struct test *tests, const char *agent,
                  bool retries_itself);

#endif
