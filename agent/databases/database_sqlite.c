#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/databases/engine.h"
#include "shared/base/memory.h"

/* The set-up's tree is dead; only a stranger's lock lasts longer than this. */
#define BUSY_MS 1000

/* integrity_check also compares indexes with their tables; beyond this size it takes seconds. */
#define FULL_CHECK_BYTES_MAX ((int64_t)64 * 1024 * 1024)

/* Pages copied at a time while another process may write. */
#define BACKUP_PAGES 1000

/* Offsets in the header (https://www.sqlite.org/fileformat2.html). */
#define MAGIC         "SQLite format 3"
#define AT_PAGE_SIZE  16
#define AT_PAGE_COUNT 28
#define AT_VALID_FOR  92
#define AT_CHANGES    24
#define LARGEST_PAGE  65536
#define SMALLEST_PAGE 512

static void close_dbp(sqlite3 **db)
{
    (void)sqlite3_close(*db);
}

static void finalizep(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement);
}

static enum status fail(struct error *err, sqlite3 *db, const char *path)
{
    return error_set(err, STATUS_IO, "'%s': %s", path, sqlite3_errmsg(db));
}

static enum status db_open(const char *path, int flags, sqlite3 **out_db, struct error *err)
{
    if (sqlite3_open_v2(path, out_db, flags, NULL) != SQLITE_OK)
        return fail(err, *out_db, path);
    (void)sqlite3_busy_timeout(*out_db, BUSY_MS);
    return STATUS_OK;
}

/* The first column of the first row; "" when there is none. */
static enum status db_ask(sqlite3 *db, const char *path, const char *sql, char *out_text,
                          size_t size, struct error *err)
{
    CLEANUP(finalizep) sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return fail(err, db, path);
    int step = sqlite3_step(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return fail(err, db, path);
    const unsigned char *text = step == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    (void)snprintf(out_text, size, "%s", text != NULL ? (const char *)text : "");
    return STATUS_OK;
}

static char *beside(const char *path, const char *suffix)
{
    return mem_printf("%s%s", path, suffix);
}

static const char *const companions[] = {"-wal", "-shm", "-journal"};

static void sqlite_remove_beside(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(companions); i++) {
        CLEANUP(mem_freep) char *name = beside(path, companions[i]);
        (void)unlink(name);
    }
}

static enum status sqlite_make_empty(const char *path, struct error *err)
{
    CLEANUP(close_dbp) sqlite3 *db = NULL;
    enum status status = db_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err);

    if (status != STATUS_OK)
        return status;
    if (sqlite3_exec(db, "CREATE TABLE t (x); DROP TABLE t; VACUUM", NULL, NULL, NULL) != SQLITE_OK)
        return fail(err, db, path);
    return STATUS_OK;
}

/* ---- sealing ------------------------------------------------------------------------ */

static enum status db_check(sqlite3 *db, const char *path, struct error *err)
{
    char answer[256];
    struct stat file;
    bool is_small = stat(path, &file) == 0 && file.st_size <= FULL_CHECK_BYTES_MAX;
    enum status status =
        db_ask(db, path, is_small ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", answer,
               sizeof(answer), err);

    if (status == STATUS_OK && strcmp(answer, "ok") != 0)
        return error_set(err, STATUS_IO, "'%s' is damaged: %s", path, answer);
    return status;
}

static enum status db_count_tables(sqlite3 *db, const char *path, int64_t *out_count,
                                   struct error *err)
{
    CLEANUP(finalizep) sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db,
                           "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
                           " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                           -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return fail(err, db, path);
    *out_count = sqlite3_column_int64(statement, 0);
    return STATUS_OK;
}

/* Does nobody else hold the file?  Then everything pending goes into it. */
static bool db_own(sqlite3 *db)
{
    return sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK", NULL,
                        NULL, NULL) == SQLITE_OK;
}

/* A consistent copy while others have it open, in place of the file. */
static enum status db_replace_by_backup(sqlite3 *db, const char *path, struct error *err)
{
    CLEANUP(mem_freep) char *copy = beside(path, ".sealing");
    CLEANUP(close_dbp) sqlite3 *to = NULL;
    enum status status = db_open(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &to, err);

    if (status != STATUS_OK)
        return status;
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", db, "main");
    if (backup == NULL)
        return fail(err, to, copy);
    while (sqlite3_backup_step(backup, BACKUP_PAGES) == SQLITE_OK)
        continue;
    if (sqlite3_backup_finish(backup) != SQLITE_OK)
        return fail(err, to, copy);
    if (rename(copy, path) != 0)
        return error_set_errno(err, "cannot rename '%s'", copy);
    return STATUS_OK;
}

static enum status pending_refuse(const char *path, struct error *err)
{
    static const char *const pending[] = {"-wal", "-journal"};

