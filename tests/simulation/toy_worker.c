#include "tests/simulation/toy_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/shadow.h"
#include "tests/simulation/toy_agent.h"

/* Times of small things, in milliseconds. */
#define PIPE_MS_MAX  3
#define BOOT_MS_MAX  400
#define SLOW_BOOT_MS 30000 /* more than any suite's ready_ms */
#define REAP_MS_MAX  40
#define LIST_MS_MAX  1500

/* ---- saying --------------------------------------------------------------------------- */

struct said {
    struct worker_message message;
    const char *dirty[1];
};

struct gone {
    char text[40];
    bool was_clean;
};

static struct toy_worker *worker_of(struct world *world, const struct event_card *card)
{
    struct toy_agent *agent = world->agents[card->agent];
    struct toy_worker *worker = &agent->slots[card->slot].worker;

    if (!agent->is_up || agent->life != card->life || worker->id != card->id)
        return NULL;
    return worker;
}

static void hear(struct world *world, struct event_card *card)
{
    struct said *said = card->payload;

    if (worker_of(world, card) != NULL)
        toy_agent_feed(world, world->agents[card->agent],
                       &(struct input){.kind = INPUT_WORKER_SAID,
                                       .slot = card->slot,
                                       .message = &said->message});
    card_release(card);
}

static struct event_card worker_card(struct world *world, struct toy_agent *agent, int64_t slot,
                                     int64_t delay_ms)
{
    struct event_card card = toy_agent_card(world, agent, delay_ms);

    card.slot = slot;
    card.id = agent->slots[slot].worker.id;
    return card;
}

/* One that does not overtake those before it in the pipe. */
static struct event_card pipe_card(struct world *world, struct toy_agent *agent, int64_t slot,
                                   int64_t *pipe_ms, int64_t delay_ms)
{
    struct event_card card = worker_card(world, agent, slot, delay_ms);

    if (card.at_ms < *pipe_ms)
        card.at_ms = *pipe_ms;
    *pipe_ms = card.at_ms;
    return card;
}

static void say(struct world *world, struct toy_agent *agent, int64_t slot,
                struct worker_message message)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    struct event_card card = pipe_card(world, agent, slot, &worker->pipe_ms,
                                       dice_between(&world->dice_work, 0, PIPE_MS_MAX));
    struct said *said = mem_zalloc(sizeof(*said));

    message.id = message.id != NULL ? message.id : "";
    message.group = message.group != NULL ? message.group : "";
    message.file = "";
    message.message = message.message != NULL ? message.message : "";
    message.details = "";
    message.stage = "start";
    message.text = "";
    said->message = message;
    if (message.dirty_count > 0) {
        said->dirty[0] = "default";
        said->message.dirty = said->dirty;
    }
    card.happen = hear;
    card.payload = said;
    agenda_add(&world->agenda, &card);
    worker->has_said_idle = message.say == SAY_IDLE;
}

/* ---- dying ---------------------------------------------------------------------------- */

static void be_gone(struct world *world, struct event_card *card)
{
    struct toy_worker *worker = worker_of(world, card);
    struct gone *gone = card->payload;

    if (worker != NULL) {
        *worker = (struct toy_worker){0};
        toy_agent_feed(world, world->agents[card->agent],
                       &(struct input){.kind = INPUT_WORKER_GONE,
                                       .slot = card->slot,
                                       .text = gone->text,
                                       .was_clean = gone->was_clean});
    }
    card_release(card);
}

static void die(struct world *world, struct toy_agent *agent, int64_t slot, const char *text,
                bool was_clean)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    struct event_card card = pipe_card(world, agent, slot, &worker->pipe_ms,
                                       dice_between(&world->dice_work, 0, REAP_MS_MAX));
    struct gone *gone = mem_zalloc(sizeof(*gone));

    if (worker->activity == TOY_DYING) {
        free(gone);
        return;
    }
    (void)snprintf(gone->text, sizeof(gone->text), "%s", text);
    gone->was_clean = was_clean;
    worker->activity = TOY_DYING;
    worker->is_in_test = false;
    card.happen = be_gone;
    card.payload = gone;
    agenda_add(&world->agenda, &card);
}

