#include "agent/core/lease.h"

#include <stdlib.h>

#include "shared/base/check.h"

struct lease *lease_new(const struct lease_grant *grant)
{
    struct lease *lease = mem_zalloc(sizeof(*lease));

    arena_init(&lease->arena);
    lease->token = grant->lease;
    lease->kind = grant->kind;
    lease->run = grant->run;
    lease->test_count = grant->tests_count;
    lease->open_count = grant->tests_count;
    lease->tests = arena_array(&lease->arena, grant->tests_count, sizeof(*lease->tests));
    for (size_t i = 0; i < grant->tests_count; i++) {
        struct granted_test *test = &lease->tests[i].granted;

        *test = grant->tests[i];
        test->id = arena_strdup(&lease->arena, grant->tests[i].id);
        test->group = arena_strdup(&lease->arena, grant->tests[i].group);
    }
    return lease;
}

void lease_free(struct lease *lease)
{
    if (lease == NULL)
        return;
    arena_release(&lease->arena);
    free(lease);
}

size_t lease_waiting(const struct lease *lease, size_t from)
{
    size_t i = from > lease->next ? from : lease->next;

    while (i < lease->test_count && lease->tests[i].state != LEASE_TEST_WAITING)
        i++;
    return i;
}

bool lease_has_waiting(const struct lease *lease)
{
    return lease_waiting(lease, 0) < lease->test_count;
}

void lease_test_tell(struct lease *lease, size_t index)
{
    CHECK(lease->tests[index].state == LEASE_TEST_WAITING);
    CHECK(index == lease_waiting(lease, 0));
    lease->tests[index].state = LEASE_TEST_TOLD;
    lease->next = index + 1;
}

void lease_test_put_back(struct lease *lease, size_t index)
{
    CHECK(lease->tests[index].state == LEASE_TEST_TOLD);
    lease->tests[index].state = LEASE_TEST_WAITING;
    if (index < lease->next)
        lease->next = index;
}

void lease_test_end(struct lease *lease, size_t index)
{
    CHECK(lease->tests[index].state != LEASE_TEST_OVER);
    CHECK(lease->open_count > 0);
    lease->tests[index].state = LEASE_TEST_OVER;
    lease->open_count--;
}
