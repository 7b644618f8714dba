#include "coordinator/store/sqlite_db.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum status db_failure(const struct db *db, int code, const char *doing, struct error *err)
{
    const char *text = db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    enum status status = STATUS_STORE_FAILED;

    if ((code & 0xff) == SQLITE_FULL)
        status = STATUS_STORE_FULL;
    else if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC ||
             (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        status = STATUS_IO;
    return error_set(err, status, "%s: %s (SQLite %d)", doing, text, code);
}

static int on_commit(void *context, sqlite3 *handle, const char *name, int pages)
{
    struct db *db = context;

    (void)handle;
    (void)name;
    db->wal_pages = pages;
    return SQLITE_OK;
}

static enum status set_up(struct db *db, enum db_mode mode, struct error *err)
{
    static const char writer_sql[] = "PRAGMA journal_mode=WAL;"
                                     "PRAGMA synchronous=FULL;"
                                     "PRAGMA secure_delete=ON;"
                                     "PRAGMA temp_store=MEMORY;"
                                     "PRAGMA journal_size_limit=67108864;";
    static const char both_sql[] = "PRAGMA trusted_schema=OFF;"
                                   "PRAGMA cell_size_check=ON;"
                                   "PRAGMA mmap_size=0;"
                                   "PRAGMA wal_autocheckpoint=0;";

    (void)sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (mode == DB_READER)
        db_keep_log(db);
    enum status status = db_script(db, both_sql, err);
    if (status == STATUS_OK && mode == DB_WRITER)
        status = db_script(db, writer_sql, err);
    if (mode == DB_WRITER)
        (void)sqlite3_wal_hook(db->handle, on_commit, db);
    return status;
}

enum status db_open(struct db *db, const char *path, enum db_mode mode, struct error *err)
{
    int flags = mode == DB_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;

    *db = (struct db){.handle = NULL};
    int code = sqlite3_open_v2(path, &db->handle,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    enum status status =
        code == SQLITE_OK ? set_up(db, mode, err) : db_failure(db, code, "cannot open", err);
    if (status == STATUS_OK)
        return STATUS_OK;
    db_close(db);
    return error_wrap(err, status, path);
}

void db_keep_log(struct db *db)
{
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < db->queries_count; i++)
        (void)sqlite3_finalize(db->queries[i].stmt);
    free(db->queries);
    (void)sqlite3_close(db->handle);
    *db = (struct db){.handle = NULL};
}

static enum status prepare(struct db *db, const char *sql, sqlite3_stmt **out_stmt,
                           struct error *err)
{
    *out_stmt = NULL;
    for (size_t i = 0; i < db->queries_count; i++)
        if (db->queries[i].sql == sql) {
            *out_stmt = db->queries[i].stmt;
            (void)sqlite3_reset(*out_stmt);
            return STATUS_OK;
        }
    if (db->handle == NULL)
        return error_set(err, STATUS_STORE_FAILED, "the store is not open");
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out_stmt, NULL);
    if (code != SQLITE_OK)
        return db_failure(db, code, sql, err);
    VEC_PUSH(db->queries, db->queries_count, db->queries_cap) =
        (struct db_query){.sql = sql, .stmt = *out_stmt};
    return STATUS_OK;
}

static enum status ask(struct db *db, sqlite3_stmt **out_stmt, struct error *err, const char *sql,
                       const char *types, va_list args)
{
    enum status status = prepare(db, sql, out_stmt, err);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; types[i] != '\0'; i++) {
        const char *text;
        int code;

        switch (types[i]) {
        case 'i':
            code = sqlite3_bind_int64(*out_stmt, i + 1, va_arg(args, int64_t));
            break;
        case 't':
            text = va_arg(args, const char *);
            code = sqlite3_bind_text(*out_stmt, i + 1, text, -1, SQLITE_STATIC);
            break;
        case 'b':
            text = va_arg(args, const char *);
            code = sqlite3_bind_text64(*out_stmt, i + 1, text, va_arg(args, size_t), SQLITE_STATIC,
                                       SQLITE_UTF8);
            break;
        default:
            UNREACHABLE("types are i, t and b");
        }
        if (code != SQLITE_OK)
            return db_failure(db, code, sql, err);
    }
    return STATUS_OK;
}

enum status db_ask(struct db *db, sqlite3_stmt **out_stmt, struct error *err, const char *sql,
                   const char *types, ...)
{
    va_list args;

    va_start(args, types);
    enum status status = ask(db, out_stmt, err, sql, types, args);
    va_end(args);
    return status;
}

enum status db_next(struct db *db, sqlite3_stmt *stmt, bool *out_has_row, struct error *err)
{
    int code = sqlite3_step(stmt);

    *out_has_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return STATUS_OK;
    enum status status =
        code == SQLITE_DONE ? STATUS_OK : db_failure(db, code, sqlite3_sql(stmt), err);
    (void)sqlite3_reset(stmt);
    return status;
}

enum status db_do(struct db *db, struct error *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    bool has_row = true;
    va_list args;

    va_start(args, types);
    enum status status = ask(db, &stmt, err, sql, types, args);
    va_end(args);
    while (status == STATUS_OK && has_row)
        status = db_next(db, stmt, &has_row, err);
    return status;
}

enum status db_number(struct db *db, int64_t fallback, int64_t *out_value, struct error *err,
                      const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    bool has_row = false;
    va_list args;

    va_start(args, types);
    enum status status = ask(db, &stmt, err, sql, types, args);
    va_end(args);
    *out_value = fallback;
    if (status == STATUS_OK)
        status = db_next(db, stmt, &has_row, err);
    if (status == STATUS_OK && has_row) {
        if (sqlite3_column_type(stmt, 0) != SQLITE_NULL)
            *out_value = sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt);
    }
    return status;
}

enum status db_script(struct db *db, const char *sql, struct error *err)
{
    if (db->handle == NULL)
        return error_set(err, STATUS_STORE_FAILED, "the store is not open");
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : db_failure(db, code, sql, err);
}

void db_rollback(struct db *db)
{
    /* SQLite has rolled back by itself after most failures; what it says then is of no use. */
    if (db->handle != NULL && sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

char *db_text(sqlite3_stmt *stmt, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text != NULL ? arena_strndup(arena, text, (size_t)sqlite3_column_bytes(stmt, column))
                        : arena_strdup(arena, "");
}
