#include "coordinator/engine/engine.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "coordinator/core/core.h"
#include "coordinator/engine/fact_log.h"
#include "coordinator/engine/mailbox.h"
#include "shared/base/clock.h"
#include "shared/base/limits.h"
#include "shared/base/log.h"

/* A lap stops taking commands past so many facts, so that one commit stays below a fifth of a
 * second; the commands left over come first in the next. */
#define LAP_FACTS_MAX 20000

/* Between two tries to come back; a full disk is freed by people, and a try costs an fsync. */
#define DEGRADED_RETRY_MS 1000

/* Tidying: after a commit, between two steps of the same work, and when nothing happens. */
#define TIDY_AFTER_MS 1000
#define TIDY_STEP_MS  20
#define TIDY_IDLE_MS  ((int64_t)3600 * 1000)

/* The longest sleep; only bounds the arithmetic. */
#define SLEEP_MS_MAX ((int64_t)3600 * 1000)

struct parked_wait {
    struct engine_call *call;
};

struct parked {
    struct parked_wait *waits; /* in order of arrival, so also of wait_until_ms */
    size_t count, cap;
    size_t seen; /* so many of them were asked about news since the core changed last */
};

struct engine {
    struct mailbox box;
    pthread_t thread;
    _Atomic bool is_ready;
    _Atomic int64_t keep_ms;

    /* The rest belongs to the engine's thread. */
    struct store *store;
    char *pool;
    struct core *core; /* NULL: degraded, and the store cannot be read either */
    int64_t epoch, next_run, lap;
    struct fact_list facts;
    struct engine_call *queue;           /* taken from the mailbox, not handled yet */
    struct engine_call *handled, **tail; /* of this lap, waiting for its commit */
    struct parked parked;
    bool is_degraded;
    enum status failure; /* why */
    struct error failure_error;
    int64_t failed_lap; /* its outcome is to be asked for; 0 known */
    int64_t retry_ms, tidy_ms;
};

static struct instant instant_now(void)
{
    return (struct instant){.now_ms = clock_monotonic_ms(), .wall_ms = clock_wall_ms()};
}

static void answer(struct engine_call *call, enum status status, const char *text)
{
    call->next = NULL;
    call->status = status;
    if (text != NULL)
        (void)error_set(&call->error, status, "%s", text);
    call->done(call);
}

/* The store will not be trusted again: what is in memory may be more than what is durable. */
static _Noreturn void end_process(const struct error *err)
{
    log_error("store_lost", "status=%s text=%s", status_wire_name(err->status),
              log_quote(err->text));
    _exit(1);
}

static bool is_final(enum status status)
{
    return status == STATUS_IO || status == STATUS_SUPERSEDED;
}

/* ---- making a core from the store ------------------------------------------------ */

static void apply_loaded(void *context, const struct fact *fact)
{
    core_apply(context, fact);
}

static void give_last_seq(void *context, int64_t run, int64_t last_seq)
{
    core_give_last_seq(context, run, last_seq);
}

static void give_history(struct engine *engine, struct core *core)
{
    size_t count = core_runs_without_history(core, NULL, NULL, 0);
    struct arena arena = ARENA_INIT;
    int64_t *runs = arena_array(&arena, count, sizeof(*runs));
    const char **names = arena_array(&arena, count, sizeof(*names));

    count = core_runs_without_history(core, runs, names, count);
    for (size_t i = 0; i < count; i++) {
        struct history history;
        struct error err;

        if (engine->store->ops->history(engine->store, names[i], &arena, &history, &err) ==
            STATUS_OK)
            core_give_history(core, runs[i], &history);
    }
    arena_release(&arena);
}

static enum status core_from_store(struct engine *engine, struct core **out_core, struct error *err)
{
    const struct core_settings settings = {
        .pool = engine->pool, .epoch = engine->epoch, .next_run = engine->next_run};
    struct instant now = instant_now();
    struct core *core = core_new(&settings);
    const struct store_visitor visitor = {
        .context = core, .fact = apply_loaded, .last_seq = give_last_seq};
    enum status status = engine->store->ops->load(engine->store, now.wall_ms, &visitor, err);

