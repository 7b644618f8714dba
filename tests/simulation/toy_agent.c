#include "tests/simulation/toy_agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/spool.h"
#include "shared/base/limits.h"
#include "tests/simulation/shadow.h"

#define PREPARE_MS_MAX 3000
#define CLONE_MS_MAX   200
#define DROP_MS_MAX    50
#define RESTART_MS_MAX 20000

struct event_card toy_agent_card(const struct world *world, const struct toy_agent *agent,
                                 int64_t delay_ms)
{
    return (struct event_card){
        .at_ms = world->now_ms + delay_ms, .agent = agent->number, .life = agent->life};
}

static struct toy_agent *agent_of(struct world *world, const struct event_card *card)
{
    struct toy_agent *agent = world->agents[card->agent];

    return agent->is_up && agent->life == card->life ? agent : NULL;
}

/* ---- the spool file ------------------------------------------------------------------- */

static struct spool_file *file_of(struct toy_agent *agent, int64_t incarnation)
{
    for (size_t i = 0; i < agent->file_count; i++)
        if (agent->files[i].incarnation == incarnation)
            return &agent->files[i];
    return NULL;
}

static void file_append(struct world *world, struct toy_agent *agent, const struct action *action)
{
    struct spool_file *file = file_of(agent, action->incarnation);
    int64_t last = file != NULL && file->count > 0 ? file->events[file->count - 1]->seq : -1;
    size_t bytes = 0;

    if (file == NULL) {
        CHECK(agent->file_count < SPOOL_FILES_MAX);
        file = &agent->files[agent->file_count++];
        *file = (struct spool_file){.incarnation = action->incarnation};
    }
    if (last > 0 && action->event->seq != last + 1)
        world_fail(world, "%s spools event %lld after %lld", agent->name,
                   (long long)action->event->seq, (long long)last);
    if (file->count == file->cap)
        file->events = mem_grow(file->events, &file->cap, sizeof(void *));
    file->events[file->count++] = event_copy(action->event, &bytes);
}

static void file_trim(struct toy_agent *agent, int64_t incarnation, int64_t seq)
{
    struct spool_file *file = file_of(agent, incarnation);
    size_t gone = 0;

    if (file == NULL)
        return;
    while (gone < file->count && file->events[gone]->seq <= seq)
        free(file->events[gone++]);
    file->count -= gone;
    for (size_t i = 0; i < file->count; i++)
        file->events[i] = file->events[i + gone];
}

static void files_release(struct toy_agent *agent)
{
    for (size_t i = 0; i < agent->file_count; i++) {
        file_trim(agent, agent->files[i].incarnation, INT64_MAX);
        free(agent->files[i].events);
    }
    agent->file_count = 0;
}

static void files_drop_empty(struct toy_agent *agent)
{
    size_t kept = 0;

    for (size_t i = 0; i < agent->file_count; i++) {
        if (agent->files[i].count > 0)
            agent->files[kept++] = agent->files[i];
        else
            free(agent->files[i].events);
    }
    agent->file_count = kept;
}

/* The coordinator has said that it has these: they must be in its store at the end. */
static void note_acknowledged(struct world *world, struct toy_agent *agent, int64_t incarnation,
                              int64_t seq)
{
    const struct spool_file *file = file_of(agent, incarnation);

    for (size_t i = 0; file != NULL && i < file->count && file->events[i]->seq <= seq; i++)
        if (file->events[i]->kind == EVENT_ATTEMPT)
            shadow_acknowledged(world->shadow, agent->name, file->events[i]);
}

/* ---- actions -------------------------------------------------------------------------- */

static void feed_kind(struct world *world, struct event_card *card, enum input_kind kind,
                      enum input_kind failed, unsigned fails)
{
    struct toy_agent *agent = agent_of(world, card);
    bool is_failed = world_chance(world, &world->dice_work, fails);

    if (agent != NULL)
        toy_agent_feed(world, agent,
                       &(struct input){.kind = is_failed ? failed : kind,
                                       .slot = card->slot,
                                       .stage = "prepare",
                                       .text = "the dice said so"});
}

