#include "tests/simulation/faults.h"

#include "tests/simulation/toy_agent.h"
#include "tests/simulation/toy_coordinator.h"

/* A kind of fault is in the weather of every other seed. */
#define IN_WEATHER 500

/* Longer than a lease lasts, sometimes. */
#define PAUSE_MS_MAX  40000
#define CUT_MS_MAX    60000
#define OUTAGE_MS_MAX 20000

/* Two of them in a row are still shorter than a lease. */
#define SHORT_OUTAGE_MS_MAX 2000

#define SECOND_DRAIN     300
#define STAYS_DEAD       500
#define AGENTS_ALIVE_MIN 3

static unsigned roll(struct world *world, unsigned max)
{
    if (!dice_chance(&world->dice_plan, IN_WEATHER))
        return 0;
    return 1 + (unsigned)dice_below(&world->dice_plan, max);
}

void weather_roll(struct world *world)
{
    struct weather *weather = &world->weather;

    if (world->settings.faults == 0) {
        *weather = (struct weather){.delay_ms_max = 20, .commit_ms_max = 10};
        return;
    }
    if (world->settings.only_restarts) {
        *weather =
            (struct weather){.delay_ms_max = 100, .commit_ms_max = 50, .kill_coordinator = 1};
        return;
    }
    *weather = (struct weather){
        .lose = roll(world, 60),
        .twice = roll(world, 60),
        .late = roll(world, 30),
        .delay_ms_max = 1 + roll(world, 1500),
        .refuse = roll(world, 60),
        .worker_dies = roll(world, 15),
        .worker_hangs = roll(world, 6),
        .worker_leaves = roll(world, 10),
        .worker_slow_start = roll(world, 40),
        .run_fails = roll(world, 30),
        .clone_fails = roll(world, 20),
        .start_fails = roll(world, 20),
        .unknown = roll(world, 3),
        .commit_fails = roll(world, 30),
        .commit_ms_max = 1 + roll(world, 200),
        .kill_agent = roll(world, 10),
        .kill_machine = roll(world, 3),
        .pause_agent = roll(world, 10),
        .kill_coordinator = roll(world, 10),
        .cut = roll(world, 10),
        .drain = roll(world, 5),
        .client_leaves = dice_chance(&world->dice_plan, 50),
        .client_cancels = dice_chance(&world->dice_plan, 50),
    };
}

/* ---- the faults ----------------------------------------------------------------------- */

static int alive(const struct world *world)
{
    int count = 0;

    for (int i = 0; i < world->agent_count; i++)
        count += !world->agents[i]->is_dead;
    return count;
}

static void kill_machine(struct world *world, struct toy_agent *victim)
{
    if (alive(world) <= AGENTS_ALIVE_MIN)
        return;
    toy_agent_kill_machine(world, victim);
    if (dice_chance(&world->dice_fault, STAYS_DEAD) || world->agent_count >= AGENTS_MAX)
        return;

    struct toy_agent *other = toy_agent_new(world, world->agent_count);
    world->agents[world->agent_count++] = other;
    toy_agent_start_later(world, other, dice_between(&world->dice_fault, 100, OUTAGE_MS_MAX));
}

static void second_drain(struct world *world, struct event_card *card)
{
    struct toy_agent *agent = world->agents[card->agent];

    if (agent->is_up && agent->life == card->life)
        toy_agent_drain(world, agent);
}

static void drain(struct world *world, struct toy_agent *victim)
{
    struct event_card card =
        toy_agent_card(world, victim, dice_between(&world->dice_fault, 0, 10000));

    if (!victim->is_up || victim->drains > 0)
        return;
    toy_agent_drain(world, victim);
    card.happen = second_drain;
    if (dice_chance(&world->dice_fault, SECOND_DRAIN))
        agenda_add(&world->agenda, &card);
}

static void strike(struct world *world, struct event_card *card)
{
    const struct weather *weather = &world->weather;
    struct dice *dice = &world->dice_fault;
    struct toy_agent *victim = world->agents[dice_below(dice, (uint64_t)world->agent_count)];
    unsigned weights[] = {weather->kill_agent, weather->kill_machine,     weather->pause_agent,
                          weather->cut,        weather->kill_coordinator, weather->drain};
    unsigned sum = 0;
    unsigned choice = 0;
    size_t kind = 0;
    int64_t until_ms = 0;

    (void)card;
    for (size_t i = 0; i < COUNT_OF(weights); i++)
        sum += weights[i];
    if (sum == 0)
        return;
    choice = (unsigned)dice_below(dice, sum);
    while (choice >= weights[kind])
        choice -= weights[kind++];
    world->faults_done++;
    switch (kind) {
    case 0:
        toy_agent_kill(world, victim);
        return;
    case 1:
        kill_machine(world, victim);
        return;
    case 2:
        until_ms = world->now_ms + dice_between(dice, 100, PAUSE_MS_MAX);
        if (until_ms > victim->paused_until_ms)
            victim->paused_until_ms = until_ms;
        world_say(world, "%s is paused", victim->name);
        return;
    case 3:
        victim->cut_until_ms = world->now_ms + dice_between(dice, 1000, CUT_MS_MAX);
        world_say(world, "%s is cut off", victim->name);
        return;
    case 4:
        toy_coordinator_kill(world, dice_between(dice, 10,
                                                 world->settings.only_restarts ? SHORT_OUTAGE_MS_MAX
                                                                               : OUTAGE_MS_MAX));
        return;
    default:
        drain(world, victim);
        return;
    }
}

static void calm_down(struct world *world, struct event_card *card)
{
    (void)card;
    world->is_calm = true;
    for (int i = 0; i < world->agent_count; i++)
        world->agents[i]->cut_until_ms = 0;
    world_say(world, "the faults are over");
}

void faults_plan(struct world *world)
{
    for (int i = 0; i < world->settings.faults; i++)
        agenda_add(&world->agenda,
                   &(struct event_card){
                       .at_ms = dice_between(&world->dice_fault, 0, world->faults_until_ms),
                       .happen = strike,
                       .agent = -1});
    agenda_add(
        &world->agenda,
        &(struct event_card){.at_ms = world->faults_until_ms, .happen = calm_down, .agent = -1});
}
