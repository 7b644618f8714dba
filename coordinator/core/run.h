#ifndef COORDINATOR_CORE_RUN_H
#define COORDINATOR_CORE_RUN_H

/* A run:
 *
 *   submit -> [COLLECTING] --planned--> [RUNNING] --every test has a verdict--> [ENDED]
 *                  |                        |                                      ^
 *                  '------------------------'-- cancelled, fail-fast, time, ... ---'
 *
 * An ended run is remembered for late results and views, RUNS_ENDED_MAX of them for
 * RUN_ENDED_KEEP_MS. */

#include "coordinator/core/core.h"
#include "coordinator/core/id_table.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/table.h"
#include "shared/base/hash.h"

/* More open runs than this: submissions are answered STATUS_FULL. */
#define RUNS_OPEN_MAX 1000

/* As the store loads them (STORE_LOAD_ENDED_MS); the number bounds the memory. */
#define RUNS_ENDED_MAX    64
#define RUN_ENDED_KEEP_MS ((int64_t)10 * 60 * 1000)

/* A fleet on which so many problems happen cannot run this suite. */
#define PROBLEMS_PER_RUN_MAX 1000

/* Values that tests hand to their run. */
#define NOTES_PER_RUN_MAX 10000

/* The per cent of a small suite would round away the retries it asked for. */
#define RUN_RETRIES_MIN 10

/* What an agent has been to the run. */
struct run_agent {
    char *name;
    int64_t problems; /* pencil: since its last attempt; a restart gives it new trust */
    UT_hash_handle hh;
};

struct run {
    int64_t number;
    const struct run_submission *submission; /* in the arena */
    struct arena arena;
    struct core *core;
    enum run_state state;
    enum run_end end;
    const char *reason;
    int64_t exit_status;
    int64_t submitted_ms, ended_ms; /* wall clock */
    int64_t last_seq;

    struct test *tests; /* by number - 1 */
    size_t tests_count, tests_cap;
    struct id_table ids;
    struct arena listing; /* the texts of what was collected */
    int64_t listing_lease;
    struct lease *collect; /* open */
    struct queue queue;    /* once planned */
    struct run_counts counts;
    int64_t selected;  /* by the plan      */
    int64_t undecided; /* selected, extras */
    int64_t retries_used;
    int64_t notes;

    struct lease *leases; /* open, ascending token */
    size_t leases_count;
    struct load leased;
    int64_t slots_busy; /* distinct slots with an open lease of the run */
    struct past_lease *past_leases;
    struct run_agent *agents;
    char *last_problem;

    /* Pencil. */
    struct hash listing_hash; /* of the ids as the driver listed them */
    bool has_listing_hash;    /* false after a restart in between     */
    struct history *history;  /* until planned; NULL: not given       */
    struct arena history_arena;
    int64_t begun_ms, attended_ms, forgotten_ms;
    int64_t unserved_since_ms; /* -1: someone can serve it            */
    int64_t seen_us, seen_count;
    int64_t fleet_version; /* of the three counts below               */
    int64_t serving_agents, serving_slots, excluded_agents;

    UT_hash_handle hh, hh_key;
    struct run *prev, *next; /* open: ascending number; ended: in order of end */
};

struct run *run_find(const struct core *core, int64_t number);
struct run *run_find_key(const struct core *core, const char *key);
void run_free(struct core *core, struct run *run);

/* Where the counts keep this verdict; NULL for none. */
int64_t *run_counts_of(struct run_counts *counts, enum verdict verdict);

/* The test, or NULL: the number is none of this run's. */
struct test *run_test(const struct run *run, int64_t number);
int64_t run_test_number(const struct run *run, const struct test *test);

/* The one function that moves a test; keeps the queue, the lease and the loads. */
void run_move_test(struct run *run, struct test *test, enum test_state state, struct lease *lease);

/* Sets the verdict of a test that has none; it is decided. */
void run_decide_test(struct run *run, struct test *test, enum verdict verdict);

struct run_agent *run_agent_get(struct run *run, const char *name);

/* What an unknown test counts for, by what was seen so far. */
int64_t run_mean_us(const struct run *run);

/* May the run's work be offered to the agent at all? */
bool run_matches(const struct run *run, const struct agent *agent);
bool run_excludes(const struct run *run, const struct agent *agent);
bool run_is_served_by(const struct run *run, const struct agent *agent);

/* Brings the three fleet counts up to date. */
void run_count_fleet(struct run *run);

/* How many more failed attempts may be run again. */
int64_t run_retries_left(const struct run *run);

void run_give_history(struct run *run, const struct history *history);

/* Facts. */
void run_apply_submitted(struct core *core, int64_t number, const struct fact_run_submitted *fact);
void run_apply_collected(struct run *run, const struct fact_tests_collected *fact);
void run_apply_planned(struct run *run, const struct fact_run_planned *fact);
void run_apply_added(struct run *run, const struct fact_test_added *fact);
void run_apply_granted(struct run *run, const struct fact_lease_granted *fact);
void run_apply_returned(struct run *run, const struct fact_tests_returned *fact);
void run_apply_attempt(struct run *run, const struct fact_attempt_recorded *fact);
void run_apply_note(struct run *run, const struct fact_note_recorded *fact);
void run_apply_problem(struct run *run, const struct fact_problem_recorded *fact);
void run_apply_lease_ended(struct run *run, const struct fact_lease_ended *fact);
void run_apply_ended(struct run *run, const struct fact_run_ended *fact);

#endif
