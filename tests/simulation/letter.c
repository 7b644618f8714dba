#include "tests/simulation/letter.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/spool.h"
#include "tests/simulation/toy_agent.h"
#include "tests/simulation/toy_client.h"
#include "tests/simulation/toy_coordinator.h"

/* A letter that is late comes when its sender has long given up. */
#define LATE_MS_MIN 8000
#define LATE_MS_MAX 60000

struct letter *letter_new(enum letter_kind kind)
{
    struct letter *letter = mem_zalloc(sizeof(*letter));

    letter->kind = kind;
    letter->agent = letter->client = -1;
    arena_init(&letter->arena);
    return letter;
}

void letter_free(void *pointer)
{
    struct letter *letter = pointer;

    for (size_t i = 0; i < letter->block_count; i++)
        free(letter->blocks[i]);
    free(letter->blocks);
    arena_release(&letter->arena);
    free(letter);
}

static void *copy_array(struct arena *arena, const void *from, size_t count, size_t bytes)
{
    void *copy = arena_array(arena, count, bytes);

    if (count > 0)
        (void)memcpy(copy, from, count * bytes);
    return copy;
}

static void copy_slots(struct arena *arena, struct sync_request *request)
{
    request->slots =
        copy_array(arena, request->slots, request->slots_count, sizeof(*request->slots));
    for (size_t i = 0; i < request->slots_count; i++)
        request->slots[i].group = arena_strdup(arena, request->slots[i].group);
}

void letter_take_request(struct letter *letter, const struct sync_request *request)
{
    struct arena *arena = &letter->arena;
    struct sync_request *copy = &letter->request;
    size_t bytes = 0;

    *copy = *request;
    copy->agent = arena_strdup(arena, request->agent);
    copy->doing = arena_strdup(arena, request->doing);
    copy->held = copy_array(arena, request->held, request->held_count, sizeof(*copy->held));
    copy->labels = NULL;
    copy->labels_count = 0;
    copy_slots(arena, copy);
    copy->events = arena_array(arena, request->events_count, sizeof(*copy->events));
    letter->blocks = mem_zalloc(request->events_count * sizeof(void *));
    letter->block_count = request->events_count;
    for (size_t i = 0; i < request->events_count; i++) {
        letter->blocks[i] = event_copy(&request->events[i], &bytes);
        copy->events[i] = *letter->blocks[i];
    }
}

static void copy_grant(struct arena *arena, struct lease_grant *grant)
{
    grant->tests = copy_array(arena, grant->tests, grant->tests_count, sizeof(*grant->tests));
    for (size_t i = 0; i < grant->tests_count; i++) {
        grant->tests[i].id = arena_strdup(arena, grant->tests[i].id);
        grant->tests[i].group = arena_strdup(arena, grant->tests[i].group);
    }
}

void letter_take_response(struct letter *letter, const struct sync_response *response)
{
    struct arena *arena = &letter->arena;
    struct sync_response *copy = &letter->response;

    *copy = *response;
    copy->leases =
        copy_array(arena, response->leases, response->leases_count, sizeof(*copy->leases));
    for (size_t i = 0; i < copy->leases_count; i++)
        copy_grant(arena, &copy->leases[i]);
    copy->cancel = copy_array(arena, response->cancel, response->cancel_count, sizeof(int64_t));
    copy->return_leases =
        copy_array(arena, response->return_leases, response->return_leases_count, sizeof(int64_t));
    copy->forget_runs =
        copy_array(arena, response->forget_runs, response->forget_runs_count, sizeof(int64_t));
}

struct letter *letter_copy(const struct letter *letter)
{
    struct letter *copy = letter_new(letter->kind);

    *copy = *letter;
    arena_init(&copy->arena);
    copy->blocks = NULL;
    copy->block_count = 0;
    if (letter->kind == LETTER_SYNC && !letter->is_answer)
        letter_take_request(copy, &letter->request);
    else if (letter->kind == LETTER_SYNC)
        letter_take_response(copy, &letter->response);
    else if (letter->kind == LETTER_WAIT)
        copy->request.agent = arena_strdup(&copy->arena, letter->request.agent);
    return copy;
}

struct letter *letter_answer(const struct letter *question, enum status status)
{
    struct letter *answer = letter_new(question->kind);

    answer->is_answer = true;
    answer->agent = question->agent;
    answer->client = question->client;
    answer->life = question->life;
    answer->connection = question->connection;
    answer->request.agent = "";
    answer->request.incarnation = question->request.incarnation;
    answer->run = question->run;
    answer->status = status;
    return answer;
}

/* ---- the network ------------------------------------------------------------------ */

static void arrive(struct world *world, struct event_card *card)
{
    struct letter *letter = card->payload;

    card->payload = NULL;
    if (!letter->is_answer)
        toy_coordinator_receive(world, letter);
    else if (letter->agent >= 0)
        toy_agent_receive(world, letter);
    else
        toy_client_receive(world, letter);
}

static void post(struct world *world, struct letter *letter, int64_t delay_ms)
{
    struct event_card card = {.at_ms = world->now_ms + delay_ms,
                              .happen = arrive,
                              .agent = letter->is_answer ? letter->agent : -1,
                              .payload = letter,
                              .release = letter_free};

    agenda_add(&world->agenda, &card);
}

void network_send(struct world *world, struct letter *letter)
{
    const struct weather *weather = &world->weather;
    struct dice *dice = &world->dice_net;
    int64_t delay_ms = dice_between(dice, 0, world->is_calm ? 5 : weather->delay_ms_max);
    bool is_cut = letter->agent >= 0 && world_is_cut(world, letter->agent);

    if (is_cut || world_chance(world, dice, weather->lose)) {
        letter_free(letter);
        return;
    }
    if (world_chance(world, dice, weather->refuse) && letter->kind != LETTER_SUBMIT) {
        if (!letter->is_answer) {
            post(world, letter_answer(letter, STATUS_UNAVAILABLE), delay_ms);
        } else {
            letter->status = STATUS_UNAVAILABLE;
            post(world, letter_copy(letter), delay_ms);
        }
        letter_free(letter);
        return;
    }
    if (world_chance(world, dice, weather->twice))
        post(world, letter_copy(letter), dice_between(dice, 0, LATE_MS_MAX));
    if (world_chance(world, dice, weather->late))
        delay_ms = dice_between(dice, LATE_MS_MIN, LATE_MS_MAX);
    post(world, letter, delay_ms);
}
