#ifndef TESTS_SIMULATION_WORLD_H
#define TESTS_SIMULATION_WORLD_H

/* One simulated world: the real cores of coordinator and agents, and toys for all else.
 *
 *     seed -> dice -> suites, agents, faults
 *
 *     toy client --.                                     .-- real foreman -- toy workers, clones
 *                  |-- toy network -- toy coordinator ---|
 *     toy client --'        real core, real store        '-- real foreman -- toy workers, clones
 *                                  |
 *                            every durable fact --> shadow (its own books) --> checkers
 *
 * Time stands still while something happens, and jumps to the next event of the agenda.  The same
 * seed gives the same history, whatever the machine.  Each part has dice of its own, so that a
 * change in one does not change what happens in the others. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/random.h"
#include "tests/simulation/agenda.h"

#define AGENTS_MAX      64
#define SLOTS_MAX       3
#define RUNS_MAX        2
#define WORLD_TEXT_SIZE 256

/* After the last fault everything must have ended within this time: the slowest suite takes
 * minutes. */
#define LIVENESS_MS ((int64_t)2 * 3600 * 1000)

/* Faults happen in the first part of a run's life. */
#define FAULTS_MS ((int64_t)90 * 1000)

/* Mistakes planted on purpose, to see that the checkers find them. */
enum canary {
    CANARY_NONE,
    CANARY_ACK_BEFORE_COMMIT, /* the coordinator answers before its store has the facts    */
    CANARY_FORGET_CLONE,      /* an agent hands a used clone to the next worker            */
    CANARY_OLD_EPOCH,         /* a restarted coordinator uses its old epoch again          */
    CANARY_LOSE_EVENT,        /* the network drops an event and closes the gap             */
    CANARY_COUNT_TWICE,       /* a result is sent a second time as if it were new          */
    CANARY_KEEP_WORKERS,      /* most of an agent's kills do nothing                       */
    CANARY_FORGET_CLOSED,     /* a restarted coordinator does not know the closed leases   */
    CANARY_COUNT
};

enum world_store { WORLD_STORE_MEMORY, WORLD_STORE_SQLITE };

struct world_settings {
    uint64_t seed;
    int agents;
    int tests;
    int faults;
    enum canary canary;
    enum world_store store;
    bool only_restarts; /* the coordinator is killed now and then, and nothing else happens */
    bool verbose;
};

/* What kinds of faults this seed has, each with its weight; 0: none of it. */
struct weather {
    unsigned lose, twice, late; /* per mille of messages  */
    int64_t delay_ms_max;
    unsigned refuse; /* per mille: the connection breaks at once */
    unsigned worker_dies, worker_hangs, worker_leaves, worker_slow_start; /* per mille */
    unsigned run_fails, clone_fails, start_fails, unknown;                /* per mille */
    unsigned commit_fails;                                                /* per mille of laps */
    int64_t commit_ms_max;
    unsigned kill_agent, kill_machine, pause_agent, kill_coordinator, cut, drain; /* weights */
    bool client_leaves, client_cancels;
};

/* What the worlds have seen: a simulation that no longer gets there checks nothing. */
struct sights {
    int64_t late, lost, crashed, timed_out, retries, extras, flaky;
    int64_t returned, problems, lost_leases, revoked_leases, gone_agents, recovered;
    int64_t reloads, failed_commits;
    int64_t late_after_restart; /* under a lease that was closed before it */
};

struct toy_suite;
struct toy_agent;
struct toy_coordinator;
struct toy_client;
struct shadow;

struct world {
    struct world_settings settings;
    struct weather weather;
    struct dice dice_plan, dice_net, dice_work, dice_disk, dice_fault;
    struct agenda agenda;
    int64_t now_ms;
    int64_t faults_until_ms;
    bool is_calm; /* the faults are over */

    struct toy_suite *suites[RUNS_MAX];
    struct toy_client *clients[RUNS_MAX];
    int run_count;
    struct toy_agent *agents[AGENTS_MAX];
    int agent_count;
    struct toy_coordinator *coordinator;
    struct shadow *shadow;

    int64_t faults_done;
    uint64_t history; /* hash of all durable facts */
    struct sights sights;
    int64_t workers; /* ever started */
    int64_t fact_count, lap_count, acked_count, execution_count;
    bool has_failed;
    char failure[2 * WORLD_TEXT_SIZE];
};

/* Makes a world from its seed and lets it go on to its end; the answer is in has_failed. */
void world_run(struct world *world, const struct world_settings *settings);
void world_free(struct world *world);

/* The first thing that should not be so; the world stops. */
void world_fail(struct world *world, const char *fmt, ...) PRINTF_LIKE(2, 3);

void world_say(const struct world *world, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Uniform in [from, to]. */
int64_t dice_between(struct dice *dice, int64_t from, int64_t to);

/* A chance that is 0 once the faults are over. */
bool world_chance(const struct world *world, struct dice *dice, unsigned per_mille);

bool world_is_cut(const struct world *world, int agent);

#endif