static void clone_made(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);

    if (agent == NULL)
        return;
    bool keeps_old = world->settings.canary == CANARY_FORGET_CLONE;
    if (!keeps_old || !agent->slots[card->slot].clone.exists)
        agent->slots[card->slot].clone = (struct toy_clone){.exists = true};
    feed_kind(world, card, INPUT_CLONE_READY, INPUT_CLONE_FAILED, world->weather.clone_fails);
}

static void dropped(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);

    if (agent == NULL)
        return;
    if (world->settings.canary != CANARY_FORGET_CLONE)
        agent->slots[card->slot].clone = (struct toy_clone){0};
    feed_kind(world, card, INPUT_DROPPED, INPUT_DROPPED, 0);
}

static void start_failed(struct world *world, struct event_card *card)
{
    feed_kind(world, card, INPUT_START_FAILED, INPUT_START_FAILED, 0);
}

static void prepared(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);
    const struct toy_suite *suite = world_suite_of_run(world, card->id);
    struct run_terms terms;

    if (agent == NULL)
        return;
    if (suite == NULL || world_chance(world, &world->dice_work, world->weather.run_fails)) {
        toy_agent_feed(world, agent,
                       &(struct input){.kind = INPUT_RUN_FAILED,
                                       .run = card->id,
                                       .stage = "prepare",
                                       .text = "the dice said so"});
        return;
    }
    terms = (struct run_terms){.test_ms = suite->test_ms,
                               .ready_ms = suite->ready_ms,
                               .grace_ms = suite->grace_ms,
                               .fresh = suite->fresh,
                               .has_databases = suite->has_databases};
    toy_agent_feed(world, agent,
                   &(struct input){.kind = INPUT_RUN_READY, .run = card->id, .terms = &terms});
}

static void later(struct world *world, struct toy_agent *agent, const struct action *action,
                  void (*happen)(struct world *world, struct event_card *card), int64_t ms_max)
{
    struct event_card card =
        toy_agent_card(world, agent, dice_between(&world->dice_work, 1, ms_max));

    card.slot = action->slot;
    card.id = action->run;
    card.happen = happen;
    agenda_add(&world->agenda, &card);
}

static void sync_timed_out(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);

    if (agent == NULL || agent->sync_connection != card->id)
        return;
    agent->sync_connection = 0;
    toy_agent_feed(
        world, agent,
        &(struct input){.kind = INPUT_SYNC_FAILED, .status = STATUS_TIMEOUT, .text = "no answer"});
}

static void wait_timed_out(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);

    if (agent == NULL || agent->wait_connection != card->id)
        return;
    agent->wait_connection = 0;
    toy_agent_feed(world, agent, &(struct input){.kind = INPUT_NUDGED});
}

static void lose_one_event(struct letter *letter)
{
    struct sync_request *request = &letter->request;

    for (size_t i = 0; i + 1 < request->events_count; i++) {
        if (request->events[i].kind != EVENT_ATTEMPT)
            continue;
        request->events[i].kind = EVENT_NOTE;
        request->events[i].attempt = NULL;
        return;
    }
}

static void tell_twice(struct letter *letter)
{
    struct sync_request *request = &letter->request;

    for (size_t i = 0; i + 1 < request->events_count; i++)
        if (request->events[i].kind == EVENT_ATTEMPT &&
            request->events[i + 1].kind == EVENT_ATTEMPT &&
            request->events[i].lease == request->events[i + 1].lease) {
            struct attempt_report *twin = arena_alloc(&letter->arena, sizeof(*twin));

            *twin = *request->events[i].attempt;
            twin->test = request->events[i + 1].attempt->test;
            request->events[i + 1].attempt = twin;
        }
}

static void open_connection(struct world *world, struct toy_agent *agent, struct letter *letter,
                            int64_t patience_ms,
                            void (*give_up)(struct world *world, struct event_card *card))
{
    struct event_card card = toy_agent_card(world, agent, patience_ms);

    letter->agent = agent->number;
    letter->life = agent->life;
    letter->connection = ++agent->last_connection;
    card.id = letter->connection;
    card.happen = give_up;
    agenda_add(&world->agenda, &card);
    network_send(world, letter);
}

