#include "tests/simulation/toy_coordinator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/limits.h"
#include "tests/simulation/shadow.h"
#include "tests/simulation/toy_client.h"

/* The wall clock of the world begins here. */
#define WALL_MS ((int64_t)1700000000000)

static struct instant instant_of(const struct world *world)
{
    return (struct instant){.now_ms = world->now_ms, .wall_ms = WALL_MS + world->now_ms};
}

static void schedule(struct world *world, int64_t delay_ms, int64_t id,
                     void (*happen)(struct world *world, struct event_card *card))
{
    struct event_card card = {.at_ms = world->now_ms + delay_ms,
                              .happen = happen,
                              .agent = -1,
                              .life = world->coordinator->life,
                              .id = id};

    agenda_add(&world->agenda, &card);
}

static bool is_alive(const struct world *world, const struct event_card *card)
{
    return world->coordinator->is_up && world->coordinator->life == card->life;
}

/* ---- the store ------------------------------------------------------------------------ */

/* Makes the directory: in memory where that can be had, since a disk does an fsync a lap. */
static void dir_make(struct toy_coordinator *coordinator)
{
    static const char *const places[] = {"/dev/shm", "/tmp"};
    bool is_made = false;

    for (size_t i = 0; i < COUNT_OF(places) && !is_made; i++) {
        (void)snprintf(coordinator->dir, sizeof(coordinator->dir), "%s/muster-simulate-XXXXXX",
                       places[i]);
        is_made = mkdtemp(coordinator->dir) != NULL;
    }
    CHECK(is_made);
}

static void store_open(struct toy_coordinator *coordinator)
{
    struct error err = {.text = ""};

    if (coordinator->dir[0] == '\0')
        coordinator->store = store_memory_new();
    else if (store_sqlite_open(coordinator->dir, "default", &coordinator->store, &err) != STATUS_OK)
        check_failed(__FILE__, __LINE__, __func__, err.text);
}

static void store_make(struct toy_coordinator *coordinator, enum world_store kind)
{
    if (kind == WORLD_STORE_SQLITE)
        dir_make(coordinator);
    store_open(coordinator);
}

/* What a restart makes of it; memory stays. */
static void store_open_again(struct toy_coordinator *coordinator)
{
    if (coordinator->dir[0] == '\0')
        return;
    coordinator->store->ops->close(coordinator->store);
    store_open(coordinator);
}

static void store_remove(struct toy_coordinator *coordinator)
{
    coordinator->store->ops->close(coordinator->store);
    if (coordinator->dir[0] != '\0')
        CHECK(file_remove_tree(coordinator->dir, NULL) == STATUS_OK);
}

struct reader *toy_coordinator_reader(struct toy_coordinator *coordinator)
{
    struct reader *reader = NULL;

    if (coordinator->dir[0] == '\0')
        return reader_memory_new(coordinator->store);
    CHECK(reader_sqlite_open(coordinator->dir, &reader, NULL) == STATUS_OK);
    return reader;
}

/* ---- start ---------------------------------------------------------------------------- */

static void apply(void *context, const struct fact *fact)
{
    core_apply(context, fact);
}

/* A canary: closed leases are not handed over. */
static void apply_but_closed(void *context, const struct fact *fact)
{
    if (fact->kind != FACT_LEASE_ENDED)
        core_apply(context, fact);
}

static void give_last_seq(void *context, int64_t run, int64_t last_seq)
{
    core_give_last_seq(context, run, last_seq);
}

static void give_history(struct toy_coordinator *coordinator)
{
    int64_t runs[RUNS_MAX];
    const char *names[RUNS_MAX];
    size_t count = core_runs_without_history(coordinator->core, runs, names, RUNS_MAX);

    for (size_t i = 0; i < count && i < RUNS_MAX; i++) {
        struct arena arena = ARENA_INIT;
        struct history history = {0};
        enum status status =
            coordinator->store->ops->history(coordinator->store, names[i], &arena, &history, NULL);

        CHECK(status == STATUS_OK);
        core_give_history(coordinator->core, runs[i], &history);
        arena_release(&arena);
    }
}

