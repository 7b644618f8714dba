#include "agent/core/leave.h"

#include "agent/core/report.h"
#include "agent/core/state.h"
#include "agent/core/worker.h"

static void want_leases_back(struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->slot_count; i++)
        for (size_t l = 0; l < foreman->slots[i].lease_count; l++)
            foreman->slots[i].leases[l]->is_wanted_back = true;
}

static bool has_leases(const struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->slot_count; i++)
        if (foreman->slots[i].lease_count > 0)
            return true;
    return false;
}

static bool is_empty(const struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->slot_count; i++)
        if (foreman->slots[i].state != SLOT_EMPTY)
            return false;
    return true;
}

bool leave_is_finished(const struct foreman *foreman)
{
    return foreman->leaving != LEAVING_NOT && !has_leases(foreman) && is_empty(foreman);
}

/* A collection that is broken off has nothing worth returning: the coordinator misses its lease. */
static void drop_collecting(struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->slot_count; i++) {
        struct slot *slot = &foreman->slots[i];

        for (size_t l = slot->lease_count; l > 0; l--)
            if (slot->leases[l - 1]->kind == LEASE_COLLECT)
                slot_remove_lease(slot, slot->leases[l - 1]);
    }
}

void leave_on_drain(struct foreman *foreman)
{
    if (foreman->leaving == LEAVING_NOT) {
        foreman->leaving = LEAVING_DRAIN;
        want_leases_back(foreman);
    } else if (foreman->leaving == LEAVING_DRAIN) {
        foreman->leaving = LEAVING_KILL;
        foreman->leave_until_ms = foreman->now_ms + LEAVE_NOW_MS;
        drop_collecting(foreman);
        for (size_t i = 0; i < foreman->slot_count; i++)
            if (foreman->slots[i].has_worker)
                worker_stop(foreman, &foreman->slots[i], STOP_LEAVE, true);
    }
    foreman->sync.is_urgent = true;
}

bool leave_leases(struct foreman *foreman, bool all)
{
    bool had_any = false;

    for (size_t i = 0; i < foreman->slot_count; i++) {
        struct slot *slot = &foreman->slots[i];
        bool is_warm = slot->state == SLOT_IDLE && slot->lease_count == 0;

        had_any = had_any || slot->lease_count > 0;
        report_settle(foreman, slot, NULL);
        while (slot->lease_count > 0)
            slot_remove_lease(slot, slot->leases[slot->lease_count - 1]);
        if (slot->has_worker && (all || !is_warm))
            worker_stop(foreman, slot, STOP_CANCEL, true);
    }
    return had_any;
}

void leave_silently(struct foreman *foreman)
{
    if (foreman->leaving == LEAVING_SILENT || foreman->leaving == LEAVING_LEFT)
        return;
    (void)leave_leases(foreman, true);
    foreman->leaving = LEAVING_SILENT;
    foreman->leave_until_ms = foreman->now_ms + LEAVE_NOW_MS;
}

void leave_exit(struct foreman *foreman)
{
    (void)action_add(foreman, ACTION_EXIT);
    foreman->leaving = LEAVING_LEFT;
    foreman->leave_until_ms = INT64_MAX;
}

/* What an earlier incarnation left is on disk, and goes with the next start. */
static bool has_something_to_say(const struct foreman *foreman)
{
    return foreman->spool.count > 0 || sync_is_recovering(foreman);
}

/* What is left of its time becomes at most `ms`. */
static void shorten(struct foreman *foreman, int64_t ms)
{
    if (foreman->now_ms + ms < foreman->leave_until_ms)
        foreman->leave_until_ms = foreman->now_ms + ms;
}

void leave_step(struct foreman *foreman)
{
    if (foreman->leaving == LEAVING_NOT || foreman->leaving == LEAVING_LEFT)
        return;
    if (!foreman->has_finished && leave_is_finished(foreman)) {
        foreman->has_finished = true;
        foreman->sync.is_urgent = true;
    }
    if (foreman->has_finished)
        shorten(foreman, has_something_to_say(foreman) ? LEAVE_SYNC_MS : LEAVE_GOODBYE_MS);

    bool is_late = foreman->now_ms >= foreman->leave_until_ms;
    if (is_late || (foreman->leaving == LEAVING_SILENT && is_empty(foreman)))
        leave_exit(foreman);
}
