#include "agent/core/worker.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/event_bytes.h"
#include "agent/core/feed.h"
#include "agent/core/report.h"
#include "agent/core/state.h"
#include "shared/base/check.h"
#include "shared/base/limits.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

/* Pages are closed early when they are this long on the wire, so that a sync, which carries one
 * whole page at least, stays far below SYNC_BODY_BYTES_MAX. */
#define PAGE_BYTES_MAX ((size_t)1 << 20)

/* A text that lives as long as the actions of this input. */
#define SAY(foreman, ...) arena_printf(&(foreman)->actions->arena, __VA_ARGS__)

/* ---- making ------------------------------------------------------------------ */

static void start_worker(struct foreman *foreman, struct slot *slot)
{
    free(slot->worker);
    slot->worker = mem_printf("%s.%lld.%lld.%lld", foreman->agent, (long long)foreman->incarnation,
                              (long long)slot->number, (long long)++slot->workers_made);
    slot->has_worker = true;
    slot_move(slot, SLOT_STARTING);
    slot->deadline_ms = foreman->now_ms + slot->terms.ready_ms;

    struct action *action = action_add_slot(foreman, ACTION_WORKER, slot);
    action->mode = slot->mode;
    action->worker = slot->worker;
}

static void ask_for_clone(struct foreman *foreman, struct slot *slot)
{
    (void)action_add_slot(foreman, ACTION_CLONE, slot);
    slot->clone = (struct clone_state){.is_pending = true};
}

/* The slot is empty: make what its first lease needs. */
static void occupy(struct foreman *foreman, struct slot *slot)
{
    const struct lease *lease = slot->leases[0];

    if (!run_is_ready_for(foreman, lease))
        return;
    slot->run = lease->run;
    slot->terms = known_run_find(foreman, lease->run)->terms;
    slot->mode = lease->kind == LEASE_COLLECT ? WORKER_COLLECT : WORKER_RUN;
    slot->clone = (struct clone_state){0};
    if (slot->mode == WORKER_RUN && slot->terms.has_databases) {
        slot_move(slot, SLOT_CLONING);
        ask_for_clone(foreman, slot);
    } else {
        start_worker(foreman, slot);
    }
}

static bool suits(const struct slot *slot, const struct lease *lease)
{
    return lease->run == slot->run && slot->mode == WORKER_RUN && lease->kind == LEASE_BATCH;
}

static bool is_worth_keeping(const struct foreman *foreman, const struct slot *slot)
{
    const struct known_run *run = NULL;

    if (slot->lease_count > 0)
        return suits(slot, slot->leases[0]);
    for (size_t i = 0; i < foreman->runs.count; i++)
        if (foreman->runs.at[i].number == slot->run)
            run = &foreman->runs.at[i];
    return foreman->leaving == LEAVING_NOT && run != NULL && !run->is_over &&
           slot->mode == WORKER_RUN;
}

static void begin_collecting(struct foreman *foreman, struct slot *slot)
{
    slot->collecting = mem_zalloc(sizeof(*slot->collecting));
    arena_init(&slot->collecting->arena);
    hash_init(&slot->collecting->hash);
    action_tell(foreman, slot, DO_COLLECT);
    slot_move(slot, SLOT_RUNNING);
    slot->deadline_ms = foreman->now_ms + COLLECT_SILENCE_MS;
}

static void advance_idle(struct foreman *foreman, struct slot *slot)
{
    bool collects = slot->mode == WORKER_COLLECT && slot->collecting == NULL &&
                    slot->lease_count > 0 && slot->leases[0]->kind == LEASE_COLLECT &&
                    slot->leases[0]->run == slot->run;

    if (collects)
        begin_collecting(foreman, slot);
    else if (is_worth_keeping(foreman, slot))
        feed_slot(foreman, slot);
    else
        worker_stop(foreman, slot, STOP_QUIT, false);
}

void worker_advance(struct foreman *foreman, struct slot *slot)
{
    if (slot->state == SLOT_EMPTY && slot->lease_count > 0)
        occupy(foreman, slot);
    else if (slot->state == SLOT_IDLE)
        advance_idle(foreman, slot);
    else if (slot->state == SLOT_RUNNING && slot->mode == WORKER_RUN)
        feed_slot(foreman, slot);
}

/* ---- ending ------------------------------------------------------------------- */