    if (status != STATUS_OK) {
        core_free(core);
        return status;
    }
    core_restart(core, now);
    give_history(engine, core);
    *out_core = core;
    return STATUS_OK;
}

static void core_drop(struct engine *engine)
{
    if (engine->core != NULL)
        core_free(engine->core);
    engine->core = NULL;
    engine->parked.seen = 0;
}

/* Raises the epoch and makes the core anew: the way of a start. */
static enum status begin(struct engine *engine, struct error *err)
{
    struct store_start start;
    enum status status = engine->store->ops->begin(engine->store, &start, err);

    if (status != STATUS_OK)
        return status;
    core_drop(engine);
    engine->epoch = start.epoch;
    engine->next_run = start.next_run;
    engine->lap = 0;
    return core_from_store(engine, &engine->core, err);
}

/* ---- degraded ---------------------------------------------------------------------- */

static void degrade(struct engine *engine, const struct error *err)
{
    if (is_final(err->status))
        end_process(err);
    log_error("store_degraded", "lap=%" PRId64 " status=%s text=%s", engine->lap,
              status_wire_name(err->status), log_quote(err->text));
    engine->is_degraded = true;
    engine->is_ready = false;
    engine->failure = err->status == STATUS_STORE_FULL ? STATUS_STORE_FULL : STATUS_STORE_FAILED;
    engine->failure_error = *err;
    engine->failed_lap = engine->lap;
    engine->retry_ms = 0; /* at once: most failures are short */
    core_drop(engine);
}

static void tell_outcome(struct engine *engine)
{
    int64_t last;
    struct error err;

    if (engine->failed_lap == 0 ||
        engine->store->ops->last_lap(engine->store, &last, &err) != STATUS_OK)
        return;
    log_warning("lap_outcome", "lap=%" PRId64 " durable=%s", engine->failed_lap,
                last >= engine->failed_lap ? "yes" : "no");
    engine->failed_lap = 0;
}

/* Tries to come back.  While the store can only be read, a core of the durable state is kept. */
static void recover(struct engine *engine, int64_t now_ms)
{
    struct error err;
    enum status status = engine->store->ops->reopen(engine->store, &err);

    engine->retry_ms = now_ms + DEGRADED_RETRY_MS;
    if (status == STATUS_OK) {
        tell_outcome(engine);
        status = begin(engine, &err);
    }
    if (status == STATUS_OK) {
        engine->is_degraded = false;
        engine->is_ready = true;
        log_info("store_recovered", "epoch=%" PRId64, engine->epoch);
        return;
    }
    if (is_final(status))
        end_process(&err);
    log_warning("store_still_degraded", "status=%s text=%s", status_wire_name(status),
                log_quote(err.text));
    engine->failure = status == STATUS_STORE_FULL ? STATUS_STORE_FULL : STATUS_STORE_FAILED;
    engine->failure_error = err;
    if (engine->core == NULL && core_from_store(engine, &engine->core, &err) != STATUS_OK)
        log_warning("store_unreadable", "text=%s", log_quote(err.text));
}

/* Answers what the durable state alone can answer.  A sync is shown to the core without slots, so
 * that nothing is granted; one that would still change something is not answered, and the core that
 * saw it is thrown away. */
static enum status handle_degraded(struct engine *engine, struct instant now,
                                   struct engine_call *call, struct error *err)
{
    struct command command = call->command;
    struct sync_request quiet;

