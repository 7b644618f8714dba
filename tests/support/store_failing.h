#ifndef TESTS_SUPPORT_STORE_FAILING_H
#define TESTS_SUPPORT_STORE_FAILING_H

/* A store around another whose commits fail when they are told to.
 *
 *     FAIL_BEFORE  nothing was written
 *     FAIL_AFTER   it was written, and the caller is told that it failed: the unknown outcome
 *
 * Used by one thread at a time, as any store; the counters may be read when that one is done. */

#include <stdint.h>

#include "coordinator/store/store.h"

enum fail_moment { FAIL_BEFORE, FAIL_AFTER };

struct store_failing_plan {
    int64_t nth; /* the commit that fails, 1 the next; 0 none */
    enum fail_moment moment;
    enum status status; /* what it answers */
    int64_t reopens;    /* so many reopens fail afterwards */
    int64_t begins;     /* and so many begins, with `status` */
};

/* Owns `inner`. */
struct store *store_failing_new(struct store *inner);

void store_failing_set(struct store *store, struct store_failing_plan plan);

/* Commits that answered STATUS_OK, and begins that did. */
int64_t store_failing_commits(const struct store *store);
int64_t store_failing_begins(const struct store *store);

struct store *store_failing_inner(struct store *store);

#endif
