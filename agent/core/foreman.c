#include "agent/core/foreman.h"

#include <stdlib.h>

#include "agent/core/leave.h"
#include "agent/core/report.h"
#include "agent/core/state.h"
#include "agent/core/worker.h"
#include "shared/base/check.h"
#include "shared/base/limits.h"

struct foreman *foreman_new(const struct foreman_settings *settings)
{
    struct foreman *foreman = mem_zalloc(sizeof(*foreman));

    CHECK(settings->slots >= 1 && settings->slots <= SLOTS_PER_AGENT_MAX);
    CHECK(settings->incarnation >= 1);
    arena_init(&foreman->arena);
    foreman->agent = arena_strdup(&foreman->arena, settings->agent);
    foreman->incarnation = settings->incarnation;
    foreman->wall_offset_ms = settings->wall_offset_ms;
    foreman->label_count = settings->label_count;
    foreman->labels = arena_array(&foreman->arena, settings->label_count, sizeof(struct label));
    for (size_t i = 0; i < settings->label_count; i++) {
        foreman->labels[i].name = arena_strdup(&foreman->arena, settings->labels[i].name);
        foreman->labels[i].value = arena_strdup(&foreman->arena, settings->labels[i].value);
    }
    foreman->slot_count = (size_t)settings->slots;
    foreman->slots = arena_array(&foreman->arena, foreman->slot_count, sizeof(struct slot));
    for (size_t i = 0; i < foreman->slot_count; i++)
        slot_init(&foreman->slots[i], (int64_t)i + 1);
    foreman->leave_until_ms = INT64_MAX;
    spool_init(&foreman->spool);
    sync_init(foreman, settings);
    return foreman;
}

void foreman_free(struct foreman *foreman)
{
    if (foreman == NULL)
        return;
    for (size_t i = 0; i < foreman->slot_count; i++)
        slot_release(&foreman->slots[i]);
    sync_release(&foreman->sync);
    spool_release(&foreman->spool);
    free(foreman->runs.at);
    free(foreman->closing);
    free(foreman->doing);
    arena_release(&foreman->arena);
    free(foreman);
}

static struct slot *slot_of(struct foreman *foreman, const struct input *input)
{
    CHECK(input->slot >= 1 && input->slot <= (int64_t)foreman->slot_count);
    return &foreman->slots[input->slot - 1];
}

static void on_input(struct foreman *foreman, const struct input *input)
{
    switch (input->kind) {
    case INPUT_START:
        foreman->sync.due_ms = foreman->now_ms;
        return;
    case INPUT_SYNCED:
        sync_on_answered(foreman, input->response);
        return;
    case INPUT_SYNC_FAILED:
        sync_on_failed(foreman, input->status);
        return;
    case INPUT_NUDGED:
        sync_on_nudged(foreman);
        return;
    case INPUT_RUN_READY:
        run_on_ready(foreman, input);
        return;
    case INPUT_RUN_FAILED:
        run_on_failed(foreman, input);
        return;
    case INPUT_CLONE_READY:
        worker_on_clone_ready(foreman, slot_of(foreman, input));
        return;
    case INPUT_CLONE_FAILED:
        worker_on_clone_failed(foreman, slot_of(foreman, input), input->text);
        return;
    case INPUT_WORKER_SAID:
        worker_on_said(foreman, slot_of(foreman, input), input->message);
        return;
    case INPUT_WORKER_GONE:
        worker_on_gone(foreman, slot_of(foreman, input), input);
        return;
    case INPUT_START_FAILED:
        worker_on_start_failed(foreman, slot_of(foreman, input), input->text);
        return;
    case INPUT_DROPPED:
        worker_on_dropped(slot_of(foreman, input));
        return;
    case INPUT_DRAIN:
        leave_on_drain(foreman);
        return;
    case INPUT_DOING:
        free(foreman->doing);
        foreman->doing = mem_strdup(input->text);
        return;
    case INPUT_TICK:
        return;
    }
}

/* What the agent was trusted with has lapsed: somebody else may have it by now. */
static void check_trust(struct foreman *foreman)
{
    struct syncing *sync = &foreman->sync;

    if (foreman->now_ms < sync->trusted_until_ms)
        return;
    sync->trusted_until_ms = INT64_MAX;
    if (leave_leases(foreman, false))
        sync->is_urgent = true;
}

static void check_deadlines(struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->slot_count; i++)
        if (foreman->now_ms >= foreman->slots[i].deadline_ms)
            worker_on_overdue(foreman, &foreman->slots[i]);
}

static void check_sound(const struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->slot_count; i++)
        slot_check(&foreman->slots[i]);
    CHECK(foreman->spool.count == 0 ||
          spool_at(&foreman->spool, 0)->event->seq == spool_trimmed_seq(&foreman->spool) + 1);
    CHECK(IMPLIES(sync_is_recovering(foreman), foreman->sync.sync_no == 0));
}

void foreman_handle(struct foreman *foreman, int64_t now_ms, const struct input *input,
                    struct action_list *actions)
{
    CHECK(now_ms >= foreman->now_ms);
    foreman->now_ms = now_ms;
    foreman->actions = actions;
    if (foreman->leaving != LEAVING_LEFT) {
        /* Before the input: an answer that comes too late finds nothing to prolong. */
        check_trust(foreman);
        on_input(foreman, input);
        check_trust(foreman);
        check_deadlines(foreman);
        for (size_t i = 0; i < foreman->slot_count; i++) {
            worker_return_wanted(foreman, &foreman->slots[i]);
            worker_advance(foreman, &foreman->slots[i]);
        }
        runs_sweep(foreman);
        leave_step(foreman);
        sync_step(foreman);
        check_sound(foreman);
    }
    foreman->actions = NULL;
}

int64_t foreman_next_deadline_ms(const struct foreman *foreman)
{
    int64_t next_ms = sync_deadline_ms(foreman);

    if (foreman->leaving == LEAVING_LEFT)
        return INT64_MAX;
    if (foreman->leaving == LEAVING_SILENT)
        next_ms = INT64_MAX;
    if (foreman->sync.trusted_until_ms < next_ms)
        next_ms = foreman->sync.trusted_until_ms;
    if (foreman->leave_until_ms < next_ms)
        next_ms = foreman->leave_until_ms;
    for (size_t i = 0; i < foreman->slot_count; i++)
        if (foreman->slots[i].deadline_ms < next_ms)
            next_ms = foreman->slots[i].deadline_ms;
    return next_ms;
}

bool foreman_slot_is_empty(const struct foreman *foreman, int64_t slot)
{
    CHECK(slot >= 1 && slot <= (int64_t)foreman->slot_count);
    return foreman->slots[slot - 1].state == SLOT_EMPTY;
}