    switch (command.kind) {
    case COMMAND_SYNC:
        if (command.sync->events_count > 0)
            return engine->failure;
        quiet = *command.sync;
        quiet.slots_count = 0;
        command.sync = &quiet;
        break;
    case COMMAND_VIEW:
    case COMMAND_AGENTS:
    case COMMAND_WORK:
    case COMMAND_IMAGES:
    case COMMAND_STATS:
        break;
    case COMMAND_IMAGE_CLAIM:
    case COMMAND_IMAGE_DONE:
    case COMMAND_IMAGE_FAILED:
    case COMMAND_IMAGE_BAD:
    case COMMAND_IMAGE_DROP:
    case COMMAND_SUBMIT:
    case COMMAND_WAIT:
    case COMMAND_ATTEND:
    case COMMAND_CANCEL:
    case COMMAND_TICK:
        return engine->failure;
    }
    if (engine->core == NULL)
        return engine->failure;
    enum status status =
        core_handle(engine->core, now, &command, &engine->facts, &call->arena, &call->reply, err);
    if (engine->facts.count == 0)
        return status;
    fact_list_clear(&engine->facts);
    core_drop(engine);
    return engine->failure;
}

static void answer_degraded(struct engine *engine, struct instant now, struct engine_call *call)
{
    struct error err = engine->failure_error;
    enum status status = handle_degraded(engine, now, call, &err);

    if (status == STATUS_OK)
        answer(call, STATUS_OK, NULL);
    else
        answer(call, status, err.text);
}

/* ---- a lap -------------------------------------------------------------------------- */

static void fetch_history(struct engine *engine, struct engine_call *call)
{
    const char *suite_name = call->command.submission->suite->name;
    struct history *history = arena_alloc(&call->arena, sizeof(*history));
    struct error err;

    if (engine->store->ops->history(engine->store, suite_name, &call->arena, history, &err) ==
        STATUS_OK)
        call->command.history = history;
    else
        log_warning("history_unreadable", "suite=%s text=%s", log_quote(suite_name),
                    log_quote(err.text));
}

static void park(struct engine *engine, struct instant now, struct engine_call *call)
{
    if (call->wait_until_ms != WAIT_WITHDRAWN)
        call->wait_until_ms = now.now_ms + LONG_POLL_MS_MAX;
    VEC_PUSH(engine->parked.waits, engine->parked.count, engine->parked.cap).call = call;
}

/* A claim that would hear "wait" is parked, once: what the next lap says of it is its answer. */
static bool is_to_wait(const struct engine_call *call)
{
    return call->command.kind == COMMAND_IMAGE_CLAIM && call->command.image_claim->wait &&
           call->wait_until_ms <= 0 && call->status == STATUS_OK &&
           call->reply.image_answer.state == IMAGE_WAIT;
}

static void handle(struct engine *engine, struct instant now, struct engine_call *call)
{
    call->next = NULL;
    if (call->command.kind == COMMAND_WAIT) {
        park(engine, now, call);
        return;
    }
    if (engine->is_degraded) {
        answer_degraded(engine, now, call);
        return;
    }
    if (call->command.kind == COMMAND_SUBMIT)
        fetch_history(engine, call);
    call->status = core_handle(engine->core, now, &call->command, &engine->facts, &call->arena,
                               &call->reply, &call->error);
    engine->parked.seen = 0;
    if (is_to_wait(call)) {
        park(engine, now, call);
        return;
    }
    *engine->tail = call;
    engine->tail = &call->next;
}

static void tick(struct engine *engine, struct instant now)
{
    const struct command command = {.kind = COMMAND_TICK};
    struct arena arena = ARENA_INIT;
    struct reply reply;
    struct error err;

    if (core_next_deadline_ms(engine->core) > now.now_ms)
        return;
    enum status status =
        core_handle(engine->core, now, &command, &engine->facts, &arena, &reply, &err);
    CHECK(status == STATUS_OK);
    engine->parked.seen = 0;
    arena_release(&arena);
}

/* Nothing has left the engine before this says STATUS_OK. */
static enum status commit(struct engine *engine, struct instant now, struct error *err)
{
    if (engine->facts.count == 0)
        return STATUS_OK;
    engine->lap++;
    const struct store_lap lap = {.lap = engine->lap,
                                  .wall_ms = now.wall_ms,
                                  .facts = engine->facts.at,
                                  .fact_count = engine->facts.count};
    enum status status = engine->store->ops->commit(engine->store, &lap, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < engine->facts.count; i++)
        fact_log(&engine->facts.at[i]);
    if (engine->tidy_ms > now.now_ms + TIDY_AFTER_MS)
        engine->tidy_ms = now.now_ms + TIDY_AFTER_MS;
    return STATUS_OK;
}