void toy_worker_kill(struct world *world, struct toy_agent *agent, int64_t slot, bool hard)
{
    struct toy_worker *worker = &agent->slots[slot].worker;

    if (worker->id == 0)
        return;
    if (hard)
        die(world, agent, slot, "signal 9 (SIGKILL)", false);
    else if (!worker->ignores_term)
        die(world, agent, slot, "signal 15 (SIGTERM)", false);
}

/* ---- working -------------------------------------------------------------------------- */

static void step(struct world *world, struct event_card *card);

static void go_on_after(struct world *world, struct toy_agent *agent, int64_t slot,
                        enum toy_activity activity, int64_t ms)
{
    struct event_card card = worker_card(world, agent, slot, ms);

    agent->slots[slot].worker.activity = activity;
    card.happen = step;
    agenda_add(&world->agenda, &card);
}

static void hang(struct world *world, struct toy_worker *worker)
{
    worker->activity = TOY_HUNG;
    worker->ignores_term = dice_chance(&world->dice_work, 500);
}

/* A worker that works on a clone checks that it may: the toy of invariant 6. */
static void use_clone(struct world *world, const struct toy_agent *agent, struct toy_slot *slot,
                      const struct toy_test *test)
{
    const struct toy_suite *suite = slot->worker.suite;
    struct toy_clone *clone = &slot->clone;
    bool is_other_group = clone->tests > 0 && clone->last_group != test->group_number;

    if (!suite->has_databases)
        return;
    if (!clone->exists)
        world_fail(world, "%s runs '%s' without a clone", agent->name, test->id);
    if (clone->worker != 0 && clone->worker != slot->worker.id)
        world_fail(world, "%s runs '%s' on the clone of another worker", agent->name, test->id);
    if (clone->is_dirty && test->phase == 0)
        world_fail(world, "%s runs '%s' on a clone that a later phase has changed", agent->name,
                   test->id);
    if (suite->fresh == SUITE_FRESH_TEST && clone->tests > 0)
        world_fail(world, "%s runs '%s' on a clone that is not fresh", agent->name, test->id);
    if (suite->fresh == SUITE_FRESH_GROUP && is_other_group)
        world_fail(world, "%s runs '%s' on the clone of another group", agent->name, test->id);
    clone->worker = slot->worker.id;
    clone->tests++;
    clone->last_group = test->group_number;
    clone->is_dirty = clone->is_dirty || test->is_dirty;
}

static void begin_test(struct world *world, struct toy_agent *agent, int64_t slot)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    const struct toy_test *test = &worker->suite->tests[worker->order.test];
    const struct weather *weather = &world->weather;
    int64_t ms = test->duration_ms;

    if (worker->group != test->group_number)
        ms += worker->suite->groups[test->group_number].setup_ms;
    worker->group = test->group_number;
    worker->tests_begun++;
    worker->is_in_test = true;
    say(world, agent, slot,
        (struct worker_message){.say = SAY_START, .id = test->id, .n = worker->order.n});
    shadow_execution_begins(world->shadow, worker->name, worker->tests_begun, worker->suite->run,
                            worker->order.test);
    use_clone(world, agent, &agent->slots[slot], test);
    if (test->kind == TOY_HANGS || world_chance(world, &world->dice_work, weather->worker_hangs)) {
        hang(world, worker);
        return;
    }
    go_on_after(world, agent, slot, TOY_TESTING, ms);
}

static enum outcome outcome_of(struct world *world, const struct toy_test *test)
{
    switch (test->kind) {
    case TOY_PASSES:
    case TOY_CRASHES:
    case TOY_HANGS:
        return OUTCOME_PASSED;
    case TOY_FAILS:
        return OUTCOME_FAILED;
    case TOY_ERRORS:
        return OUTCOME_ERROR;
    case TOY_SKIPS:
        return OUTCOME_SKIPPED;
    case TOY_XFAILS:
        return OUTCOME_XFAIL;
    case TOY_XPASSES:
        return OUTCOME_XPASS;
    case TOY_FLAKES:
        return dice_chance(&world->dice_work, 500) ? OUTCOME_PASSED : OUTCOME_FAILED;
    case TOY_KIND_COUNT:
        break;
    }
    UNREACHABLE("every kind is handled");
}