void worker_stop(struct foreman *foreman, struct slot *slot, enum stop_reason reason, bool hard)
{
    if (slot->state == SLOT_STOPPING) {
        if (!(reason == STOP_LEAVE && slot->stop == STOP_TIMEOUT))
            slot->stop = reason;
        if (slot->has_worker && hard)
            action_kill(foreman, slot, true);
        return;
    }
    CHECK(slot->has_worker);
    slot_move(slot, SLOT_STOPPING);
    slot->stop = reason;
    if (reason == STOP_QUIT) {
        action_tell(foreman, slot, DO_QUIT);
        slot->deadline_ms = foreman->now_ms + feed_answer_ms(slot);
        return;
    }
    action_kill(foreman, slot, hard);
    slot->deadline_ms = foreman->now_ms + (hard ? KILL_AGAIN_MS : slot->terms.grace_ms);
}

void worker_drop(struct foreman *foreman, struct slot *slot)
{
    if (slot->clone.is_pending)
        return;
    (void)action_add_slot(foreman, ACTION_DROP, slot);
    slot_move(slot, SLOT_DROPPING);
}

void worker_on_dropped(struct slot *slot)
{
    CHECK(slot->state == SLOT_DROPPING);
    slot->run = 0;
    slot->clone = (struct clone_state){0};
    slot_move(slot, SLOT_EMPTY);
}

void worker_cancel(struct foreman *foreman, struct slot *slot, struct lease *lease)
{
    bool collects = slot->collecting != NULL && lease->kind == LEASE_COLLECT;
    bool is_torn_down_before = slot->unsettled.event != NULL && slot->unsettled.lease != lease;
    bool is_head = slot->told_count > 0 && slot->told[0].lease == lease;
    bool runs = (is_head && !is_torn_down_before) || slot->unsettled.lease == lease || collects;

    slot_remove_lease(slot, lease);
    if (runs && slot->has_worker && slot->state != SLOT_STOPPING)
        worker_stop(foreman, slot, STOP_CANCEL, false);
    else if (runs && slot->state == SLOT_STOPPING && slot->stop == STOP_TIMEOUT)
        slot->stop = STOP_CANCEL;
}

void worker_return_wanted(struct foreman *foreman, struct slot *slot)
{
    for (size_t l = slot->lease_count; l > 0; l--) {
        struct lease *lease = slot->leases[l - 1];
        bool is_collecting = slot->mode == WORKER_COLLECT && slot->has_worker && l == 1;

        if (!lease->is_wanted_back)
            continue;
        if (lease->kind == LEASE_BATCH)
            report_returned(foreman, slot, lease,
                            foreman->leaving == LEAVING_NOT ? "asked back" : "the agent leaves");
        else if (!is_collecting)
            slot_remove_lease(slot, lease); /* the coordinator misses it in `held` */
    }
}

/* ---- what the shell answers ---------------------------------------------------- */

/* The clone came too late or not at all for a worker that is no more. */
static bool drop_late_clone(struct foreman *foreman, struct slot *slot)
{
    if (slot->state != SLOT_STOPPING)
        return false;
    if (!slot->has_worker)
        worker_drop(foreman, slot);
    return true;
}

void worker_on_clone_ready(struct foreman *foreman, struct slot *slot)
{
    CHECK(slot->clone.is_pending);
    slot->clone.is_pending = false;
    if (drop_late_clone(foreman, slot))
        return;
    if (slot->state == SLOT_SWAPPING) {
        action_tell(foreman, slot, DO_OPENED);
        slot_move(slot, SLOT_IDLE);
        return;
    }
    CHECK(slot->state == SLOT_CLONING);
    if (is_worth_keeping(foreman, slot))
        start_worker(foreman, slot);
    else
        worker_drop(foreman, slot);
}

/* The lease for whose sake the slot does what it does now. */
static struct lease *lease_served(const struct slot *slot)
{
    for (size_t i = 0; i < slot->told_count; i++)
        if (slot->told[i].lease != NULL)
            return slot->told[i].lease;
    for (size_t l = 0; l < slot->lease_count; l++)
        if (slot->leases[l] != slot->unsettled.lease && slot->leases[l]->run == slot->run)
            return slot->leases[l];
    return NULL;
}

