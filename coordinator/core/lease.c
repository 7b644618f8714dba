#include "coordinator/core/lease.h"

#include "coordinator/core/state.h"

struct test *lease_first_outstanding(struct lease *lease)
{
    while (lease->first < lease->items_count) {
        struct test *test = run_test(lease->run, lease->items[lease->first].test);

        if (test->lease == lease)
            return test;
        lease->first++;
    }
    return NULL;
}

const struct lease_item *lease_item_of(const struct lease *lease, int64_t test)
{
    for (size_t i = 0; i < lease->items_count; i++)
        if (lease->items[i].test == test)
            return &lease->items[i];
    return NULL;
}

bool lease_is_active(const struct lease *lease)
{
    const struct lease *it = NULL;

    DL_FOREACH2(lease->agent->leases, it, agent_next)
    if (it->slot == lease->slot)
        return it == lease;
    return false;
}
