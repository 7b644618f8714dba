#ifndef TESTS_SIMULATION_TOY_AGENT_H
#define TESTS_SIMULATION_TOY_AGENT_H

/* An agent's machine: the real foreman in a toy shell, which keeps the spool file, makes clones,
 * runs toy workers and talks through the toy network.
 *
 *   [UP] -- killed: memory and workers gone, the file stays -------> [DOWN] -> next incarnation
 *    |  '-- machine gone: the file too, under its name nobody comes again -> [DEAD]
 *    '----- paused: nothing happens, the clock goes on */

#include "agent/core/foreman.h"
#include "tests/simulation/letter.h"
#include "tests/simulation/toy_worker.h"
#include "tests/simulation/world.h"

struct spool_file {
    int64_t incarnation;
    struct event **events; /* ascending seq */
    size_t count, cap;
    int64_t acknowledged; /* checked for survival up to here */
};

#define SPOOL_FILES_MAX 64

struct toy_agent {
    int number;
    char name[32];
    int64_t life;
    int64_t incarnation;
    bool is_up, is_dead;
    int64_t paused_until_ms;
    int64_t cut_until_ms;
    int slot_count;
    struct foreman *foreman;
    struct toy_slot slots[SLOTS_MAX + 1]; /* from 1 */
    struct spool_file files[SPOOL_FILES_MAX];
    size_t file_count;
    int64_t last_connection, sync_connection, wait_connection;
    int64_t tick;
    int drains;
};

struct toy_agent *toy_agent_new(struct world *world, int number);
void toy_agent_free(struct toy_agent *agent);

void toy_agent_start(struct world *world, struct toy_agent *agent);
void toy_agent_start_later(struct world *world, struct toy_agent *agent, int64_t delay_ms);

void toy_agent_kill(struct world *world, struct toy_agent *agent);
void toy_agent_kill_machine(struct world *world, struct toy_agent *agent);
void toy_agent_drain(struct world *world, struct toy_agent *agent);

/* An answer has come. */
void toy_agent_receive(struct world *world, struct letter *answer);

/* Gives an input to the foreman and does what it says. */
void toy_agent_feed(struct world *world, struct toy_agent *agent, const struct input *input);

/* A card for this life of the agent. */
struct event_card toy_agent_card(const struct world *world, const struct toy_agent *agent,
                                 int64_t delay_ms);

#endif