static void problem_of_lease_served(struct foreman *foreman, struct slot *slot, const char *stage,
                                    const char *text)
{
    struct lease *lease = lease_served(slot);

    if (lease != NULL)
        report_problem(foreman, slot, lease, stage, text);
}

void worker_on_clone_failed(struct foreman *foreman, struct slot *slot, const char *text)
{
    CHECK(slot->clone.is_pending);
    slot->clone.is_pending = false;
    if (drop_late_clone(foreman, slot))
        return;
    problem_of_lease_served(foreman, slot, "clone", text);
    if (slot->state == SLOT_SWAPPING)
        worker_stop(foreman, slot, STOP_PROBLEM, true);
    else
        worker_drop(foreman, slot);
}

void worker_on_start_failed(struct foreman *foreman, struct slot *slot, const char *text)
{
    CHECK(slot->has_worker);
    if (slot->state == SLOT_STARTING)
        problem_of_lease_served(foreman, slot, "ready", text);
    slot_forget_worker(slot);
    worker_drop(foreman, slot);
}

/* The worker is of no use any more: ends the lease it serves by a problem, and kills it. */
static void fail(struct foreman *foreman, struct slot *slot, const char *stage, const char *text)
{
    report_settle(foreman, slot, text);
    problem_of_lease_served(foreman, slot, stage, text);
    worker_stop(foreman, slot, STOP_PROBLEM, true);
}

void worker_on_overdue(struct foreman *foreman, struct slot *slot)
{
    long long limit_ms = 0;

    switch (slot->state) {
    case SLOT_STARTING:
        limit_ms = slot->terms.ready_ms;
        fail(foreman, slot, "ready", SAY(foreman, "not ready within %lld ms", limit_ms));
        return;
    case SLOT_SWAPPING:
        limit_ms = feed_answer_ms(slot);
        fail(foreman, slot, "worker",
             SAY(foreman, "did not close its databases within %lld ms", limit_ms));
        return;
    case SLOT_STOPPING:
        action_kill(foreman, slot, true);
        slot->deadline_ms = foreman->now_ms + KILL_AGAIN_MS;
        return;
    case SLOT_RUNNING:
        break;
    case SLOT_EMPTY:
    case SLOT_CLONING:
    case SLOT_IDLE:
    case SLOT_DROPPING:
    case SLOT_STATE_COUNT:
        UNREACHABLE("these states have no deadline");
    }

    if (slot->mode == WORKER_COLLECT) {
        fail(foreman, slot, "collect",
             SAY(foreman, "said nothing for %lld ms", (long long)COLLECT_SILENCE_MS));
    } else if (slot->told_count == 0) {
        limit_ms = feed_answer_ms(slot);
        fail(foreman, slot, "worker",
             SAY(foreman, "did not finish its teardown within %lld ms", limit_ms));
    } else if (slot->told[0].has_started) {
        worker_stop(foreman, slot, STOP_TIMEOUT, false);
    } else {
        limit_ms = feed_test_ms(slot);
        fail(foreman, slot, "worker",
             SAY(foreman, "did not start its next test within %lld ms", limit_ms));
    }
}

/* ---- what the worker says: collecting -------------------------------------------- */

static void close_page(struct foreman *foreman, struct slot *slot)
{
    struct collecting *page = slot->collecting;

    if (page->count > 0)
        report_collected(foreman, slot->leases[0], page->tests, page->count);
    arena_release(&page->arena);
    page->tests = NULL;
    page->count = 0;
    page->bytes = 0;
}

static void on_test(struct foreman *foreman, struct slot *slot,
                    const struct worker_message *message)
{
    struct collecting *page = slot->collecting;

    if (page->total == TESTS_PER_RUN_MAX) {
        fail(foreman, slot, "collect", SAY(foreman, "more than %d tests", TESTS_PER_RUN_MAX));
        return;
    }
    if (page->tests == NULL)
        page->tests = arena_array(&page->arena, COLLECTED_PER_EVENT, sizeof(*page->tests));
    page->tests[page->count++] = (struct collected_test){
        .id = arena_strdup(&page->arena, message->id),
        .group = arena_strdup(&page->arena, message->group),
        .phase = message->phase,
        .file = arena_strdup(&page->arena, message->file),
        .line = message->line,
    };
    page->bytes += collected_test_bytes_max(&page->tests[page->count - 1]);
    page->total++;
    hash_add(&page->hash, message->id, strlen(message->id));
    hash_add(&page->hash, "\n", 1);
    slot->deadline_ms = foreman->now_ms + COLLECT_SILENCE_MS;
    if (page->count == COLLECTED_PER_EVENT || page->bytes > PAGE_BYTES_MAX)
        close_page(foreman, slot);
}

