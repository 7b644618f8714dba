/* What an answer to a sync changes: acknowledged events go, leases come and go, trust is renewed.
 */

#include <string.h>

#include "agent/core/leave.h"
#include "agent/core/report.h"
#include "agent/core/state.h"
#include "agent/core/worker.h"
#include "shared/base/check.h"
#include "shared/base/limits.h"

/* ---- acknowledged ------------------------------------------------------------------ */

static void forget_closed_leases(struct foreman *foreman)
{
    size_t kept = 0;

    for (size_t i = 0; i < foreman->closing_count; i++)
        if (foreman->closing[i].seq > spool_trimmed_seq(&foreman->spool))
            foreman->closing[kept++] = foreman->closing[i];
    foreman->closing_count = kept;
}

static void trim(struct foreman *foreman, int64_t acknowledged)
{
    int64_t before = spool_trimmed_seq(&foreman->spool);

    if (acknowledged > spool_last_seq(&foreman->spool))
        acknowledged = spool_last_seq(&foreman->spool);
    if (acknowledged <= before)
        return;
    spool_trim(&foreman->spool, acknowledged);
    forget_closed_leases(foreman);

    struct action *action = action_add(foreman, ACTION_TRIM);
    action->incarnation = foreman->incarnation;
    action->seq = acknowledged;
}

/* ---- leases ------------------------------------------------------------------------- */

static struct slot *slot_of_lease(struct foreman *foreman, int64_t token)
{
    for (size_t i = 0; i < foreman->slot_count; i++)
        if (slot_find_lease(&foreman->slots[i], token) != NULL)
            return &foreman->slots[i];
    return NULL;
}

/* A grant that cannot be served is not taken: the coordinator misses it in `held`. */
static bool can_be_taken(struct foreman *foreman, const struct lease_grant *grant)
{
    bool has_tests = grant->kind == LEASE_COLLECT || grant->tests_count > 0;
    bool is_mine = grant->slot >= 1 && grant->slot <= (int64_t)foreman->slot_count;
    const struct known_run *run = known_run_find(foreman, grant->run);

    return has_tests && is_mine && grant->run != 0 && (run == NULL || !run->is_over) &&
           slot_of_lease(foreman, grant->lease) == NULL;
}

static void take_leases(struct foreman *foreman, const struct sync_response *response)
{
    for (size_t i = 0; i < response->leases_count; i++) {
        const struct lease_grant *grant = &response->leases[i];

        if (!can_be_taken(foreman, grant))
            continue;
        struct lease *lease = lease_new(grant);
        lease->is_wanted_back = foreman->leaving != LEAVING_NOT;
        slot_add_lease(&foreman->slots[grant->slot - 1], lease);
    }
}

static void cancel_leases(struct foreman *foreman, const struct sync_response *response)
{
    for (size_t i = 0; i < response->cancel_count; i++) {
        struct slot *slot = slot_of_lease(foreman, response->cancel[i]);

        if (slot != NULL)
            worker_cancel(foreman, slot, slot_find_lease(slot, response->cancel[i]));
    }
}

static void return_leases(struct foreman *foreman, const struct sync_response *response)
{
    for (size_t i = 0; i < response->return_leases_count; i++) {
        int64_t token = response->return_leases[i];
        const struct slot *slot = slot_of_lease(foreman, token);

        if (slot != NULL)
            slot_find_lease(slot, token)->is_wanted_back = true;
    }
}

/* ---- the answer ----------------------------------------------------------------------- */

static void answered_recovering(struct foreman *foreman, const struct sync_response *response)
{
    struct old_spool *old = &foreman->sync.old[foreman->sync.old_next];
    bool has_moved = response->acknowledged > old->acknowledged;

    old->stalls = has_moved ? 0 : old->stalls + 1;
    if (has_moved)
        old->acknowledged = response->acknowledged;
    if (old->acknowledged >= old->events[old->event_count - 1]->seq ||
        old->stalls >= RECOVER_STALLS_MAX)
        sync_drop_old_spool(foreman);
    foreman->sync.is_urgent = true;
}

static int64_t pause_ms(const struct sync_response *response)
{
    if (response->next_sync_ms < SYNC_PAUSE_MS)
        return SYNC_PAUSE_MS;
    return response->next_sync_ms < SYNC_INTERVAL_MS ? response->next_sync_ms : SYNC_INTERVAL_MS;
}

static void answered_own(struct foreman *foreman, const struct sync_response *response)
{
    struct syncing *sync = &foreman->sync;
    int64_t before = spool_trimmed_seq(&foreman->spool);
    bool was_last = sync->request.leaving;

    sync->trusted_until_ms = sync->started_ms + LEASE_TTL_MS;
    sync->due_ms = foreman->now_ms + pause_ms(response);
    sync->may_wait = response->may_wait;
    trim(foreman, response->acknowledged);
    if (response->resync && response->acknowledged < spool_trimmed_seq(&foreman->spool)) {
        /* A coordinator restored from a backup has forgotten what we no longer have, and one that
         * does not know oldest_seq asks for it without end: the numbers of this incarnation cannot
         * be joined up again, those of the next one can. */
        leave_silently(foreman);
        return;
    }
    if (was_last && foreman->spool.count == 0) {
        leave_exit(foreman);
        return;
    }
    cancel_leases(foreman, response);
    return_leases(foreman, response);
    for (size_t i = 0; i < response->forget_runs_count; i++)
        run_end(foreman, response->forget_runs[i]);
    take_leases(foreman, response);
    if (sync->is_partial && spool_trimmed_seq(&foreman->spool) > before)
        sync->is_urgent = true;
}

void sync_on_answered(struct foreman *foreman, const struct sync_response *response)
{
    struct syncing *sync = &foreman->sync;

    if (sync->state != SYNC_UNDER_WAY)
        return;
    sync->state = SYNC_QUIET;
    sync->backoff_ms = SYNC_BACKOFF_MS;
    if (sync->request.recovering)
        answered_recovering(foreman, response);
    else
        answered_own(foreman, response);
}

static bool is_final(enum status status)
{
    return status == STATUS_SUPERSEDED || status == STATUS_CONFLICT;
}

void sync_on_failed(struct foreman *foreman, enum status status)
{
    struct syncing *sync = &foreman->sync;

    if (sync->state != SYNC_UNDER_WAY)
        return;
    if (sync->request.recovering && (is_final(status) || status == STATUS_NOT_FOUND)) {
        sync->state = SYNC_QUIET;
        sync_drop_old_spool(foreman);
        return;
    }
    if (!sync->request.recovering && is_final(status)) {
        sync->state = SYNC_QUIET;
        leave_silently(foreman);
        return;
    }
    sync->state = SYNC_FAILED;
    sync->retry_ms = foreman->now_ms + sync->backoff_ms;
    sync->backoff_ms =
        2 * sync->backoff_ms < SYNC_BACKOFF_MS_MAX ? 2 * sync->backoff_ms : SYNC_BACKOFF_MS_MAX;
}