/* Gives the lap's calls back, with what the core said or, when the commit failed, with that. */
static void release_replies(struct engine *engine, enum status status, const struct error *err)
{
    struct engine_call *call = engine->handled;

    engine->handled = NULL;
    engine->tail = &engine->handled;
    while (call != NULL) {
        struct engine_call *next = call->next;

        if (status == STATUS_OK)
            answer(call, call->status, NULL);
        else
            answer(call, engine->failure, err->text);
        call = next;
    }
}

static bool has_news(const struct engine *engine, const struct engine_call *call)
{
    const struct command *command = &call->command;

    if (command->kind == COMMAND_IMAGE_CLAIM)
        return core_image_has_news(engine->core, command->fingerprint, command->image_claim);
    return core_has_news(engine->core, command->agent, command->incarnation);
}

/* A wait is answered.  A claim is handled again, since what it hears now may be a fact; but not
 * for a client that has gone. */
static void end_wait(struct engine *engine, struct engine_call *call)
{
    struct engine_call **tail = &engine->queue;

    if (call->command.kind != COMMAND_IMAGE_CLAIM || call->wait_until_ms == WAIT_WITHDRAWN) {
        answer(call, STATUS_OK, NULL);
        return;
    }
    while (*tail != NULL)
        tail = &(*tail)->next;
    call->next = NULL;
    *tail = call;
}

/* Ends the waits that are over or whose agent has news. */
static void visit_parked(struct engine *engine, int64_t now_ms)
{
    struct parked *parked = &engine->parked;
    size_t kept = 0;

    for (size_t i = 0; i < parked->count; i++) {
        struct engine_call *call = parked->waits[i].call;
        bool is_over = call->wait_until_ms <= now_ms;

        if (!is_over && i >= parked->seen && engine->core != NULL && !engine->is_degraded)
            is_over = has_news(engine, call);
        if (is_over)
            end_wait(engine, call);
        else
            parked->waits[kept++].call = call;
    }
    parked->count = kept;
    parked->seen = engine->is_degraded ? 0 : kept;
}

static void withdraw(struct engine *engine, const struct haul *haul)
{
    for (size_t i = 0; i < haul->withdrawn_count; i++)
        for (size_t j = 0; j < engine->parked.count; j++)
            if (engine->parked.waits[j].call->context == haul->withdrawn[i])
                engine->parked.waits[j].call->wait_until_ms = WAIT_WITHDRAWN;
    free(haul->withdrawn);
}

static void tidy(struct engine *engine, struct instant now)
{
    int64_t keep_ms = engine->keep_ms;
    bool has_more = false;
    struct error err;

    if (engine->is_degraded || engine->tidy_ms > now.now_ms)
        return;
    enum status status =
        engine->store->ops->tidy(engine->store, now.wall_ms, keep_ms, &has_more, &err);
    if (is_final(status))
        end_process(&err);
    if (status != STATUS_OK)
        log_warning("tidy_failed", "status=%s text=%s", status_wire_name(status),
                    log_quote(err.text));
    engine->tidy_ms = now.now_ms + (has_more ? TIDY_STEP_MS : TIDY_IDLE_MS);
}

/* How long the engine may sleep. */
static int64_t sleep_ms(const struct engine *engine)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t until_ms = now_ms + SLEEP_MS_MAX;
    int64_t due_ms = engine->is_degraded ? engine->retry_ms : engine->tidy_ms;

    if (engine->queue != NULL)
        return 0;
    if (due_ms < until_ms)
        until_ms = due_ms;
    if (!engine->is_degraded && core_next_deadline_ms(engine->core) < until_ms)
        until_ms = core_next_deadline_ms(engine->core);
    if (engine->parked.count > 0 && engine->parked.waits[0].call->wait_until_ms < until_ms)
        until_ms = engine->parked.waits[0].call->wait_until_ms;
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