static void on_collected(struct foreman *foreman, struct slot *slot,
                         const struct worker_message *message)
{
    struct collecting *collecting = slot->collecting;
    char hash[HASH_HEX_SIZE];

    if (message->count != collecting->total) {
        fail(foreman, slot, "collect",
             SAY(foreman, "the driver says it listed %lld tests, but %lld came",
                 (long long)message->count, (long long)collecting->total));
        return;
    }
    close_page(foreman, slot);
    hash_final(&collecting->hash, hash);
    report_collection_done(foreman, slot, slot->leases[0], collecting->total, hash);
    worker_stop(foreman, slot, STOP_QUIT, false);
}

/* ---- what the worker says: running ------------------------------------------------- */

static void begin_head(struct foreman *foreman, struct slot *slot)
{
    slot->told[0].has_started = true;
    slot->order++;
    slot->started_ms = foreman->now_ms;
    slot->notes_left = NOTES_PER_TEST_MAX;
    slot->clone.is_used = true;
    feed_set_deadline(foreman, slot);
}

static void on_start(struct foreman *foreman, struct slot *slot,
                     const struct worker_message *message)
{
    if (slot->told_count == 0 || slot->told[0].n != message->n || slot->told[0].has_started) {
        fail(foreman, slot, "worker",
             SAY(foreman, "started test %lld, which is not the next one", (long long)message->n));
        return;
    }
    report_settle(foreman, slot, NULL);
    if (slot->told[0].lease == NULL) /* taken away before its turn came */
        worker_stop(foreman, slot, STOP_CANCEL, false);
    else
        begin_head(foreman, slot);
}

static struct attempt_report attempt_of(const struct foreman *foreman, const struct slot *slot,
                                        const struct worker_message *message)
{
    return (struct attempt_report){
        .outcome = message->outcome,
        .duration_us = message->duration_us,
        .started_ms = slot->started_ms + foreman->wall_offset_ms,
        .order = slot->order,
        .message = message->message,
        .details = message->details,
        .file = message->file,
        .line = message->line,
        .subtests = message->subtests,
        .output = message->output,
    };
}

static void on_extra(struct foreman *foreman, struct slot *slot,
                     const struct worker_message *message)
{
    struct attempt_report attempt = attempt_of(foreman, slot, message);
    bool in_test = slot->told_count > 0 && slot->told[0].has_started;
    const struct lease *lease = in_test ? slot->told[0].lease : slot->last_lease;

    if (lease == NULL)
        lease = lease_served(slot);
    if (lease == NULL) /* it was cancelled or lapsed */
        return;
    attempt.id = message->id;
    report_extra(foreman, slot, lease, &attempt);
}

static void note_dirt(struct slot *slot, int64_t phase)
{
    struct clone_state *clone = &slot->clone;

    clone->dirty_phase = clone->is_dirty && clone->dirty_phase > phase ? clone->dirty_phase : phase;
    clone->is_dirty = true;
}

/* The first test told has ended: the next one is it. */
static void pop_head(struct foreman *foreman, struct slot *slot)
{
    slot->told_count--;
    (void)memmove(slot->told, slot->told + 1, slot->told_count * sizeof(slot->told[0]));
    slot->last_lease = NULL;
    feed_set_deadline(foreman, slot);
}

static void end_head(struct foreman *foreman, struct slot *slot,
                     const struct worker_message *message)
{
    struct told told = slot->told[0];
    struct granted_test *test = &told.lease->tests[told.index].granted;
    struct attempt_report attempt = attempt_of(foreman, slot, message);

    slot_note_group(slot, test->group);
    slot->clone.last_lease = told.lease->token;
    if (message->dirty_count > 0 && slot->terms.has_databases)
        note_dirt(slot, test->phase);
    pop_head(foreman, slot);
    report_attempt_unsettled(foreman, slot, &told, &attempt);
}

