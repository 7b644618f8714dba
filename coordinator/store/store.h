#ifndef COORDINATOR_STORE_STORE_H
#define COORDINATOR_STORE_STORE_H

/* The cellar: what was decided, durable.  One interface, several stores: in memory
 * (store_memory.c, the reference) and SQLite (store_sqlite.c).  All must pass
 * tests/unit/coordinator_store's conformance suite.
 *
 *     ledger   per run and one for the fleet (run 0): (run, seq) -> canonical bytes, hash chain
 *     tables   runs, tests, attempts, leases, agents, images, notes, problems, history: for
 * starting and for readers
 *
 * Both are written in the transaction of a lap.  Every lap carries pool and epoch; a lower
 * epoch than the store's is refused (STATUS_SUPERSEDED).  A store is used by one thread, the
 * engine's; readers (reader.h) have connections of their own and never write. */

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/core/command.h"
#include "coordinator/core/fact.h"
#include "shared/base/status.h"

struct store;

struct store_lap {
    int64_t lap; /* number of the lap, from 1 in each epoch: tells whether a commit of unknown
                    outcome is there */
    int64_t wall_ms;
    const struct fact *facts;
    size_t fact_count;
};

/* What a start needs to know. */
struct store_start {
    int64_t epoch; /* raised durably by store_begin */
    int64_t next_run;
};

/* Takes what a start hands over. */
struct store_visitor {
    void *context;
    /* A fact that rebuilds a core; it lives until this returns. */
    void (*fact)(void *context, const struct fact *fact);
    /* After the facts of a run: the number of the last entry of its ledger. */
    void (*last_seq)(void *context, int64_t run, int64_t last_seq);
};

struct store_ops {
    /* Raises the epoch durably.  Once, after opening. */
    enum status (*begin)(struct store *store, struct store_start *out_start, struct error *err);

    /* Writes all facts of the lap, ledger and tables, in one durable transaction.
     * STATUS_STORE_FULL: no space, nothing was written.  STATUS_STORE_FAILED: outcome unknown, ask
     * last_lap after reopen.  STATUS_IO: a failed fsync; the process must end.  STATUS_SUPERSEDED:
     * someone raised the epoch. */
    enum status (*commit)(struct store *store, const struct store_lap *lap, struct error *err);

    /* Number of the last lap that is durable in this epoch; 0 none. */
    enum status (*last_lap)(struct store *store, int64_t *out_lap, struct error *err);

    /* Closes and opens the connection again after a failed commit. */
    enum status (*reopen)(struct store *store, struct error *err);

    /* Visits the facts that rebuild a core: live agents (JOINED, SYNCED), gone ones in the order
     * in which they went (JOINED, SYNCED, GONE: nobody older than them may join), then images by
     * trust and fingerprint (CLAIMED, and DONE of those that are ready) and what FAILED, then for
     * each open run (and each that ended less than STORE_LOAD_ENDED_MS ago, for late results)
     * RUN_SUBMITTED, TESTS_COLLECTED, RUN_PLANNED, TEST_ADDED, LEASE_GRANTED of open leases,
     * TESTS_RETURNED of those, LEASE_ENDED of closed leases (without their grants: what comes
     * under them is late), ATTEMPT_RECORDED in order (output and details may be left out),
     * NOTE_RECORDED is left out, PROBLEM_RECORDED, RUN_ENDED, and then the run's last_seq.  Reads
     * the tables and what they point to, not the whole ledger. */
    enum status (*load)(struct store *store, int64_t wall_ms, const struct store_visitor *visitor,
                        struct error *err);

    /* Durations by test id for a suite name; in the arena. */
    enum status (*history)(struct store *store, const char *suite_name, struct arena *arena,
                           struct history *out_history, struct error *err);

    void (*close)(struct store *store);

    /* What can wait until the replies are out, in small bounded steps: a checkpoint when the log
     * has grown, and a step of deleting a finished run that ended more than keep_ms ago (0: all are
     * kept), and the gone agents past STORE_GONE_AGENTS_MAX. *out_more: there is more of it, call
     * again soon.  Failures are as commit's. */
    enum status (*tidy)(struct store *store, int64_t wall_ms, int64_t keep_ms, bool *out_more,
                        struct error *err);
};

/* The fleet's ledger keeps its newest entries: a month of 1000 agents that join and report. */
#define STORE_FLEET_ENTRIES_MAX ((int64_t)2000000)

/* Gone agents that a start hands over: as many as a core remembers. */
#define STORE_GONE_AGENTS_MAX 10000

/* A new duration counts a quarter, so one slow day moves an estimate but does not make it. */
#define HISTORY_WEIGHT 4

#define STORE_LOAD_ENDED_MS ((int64_t)10 * 60 * 1000)

/* The first member of every store. */
struct store {
    const struct store_ops *ops;
};

struct store *store_memory_new(void);

/* What an operator should know of the SQLite library that is installed; NULL: nothing. */
const char *store_sqlite_caution(void);

/* Opens or makes DIR/muster.db.  STATUS_CONFLICT: another coordinator has it; STATUS_VERSION: a
 * newer schema; STATUS_INVALID: not a store of ours, or on a network file system (the text names
 * it). */
enum status store_sqlite_open(const char *dir, const char *pool, struct store **out_store,
                              struct error *err) MUST_USE;

#endif
