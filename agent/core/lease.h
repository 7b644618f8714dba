#ifndef AGENT_CORE_LEASE_H
#define AGENT_CORE_LEASE_H

/* A lease as its holder knows it: the tests in the order in which to run them.
 *
 *   [WAITING] --told--> [TOLD] --attempt reported--> [OVER]
 *      |  ^                |                            ^
 *      |  '-- worker died -'                            |
 *      '---------------- returned ----------------------'
 *
 * It is over when all its tests are and what it has to say is spooled; until the coordinator has
 * acknowledged that, its token stays in `held` (state.h, struct closing). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/memory.h"
#include "shared/protocol/messages.h"

enum lease_test_state { LEASE_TEST_WAITING, LEASE_TEST_TOLD, LEASE_TEST_OVER };

struct lease_test {
    struct granted_test granted;
    enum lease_test_state state;
};

struct lease {
    int64_t token;
    enum lease_kind kind;
    int64_t run;
    struct lease_test *tests;
    size_t test_count;
    size_t open_count;   /* tests not over                                       */
    size_t next;         /* no test before this one is waiting                   */
    bool is_wanted_back; /* what waits is returned at once, now and later        */
    struct arena arena;
};

struct lease *lease_new(const struct lease_grant *grant);
void lease_free(struct lease *lease);

/* The first waiting test at or after `from`; test_count when there is none. */
size_t lease_waiting(const struct lease *lease, size_t from);
bool lease_has_waiting(const struct lease *lease);

void lease_test_tell(struct lease *lease, size_t index);
void lease_test_put_back(struct lease *lease, size_t index);
void lease_test_end(struct lease *lease, size_t index);

#endif