static void tear_down(struct world *world, struct toy_agent *agent, int64_t slot, bool after_test)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    int64_t ms = worker->group >= 0 ? worker->suite->groups[worker->group].teardown_ms : 0;

    worker->is_after_test = after_test;
    if (world_chance(world, &world->dice_work, world->weather.worker_hangs)) {
        hang(world, worker);
        return;
    }
    go_on_after(world, agent, slot, TOY_TEARING_DOWN, ms);
}

static void take_next(struct world *world, struct toy_agent *agent, int64_t slot)
{
    struct toy_worker *worker = &agent->slots[slot].worker;

    worker->activity = TOY_FREE;
    if (worker->queued == 0) {
        if (!worker->has_said_idle)
            say(world, agent, slot, (struct worker_message){.say = SAY_IDLE});
        return;
    }
    worker->order = worker->queue[0];
    worker->queued--;
    (void)memmove(worker->queue, worker->queue + 1, worker->queued * sizeof(worker->queue[0]));
    worker->has_said_idle = false;
    if (world_chance(world, &world->dice_work, world->weather.worker_leaves)) {
        die(world, agent, slot, "exit status 0", true);
        return;
    }
    if (worker->order.order == DO_RUN && worker->order.test >= 0 &&
        (worker->group < 0 ||
         worker->group == worker->suite->tests[worker->order.test].group_number)) {
        begin_test(world, agent, slot);
        return;
    }
    tear_down(world, agent, slot, false);
}

static void end_test(struct world *world, struct toy_agent *agent, int64_t slot)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    const struct toy_test *test = &worker->suite->tests[worker->order.test];
    enum outcome outcome = outcome_of(world, test);
    bool crashes = test->kind == TOY_CRASHES ||
                   world_chance(world, &world->dice_work, world->weather.worker_dies);

    if (crashes) {
        die(world, agent, slot, "signal 11 (SIGSEGV)", false);
        return;
    }
    worker->is_in_test = false;
    shadow_execution_ends(world->shadow, worker->name, worker->tests_begun, outcome);
    say(world, agent, slot,
        (struct worker_message){.say = SAY_END,
                                .id = test->id,
                                .n = worker->order.n,
                                .outcome = outcome,
                                .duration_us = test->duration_ms * 1000,
                                .dirty_count = test->is_dirty ? 1 : 0});
    if (worker->order.more)
        take_next(world, agent, slot);
    else
        tear_down(world, agent, slot, true);
}

static void say_unknown(struct world *world, struct toy_agent *agent, int64_t slot)
{
    const struct toy_worker *worker = &agent->slots[slot].worker;

    say(world, agent, slot, (struct worker_message){.say = SAY_START, .n = worker->order.n});
    say(world, agent, slot,
        (struct worker_message){.say = SAY_END, .n = worker->order.n, .is_unknown = true});
    take_next(world, agent, slot);
}

static void list_tests(struct world *world, struct toy_agent *agent, int64_t slot)
{
    struct toy_worker *worker = &agent->slots[slot].worker;

    worker->pipe_ms = world->now_ms + dice_between(&world->dice_work, 0, LIST_MS_MAX);
    for (int i = 0; i < worker->suite->test_count; i++) {
        const struct toy_test *test = &worker->suite->tests[i];

        say(world, agent, slot,
            (struct worker_message){.say = SAY_TEST,
                                    .id = test->listed_id,
                                    .group = test->group,
                                    .phase = test->phase});
    }
    say(world, agent, slot,
        (struct worker_message){.say = SAY_COLLECTED, .count = worker->suite->test_count});
    take_next(world, agent, slot);
}