    for (size_t i = 0; i < COUNT_OF(pending); i++) {
        CLEANUP(mem_freep) char *name = beside(path, pending[i]);
        struct stat file;
        if (lstat(name, &file) == 0)
            return error_set(err, STATUS_CONFLICT, "'%s' was not closed: '%s' is still there", path,
                             name);
    }
    return STATUS_OK;
}

static bool read_at(int fd, void *bytes, size_t len, int64_t offset)
{
    return pread(fd, bytes, len, offset) == (ssize_t)len;
}

static void close_fdp(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* Size, both ends, and what the header says of the size. */
static enum status seal_read(const char *path, struct database_seal *out_seal, struct error *err)
{
    CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat file;

    if (fd < 0 || fstat(fd, &file) != 0)
        return error_set_errno(err, "cannot read '%s'", path);
    out_seal->bytes = file.st_size;
    if (file.st_size < SMALLEST_PAGE || !read_at(fd, out_seal->head, SEAL_HEAD_BYTES, 0) ||
        !read_at(fd, out_seal->tail, SEAL_TAIL_BYTES, file.st_size - SEAL_TAIL_BYTES))
        return error_set(err, STATUS_IO, "'%s' is empty or cut off: %lld bytes", path,
                         (long long)file.st_size);
    if (memcmp(out_seal->head, MAGIC, sizeof(MAGIC)) != 0)
        return error_set(err, STATUS_IO, "'%s' is no SQLite database", path);
    return STATUS_OK;
}

static int64_t big_endian(const unsigned char *at, int bytes)
{
    int64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value * 256 + at[i];
    return value;
}

static enum status size_check(const char *path, const struct database_seal *seal, struct error *err)
{
    int64_t page = big_endian(seal->head + AT_PAGE_SIZE, 2);
    int64_t count = big_endian(seal->head + AT_PAGE_COUNT, 4);

    if (page == 1)
        page = LARGEST_PAGE;
    long long page_bytes = (long long)page * count;
    /* Versions before 3.7 did not keep the count. */
    if (memcmp(seal->head + AT_VALID_FOR, seal->head + AT_CHANGES, 4) == 0 &&
        page_bytes != seal->bytes)
        return error_set(err, STATUS_IO, "'%s' has %lld bytes, its header says %lld", path,
                         (long long)seal->bytes, page_bytes);
    return STATUS_OK;
}

static enum status sqlite_seal(const char *path, struct database_seal *out_seal, struct error *err)
{
    sqlite3 *db = NULL;
    enum status status = db_open(path, SQLITE_OPEN_READWRITE, &db, err);
    bool is_ours = status == STATUS_OK && db_own(db);

    if (status == STATUS_OK && !is_ours && sqlite3_errcode(db) != SQLITE_BUSY &&
        sqlite3_errcode(db) != SQLITE_LOCKED && sqlite3_errcode(db) != SQLITE_OK)
        status = fail(err, db, path);
    if (status == STATUS_OK)
        status = db_check(db, path, err);
    if (status == STATUS_OK)
        status = db_count_tables(db, path, &out_seal->tables, err);
    if (status == STATUS_OK && !is_ours)
        status = db_replace_by_backup(db, path, err);
    if (sqlite3_close(db) != SQLITE_OK && status == STATUS_OK)
        status = error_set(err, STATUS_IO, "cannot close '%s'", path);
    if (status == STATUS_OK && !is_ours)
        sqlite_remove_beside(path); /* they belong to the file that was replaced */
    if (status == STATUS_OK)
        status = pending_refuse(path, err);
    if (status == STATUS_OK)
        status = seal_read(path, out_seal, err);
    return status == STATUS_OK ? size_check(path, out_seal, err) : status;
}

static enum status sqlite_check(const char *path, const struct database_seal *seal,
                                struct error *err)
{
    struct database_seal own = {.tables = seal->tables};
    enum status status = seal_read(path, &own, err);

    if (status != STATUS_OK)
        return status;
    if (own.bytes != seal->bytes || memcmp(own.head, seal->head, SEAL_HEAD_BYTES) != 0 ||
        memcmp(own.tail, seal->tail, SEAL_TAIL_BYTES) != 0)
        return error_set(err, STATUS_IO, "'%s' is no complete copy of its template", path);
    return STATUS_OK;
}

const struct database_ops database_sqlite_ops = {
    .engine = "sqlite",
    .suffix = ".sqlite3",
    .make_empty = sqlite_make_empty,
    .seal = sqlite_seal,
    .check = sqlite_check,
    .remove_beside = sqlite_remove_beside,
};

const struct database_ops *database_ops_find(const char *engine)
{
    static const struct database_ops *const all[] = {&database_sqlite_ops};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strcmp(engine, all[i]->engine) == 0)
            return all[i];
    return NULL;
}
