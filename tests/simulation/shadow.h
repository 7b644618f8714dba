#ifndef TESTS_SIMULATION_SHADOW_H
#define TESTS_SIMULATION_SHADOW_H

/* The simulation's own books: what every durable fact means, written down a second time by other
 * code, and what really happened on the agents.  Each checker compares some of it.
 *
 *     checker_leases.c    one holder, tokens only grow, nothing counts under a closed lease
 *     checker_attempts.c  what counts was really run, once, with that outcome
 *     checker_end.c       every test has the one verdict that its kind and its attempts allow; all
 *                         that was acknowledged is in the store */

#include "coordinator/core/fact.h"
#include "coordinator/store/store.h"
#include "tests/simulation/world.h"

/* One execution on an agent, by (worker, order). */
struct execution {
    const char *worker; /* NULL: the place is free */
    int64_t order;
    int64_t run;
    int test; /* index in the suite */
    bool has_ended;
    enum outcome outcome;
    bool is_recorded; /* a fact tells of it */
    bool is_acknowledged;
    bool may_be_dropped; /* its run had ended longer ago than a coordinator remembers runs */
};

struct shadow_lease {
    int64_t token;
    int64_t run;
    enum lease_kind kind;
    const char *agent;
    bool is_open;
    int64_t closed_reloads; /* of the coordinator when it ended */
};

struct shadow_test {
    const char *id;
    bool is_listed, is_selected, is_extra;
    int64_t lease; /* who may run it now; 0 nobody */
    enum verdict verdict;
    int counted, lost, bad, passed;
    const char *losers[8]; /* agents it was lost on */
    int loser_count;
};

struct shadow_run {
    int64_t number;
    struct shadow_test *tests; /* by number - 1 */
    size_t count, cap;
    bool is_planned, has_ended;
    int64_t ended_ms;
    enum run_end end;
    struct run_counts counts;
    int64_t problems;
};

struct shadow_agent {
    const char *name;
    int64_t incarnation;
    bool is_live;
};

struct shadow {
    struct world *world;
    struct arena arena;
    struct shadow_run runs[RUNS_MAX + 1]; /* by number */
    struct shadow_lease *leases;          /* ascending token */
    size_t lease_count, lease_cap;
    struct shadow_agent agents[AGENTS_MAX];
    size_t agent_count;
    struct execution *executions; /* open addressing */
    size_t execution_count, execution_cap;
    int64_t last_token;
};

struct shadow *shadow_new(struct world *world);
void shadow_free(struct shadow *shadow);

/* A lap has become durable. */
void shadow_take(struct shadow *shadow, const struct store_lap *lap);

void shadow_execution_begins(struct shadow *shadow, const char *worker, int64_t order, int64_t run,
                             int test);
void shadow_execution_ends(struct shadow *shadow, const char *worker, int64_t order,
                           enum outcome outcome);
void shadow_acknowledged(struct shadow *shadow, const char *agent, const struct event *event);

struct execution *shadow_execution(struct shadow *shadow, const char *worker, int64_t order);
struct shadow_lease *shadow_lease(struct shadow *shadow, int64_t token);
struct shadow_test *shadow_test(struct shadow_run *run, int64_t number);

bool shadow_is_all_over(const struct shadow *shadow);

/* ---- checkers ------------------------------------------------------------------------- */

void checker_lease_granted(struct shadow *shadow, int64_t run,
                           const struct fact_lease_granted *granted);
void checker_lease_ended(struct shadow *shadow, const struct fact_lease_ended *ended);
void checker_tests_returned(struct shadow *shadow, int64_t run,
                            const struct fact_tests_returned *returned);
void checker_attempt_recorded(struct shadow *shadow, int64_t run,
                              const struct fact_attempt_recorded *recorded);
void checker_run_ended(struct shadow *shadow, int64_t run, const struct fact_run_ended *ended);

/* At the end of the world: verdicts, and the store against the books. */
void checker_end(struct shadow *shadow);

#endif