static void load(struct world *world, struct toy_coordinator *coordinator)
{
    const struct store_ops *ops = coordinator->store->ops;
    struct store_start start;
    struct instant instant = instant_of(world);

    CHECK(ops->begin(coordinator->store, &start, NULL) == STATUS_OK);
    if (world->settings.canary != CANARY_OLD_EPOCH || coordinator->epoch == 0)
        coordinator->epoch = start.epoch;
    coordinator->core = core_new(&(struct core_settings){
        .pool = "default", .epoch = coordinator->epoch, .next_run = start.next_run});
    const struct store_visitor visitor = {
        .context = coordinator->core,
        .fact = world->settings.canary == CANARY_FORGET_CLOSED ? apply_but_closed : apply,
        .last_seq = give_last_seq};

    CHECK(ops->load(coordinator->store, instant.wall_ms, &visitor, NULL) == STATUS_OK);
    core_restart(coordinator->core, instant);
    coordinator->lap = 0;
    give_history(coordinator);
}

static void check_sound(struct world *world)
{
    struct error err;

    if (!core_is_sound(world->coordinator->core, &err))
        world_fail(world, "the core is not sound: %s", err.text);
}

/* The core from the store decides as the one before it did. */
static void reload(struct world *world, struct toy_coordinator *coordinator, bool must_be_same)
{
    char before[HASH_HEX_SIZE];
    char after[HASH_HEX_SIZE];

    world->sights.reloads++;
    core_digest(coordinator->core, before);
    core_free(coordinator->core);
    store_open_again(coordinator);
    load(world, coordinator);
    core_digest(coordinator->core, after);
    if (world->settings.canary == CANARY_FORGET_CLOSED)
        must_be_same = false; /* what comes of it must be found, too */
    if (must_be_same && strcmp(before, after) != 0)
        world_fail(world, "the core is another one after it was loaded from the store");
    check_sound(world);
}

/* ---- ticks and waits -------------------------------------------------------------------- */

static void lap(struct world *world, struct event_card *card);

static void ask_for_lap(struct world *world, int64_t delay_ms)
{
    struct toy_coordinator *coordinator = world->coordinator;

    if (coordinator->has_lap_card || coordinator->is_committing)
        return;
    coordinator->has_lap_card = true;
    schedule(world, delay_ms, 0, lap);
}

static void tick(struct world *world, struct event_card *card)
{
    if (is_alive(world, card) && world->coordinator->tick == card->id)
        ask_for_lap(world, 0);
}

static void set_tick(struct world *world)
{
    struct toy_coordinator *coordinator = world->coordinator;
    int64_t at_ms = core_next_deadline_ms(coordinator->core);

    coordinator->tick++;
    if (at_ms == INT64_MAX)
        return;
    schedule(world, at_ms > world->now_ms ? at_ms - world->now_ms : 0, coordinator->tick, tick);
}

static void nudge(struct world *world, struct toy_coordinator *coordinator, size_t i)
{
    struct letter *wait = coordinator->waits[i];

    coordinator->waits[i] = coordinator->waits[--coordinator->wait_count];
    network_send(world, letter_answer(wait, STATUS_OK));
    letter_free(wait);
}

static void serve_waits(struct world *world)
{
    struct toy_coordinator *coordinator = world->coordinator;

    for (size_t i = coordinator->wait_count; i > 0; i--) {
        const struct sync_request *asked = &coordinator->waits[i - 1]->request;

        if (core_has_news(coordinator->core, asked->agent, asked->incarnation))
            nudge(world, coordinator, i - 1);
    }
}

static void wait_is_over(struct world *world, struct event_card *card)
{
    struct toy_coordinator *coordinator = world->coordinator;

    if (!is_alive(world, card))
        return;
    for (size_t i = 0; i < coordinator->wait_count; i++)
        if (coordinator->waits[i]->connection == card->id &&
            coordinator->waits[i]->agent == card->slot) {
            nudge(world, coordinator, i);
            return;
        }
}

static void park(struct world *world, struct letter *wait)
{
    struct toy_coordinator *coordinator = world->coordinator;
    struct event_card card = {.at_ms = world->now_ms + LONG_POLL_MS_MAX,
                              .happen = wait_is_over,
                              .agent = -1,
                              .life = coordinator->life,
                              .slot = wait->agent,
                              .id = wait->connection};

    if (coordinator->wait_count == coordinator->wait_cap)
        coordinator->waits = mem_grow(coordinator->waits, &coordinator->wait_cap, sizeof(void *));
    coordinator->waits[coordinator->wait_count++] = wait;
    agenda_add(&world->agenda, &card);
}

