#include "coordinator/store/store_sqlite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/store/sqlite_schema.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"

/* A start looks for damage for at most so long; a large store is then checked in part. */
#define QUICK_CHECK_MS    2000
#define QUICK_CHECK_STEPS 100000

/* The log is moved into the file past 16 MiB, a good second of the heaviest load; a reader that
 * stays on an old snapshot keeps it from starting over, which is insisted on past 64 MiB. */
#define WAL_PAGES_CHECKPOINT 4096
#define WAL_PAGES_RESTART    16384

/* Between two looks for runs to delete, when there was none. */
#define PRUNE_INTERVAL_MS ((int64_t)60 * 1000)

/* The first release without the WAL-reset bug (sqlite.org/wal.html#walresetbug). */
#define SQLITE_WITHOUT_WAL_RESET_BUG 3051003

const char *store_sqlite_caution(void)
{
    if (sqlite3_libversion_number() >= SQLITE_WITHOUT_WAL_RESET_BUG)
        return NULL;
    return "this SQLite is older than 3.51.3 and has the WAL-reset bug; it cannot strike here, "
           "since "
           "one connection does every write and checkpoint";
}

/* ---- opening --------------------------------------------------------------------- */

static int past_deadline(void *context)
{
    return clock_monotonic_ms() > *(const int64_t *)context ? 1 : 0;
}

static enum status quick_check(struct db *db, const char *path, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + QUICK_CHECK_MS;
    sqlite3_stmt *stmt;
    bool has_row = false;
    enum status status = db_ask(db, &stmt, err, "PRAGMA quick_check(1)", "");

    if (status != STATUS_OK)
        return status;
    sqlite3_progress_handler(db->handle, QUICK_CHECK_STEPS, past_deadline, &deadline_ms);
    int code = sqlite3_step(stmt);
    has_row = code == SQLITE_ROW;
    const char *answer = has_row ? (const char *)sqlite3_column_text(stmt, 0) : "ok";
    if ((code & 0xff) == SQLITE_INTERRUPT)
        status = STATUS_OK; /* no damage in the part that was looked at */
    else if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = db_failure(db, code, "quick_check", err);
    else if (strcmp(answer, "ok") != 0)
        status = error_set(err, STATUS_INVALID,
                           "'%s' is damaged (%.200s): restore a backup; nothing was changed", path,
                           answer);
    (void)sqlite3_reset(stmt);
    sqlite3_progress_handler(db->handle, 0, NULL, NULL);
    return status;
}

static enum status make_row(struct sqlite_store *sqlite, struct error *err)
{
    char identity[2 * STORE_IDENTITY_BYTES + 1];

    random_hex(identity, STORE_IDENTITY_BYTES);
    return db_do(&sqlite->db, err, "INSERT OR IGNORE INTO store VALUES(1, ?, ?, 0, 0, 1)", "tt",
                 identity, sqlite->pool);
}

/* Is this the file that the directory had, and the pool that was asked for? */
static enum status check_row(struct sqlite_store *sqlite, struct error *err)
{
    const struct store_home *home = &sqlite->home;
    struct arena arena = ARENA_INIT;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status =
        db_ask(&sqlite->db, &stmt, err, "SELECT identity, pool FROM store WHERE one=1", "");

    if (status == STATUS_OK)
        status = db_next(&sqlite->db, stmt, &has_row, err);
    if (status != STATUS_OK)
        return status;
    if (!has_row)
        return error_set(err, STATUS_INVALID, "'%s' is damaged: its first row is gone",
                         home->db_path);
    const char *identity = db_text(stmt, 0, &arena);
    const char *pool = db_text(stmt, 1, &arena);
    (void)sqlite3_reset(stmt);
    if (home->identity[0] != '\0' && strcmp(home->identity, identity) != 0)
        status = error_set(err, STATUS_INVALID,
                           "'%s' or its log '%s-wal' belongs to another store than this "
                           "directory: put the right files back, or remove '%s' when "
                           "another store was put here on purpose",
                           home->db_path, home->db_path, home->mark_path);
    else if (strcmp(pool, sqlite->pool) != 0)
        status = error_set(err, STATUS_INVALID, "'%s' holds the pool '%s', not '%s'", home->db_path,
                           pool, sqlite->pool);
    (void)sqlite3_snprintf((int)sizeof(sqlite->identity), sqlite->identity, "%s", identity);
    arena_release(&arena);
    return status;
}

static enum status open_db(struct sqlite_store *sqlite, struct error *err)
{
    const char *path = sqlite->home.db_path;
    enum status status = db_open(&sqlite->db, path, DB_WRITER, err);

    if (status != STATUS_OK)
        return status;
    status = schema_apply(&sqlite->db, path, err);
    if (status == STATUS_OK)
        status = make_row(sqlite, err);
    if (status == STATUS_OK)
        status = check_row(sqlite, err);
    if (status != STATUS_OK) {
        db_keep_log(&sqlite->db);
        db_close(&sqlite->db);
    }
    return status;
}

static void sqlite_close(struct store *store)
{
    struct sqlite_store *sqlite = sqlite_of(store);

    db_close(&sqlite->db);
    home_close(&sqlite->home);
    buffer_release(&sqlite->line);
    arena_release(&sqlite->scratch);
    free(sqlite->ends);
    free(sqlite->pool);
    free(sqlite);
}

/* ---- epoch and laps ----------------------------------------------------------------- */

static enum status raise_epoch(struct sqlite_store *sqlite, struct store_start *start,
                               struct error *err)
{
    struct db *db = &sqlite->db;
    int64_t stored;
    enum status status = db_script(db, "BEGIN IMMEDIATE", err);

