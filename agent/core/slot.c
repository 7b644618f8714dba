#include "agent/core/slot.h"

#include <stdlib.h>

#include "shared/base/check.h"
#include "shared/base/memory.h"

#define TO(state) (1U << SLOT_##state)

/* clang-format off */
static const struct slot_row {
    const char *name;
    unsigned may_become;
} rows[SLOT_STATE_COUNT] = {
    [SLOT_EMPTY]    = {"empty",    TO(CLONING) | TO(STARTING)},
    [SLOT_CLONING]  = {"cloning",  TO(STARTING) | TO(DROPPING)},
    [SLOT_STARTING] = {"starting", TO(IDLE) | TO(STOPPING) | TO(DROPPING)},
    [SLOT_IDLE]     = {"idle",     TO(RUNNING) | TO(SWAPPING) | TO(STOPPING) | TO(DROPPING)},
    [SLOT_RUNNING]  = {"running",  TO(IDLE) | TO(SWAPPING) | TO(STOPPING) | TO(DROPPING)},
    [SLOT_SWAPPING] = {"swapping", TO(IDLE) | TO(STOPPING) | TO(DROPPING)},
    [SLOT_STOPPING] = {"stopping", TO(DROPPING)},
    [SLOT_DROPPING] = {"dropping", TO(EMPTY)},
};
/* clang-format on */

void slot_init(struct slot *slot, int64_t number)
{
    *slot = (struct slot){.number = number, .deadline_ms = INT64_MAX};
}

void slot_release(struct slot *slot)
{
    slot_forget_worker(slot);
    for (size_t i = 0; i < slot->lease_count; i++)
        lease_free(slot->leases[i]);
    free(slot->leases);
    slot_init(slot, slot->number);
}

void slot_move(struct slot *slot, enum slot_state to)
{
    CHECK((rows[slot->state].may_become & (1U << to)) != 0);
    slot->state = to;
    slot->stop = STOP_NONE;
    slot->deadline_ms = INT64_MAX;
}

const char *slot_state_name(enum slot_state state)
{
    return rows[state].name;
}

void slot_add_lease(struct slot *slot, struct lease *lease)
{
    if (slot->lease_count == slot->lease_cap)
        slot->leases = mem_grow(slot->leases, &slot->lease_cap, sizeof(void *));
    slot->leases[slot->lease_count++] = lease;
}

struct lease *slot_find_lease(const struct slot *slot, int64_t token)
{
    for (size_t i = 0; i < slot->lease_count; i++)
        if (slot->leases[i]->token == token)
            return slot->leases[i];
    return NULL;
}

void slot_remove_lease(struct slot *slot, struct lease *lease)
{
    size_t i = 0;

    while (i < slot->lease_count && slot->leases[i] != lease)
        i++;
    CHECK(i < slot->lease_count);
    slot->lease_count--;
    for (; i < slot->lease_count; i++)
        slot->leases[i] = slot->leases[i + 1];

    for (size_t t = 0; t < slot->told_count; t++)
        if (slot->told[t].lease == lease)
            slot->told[t].lease = NULL;
    if (slot->last_lease == lease)
        slot->last_lease = NULL;
    if (slot->unsettled.lease == lease) {
        free(slot->unsettled.event);
        slot->unsettled = (struct unsettled){0};
    }
    lease_free(lease);
}

void slot_note_group(struct slot *slot, const char *group)
{
    char *copy = group != NULL ? mem_strdup(group) : NULL;

    free(slot->group);
    slot->group = copy;
}

static void forget_told(struct slot *slot)
{
    for (size_t i = slot->told_count; i > 0; i--) {
        struct told *told = &slot->told[i - 1];

        if (told->lease != NULL)
            lease_test_put_back(told->lease, told->index);
    }
    slot->told_count = 0;
}

void slot_forget_worker(struct slot *slot)
{
    forget_told(slot);
    if (slot->collecting != NULL)
        arena_release(&slot->collecting->arena);
    free(slot->collecting);
    free(slot->unsettled.event);
    free(slot->worker);
    slot_note_group(slot, NULL);
    slot->collecting = NULL;
    slot->unsettled = (struct unsettled){0};
    slot->worker = NULL;
    slot->has_worker = false;
    slot->last_n = 0;
    slot->order = 0;
    slot->last_lease = NULL;
}

void slot_check(const struct slot *slot)
{
    bool is_busy = slot->state == SLOT_RUNNING || slot->state == SLOT_STOPPING;

    CHECK(slot->told_count <= TOLD_MAX);
    CHECK(IMPLIES(slot->told_count > 0, is_busy));
    CHECK(IMPLIES(slot->unsettled.event != NULL, is_busy || slot->state == SLOT_SWAPPING));
    CHECK((slot->unsettled.event != NULL) == (slot->unsettled.lease != NULL));
    CHECK(IMPLIES(slot->state == SLOT_STARTING || slot->state == SLOT_RUNNING ||
                      slot->state == SLOT_STOPPING,
                  slot->deadline_ms != INT64_MAX || !slot->has_worker));
    CHECK(IMPLIES(slot->state == SLOT_SWAPPING,
                  slot->clone.is_pending || slot->deadline_ms != INT64_MAX));
    CHECK((slot->stop != STOP_NONE) == (slot->state == SLOT_STOPPING));
    CHECK(IMPLIES(slot->state == SLOT_EMPTY, slot->run == 0 && !slot->has_worker));
    for (size_t i = 0; i < slot->lease_count; i++) {
        const struct lease *lease = slot->leases[i];

        CHECK(lease->kind == LEASE_COLLECT || lease->open_count > 0 ||
              slot->unsettled.lease == lease);
        CHECK(lease->next <= lease->test_count);
    }
}
