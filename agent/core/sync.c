#include "agent/core/sync.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/event_bytes.h"
#include "agent/core/leave.h"
#include "agent/core/state.h"
#include "shared/base/check.h"
#include "shared/base/limits.h"

static_assert(SYNC_INTERVAL_MS + 2 * SYNC_ANSWER_MS + 3 * SYNC_BACKOFF_MS < LEASE_TTL_MS,
              "two lost syncs are survivable");

/* A lease or a slot without its group, a label with its name and value all escaped. */
#define SYNC_ROW_BYTES   ((size_t)128)
#define SYNC_LABEL_BYTES ((size_t)6 * NAME_BYTES_MAX + 16)
static_assert(SYNC_EVENTS_BYTES_MAX + SYNC_GROUPS_BYTES_MAX +
                      (LEASES_PER_SYNC_MAX + SLOTS_PER_AGENT_MAX) * SYNC_ROW_BYTES +
                      LABELS_MAX * SYNC_LABEL_BYTES <
                  SYNC_BODY_BYTES_MAX - BODY_BYTES_MAX,
              "a full sync can be sent");

static struct old_spool copy_old_spool(struct arena *arena, const struct foreman_old_spool *old)
{
    struct old_spool copy = {.incarnation = old->incarnation, .event_count = old->event_count};

    copy.events = arena_array(arena, old->event_count, sizeof(void *));
    for (size_t i = 0; i < old->event_count; i++) {
        size_t bytes = 0;

        copy.events[i] = event_copy(&old->events[i], &bytes);
    }
    if (old->event_count > 0)
        copy.acknowledged = old->events[0].seq - 1;
    return copy;
}

void sync_init(struct foreman *foreman, const struct foreman_settings *settings)
{
    struct syncing *sync = &foreman->sync;

    *sync = (struct syncing){.backoff_ms = SYNC_BACKOFF_MS, .trusted_until_ms = INT64_MAX};
    arena_init(&sync->arena);
    sync->old_count = settings->old_spool_count;
    sync->old = arena_array(&foreman->arena, sync->old_count, sizeof(*sync->old));
    for (size_t i = 0; i < sync->old_count; i++)
        sync->old[i] = copy_old_spool(&foreman->arena, &settings->old_spools[i]);
}

static void old_spool_release(struct old_spool *old)
{
    for (size_t i = 0; i < old->event_count; i++)
        free(old->events[i]);
    old->event_count = 0;
}

void sync_release(struct syncing *sync)
{
    for (size_t i = 0; i < sync->old_count; i++)
        old_spool_release(&sync->old[i]);
    arena_release(&sync->arena);
}

bool sync_is_recovering(const struct foreman *foreman)
{
    return foreman->sync.old_next < foreman->sync.old_count;
}

void sync_drop_old_spool(struct foreman *foreman)
{
    struct old_spool *old = &foreman->sync.old[foreman->sync.old_next++];

    if (old->event_count > 0) {
        struct action *action = action_add(foreman, ACTION_TRIM);

        action->incarnation = old->incarnation;
        action->seq = old->events[old->event_count - 1]->seq;
    }
    old_spool_release(old);
    foreman->sync.is_urgent = true;
}

/* ---- building ------------------------------------------------------------------- */

static void add_held(struct sync_request *request, const struct foreman *foreman,
                     const struct slot *slot, const struct lease *lease)
{
    struct held_lease *held = &request->held[request->held_count++];
    const struct told *head = slot->told_count > 0 ? &slot->told[0] : NULL;

    *held = (struct held_lease){.lease = lease->token,
                                .position = (int64_t)(lease->test_count - lease->open_count)};
    if (head != NULL && head->lease == lease && head->has_started) {
        held->running = lease->tests[head->index].granted.test;
        held->running_ms = foreman->now_ms - slot->started_ms;
    }
}

static void build_held(struct sync_request *request, const struct foreman *foreman,
                       struct arena *arena)
{
    size_t count = foreman->closing_count;

    for (size_t i = 0; i < foreman->slot_count; i++)
        count += foreman->slots[i].lease_count;
    request->held = arena_array(arena, count, sizeof(*request->held));
    for (size_t i = 0; i < foreman->slot_count; i++)
        for (size_t l = 0; l < foreman->slots[i].lease_count; l++)
            add_held(request, foreman, &foreman->slots[i], foreman->slots[i].leases[l]);
    for (size_t i = 0; i < foreman->closing_count; i++)
        request->held[request->held_count++] = (struct held_lease){
            .lease = foreman->closing[i].lease, .position = foreman->closing[i].position};
}

static void build_slots(struct sync_request *request, const struct foreman *foreman,
                        struct arena *arena)
{
    size_t bytes = 0;

    request->slots = arena_array(arena, foreman->slot_count, sizeof(*request->slots));
    for (size_t i = 0; i < foreman->slot_count; i++) {
        const struct slot *slot = &foreman->slots[i];
        const char *group = slot->group != NULL ? slot->group : "";

        bytes += event_text_bytes_max(group);
        if (bytes > SYNC_GROUPS_BYTES_MAX) /* what is warm there is a hint, no more */
            group = "";
        request->slots[request->slots_count++] =
            (struct slot_report){.slot = slot->number,
                                 .run = slot->run,
                                 .group = arena_strdup(arena, group),
                                 .phase = slot->clone.is_dirty ? slot->clone.dirty_phase : 0};
    }
}

/* As many of the oldest events as one sync may carry, at least one. */
static void build_events(struct sync_request *request, const struct spool *spool,
                         struct arena *arena)
{
    size_t count = spool->count < EVENTS_PER_SYNC_MAX ? spool->count : EVENTS_PER_SYNC_MAX;
    size_t bytes = 0;