/* ---- laps ------------------------------------------------------------------------------- */

static enum status handle(struct world *world, const struct command *command, struct reply *reply)
{
    struct toy_coordinator *coordinator = world->coordinator;

    return core_handle(coordinator->core, instant_of(world), command, &coordinator->facts,
                       &coordinator->arena, reply, NULL);
}

static struct letter *handle_letter(struct world *world, const struct letter *question)
{
    struct command command = {.run = question->run};
    struct attend_request attend = {.client = "client"};
    struct cancel_request cancel = {.reason = "the client wants no more"};
    struct letter *answer = NULL;
    struct reply reply;

    switch (question->kind) {
    case LETTER_SYNC:
        command.kind = COMMAND_SYNC;
        command.sync = &question->request;
        break;
    case LETTER_SUBMIT:
        command.kind = COMMAND_SUBMIT;
        command.submission = &world->clients[question->client]->suite->submission;
        break;
    case LETTER_CANCEL:
        command.kind = COMMAND_CANCEL;
        command.cancel = &cancel;
        break;
    case LETTER_ATTEND:
    case LETTER_WAIT:
        command.kind = COMMAND_ATTEND;
        command.attend = &attend;
        break;
    }
    answer = letter_answer(question, handle(world, &command, &reply));
    if (answer->status != STATUS_OK)
        return answer;
    if (question->kind == LETTER_SYNC)
        letter_take_response(answer, &reply.sync_response);
    world->sights.recovered += question->kind == LETTER_SYNC && question->request.recovering;
    answer->created = reply.run_created;
    answer->state = reply.run_view.state;
    return answer;
}

/* What is sent already stays sent (a canary). */
static void send_answers(struct world *world, enum status status)
{
    struct toy_coordinator *coordinator = world->coordinator;

    for (size_t i = 0; i < coordinator->call_count; i++) {
        struct call *call = &coordinator->calls[i];

        if (call->answer == NULL)
            continue;
        if (status != STATUS_OK) {
            letter_free(call->answer);
            call->answer = letter_answer(call->question, status);
        }
        network_send(world, call->answer);
        call->answer = NULL;
    }
}

static void release_answers(struct world *world, enum status status)
{
    struct toy_coordinator *coordinator = world->coordinator;

    send_answers(world, status);
    for (size_t i = 0; i < coordinator->call_count; i++)
        letter_free(coordinator->calls[i].question);
    coordinator->call_count = 0;
}

static enum status write_lap(struct world *world)
{
    struct toy_coordinator *coordinator = world->coordinator;
    struct store_lap written = {.lap = ++coordinator->lap,
                                .wall_ms = instant_of(world).wall_ms,
                                .facts = coordinator->facts.at,
                                .fact_count = coordinator->facts.count};

    shadow_take(world->shadow, &written);
    return coordinator->store->ops->commit(coordinator->store, &written, NULL);
}

static void after_lap(struct world *world)
{
    struct toy_coordinator *coordinator = world->coordinator;

    fact_list_clear(&coordinator->facts);
    arena_release(&coordinator->arena);
    give_history(coordinator);
    serve_waits(world);
    set_tick(world);
    if (coordinator->mail_count > 0)
        ask_for_lap(world, 0);
}

static void committed(struct world *world, struct event_card *card)
{
    struct toy_coordinator *coordinator = world->coordinator;
    bool fails = false;
    bool is_durable = true;

    if (!is_alive(world, card))
        return;
    fails = world_chance(world, &world->dice_disk, world->weather.commit_fails);
    if (fails)
        is_durable = dice_chance(&world->dice_disk, 500);
    coordinator->is_committing = false;
    if (is_durable)
        CHECK(write_lap(world) == STATUS_OK);
    if (fails) {
        world->sights.failed_commits++;
        world_say(world, "a commit fails, %s", is_durable ? "and is there" : "and is not there");
        reload(world, coordinator, is_durable);
    }
    release_answers(world, fails ? STATUS_STORE_FAILED : STATUS_OK);
    after_lap(world);
}

