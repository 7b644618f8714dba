#ifndef COORDINATOR_STORE_SQLITE_DB_H
#define COORDINATOR_STORE_SQLITE_DB_H

/* A connection to SQLite, set up as the store needs it.
 *
 * SQLite before 3.51.3 can damage a database in WAL mode when one connection resets the
 * log while another checkpoints or commits.  So there is one writer, which does every commit and
 * every checkpoint, and readers, which do neither: no automatic checkpoint, none on close.
 * No memory map: a disk's error would arrive as a signal.
 *
 * Failures become a status by what they ask of the caller: STATUS_STORE_FULL, STATUS_IO for what
 * cannot be undone (a failed fsync, a damaged file), STATUS_STORE_FAILED for all else. */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

struct db_query {
    const char *sql; /* the caller's literal: found again by its address */
    sqlite3_stmt *stmt;
};

struct db {
    sqlite3 *handle; /* NULL: closed */
    struct db_query *queries;
    size_t queries_count, queries_cap;
    int wal_pages; /* of the log, after the last commit */
};

enum db_mode { DB_WRITER, DB_READER };

/* How long a connection waits for another's lock: longer than any recovery of the log. */
#define DB_BUSY_MS 5000

enum status db_open(struct db *db, const char *path, enum db_mode mode, struct error *err) MUST_USE;
void db_close(struct db *db);

/* Closing a writer that may not be the right one must not move its log into the file. */
void db_keep_log(struct db *db);

/* A prepared statement with its parameters bound, one letter each: 'i' int64_t, 't' text (NULL
 * allowed), 'b' text of a length (const char *, size_t).  Texts must live until the statement is
 * done. */
enum status db_ask(struct db *db, sqlite3_stmt **out_stmt, struct error *err, const char *sql,
                   const char *types, ...) MUST_USE;

/* The next row; without one the statement is reset. */
enum status db_next(struct db *db, sqlite3_stmt *stmt, bool *out_has_row,
                    struct error *err) MUST_USE;

/* A statement without rows, from start to end. */
enum status db_do(struct db *db, struct error *err, const char *sql, const char *types,
                  ...) MUST_USE;

/* Several statements that need no parameters. */
enum status db_script(struct db *db, const char *sql, struct error *err) MUST_USE;

/* One number; `fallback` when there is no row. */
enum status db_number(struct db *db, int64_t fallback, int64_t *out_value, struct error *err,
                      const char *sql, const char *types, ...) MUST_USE;

void db_rollback(struct db *db);

/* A column as text in the arena; "" for NULL. */
char *db_text(sqlite3_stmt *stmt, int column, struct arena *arena);

/* The failure of a call on this connection. */
enum status db_failure(const struct db *db, int code, const char *doing, struct error *err);

#endif