    request->events = arena_array(arena, count, sizeof(*request->events));
    for (size_t i = 0; i < count; i++) {
        const struct spooled *spooled = spool_at(spool, i);

        bytes += spooled->bytes;
        if (i > 0 && bytes > SYNC_EVENTS_BYTES_MAX)
            return;
        request->events[request->events_count++] = *spooled->event;
    }
}

static void build_own(struct foreman *foreman, struct sync_request *request, struct arena *arena)
{
    const struct spool *spool = &foreman->spool;

    request->incarnation = foreman->incarnation;
    request->sync_no = ++foreman->sync.sync_no;
    request->oldest_seq = spool_trimmed_seq(spool) + 1;
    request->draining = foreman->leaving != LEAVING_NOT;
    request->doing = arena_strdup(arena, foreman->doing != NULL ? foreman->doing : "");
    build_held(request, foreman, arena);
    build_events(request, spool, arena);
    foreman->sync.is_partial = request->events_count < spool->count;
    request->leaving = leave_is_finished(foreman) && request->events_count == spool->count;
    if (foreman->leaving == LEAVING_NOT && !spool_is_full(spool))
        build_slots(request, foreman, arena);
}

static void build_recovering(struct foreman *foreman, struct sync_request *request,
                             struct arena *arena)
{
    struct old_spool *old = &foreman->sync.old[foreman->sync.old_next];
    size_t bytes = 0;

    request->incarnation = old->incarnation;
    request->sync_no = ++old->sync_no;
    request->oldest_seq = old->acknowledged + 1;
    request->recovering = true;
    request->doing = "sending what an earlier life had to say";
    request->events = arena_array(arena, EVENTS_PER_SYNC_MAX, sizeof(*request->events));
    for (size_t i = 0; i < old->event_count && request->events_count < EVENTS_PER_SYNC_MAX; i++) {
        if (old->events[i]->seq <= old->acknowledged)
            continue;
        bytes += event_bytes_max(old->events[i]);
        if (request->events_count > 0 && bytes > SYNC_EVENTS_BYTES_MAX)
            return;
        request->events[request->events_count++] = *old->events[i];
    }
}

static void send_request(struct foreman *foreman)
{
    struct syncing *sync = &foreman->sync;

    sync->state = SYNC_UNDER_WAY;
    sync->started_ms = foreman->now_ms;
    action_add(foreman, ACTION_SYNC)->request = &sync->request;
}

static void begin_sync(struct foreman *foreman)
{
    struct syncing *sync = &foreman->sync;

    if (sync->state == SYNC_WAITING)
        (void)action_add(foreman, ACTION_STOP_WAIT);
    arena_release(&sync->arena);
    sync->request = (struct sync_request){
        .protocol = PROTOCOL_VERSION,
        .agent = foreman->agent,
        .labels = foreman->labels,
        .labels_count = foreman->label_count,
    };
    sync->is_urgent = false;
    if (sync_is_recovering(foreman))
        build_recovering(foreman, &sync->request, &sync->arena);
    else
        build_own(foreman, &sync->request, &sync->arena);
    send_request(foreman);
}

/* ---- rhythm ----------------------------------------------------------------------- */

static bool is_idle(const struct foreman *foreman)
{
    if (foreman->spool.count > 0 || foreman->leaving != LEAVING_NOT || foreman->closing_count > 0)
        return false;
    for (size_t i = 0; i < foreman->slot_count; i++)
        if (foreman->slots[i].lease_count > 0)
            return false;
    return true;
}

static void begin_wait(struct foreman *foreman)
{
    foreman->sync.state = SYNC_WAITING;
    foreman->sync.may_wait = false;
    foreman->sync.due_ms = foreman->now_ms + LONG_POLL_MS_MAX + WAIT_SLACK_MS;
    (void)action_add(foreman, ACTION_WAIT);
}

void sync_step(struct foreman *foreman)
{
    struct syncing *sync = &foreman->sync;
    bool is_over = foreman->leaving == LEAVING_SILENT || foreman->leaving == LEAVING_LEFT;

    if (is_over || sync->state == SYNC_UNDER_WAY)
        return;
    while (sync_is_recovering(foreman) && sync->old[sync->old_next].event_count == 0)
        sync_drop_old_spool(foreman);
    if (sync->state == SYNC_FAILED) {
        if (foreman->now_ms >= sync->retry_ms)
            send_request(foreman);
        return;
    }
    if (sync->is_urgent || foreman->now_ms >= sync->due_ms)
        begin_sync(foreman);
    else if (sync->state == SYNC_QUIET && sync->may_wait && is_idle(foreman))
        begin_wait(foreman);
}

void sync_on_nudged(struct foreman *foreman)
{
    struct syncing *sync = &foreman->sync;
    int64_t soonest_ms = sync->started_ms + SYNC_PAUSE_MS;

    if (sync->state != SYNC_WAITING)
        return;
    sync->state = SYNC_QUIET;
    sync->due_ms = foreman->now_ms > soonest_ms ? foreman->now_ms : soonest_ms;
}

int64_t sync_deadline_ms(const struct foreman *foreman)
{
    const struct syncing *sync = &foreman->sync;

    switch (sync->state) {
    case SYNC_UNDER_WAY:
        return INT64_MAX;
    case SYNC_FAILED:
        return sync->retry_ms;
    case SYNC_QUIET:
    case SYNC_WAITING:
        return sync->due_ms;
    }
    UNREACHABLE("every state is handled");
}