    if (status == STATUS_OK)
        status = db_number(db, 0, &stored, err, "SELECT epoch FROM store WHERE one=1", "");
    if (status == STATUS_OK)
        status =
            db_number(db, 1, &start->next_run, err, "SELECT next_run FROM store WHERE one=1", "");
    if (status == STATUS_OK) {
        start->epoch = (stored > sqlite->home.epoch ? stored : sqlite->home.epoch) + 1;
        status = db_do(db, err, "UPDATE store SET epoch=?, lap=0 WHERE one=1", "i", start->epoch);
    }
    if (status == STATUS_OK)
        status = db_script(db, "COMMIT", err);
    if (status != STATUS_OK)
        db_rollback(db);
    return status;
}

static enum status sqlite_begin(struct store *store, struct store_start *out_start,
                                struct error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum status status = raise_epoch(sqlite, out_start, err);

    if (status != STATUS_OK)
        return status;
    sqlite->epoch = out_start->epoch;
    sqlite->home.epoch = out_start->epoch;
    /* Without its mark a raised epoch is no less raised; trying again is safe. */
    if (home_write_mark(&sqlite->home, sqlite->identity, sqlite->epoch, err) != STATUS_OK)
        return error_wrap(err, STATUS_STORE_FAILED, "the store's mark");
    return STATUS_OK;
}

/* The row that fences: it is there only while nobody has raised the epoch. */
static enum status take_lap(struct sqlite_store *sqlite, int64_t lap, struct error *err)
{
    enum status status = db_do(&sqlite->db, err, "UPDATE store SET lap=? WHERE one=1 AND epoch=?",
                               "ii", lap, sqlite->epoch);

    if (status == STATUS_OK && sqlite3_changes(sqlite->db.handle) != 1)
        status = error_set(err, STATUS_SUPERSEDED,
                           "another coordinator has raised the epoch past %" PRId64, sqlite->epoch);
    return status;
}

static enum status sqlite_commit(struct store *store, const struct store_lap *lap,
                                 struct error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum status status = db_script(&sqlite->db, "BEGIN IMMEDIATE", err);

    if (status == STATUS_OK)
        status = take_lap(sqlite, lap->lap, err);
    for (size_t i = 0; i < lap->fact_count && status == STATUS_OK; i++)
        status = sqlite_write_fact(sqlite, lap->wall_ms, &lap->facts[i], err);
    if (status == STATUS_OK)
        status = db_script(&sqlite->db, "COMMIT", err);
    if (status != STATUS_OK) {
        db_rollback(&sqlite->db);
        sqlite->ends_count = 0;
    }
    for (size_t i = 0; i < lap->fact_count; i++)
        if (lap->facts[i].kind == FACT_RUN_ENDED)
            sqlite->ends_count = 0; /* few and cheap: the others are found again */
    arena_release(&sqlite->scratch);
    return status;
}

static enum status sqlite_last_lap(struct store *store, int64_t *out_lap, struct error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);

    return db_number(&sqlite->db, 0, out_lap, err, "SELECT lap FROM store WHERE one=1 AND epoch=?",
                     "i", sqlite->epoch);
}

static enum status sqlite_reopen(struct store *store, struct error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);

    sqlite->ends_count = 0;
    db_close(&sqlite->db);
    return open_db(sqlite, err);
}

/* ---- tidying ------------------------------------------------------------------------ */

/* A checkpoint that a reader holds up is tried again later; only a failed one counts. */
static enum status checkpoint(struct db *db, struct error *err)
{
    int mode =
        db->wal_pages > WAL_PAGES_RESTART ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;

    if (db->handle == NULL || db->wal_pages < WAL_PAGES_CHECKPOINT)
        return STATUS_OK;
    (void)sqlite3_busy_timeout(db->handle, 0);
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    (void)sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
    db->wal_pages = 0; /* the next commit says how many there are */
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
        return STATUS_OK;
    return db_failure(db, code, "checkpoint", err);
}

static enum status sqlite_tidy(struct store *store, int64_t wall_ms, int64_t keep_ms,
                               bool *out_more, struct error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum status status = checkpoint(&sqlite->db, err);

    *out_more = false;
    if (status != STATUS_OK || wall_ms < sqlite->asked_prune_ms + PRUNE_INTERVAL_MS)
        return status;
    if (keep_ms > 0)
        status = sqlite_prune_step(sqlite, wall_ms - keep_ms, out_more, err);
    if (status == STATUS_OK && !*out_more)
        status = sqlite_prune_fleet(sqlite, out_more, err);
    if (!*out_more)
        sqlite->asked_prune_ms = wall_ms;
    return status;
}

enum status store_sqlite_open(const char *dir, const char *pool, struct store **out_store,
                              struct error *err)
{
    static const struct store_ops ops = {
        .begin = sqlite_begin,
        .commit = sqlite_commit,
        .last_lap = sqlite_last_lap,
        .reopen = sqlite_reopen,
        .load = sqlite_load,
        .history = sqlite_history,
        .close = sqlite_close,
        .tidy = sqlite_tidy,
    };
    struct sqlite_store *sqlite = mem_zalloc(sizeof(*sqlite));

    sqlite->base.ops = &ops;
    sqlite->pool = mem_strdup(pool);
    buffer_init(&sqlite->line, FACT_BYTES_MAX);
    enum status status = home_open(&sqlite->home, dir, err);
    if (status == STATUS_OK)
        status = open_db(sqlite, err);
    if (status == STATUS_OK)
        status = quick_check(&sqlite->db, sqlite->home.db_path, err);
    if (status != STATUS_OK) {
        if (sqlite->db.handle != NULL)
            db_keep_log(&sqlite->db);
        sqlite_close(&sqlite->base);
        return status;
    }
    *out_store = &sqlite->base;
    return STATUS_OK;
}