static void lap(struct world *world, struct event_card *card)
{
    struct toy_coordinator *coordinator = world->coordinator;
    struct reply reply;

    if (!is_alive(world, card))
        return;
    coordinator->has_lap_card = false;
    world->lap_count++;
    for (size_t i = 0; i < coordinator->mail_count && !world->has_failed; i++) {
        struct letter *question = coordinator->mailbox[i];

        VEC_PUSH(coordinator->calls, coordinator->call_count, coordinator->call_cap) =
            (struct call){question, handle_letter(world, question)};
    }
    coordinator->mail_count = 0;
    if (core_next_deadline_ms(coordinator->core) <= world->now_ms)
        CHECK(handle(world, &(struct command){.kind = COMMAND_TICK}, &reply) == STATUS_OK);
    check_sound(world);
    if (world->settings.canary == CANARY_ACK_BEFORE_COMMIT)
        send_answers(world, STATUS_OK);
    if (coordinator->facts.count == 0) {
        release_answers(world, STATUS_OK);
        after_lap(world);
        return;
    }
    coordinator->is_committing = true;
    schedule(world, dice_between(&world->dice_disk, 0, world->weather.commit_ms_max), 0, committed);
}

void toy_coordinator_receive(struct world *world, struct letter *question)
{
    struct toy_coordinator *coordinator = world->coordinator;

    if (!coordinator->is_up) {
        network_send(world, letter_answer(question, STATUS_UNAVAILABLE));
        letter_free(question);
        return;
    }
    if (question->kind == LETTER_WAIT) {
        park(world, question);
        serve_waits(world);
        return;
    }
    if (coordinator->mail_count == coordinator->mail_cap)
        coordinator->mailbox =
            mem_grow(coordinator->mailbox, &coordinator->mail_cap, sizeof(void *));
    coordinator->mailbox[coordinator->mail_count++] = question;
    ask_for_lap(world, dice_between(&world->dice_disk, 0, 2));
}

/* ---- life ------------------------------------------------------------------------------- */

struct toy_coordinator *toy_coordinator_new(struct world *world)
{
    struct toy_coordinator *coordinator = mem_zalloc(sizeof(*coordinator));

    store_make(coordinator, world->settings.store);
    coordinator->life = 1;
    coordinator->is_up = true;
    fact_list_init(&coordinator->facts);
    arena_init(&coordinator->arena);
    load(world, coordinator);
    return coordinator;
}

static void free_letters(struct letter **letters, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        letter_free(letters[i]);
    *count = 0;
}

static void forget_all(struct toy_coordinator *coordinator)
{
    for (size_t i = 0; i < coordinator->call_count; i++) {
        letter_free(coordinator->calls[i].question);
        if (coordinator->calls[i].answer != NULL)
            letter_free(coordinator->calls[i].answer);
    }
    coordinator->call_count = 0;
    free_letters(coordinator->mailbox, &coordinator->mail_count);
    free_letters(coordinator->waits, &coordinator->wait_count);
    fact_list_clear(&coordinator->facts);
    arena_release(&coordinator->arena);
    coordinator->is_committing = coordinator->has_lap_card = false;
}

void toy_coordinator_free(struct toy_coordinator *coordinator)
{
    if (coordinator == NULL)
        return;
    forget_all(coordinator);
    free(coordinator->mailbox);
    free(coordinator->calls);
    free(coordinator->waits);
    fact_list_release(&coordinator->facts);
    core_free(coordinator->core);
    store_remove(coordinator);
    free(coordinator);
}

static void start_again(struct world *world, struct event_card *card)
{
    struct toy_coordinator *coordinator = world->coordinator;

    if (coordinator->is_up || coordinator->life != card->life)
        return;
    coordinator->is_up = true;
    world_say(world, "the coordinator is back, epoch %lld", (long long)coordinator->epoch);
    after_lap(world);
}

void toy_coordinator_kill(struct world *world, int64_t delay_ms)
{
    struct toy_coordinator *coordinator = world->coordinator;
    bool is_same = true;

    if (!coordinator->is_up)
        return;
    world_say(world, "the coordinator is killed%s",
              coordinator->is_committing ? " in a commit" : "");
    if (coordinator->is_committing) {
        is_same = dice_chance(&world->dice_disk, 500);
        if (is_same)
            CHECK(write_lap(world) == STATUS_OK);
    }
    coordinator->is_up = false;
    coordinator->life++;
    forget_all(coordinator);
    reload(world, coordinator, is_same);
    schedule(world, delay_ms, 0, start_again);
}