static void send_sync(struct world *world, struct toy_agent *agent,
                      const struct sync_request *request)
{
    struct letter *letter = letter_new(LETTER_SYNC);

    if (agent->sync_connection != 0)
        world_fail(world, "%s has two syncs under way", agent->name);
    letter_take_request(letter, request);
    if (world->settings.canary == CANARY_LOSE_EVENT)
        lose_one_event(letter);
    if (world->settings.canary == CANARY_COUNT_TWICE)
        tell_twice(letter);
    agent->sync_connection = agent->last_connection + 1;
    open_connection(world, agent, letter, SYNC_ANSWER_MS, sync_timed_out);
}

static void send_wait(struct world *world, struct toy_agent *agent)
{
    struct letter *letter = letter_new(LETTER_WAIT);

    letter->request.agent = arena_strdup(&letter->arena, agent->name);
    letter->request.incarnation = agent->incarnation;
    agent->wait_connection = agent->last_connection + 1;
    open_connection(world, agent, letter, LONG_POLL_MS_MAX + 2000, wait_timed_out);
}

static void stop(struct toy_agent *agent)
{
    for (int i = 1; i <= agent->slot_count; i++)
        agent->slots[i] = (struct toy_slot){0};
    agent->is_up = false;
    agent->life++;
    agent->sync_connection = agent->wait_connection = 0;
    foreman_free(agent->foreman);
    agent->foreman = NULL;
}

static void leave(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);

    if (agent == NULL)
        return;
    world_say(world, "%s has left", agent->name);
    stop(agent);
    toy_agent_start_later(world, agent, dice_between(&world->dice_fault, 100, RESTART_MS_MAX));
}

static void start_worker(struct world *world, struct toy_agent *agent, const struct action *action)
{
    if (world_chance(world, &world->dice_work, world->weather.start_fails))
        later(world, agent, action, start_failed, DROP_MS_MAX);
    else
        toy_worker_start(world, agent, action->slot, action);
}

static void do_action(struct world *world, struct toy_agent *agent, const struct action *action)
{
    switch (action->kind) {
    case ACTION_SYNC:
        send_sync(world, agent, action->request);
        return;
    case ACTION_WAIT:
        send_wait(world, agent);
        return;
    case ACTION_STOP_WAIT:
        agent->wait_connection = 0;
        return;
    case ACTION_SPOOL:
        file_append(world, agent, action);
        return;
    case ACTION_TRIM:
        file_trim(agent, action->incarnation, action->seq);
        return;
    case ACTION_PREPARE:
        later(world, agent, action, prepared, PREPARE_MS_MAX);
        return;
    case ACTION_CLONE:
        later(world, agent, action, clone_made, CLONE_MS_MAX);
        return;
    case ACTION_WORKER:
        start_worker(world, agent, action);
        return;
    case ACTION_TELL:
        toy_worker_tell(world, agent, action->slot, &action->order);
        return;
    case ACTION_KILL:
        if (world->settings.canary != CANARY_KEEP_WORKERS || dice_chance(&world->dice_work, 100))
            toy_worker_kill(world, agent, action->slot, action->hard);
        return;
    case ACTION_DROP:
        later(world, agent, action, dropped, DROP_MS_MAX);
        return;
    case ACTION_FORGET:
        return;
    case ACTION_EXIT:
        later(world, agent, action, leave, 1);
        return;
    }
}

/* ---- inputs --------------------------------------------------------------------------- */

static void tick(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = agent_of(world, card);

    if (agent != NULL && agent->tick == card->id)
        toy_agent_feed(world, agent, &(struct input){.kind = INPUT_TICK});
}

static void set_tick(struct world *world, struct toy_agent *agent)
{
    int64_t at_ms = foreman_next_deadline_ms(agent->foreman);
    struct event_card card = toy_agent_card(world, agent, 0);

    card.id = ++agent->tick;
    card.happen = tick;
    if (at_ms == INT64_MAX)
        return;
    if (at_ms > card.at_ms)
        card.at_ms = at_ms;
    agenda_add(&world->agenda, &card);
}

void toy_agent_feed(struct world *world, struct toy_agent *agent, const struct input *input)
{
    struct action_list actions;

    if (world->has_failed)
        return;
    action_list_init(&actions);
    foreman_handle(agent->foreman, world->now_ms, input, &actions);
    for (size_t i = 0; i < actions.count; i++)
        do_action(world, agent, &actions.at[i]);
    action_list_release(&actions);
    set_tick(world, agent);
}

