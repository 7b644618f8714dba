#include "tests/simulation/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/simulation/faults.h"
#include "tests/simulation/shadow.h"
#include "tests/simulation/toy_agent.h"
#include "tests/simulation/toy_client.h"
#include "tests/simulation/toy_coordinator.h"

/* How long the world goes on after its last run has ended: spools are emptied. */
#define AFTERLIFE_MS 30000

/* A world that takes more has gone round in circles. */
#define CARDS_MAX ((int64_t)20 * 1000 * 1000)

int64_t dice_between(struct dice *dice, int64_t from, int64_t to)
{
    return from + (int64_t)dice_below(dice, (uint64_t)(to - from) + 1);
}

bool world_chance(const struct world *world, struct dice *dice, unsigned per_mille)
{
    if (world->is_calm || per_mille == 0)
        return false;
    return dice_chance(dice, per_mille);
}

bool world_is_cut(const struct world *world, int agent)
{
    return world->agents[agent]->cut_until_ms > world->now_ms;
}

void world_fail(struct world *world, const char *fmt, ...)
{
    char text[WORLD_TEXT_SIZE];
    va_list args;

    if (world->has_failed)
        return;
    world->has_failed = true;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)snprintf(world->failure, sizeof(world->failure), "at %lld ms: %s",
                   (long long)world->now_ms, text);
}

void world_say(const struct world *world, const char *fmt, ...)
{
    va_list args;

    if (!world->settings.verbose)
        return;
    printf("%9lld ms  ", (long long)world->now_ms);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    printf("\n");
}

static void roll_dice(struct world *world)
{
    struct dice *all[] = {&world->dice_plan, &world->dice_net, &world->dice_work, &world->dice_disk,
                          &world->dice_fault};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        dice_init(all[i], world->settings.seed * COUNT_OF(all) + i);
}

static void people(struct world *world)
{
    int tests = world->settings.tests;

    world->run_count = dice_chance(&world->dice_plan, 300) ? 2 : 1;
    for (int i = 0; i < world->run_count; i++) {
        int share = i + 1 < world->run_count ? tests / 3 : tests;

        world->suites[i] = toy_suite_new(world, i, share > 0 ? share : 1);
        world->clients[i] = toy_client_new(world, i, world->suites[i]);
        tests -= share;
    }
    world->agent_count = world->settings.agents;
    for (int i = 0; i < world->agent_count; i++) {
        world->agents[i] = toy_agent_new(world, i);
        toy_agent_start_later(world, world->agents[i], dice_between(&world->dice_plan, 0, 5000));
    }
}

/* A machine that is paused does nothing; what comes for it waits, in order. */
static bool put_off(struct world *world, struct event_card *card)
{
    if (card->agent < 0 || world->agents[card->agent]->paused_until_ms <= world->now_ms)
        return false;
    card->at_ms = world->agents[card->agent]->paused_until_ms;
    agenda_add(&world->agenda, card);
    return true;
}

static bool goes_on(struct world *world, int64_t *end_ms, int64_t cards)
{
    if (world->has_failed || world->agenda.count == 0)
        return false;
    if (*end_ms == INT64_MAX && shadow_is_all_over(world->shadow))
        *end_ms = world->now_ms + AFTERLIFE_MS;
    if (world->now_ms > *end_ms && world->is_calm)
        return false;
    if (world->now_ms > world->faults_until_ms + LIVENESS_MS || cards > CARDS_MAX)
        world_fail(world, "a run does not end");
    return !world->has_failed;
}

void world_run(struct world *world, const struct world_settings *settings)
{
    int64_t end_ms = INT64_MAX;

    *world = (struct world){.settings = *settings, .history = 1};
    world->faults_until_ms = FAULTS_MS;
    roll_dice(world);
    weather_roll(world);
    world->shadow = shadow_new(world);
    world->coordinator = toy_coordinator_new(world);
    people(world);
    faults_plan(world);
    for (int64_t cards = 0; goes_on(world, &end_ms, cards); cards++) {
        struct event_card card = agenda_take(&world->agenda);

        world->now_ms = card.at_ms;
        if (!put_off(world, &card))
            card.happen(world, &card);
    }
    if (!world->has_failed)
        checker_end(world->shadow);
}

void world_free(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++)
        toy_agent_free(world->agents[i]);
    for (int i = 0; i < world->run_count; i++) {
        toy_suite_free(world->suites[i]);
        free(world->clients[i]);
    }
    toy_coordinator_free(world->coordinator);
    shadow_free(world->shadow);
    agenda_release(&world->agenda);
}
