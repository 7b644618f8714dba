#include "coordinator/store/store_care.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/store_sqlite.h"

/* ---- pruning ------------------------------------------------------------------------ */

/* A step deletes about so many rows; more would hold up the next lap. */
#define PRUNE_ROWS INT64_C(5000)

/* From here on nobody sees the run; its rows go afterwards, in steps. */
static enum status hide_run(struct db *db, int64_t run, struct error *err)
{
    static const char *const statements[] = {
        "INSERT OR IGNORE INTO gone_runs VALUES(?)",
        "DELETE FROM marks WHERE run=?",
        "DELETE FROM secrets WHERE run=?",
        "DELETE FROM runs WHERE run=?",
    };
    enum status status = db_script(db, "BEGIN IMMEDIATE", err);

    for (size_t i = 0; i < COUNT_OF(statements) && status == STATUS_OK; i++)
        status = db_do(db, err, statements[i], "i", run);
    if (status == STATUS_OK)
        status = db_script(db, "COMMIT", err);
    if (status != STATUS_OK)
        db_rollback(db);
    return status;
}

/* Each statement is a transaction of its own; the first that finds something is the step. */
static enum status delete_some(struct db *db, int64_t run, struct error *err)
{
    static const char *const statements[] = {
        "DELETE FROM ledger WHERE run=?1 AND seq IN"
        " (SELECT seq FROM ledger WHERE run=?1 ORDER BY seq LIMIT ?2)",
        "DELETE FROM attempts WHERE run=?1 AND seq IN"
        " (SELECT seq FROM attempts WHERE run=?1 ORDER BY seq LIMIT ?2)",
        "DELETE FROM tests WHERE run=?1 AND test IN"
        " (SELECT test FROM tests WHERE run=?1 ORDER BY test LIMIT ?2)",
    };

    for (size_t i = 0; i < COUNT_OF(statements); i++) {
        enum status status = db_do(db, err, statements[i], "ii", run, PRUNE_ROWS);

        if (status != STATUS_OK || sqlite3_changes(db->handle) > 0)
            return status;
    }
    return db_do(db, err, "DELETE FROM gone_runs WHERE run=?", "i", run);
}

enum status sqlite_prune_step(struct sqlite_store *sqlite, int64_t before_ms, bool *out_found,
                              struct error *err)
{
    struct db *db = &sqlite->db;
    int64_t run;
    enum status status = db_number(db, 0, &run, err, "SELECT min(run) FROM gone_runs", "");

    *out_found = false;
    if (status == STATUS_OK && run != 0) {
        status = delete_some(db, run, err);
    } else if (status == STATUS_OK) {
        status = db_number(db, 0, &run, err,
                           "SELECT run FROM runs WHERE state='ended' AND ended_ms<=?"
                           " ORDER BY run LIMIT 1",
                           "i", before_ms);
        if (status == STATUS_OK && run != 0)
            status = hide_run(db, run, err);
    }
    *out_found = status == STATUS_OK && run != 0;
    sqlite->ends_count = 0;
    return status;
}

static enum status forget_gone_agents(struct db *db, struct error *err)
{
    return db_do(db, err,
                 "DELETE FROM agents WHERE gone_seq <= (SELECT gone_seq FROM agents"
                 " WHERE gone_seq IS NOT NULL ORDER BY gone_seq DESC LIMIT 1 OFFSET ?)",
                 "i", (int64_t)STORE_GONE_AGENTS_MAX);
}

enum status sqlite_prune_fleet(struct sqlite_store *sqlite, bool *out_found, struct error *err)
{
    struct db *db = &sqlite->db;
    int64_t first;
    int64_t last;
    enum status status =
        db_number(db, 0, &first, err, "SELECT min(seq) FROM ledger WHERE run=0", "");