static void on_end(struct foreman *foreman, struct slot *slot, const struct worker_message *message)
{
    if (message->is_extra || message->n == 0) {
        on_extra(foreman, slot, message);
        return;
    }
    if (slot->told_count == 0 || slot->told[0].n != message->n) {
        fail(foreman, slot, "worker",
             SAY(foreman, "ended test %lld, which does not run", (long long)message->n));
        return;
    }
    report_settle(foreman, slot, NULL);
    if (!slot->told[0].has_started)
        begin_head(foreman, slot);
    if (message->is_unknown) {
        fail(foreman, slot, "unknown-test",
             SAY(foreman, "the driver knows no test '%s'", message->id));
        return;
    }
    if (slot->told[0].lease == NULL)
        pop_head(foreman, slot); /* ended without a start */
    else
        end_head(foreman, slot, message);
}

static void on_note(struct foreman *foreman, struct slot *slot,
                    const struct worker_message *message)
{
    const struct told *head = slot->told_count > 0 ? &slot->told[0] : NULL;
    const struct lease *lease = head != NULL ? head->lease : slot->last_lease;
    struct note note = {.name = message->name, .value = message->value};

    if (lease == NULL || slot->notes_left == 0)
        return;
    if (head != NULL && text_equals(lease->tests[head->index].granted.id, message->id))
        note.test = lease->tests[head->index].granted.test;
    slot->notes_left--;
    report_note(foreman, lease, &note);
}

/* The driver's queue is empty.  It may have said so before it saw the test told last; then only a
 * teardown that was not held back is known to be done. */
static void on_idle(struct foreman *foreman, struct slot *slot)
{
    if (!slot->unsettled.more)
        report_settle(foreman, slot, NULL);
    if (slot->told_count > 0)
        return;
    if (slot->unsettled.event != NULL) {
        slot->unsettled.more = false;
        action_tell(foreman, slot, DO_FLUSH);
        feed_set_deadline(foreman, slot);
    } else if (slot->state == SLOT_RUNNING) {
        slot_move(slot, SLOT_IDLE);
    }
}

static void on_closed(struct foreman *foreman, struct slot *slot)
{
    if (slot->clone.is_pending) {
        fail(foreman, slot, "worker", "said 'closed' twice");
        return;
    }
    report_settle(foreman, slot, NULL);
    slot->deadline_ms = INT64_MAX;
    ask_for_clone(foreman, slot);
}

static bool is_expected(const struct slot *slot, enum worker_say say)
{
    bool collects = slot->collecting != NULL;
    bool works = slot->state == SLOT_RUNNING && !collects;

    switch (say) {
    case SAY_READY:
        return slot->state == SLOT_STARTING;
    case SAY_TEST:
    case SAY_COLLECTED:
        return slot->state == SLOT_RUNNING && collects;
    case SAY_START:
        return works;
    case SAY_END:
        return works || slot->state == SLOT_SWAPPING;
    case SAY_CLOSED:
        return slot->state == SLOT_SWAPPING;
    case SAY_NOTE:
    case SAY_IDLE:
    case SAY_BYE:
    case SAY_FATAL:
        return true;
    }
    UNREACHABLE("every kind is handled");
}

void worker_on_said(struct foreman *foreman, struct slot *slot,
                    const struct worker_message *message)
{
    if (!slot->has_worker || slot->state == SLOT_STOPPING)
        return;
    if (!is_expected(slot, message->say)) {
        fail(foreman, slot, "worker",
             SAY(foreman, "the driver broke the protocol while it was %s",
                 slot_state_name(slot->state)));
        return;
    }
    switch (message->say) {
    case SAY_READY:
        slot_move(slot, SLOT_IDLE);
        return;
    case SAY_TEST:
        on_test(foreman, slot, message);
        return;
    case SAY_COLLECTED:
        on_collected(foreman, slot, message);
        return;
    case SAY_START:
        on_start(foreman, slot, message);
        return;
    case SAY_END:
        on_end(foreman, slot, message);
        return;
    case SAY_NOTE:
        on_note(foreman, slot, message);
        return;
    case SAY_IDLE:
        if (slot->collecting == NULL)
            on_idle(foreman, slot);
        return;
    case SAY_CLOSED:
        on_closed(foreman, slot);
        return;
    case SAY_BYE:
        return;
    case SAY_FATAL:
        fail(foreman, slot, message->stage, message->text);
        return;
    }
}