static void lap(struct engine *engine)
{
    struct instant now = instant_now();
    struct error err;

    if (engine->is_degraded && engine->retry_ms <= now.now_ms)
        recover(engine, now.now_ms);
    if (!engine->is_degraded)
        tick(engine, now);
    while (engine->queue != NULL && engine->facts.count < LAP_FACTS_MAX) {
        struct engine_call *call = engine->queue;

        engine->queue = call->next;
        handle(engine, now, call);
    }
    enum status status = commit(engine, now, &err);
    if (status != STATUS_OK) {
        err.status = status;
        degrade(engine, &err);
    }
    fact_list_clear(&engine->facts);
    release_replies(engine, status, &err);
    visit_parked(engine, now.now_ms);
    tidy(engine, now);
}

static void answer_rest(struct engine *engine)
{
    static const char *const text = "the coordinator is shutting down";

    while (engine->queue != NULL) {
        struct engine_call *call = engine->queue;

        engine->queue = call->next;
        answer(call, STATUS_STOPPING, text);
    }
    for (size_t i = 0; i < engine->parked.count; i++)
        answer(engine->parked.waits[i].call, STATUS_STOPPING, text);
    engine->parked.count = 0;
}

static void *engine_main(void *context)
{
    struct engine *engine = context;
    bool is_stopping = false;

    while (!is_stopping || engine->queue != NULL) {
        struct haul haul;

        mailbox_take(&engine->box, engine->queue == NULL ? LAP_COMMANDS_MAX : 0, sleep_ms(engine),
                     &haul);
        if (engine->queue == NULL)
            engine->queue = haul.calls;
        withdraw(engine, &haul);
        is_stopping = haul.is_stopping;
        if (is_stopping)
            answer_rest(engine);
        else
            lap(engine);
    }
    /* Posting is refused since is_stopping; this fetches what came before it. */
    struct haul rest;
    mailbox_take(&engine->box, MAILBOX_MAX, 0, &rest);
    free(rest.withdrawn);
    engine->queue = rest.calls;
    answer_rest(engine);
    return NULL;
}

/* ---- the outside ---------------------------------------------------------------------- */

static void engine_free(struct engine *engine)
{
    core_drop(engine);
    fact_list_release(&engine->facts);
    mailbox_release(&engine->box);
    free(engine->parked.waits);
    free(engine->pool);
    free(engine);
}

enum status engine_start(struct store *store, const char *pool, struct engine **out_engine,
                         struct error *err)
{
    struct engine *engine = mem_zalloc(sizeof(*engine));

    engine->store = store;
    engine->pool = mem_strdup(pool);
    engine->tail = &engine->handled;
    mailbox_init(&engine->box);
    fact_list_init(&engine->facts);

    enum status status = begin(engine, err);
    if (status != STATUS_OK) {
        engine_free(engine);
        return status;
    }
    engine->is_ready = true;
    log_info("engine_started", "pool=%s epoch=%" PRId64, log_quote(pool), engine->epoch);
    if (pthread_create(&engine->thread, NULL, engine_main, engine) != 0) {
        engine_free(engine);
        return error_set(err, STATUS_IO, "cannot start the engine's thread");
    }
    *out_engine = engine;
    return STATUS_OK;
}

void engine_post(struct engine *engine, struct engine_call *call)
{
    enum status status = mailbox_post(&engine->box, call);

    if (status != STATUS_OK)
        answer(call, status, status_text(status));
}

void engine_withdraw(struct engine *engine, void *context)
{
    mailbox_withdraw(&engine->box, context);
}

bool engine_is_ready(const struct engine *engine)
{
    return engine->is_ready;
}

void engine_keep_runs(struct engine *engine, int64_t keep_ms)
{
    engine->keep_ms = keep_ms;
}

void engine_stop(struct engine *engine)
{
    mailbox_stop(&engine->box);
    (void)pthread_join(engine->thread, NULL);
    engine->store->ops->close(engine->store);
    engine_free(engine);
}