    *out_found = false;
    if (status == STATUS_OK)
        status = forget_gone_agents(db, err);
    if (status == STATUS_OK)
        status = db_number(db, 0, &last, err, "SELECT max(seq) FROM ledger WHERE run=0", "");
    if (status != STATUS_OK || last - first < STORE_FLEET_ENTRIES_MAX)
        return status;
    *out_found = true;
    int64_t upto = last - STORE_FLEET_ENTRIES_MAX;
    if (upto > first + PRUNE_ROWS)
        upto = first + PRUNE_ROWS;
    return db_do(db, err, "DELETE FROM ledger WHERE run=0 AND seq<=?", "i", upto);
}

enum status store_prune(const char *dir, const char *pool, int64_t wall_ms, int64_t keep_ms,
                        int64_t *out_deleted, struct error *err)
{
    static const char count_sql[] = "SELECT count(*) FROM runs";
    struct store *store;
    int64_t before = 0;
    int64_t after = 0;
    bool has_found = true;
    enum status status = store_sqlite_open(dir, pool, &store, err);

    *out_deleted = 0;
    if (status != STATUS_OK)
        return status;
    struct db *db = &sqlite_of(store)->db;
    status = db_number(db, 0, &before, err, count_sql, "");
    while (status == STATUS_OK && has_found)
        status = sqlite_prune_step(sqlite_of(store), wall_ms - keep_ms, &has_found, err);
    if (status == STATUS_OK)
        status = db_number(db, 0, &after, err, count_sql, "");
    *out_deleted = before - after;
    if (status == STATUS_OK && *out_deleted > 0)
        status = db_script(db, "VACUUM", err);
    store->ops->close(store);
    return status;
}

/* ---- backup ------------------------------------------------------------------------- */

static enum status copy_into(const char *from, const char *to, struct error *err)
{
    struct db db;
    enum status status = db_open(&db, from, DB_READER, err);

    if (status != STATUS_OK)
        return status;
    status = schema_expect(&db, from, err);
    if (status == STATUS_OK)
        status = db_do(&db, err, "VACUUM INTO ?", "t", to);
    db_close(&db);
    return status;
}

/* The copy is one file afterwards, and on the disk. */
static enum status finish_copy(const char *to, struct error *err)
{
    struct db db;
    enum status status = db_open(&db, to, DB_WRITER, err);

    if (status != STATUS_OK)
        return status;
    status = db_do(&db, err, "UPDATE store SET epoch=epoch+?, next_run=next_run+?", "ii",
                   (int64_t)BACKUP_EPOCH_GAP, (int64_t)BACKUP_RUN_GAP);
    if (status == STATUS_OK)
        status = db_script(&db, "PRAGMA journal_mode=DELETE", err);
    db_close(&db);
    if (status != STATUS_OK)
        return status;
    int fd = open(to, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        status = error_set_errno(err, "cannot make '%s' durable", to);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static enum status sync_directory_of(const char *path, struct error *err)
{
    char *dir = mem_strdup(path);
    char *slash = strrchr(dir, '/');
    enum status status = STATUS_OK;

    if (slash != NULL)
        slash[slash == dir ? 1 : 0] = '\0';
    int fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        status = error_set_errno(err, "cannot make the name '%s' durable", path);
    if (fd >= 0)
        (void)close(fd);
    free(dir);
    return status;
}

enum status store_backup(const char *dir, const char *to, struct error *err)
{
    char *from = mem_printf("%s/muster.db", dir);
    enum status status = STATUS_OK;
    int fd = -1;

    if (access(from, R_OK) != 0) {
        status = error_set(err, STATUS_NOT_FOUND, "no store '%s'", from);
    } else {
        fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
            status = error_set(err, STATUS_CONFLICT, "'%s' exists: name a new file", to);
        else if (fd < 0)
            status = error_set_errno(err, "cannot make '%s'", to);
    }
    if (status == STATUS_OK) {
        (void)close(fd);
        status = copy_into(from, to, err);
        if (status == STATUS_OK)
            status = finish_copy(to, err);
        if (status == STATUS_OK)
            status = sync_directory_of(to, err);
        if (status != STATUS_OK)
            (void)unlink(to);
    }
    free(from);
    return status;
}
