#include "tests/unit/coordinator_http/fake_engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct engine {
    pthread_t thread;
    atomic_bool is_ready;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    struct engine_call *mailbox; /* newest first */
    struct engine_call *parked;
    int parked_count, queued_count, withdrawn_count;
    int counts[COMMAND_TICK + 1];
    bool wakes, holds, is_stopping;
    enum status failure;
    char last_text[256];
};

static void lock(struct engine *engine)
{
    CHECK(pthread_mutex_lock(&engine->lock) == 0);
}

static void unlock(struct engine *engine)
{
    CHECK(pthread_cond_broadcast(&engine->changed) == 0);
    CHECK(pthread_mutex_unlock(&engine->lock) == 0);
}

static void await(struct engine *engine)
{
    CHECK(pthread_cond_wait(&engine->changed, &engine->lock) == 0);
}

static struct run_view *view(struct engine_call *call, int64_t run)
{
    struct run_view *view = &call->reply.run_view;

    *view = (struct run_view){.run = run,
                              .key = "k",
                              .name = "suite",
                              .state = RUN_RUNNING,
                              .reason = "",
                              .exit_status = -1,
                              .estimate_ms = -1};
    view->counts = arena_alloc(&call->arena, sizeof(*view->counts));
    return view;
}

static enum status view_run(struct engine_call *call)
{
    int64_t run = call->command.run;

    if (run != 1)
        return error_set(&call->error, STATUS_NOT_FOUND, "no run %lld", (long long)run);
    (void)view(call, run);
    return STATUS_OK;
}

static enum status execute(struct engine *engine, struct engine_call *call)
{
    const struct command *command = &call->command;

    engine->counts[command->kind]++;
    if (engine->failure != STATUS_OK)
        return error_set(&call->error, engine->failure, "the fake was told to fail");
    switch (command->kind) {
    case COMMAND_SUBMIT:
        (void)strncpy(engine->last_text, command->submission->key, sizeof(engine->last_text) - 1);
        call->reply.run_created =
            (struct run_created){.run = 1, .existed = engine->counts[COMMAND_SUBMIT] > 1};
        return STATUS_OK;
    case COMMAND_SYNC:
        (void)strncpy(engine->last_text, command->sync->agent, sizeof(engine->last_text) - 1);
        call->reply.sync_response =
            (struct sync_response){.acknowledged = command->sync->sync_no,
                                   .next_sync_ms = 5000,
                                   .may_wait = command->sync->held_count == 0};
        return STATUS_OK;
    case COMMAND_ATTEND:
    case COMMAND_CANCEL:
    case COMMAND_VIEW:
        return view_run(call);
    case COMMAND_AGENTS:
        call->reply.agent_list = (struct agent_list){.agents = NULL};
        return STATUS_OK;
    case COMMAND_WORK:
        return error_set(&call->error, STATUS_NOT_FOUND, "no run %lld", (long long)command->run);
    case COMMAND_STATS:
        call->reply.stats = (struct stats){.runs_open = 3, .total_syncs = 42};
        return STATUS_OK;
    case COMMAND_IMAGES:
        call->reply.image_list = (struct image_list){.images = NULL};
        return STATUS_OK;
    case COMMAND_IMAGE_CLAIM:
    case COMMAND_IMAGE_DONE:
    case COMMAND_IMAGE_FAILED:
    case COMMAND_IMAGE_BAD:
    case COMMAND_IMAGE_DROP:
    case COMMAND_WAIT:
    case COMMAND_TICK:
        break;
    }
    UNREACHABLE("the door asks for nothing else");
}

static void answer_parked(struct engine *engine, const void *context, bool all)
{
    struct engine_call **at = &engine->parked;

    while (*at != NULL) {
        struct engine_call *call = *at;

        if (!all && call->context != context) {
            at = &call->next;
            continue;
        }
        *at = call->next;
        engine->parked_count--;
        call->status = STATUS_OK;
        call->done(call);
    }
}

