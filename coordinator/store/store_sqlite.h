#ifndef COORDINATOR_STORE_STORE_SQLITE_H
#define COORDINATOR_STORE_STORE_SQLITE_H

/* The SQLite store, inside: private to coordinator/store.
 *
 *     store_sqlite.c   opening, the epoch, the transaction of a lap, tidying
 *     sqlite_write.c   one fact into ledger and tables
 *     sqlite_load.c    tables to facts, and history
 *     store_care.c     deleting finished runs, and backups
 *     reader_sqlite.c  questions, on connections of their own */

#include "coordinator/store/fact_json.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_home.h"

/* The end of one ledger, so that a fact need not ask for it. */
struct chain_end {
    int64_t run;
    int64_t seq;
    char hash[HASH_HEX_SIZE];
};

struct sqlite_store {
    struct store base;
    struct store_home home;
    struct db db;
    char *pool;
    char identity[2 * STORE_IDENTITY_BYTES + 1];
    int64_t epoch;
    struct chain_end *ends;
    size_t ends_count, ends_cap;
    struct buffer line;     /* of the fact being written */
    struct arena scratch;   /* of the lap being written  */
    int64_t asked_prune_ms; /* wall clock of the last look for runs to delete that found none */
};

/* Inside a transaction. */
enum status sqlite_write_fact(struct sqlite_store *sqlite, int64_t wall_ms, const struct fact *fact,
                              struct error *err) MUST_USE;

enum status sqlite_load(struct store *store, int64_t wall_ms, const struct store_visitor *visitor,
                        struct error *err) MUST_USE;
enum status sqlite_history(struct store *store, const char *suite_name, struct arena *arena,
                           struct history *out_history, struct error *err) MUST_USE;

/* One bounded step: hides the oldest finished run that ended before `before_ms`, or deletes rows of
 * one that is hidden.  *out_found: it did something. */
enum status sqlite_prune_step(struct sqlite_store *sqlite, int64_t before_ms, bool *out_found,
                              struct error *err) MUST_USE;

/* Drops the gone agents past STORE_GONE_AGENTS_MAX, and a step of the oldest entries of the fleet's
 * ledger past STORE_FLEET_ENTRIES_MAX. *out_found: there may be more of those. */
enum status sqlite_prune_fleet(struct sqlite_store *sqlite, bool *out_found,
                               struct error *err) MUST_USE;

static inline struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)(void *)store;
}

#endif