/* The teardown is done: does what it was for. */
static void torn_down(struct world *world, struct toy_agent *agent, int64_t slot)
{
    struct toy_worker *worker = &agent->slots[slot].worker;

    if (worker->group >= 0 && worker->suite->groups[worker->group].teardown_fails)
        say(world, agent, slot,
            (struct worker_message){.say = SAY_END,
                                    .id = worker->suite->groups[worker->group].name,
                                    .is_extra = true,
                                    .outcome = OUTCOME_ERROR});
    worker->group = -1;
    if (worker->is_after_test || worker->order.order == DO_FLUSH) {
        take_next(world, agent, slot);
        return;
    }
    switch (worker->order.order) {
    case DO_COLLECT:
        list_tests(world, agent, slot);
        return;
    case DO_RUN:
        if (worker->order.test < 0)
            say_unknown(world, agent, slot);
        else
            begin_test(world, agent, slot);
        return;
    case DO_RESET:
        say(world, agent, slot, (struct worker_message){.say = SAY_CLOSED});
        worker->activity = TOY_CLOSED;
        return;
    case DO_QUIT:
        say(world, agent, slot, (struct worker_message){.say = SAY_BYE});
        die(world, agent, slot, "exit status 0", true);
        return;
    case DO_FLUSH:
    case DO_OPENED:
        break;
    }
    UNREACHABLE("these are not waited for");
}

static void step(struct world *world, struct event_card *card)
{
    struct toy_worker *worker = worker_of(world, card);
    struct toy_agent *agent = world->agents[card->agent];

    if (worker == NULL)
        return;
    switch (worker->activity) {
    case TOY_BOOTING:
        say(world, agent, card->slot, (struct worker_message){.say = SAY_READY});
        worker->has_said_idle = true;
        take_next(world, agent, card->slot);
        return;
    case TOY_TESTING:
        end_test(world, agent, card->slot);
        return;
    case TOY_TEARING_DOWN:
        torn_down(world, agent, card->slot);
        return;
    case TOY_FREE:
    case TOY_CLOSED:
    case TOY_HUNG:
    case TOY_DYING:
        return;
    }
}

/* ---- orders --------------------------------------------------------------------------- */

static void take_order(struct world *world, struct event_card *card)
{
    struct toy_worker *worker = worker_of(world, card);
    const struct toy_order *order = card->payload;

    if (worker != NULL && worker->activity == TOY_CLOSED && order->order == DO_OPENED) {
        take_next(world, world->agents[card->agent], card->slot);
    } else if (worker != NULL && worker->queued < TOY_ORDERS_MAX) {
        worker->queue[worker->queued++] = *order;
        if (worker->activity == TOY_FREE)
            take_next(world, world->agents[card->agent], card->slot);
    }
    card_release(card);
}

void toy_worker_tell(struct world *world, struct toy_agent *agent, int64_t slot,
                     const struct worker_order *order)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    struct toy_order *copy = NULL;

    if (worker->id == 0)
        return;
    struct event_card card = pipe_card(world, agent, slot, &worker->order_ms,
                                       dice_between(&world->dice_work, 0, PIPE_MS_MAX));

    copy = mem_zalloc(sizeof(*copy));
    *copy =
        (struct toy_order){.order = order->order, .test = -1, .n = order->n, .more = order->more};
    if (order->order == DO_RUN)
        copy->test = toy_suite_find(worker->suite, order->id);
    if (order->order == DO_RUN && copy->test < 0)
        world_fail(world, "%s tells a worker to run '%s', which nobody listed", agent->name,
                   order->id);
    if (world_chance(world, &world->dice_work, world->weather.unknown))
        copy->test = -1;
    card.happen = take_order;
    card.payload = copy;
    agenda_add(&world->agenda, &card);
}

void toy_worker_start(struct world *world, struct toy_agent *agent, int64_t slot,
                      const struct action *action)
{
    struct toy_worker *worker = &agent->slots[slot].worker;
    int64_t boot_ms = dice_between(&world->dice_work, 1, BOOT_MS_MAX);

    if (worker->id != 0)
        world_fail(world, "%s starts a worker in slot %lld, where one lives", agent->name,
                   (long long)slot);
    *worker = (struct toy_worker){.id = ++world->workers,
                                  .mode = action->mode,
                                  .suite = world_suite_of_run(world, action->run),
                                  .group = -1};
    (void)snprintf(worker->name, sizeof(worker->name), "%s", action->worker);
    if (world_chance(world, &world->dice_work, world->weather.worker_slow_start))
        boot_ms = SLOW_BOOT_MS;
    go_on_after(world, agent, slot, TOY_BOOTING, boot_ms);
}
