/* Sealing a template, and telling a whole copy from any other file. */

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/databases/engine.h"
#include "agent/host/copy.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

static char dir[64];
static char path[128];
static char copy[128];
static const struct database_ops *ops = &database_sqlite_ops;

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-sqlite-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/t.sqlite3", dir);
    (void)snprintf(copy, sizeof(copy), "%s/c.sqlite3", dir);
}

static void teardown(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(database_sqlite, .init = setup, .fini = teardown, .timeout = 30);

static sqlite3 *run(const char *sql)
{
    sqlite3 *db = NULL;

    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    return db;
}

#define FILLED                                                                                     \
    "CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"           \
    " WHERE i < 5000) INSERT INTO t SELECT 'row ' || i FROM n;"

static void seal(struct database_seal *out_seal)
{
    struct error err;

    cr_assert_eq(ops->seal(path, out_seal, &err), STATUS_OK, "%s", err.text);
}

static int64_t rows(const char *file)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &statement, NULL), SQLITE_OK,
                 "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return count;
}

Test(database_sqlite, a_copy_of_a_sealed_template_is_whole)
{
    struct database_seal sealed;
    struct error err;

    (void)sqlite3_close(run(FILLED));
    seal(&sealed);
    cr_assert_eq(sealed.tables, 1);
    cr_assert_eq(copy_file(path, copy, 0600, COPY_REFLINK, &err), STATUS_OK);
    cr_assert_eq(ops->check(copy, &sealed, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(rows(copy), 5000);
}

Test(database_sqlite, what_is_cut_off_empty_or_another_is_no_copy)
{
    struct database_seal sealed;
    struct error err;

    (void)sqlite3_close(run(FILLED));
    seal(&sealed);
    const int64_t sizes[] = {
        0, 99, 512, 4096, sealed.bytes - 4096, sealed.bytes - 1, sealed.bytes + 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        (void)unlink(copy);
        cr_assert_eq(copy_file(path, copy, 0600, COPY_PLAIN, &err), STATUS_OK);
        cr_assert_eq(truncate(copy, sizes[i]), 0);
        cr_assert_neq(ops->check(copy, &sealed, &err), STATUS_OK, "%lld bytes",
                      (long long)sizes[i]);
    }
    /* The right size, but never filled. */
    (void)unlink(copy);
    cr_assert_eq(file_write_atomic(copy, "", 0, 0600, &err), STATUS_OK);
    cr_assert_eq(truncate(copy, sealed.bytes), 0);
    cr_assert_neq(ops->check(copy, &sealed, &err), STATUS_OK);
    cr_assert_neq(ops->check("/nonexistent", &sealed, &err), STATUS_OK);
}

/* Leaves the journal of a process that died, as kill -9 does. */
static void die_with(const char *sql)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        (void)run(sql);
        _exit(0); /* nothing is closed */
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
}

Test(database_sqlite, what_is_pending_in_a_wal_is_brought_in)
{
    CLEANUP(mem_freep) char *wal = mem_printf("%s-wal", path);
    struct database_seal sealed;
    struct error err;

    die_with("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;" FILLED);
    cr_assert(file_exists(wal));
    seal(&sealed);
    cr_assert_not(file_exists(wal));
    cr_assert_eq(copy_file(path, copy, 0600, COPY_PLAIN, &err), STATUS_OK);
    cr_assert_eq(rows(copy), 5000);
}

Test(database_sqlite, an_unfinished_transaction_is_rolled_back)
{
    struct database_seal sealed;

    die_with(FILLED "PRAGMA cache_size = 2; BEGIN; DELETE FROM t;");
    seal(&sealed);
    cr_assert_eq(rows(path), 5000);
}

Test(database_sqlite, a_template_that_a_stranger_holds_is_copied_consistently)
{
    struct database_seal sealed;
    sqlite3 *stranger = run(FILLED "BEGIN; SELECT count(*) FROM t;");

    seal(&sealed);
    cr_assert_eq(rows(path), 5000);
    (void)sqlite3_close(stranger);
}

Test(database_sqlite, a_damaged_template_is_refused)
{
    struct database_seal sealed;
    struct error err;

    (void)sqlite3_close(run(FILLED));
    FILE *file = fopen(path, "r+");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        (void)fputc(0x55, file);
    (void)fclose(file);
    cr_assert_neq(ops->seal(path, &sealed, &err), STATUS_OK);

    cr_assert_eq(truncate(path, 6000), 0);
    cr_assert_neq(ops->seal(path, &sealed, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(path, "hello, this is text", 19, 0600, &err), STATUS_OK);
    cr_assert_neq(ops->seal(path, &sealed, &err), STATUS_OK);
}

Test(database_sqlite, an_empty_database_is_a_valid_one)
{
    struct database_seal sealed;
    struct error err;

    cr_assert_eq(ops->make_empty(path, &err), STATUS_OK, "%s", err.text);
    seal(&sealed);
    cr_assert_eq(sealed.tables, 0);
    cr_assert_eq(ops->check(path, &sealed, &err), STATUS_OK, "%s", err.text);
}