static void handle(struct engine *engine, struct engine_call *call)
{
    if (call->command.kind == COMMAND_WAIT && !engine->is_stopping) {
        engine->counts[COMMAND_WAIT]++;
        call->next = engine->parked;
        engine->parked = call;
        engine->parked_count++;
        return;
    }
    call->status = execute(engine, call);
    call->done(call);
}

static void *fake_main(void *context)
{
    struct engine *engine = context;

    lock(engine);
    while (!engine->is_stopping) {
        while (engine->mailbox != NULL && !engine->holds) {
            struct engine_call *call = engine->mailbox;

            engine->mailbox = call->next;
            engine->queued_count--;
            handle(engine, call);
        }
        if (engine->wakes)
            answer_parked(engine, NULL, true);
        engine->wakes = false;
        CHECK(pthread_cond_broadcast(&engine->changed) == 0);
        await(engine);
    }
    CHECK(pthread_mutex_unlock(&engine->lock) == 0);
    return NULL;
}

struct engine *fake_engine_start(void)
{
    struct engine *engine = mem_zalloc(sizeof(*engine));

    CHECK(pthread_mutex_init(&engine->lock, NULL) == 0);
    CHECK(pthread_cond_init(&engine->changed, NULL) == 0);
    atomic_init(&engine->is_ready, true);
    CHECK(pthread_create(&engine->thread, NULL, fake_main, engine) == 0);
    return engine;
}

void engine_post(struct engine *engine, struct engine_call *call)
{
    lock(engine);
    call->next = engine->mailbox;
    engine->mailbox = call;
    engine->queued_count++;
    unlock(engine);
}

void engine_withdraw(struct engine *engine, void *context)
{
    lock(engine);
    engine->withdrawn_count++;
    answer_parked(engine, context, false);
    unlock(engine);
}

bool engine_is_ready(const struct engine *engine)
{
    return atomic_load(&engine->is_ready);
}

void engine_stop(struct engine *engine)
{
    lock(engine);
    CHECK(engine->mailbox == NULL && engine->parked == NULL); /* the door went first */
    engine->is_stopping = true;
    unlock(engine);
    CHECK(pthread_join(engine->thread, NULL) == 0);
    CHECK(pthread_cond_destroy(&engine->changed) == 0);
    CHECK(pthread_mutex_destroy(&engine->lock) == 0);
    free(engine);
}

int fake_engine_count(struct engine *engine, enum command_kind kind)
{
    lock(engine);
    int count = engine->counts[kind];
    unlock(engine);
    return count;
}

void fake_engine_await_parked(struct engine *engine, int count)
{
    lock(engine);
    while (engine->parked_count != count)
        await(engine);
    unlock(engine);
}

void fake_engine_wake(struct engine *engine)
{
    lock(engine);
    engine->wakes = true;
    CHECK(pthread_cond_broadcast(&engine->changed) == 0);
    while (engine->wakes)
        await(engine);
    unlock(engine);
}

void fake_engine_await_withdrawn(struct engine *engine, int count)
{
    lock(engine);
    while (engine->withdrawn_count < count)
        await(engine);
    unlock(engine);
}

void fake_engine_fail(struct engine *engine, enum status status)
{
    lock(engine);
    engine->failure = status;
    unlock(engine);
}

void fake_engine_hold(struct engine *engine, bool holds)
{
    lock(engine);
    engine->holds = holds;
    unlock(engine);
}

void fake_engine_await_held(struct engine *engine, int count)
{
    lock(engine);
    while (engine->queued_count != count)
        await(engine);
    unlock(engine);
}

void fake_engine_set_ready(struct engine *engine, bool is_ready)
{
    atomic_store(&engine->is_ready, is_ready);
}

const char *fake_engine_last_text(struct engine *engine)
{
    return engine->last_text;
}