static void receive_sync(struct world *world, struct toy_agent *agent, const struct letter *answer)
{
    if (agent->sync_connection != answer->connection)
        return;
    agent->sync_connection = 0;
    if (answer->status != STATUS_OK) {
        toy_agent_feed(world, agent,
                       &(struct input){.kind = INPUT_SYNC_FAILED,
                                       .status = answer->status,
                                       .text = status_text(answer->status)});
        return;
    }
    note_acknowledged(world, agent, answer->request.incarnation, answer->response.acknowledged);
    toy_agent_feed(world, agent,
                   &(struct input){.kind = INPUT_SYNCED, .response = &answer->response});
}

void toy_agent_receive(struct world *world, struct letter *answer)
{
    struct toy_agent *agent = world->agents[answer->agent];

    if (agent->is_up && agent->life == answer->life) {
        if (answer->kind == LETTER_SYNC) {
            receive_sync(world, agent, answer);
        } else if (agent->wait_connection == answer->connection) {
            agent->wait_connection = 0;
            toy_agent_feed(world, agent, &(struct input){.kind = INPUT_NUDGED});
        }
    }
    letter_free(answer);
}

/* ---- life ----------------------------------------------------------------------------- */

struct toy_agent *toy_agent_new(struct world *world, int number)
{
    struct toy_agent *agent = mem_zalloc(sizeof(*agent));

    agent->number = number;
    agent->slot_count = (int)dice_between(&world->dice_plan, 1, SLOTS_MAX);
    (void)snprintf(agent->name, sizeof(agent->name), "agent-%d", number);
    return agent;
}

void toy_agent_free(struct toy_agent *agent)
{
    if (agent == NULL)
        return;
    foreman_free(agent->foreman);
    files_release(agent);
    free(agent);
}

void toy_agent_start(struct world *world, struct toy_agent *agent)
{
    struct arena arena = ARENA_INIT;
    struct foreman_settings settings = {.agent = agent->name, .slots = agent->slot_count};

    files_drop_empty(agent);
    agent->is_up = true;
    agent->drains = 0;
    settings.incarnation = ++agent->incarnation;
    struct foreman_old_spool *spools =
        arena_array(&arena, agent->file_count, sizeof(struct foreman_old_spool));
    for (size_t i = 0; i < agent->file_count; i++) {
        const struct spool_file *file = &agent->files[i];
        struct event *events = arena_array(&arena, file->count, sizeof(*events));

        for (size_t e = 0; e < file->count; e++)
            events[e] = *file->events[e];
        spools[i] = (struct foreman_old_spool){file->incarnation, events, file->count};
    }
    settings.old_spools = spools;
    settings.old_spool_count = agent->file_count;
    agent->foreman = foreman_new(&settings);
    arena_release(&arena);
    world_say(world, "%s starts, incarnation %lld", agent->name, (long long)agent->incarnation);
    toy_agent_feed(world, agent, &(struct input){.kind = INPUT_START});
}

static void start_card(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = world->agents[card->agent];

    if (!agent->is_up && !agent->is_dead && agent->life == card->life)
        toy_agent_start(world, agent);
}

void toy_agent_start_later(struct world *world, struct toy_agent *agent, int64_t delay_ms)
{
    struct event_card card = toy_agent_card(world, agent, delay_ms);

    card.happen = start_card;
    agenda_add(&world->agenda, &card);
}

void toy_agent_kill(struct world *world, struct toy_agent *agent)
{
    if (!agent->is_up)
        return;
    world_say(world, "%s is killed", agent->name);
    stop(agent);
    toy_agent_start_later(world, agent, dice_between(&world->dice_fault, 10, RESTART_MS_MAX));
}

void toy_agent_kill_machine(struct world *world, struct toy_agent *agent)
{
    if (!agent->is_up)
        return;
    world_say(world, "the machine of %s is gone", agent->name);
    stop(agent);
    files_release(agent);
    agent->is_dead = true;
}

void toy_agent_drain(struct world *world, struct toy_agent *agent)
{
    if (!agent->is_up)
        return;
    world_say(world, "%s is told to drain", agent->name);
    agent->drains++;
    toy_agent_feed(world, agent, &(struct input){.kind = INPUT_DRAIN});
}
