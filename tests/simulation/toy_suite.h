#ifndef TESTS_SIMULATION_TOY_SUITE_H
#define TESTS_SIMULATION_TOY_SUITE_H

/* A suite made from dice, and what must become of each of its tests. */

#include "shared/base/memory.h"
#include "shared/protocol/messages.h"
#include "tests/simulation/world.h"

enum toy_kind {
    TOY_PASSES,
    TOY_FAILS,
    TOY_ERRORS,
    TOY_SKIPS,
    TOY_XFAILS,
    TOY_XPASSES,
    TOY_FLAKES,  /* passes or fails, as the dice fall */
    TOY_CRASHES, /* takes its worker with it          */
    TOY_HANGS,   /* until it is killed                */
    TOY_KIND_COUNT
};

struct toy_test {
    const char *id; /* as a driver knows it: a repeated id carries "#2" */
    const char *listed_id;
    const char *group;
    int group_number;
    int64_t phase;
    int64_t duration_ms;
    enum toy_kind kind;
    bool is_dirty;
};

struct toy_group {
    const char *name;
    int64_t setup_ms;
    int64_t teardown_ms;
    bool teardown_fails;
};

struct toy_suite {
    struct arena arena;
    struct toy_test *tests;
    int test_count;
    struct toy_group *groups;
    int group_count;
    struct run_submission submission;
    int64_t test_ms, ready_ms, grace_ms;
    enum suite_fresh fresh;
    bool has_databases;
    int64_t run; /* the number it got; 0 not yet */
};

struct toy_suite *toy_suite_new(struct world *world, int number, int tests);
void toy_suite_free(struct toy_suite *suite);

/* Index of the test, -1: there is none. */
int toy_suite_find(const struct toy_suite *suite, const char *id);

struct toy_suite *world_suite_of_run(const struct world *world, int64_t run);

/* May a run of this test end so?  (Judged by its kind alone.) */
bool toy_kind_allows(enum toy_kind kind, enum verdict verdict);

#endif
