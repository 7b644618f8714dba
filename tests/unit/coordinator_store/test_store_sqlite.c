/* What only the store on disk must do: survive kills, full disks, wrong files and second openers.
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "coordinator/store/fact_json.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/store_care.h"
#include "shared/base/file.h"
#include "story.h"

static char *path_in(const struct bench *bench, const char *name)
{
    return mem_printf("%s/%s", bench->dir, name);
}

static void tell(struct store *store, int from, int to)
{
    struct error err;

    cr_assert_eq(story_tell(store, from, to, &err), STATUS_OK, "%s", err.text);
}

static void sql(const struct bench *bench, const char *statement)
{
    CLEANUP(mem_freep) char *path = path_in(bench, "muster.db");
    struct db db;
    struct error err;

    cr_assert_eq(db_open(&db, path, DB_WRITER, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(db_script(&db, statement, &err), STATUS_OK, "%s", err.text);
    db_close(&db);
}

/* A store that is closed; its directory stays for the test to spoil. */
static void make_closed(struct bench *bench, int told)
{
    bench_open(bench, BENCH_SQLITE);
    tell(bench->store, 0, told);
    bench->store->ops->close(bench->store);
}

static void expect_refusal(const struct bench *bench, enum status status, const char *word)
{
    struct store *store;
    struct error err;

    cr_assert_eq(store_sqlite_open(bench->dir, "default", &store, &err), status, "%s", err.text);
    cr_assert_not_null(strstr(err.text, word), "'%s' has no '%s'", err.text, word);
}

static void remove_bench(const struct bench *bench)
{
    struct error err;

    cr_assert_eq(file_remove_tree(bench->dir, &err), STATUS_OK);
}

Test(store_sqlite, directory_and_files_are_private)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.lock", "muster.mark"};
    struct bench bench;
    struct stat info;

    (void)umask(0);
    bench_open(&bench, BENCH_SQLITE);
    tell(bench.store, 0, 3);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CLEANUP(mem_freep) char *path = path_in(&bench, names[i]);

        cr_assert_eq(stat(path, &info), 0);
        cr_assert_eq(info.st_mode & 0777, 0600, "%s has %o", names[i], info.st_mode & 0777);
    }
    bench_close(&bench);
}

Test(store_sqlite, a_second_opener_is_refused_and_told_who_has_it)
{
    struct bench bench;
    char pid[32];

    bench_open(&bench, BENCH_SQLITE);
    (void)snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());

    expect_refusal(&bench, STATUS_CONFLICT, pid);
    bench_close(&bench);
}

Test(store_sqlite, a_newer_version_is_refused_and_left_as_it_is)
{
    struct bench bench;

    make_closed(&bench, 3);
    sql(&bench, "PRAGMA user_version=99");

    expect_refusal(&bench, STATUS_VERSION, "newer muster-coordinator");
    sql(&bench, "PRAGMA user_version=3");
    cr_assert_eq(store_sqlite_open(bench.dir, "default", &bench.store, NULL), STATUS_OK);
    bench_close(&bench);
}

Test(store_sqlite, a_store_of_the_first_version_is_brought_up_and_loads_the_same)
{
    struct bench bench;
    struct buffer lines, expected;
    struct error err;

    buffer_init(&lines, FACT_BYTES_MAX);
    buffer_init(&expected, FACT_BYTES_MAX);
    bench_open(&bench, BENCH_SQLITE);
    tell(bench.store, 0, STORY_RUNNING);
    bench_load(bench.store, STORY_WALL_MS, &expected);
    bench.store->ops->close(bench.store);
    sql(&bench, "ALTER TABLE agents DROP COLUMN gone; ALTER TABLE agents DROP COLUMN gone_seq;"
                "DROP TABLE images; DROP TABLE image_failures;"
                "DELETE FROM marks WHERE kind='lease_ended'; PRAGMA user_version=1");

    cr_assert_eq(store_sqlite_open(bench.dir, "default", &bench.store, &err), STATUS_OK, "%s",
                 err.text);
    bench_load(bench.store, STORY_WALL_MS, &lines);

    cr_assert_str_eq(lines.at, expected.at);
    bench_close(&bench);
    buffer_release(&lines);
    buffer_release(&expected);
}

Test(store_sqlite, a_database_of_others_is_refused)
{
    struct bench bench = {.kind = BENCH_SQLITE, .dir = "/tmp/muster-store-XXXXXX"};

    cr_assert_not_null(mkdtemp(bench.dir));
    CLEANUP(mem_freep) char *path = path_in(&bench, "muster.db");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    (void)close(fd);
    sql(&bench, "CREATE TABLE theirs(x)");

    expect_refusal(&bench, STATUS_INVALID, "not a store of muster's");
    remove_bench(&bench);
}

Test(store_sqlite, a_file_that_is_no_database_is_refused)
{
    struct bench bench = {.kind = BENCH_SQLITE, .dir = "/tmp/muster-store-XXXXXX"};
    static const char text[] = "this is a letter to my aunt, and it is longer than a header of "
                               "SQLite's, which takes a hundred bytes of any file that is one";
    struct error err;

    cr_assert_not_null(mkdtemp(bench.dir));
    CLEANUP(mem_freep) char *path = path_in(&bench, "muster.db");
    cr_assert_eq(file_write_atomic(path, text, sizeof(text), 0600, &err), STATUS_OK);

    expect_refusal(&bench, STATUS_IO, "not a database");
    remove_bench(&bench);
}

Test(store_sqlite, another_pool_is_refused)
{
    struct bench bench;
    struct store *store;
    struct error err;

    make_closed(&bench, 1);

    cr_assert_eq(store_sqlite_open(bench.dir, "other", &store, &err), STATUS_INVALID);
    cr_assert_not_null(strstr(err.text, "pool 'default'"));
    remove_bench(&bench);
}

static void copy_file(const char *from, const char *to)
{
    struct buffer bytes;
    struct error err;

    buffer_init(&bytes, FACT_BYTES_MAX);
    cr_assert_eq(file_read(from, &bytes, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(file_write_atomic(to, bytes.at, bytes.len, 0600, &err), STATUS_OK);
    buffer_release(&bytes);
}

Test(store_sqlite, the_log_of_another_store_is_refused)
{
    struct bench ours, theirs;

    bench_open(&theirs, BENCH_SQLITE);
    tell(theirs.store, 0, STORY_COLLECTING);
    make_closed(&ours, 3);
    CLEANUP(mem_freep) char *from = path_in(&theirs, "muster.db-wal");
    CLEANUP(mem_freep) char *to = path_in(&ours, "muster.db-wal");
    copy_file(from, to);

    expect_refusal(&ours, STATUS_INVALID, "another store");
    cr_assert(file_exists(to), "the log was moved into the file");
    bench_close(&theirs);
    remove_bench(&ours);
}

Test(store_sqlite, damage_is_found_at_the_start)
{
    struct bench bench;
    char zeros[4096] = {0};

    make_closed(&bench, STORY_COUNT);
    CLEANUP(mem_freep) char *path = path_in(&bench, "muster.db");
    int fd = open(path, O_WRONLY);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = (off_t)3 * 4096; at < size; at += 4096)
        cr_assert_eq(pwrite(fd, zeros, sizeof(zeros), at), (ssize_t)sizeof(zeros));
    (void)close(fd);

    struct store *store;
    struct error err;
    enum status status = store_sqlite_open(bench.dir, "default", &store, &err);
    cr_assert(status == STATUS_INVALID || status == STATUS_IO, "%d", (int)status);
    remove_bench(&bench);
}

/* ---- losing the process ---------------------------------------------------------------- */

/* Tells the story and, after each lap that is durable, says so through the pipe. */
static _Noreturn void tell_and_report(const char *dir, int pipe_fd)
{
    struct store *store;
    struct store_start start;

    if (store_sqlite_open(dir, "default", &store, NULL) != STATUS_OK ||
        store->ops->begin(store, &start, NULL) != STATUS_OK)
        _exit(2);
    for (int i = 0; i < STORY_COUNT; i++) {
        if (story_tell(store, i, i + 1, NULL) != STATUS_OK || write(pipe_fd, "x", 1) != 1)
            _exit(3);
    }
    for (;;)
        (void)pause();
}

Test(store_sqlite, a_killed_writer_has_lost_nothing_that_it_acknowledged)
{
    struct buffer expected, lines;

    buffer_init(&expected, FACT_BYTES_MAX);
    buffer_init(&lines, FACT_BYTES_MAX);
    for (int kill_after = 1; kill_after <= STORY_ENDED; kill_after += 2) {
        struct bench bench = {.kind = BENCH_SQLITE, .dir = "/tmp/muster-store-XXXXXX"};
        int pipes[2];
        char byte;

        cr_assert_not_null(mkdtemp(bench.dir));
        cr_assert_eq(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0)
            tell_and_report(bench.dir, pipes[1]);
        (void)close(pipes[1]);
        int acknowledged = 0;
        while (acknowledged < kill_after && read(pipes[0], &byte, 1) == 1)
            acknowledged++;
        (void)kill(child, SIGKILL);
        while (read(pipes[0], &byte, 1) == 1)
            acknowledged++;
        (void)close(pipes[0]);
        (void)waitpid(child, NULL, 0);

        int64_t lap;
        cr_assert_eq(store_sqlite_open(bench.dir, "default", &bench.store, NULL), STATUS_OK);
        CLEANUP(mem_freep) char *path = path_in(&bench, "muster.db");
        struct db db;
        cr_assert_eq(db_open(&db, path, DB_READER, NULL), STATUS_OK);
        cr_assert_eq(db_number(&db, 0, &lap, NULL, "SELECT lap FROM store", ""), STATUS_OK);
        db_close(&db);
        cr_assert_geq(lap, acknowledged);
        bench_load(bench.store, STORY_WALL_MS, &lines);
        bench_close(&bench);

        bench_open(&bench, BENCH_MEMORY);
        tell(bench.store, 0, (int)lap);
        bench_load(bench.store, STORY_WALL_MS, &expected);
        bench_close(&bench);
        cr_assert_str_eq(lines.at, expected.at);
    }
    buffer_release(&expected);
    buffer_release(&lines);
}

Test(store_sqlite, who_does_not_hold_the_epoch_commits_nothing)
{
    struct bench bench;
    struct error err;

    bench_open(&bench, BENCH_SQLITE);
    tell(bench.store, 0, 3);
    sql(&bench, "UPDATE store SET epoch=epoch+1");

    cr_assert_eq(story_tell(bench.store, 3, 4, &err), STATUS_SUPERSEDED);
    bench_close(&bench);
}

/* ---- a full disk ------------------------------------------------------------------------ */

Test(store_sqlite, a_full_disk_is_said_and_commits_go_on_when_there_is_space_again)
{
    struct bench bench = {.kind = BENCH_SQLITE, .dir = "/tmp/muster-store-XXXXXX"};
    struct store_start start;
    struct error err;
    enum status status = STATUS_OK;
    int64_t lap;
    int runs = 0;

    cr_assert_not_null(mkdtemp(bench.dir));
    if (mount("none", bench.dir, "tmpfs", 0, "size=512k") != 0)
        cr_skip_test("a small file system needs root");
    cr_assert_eq(store_sqlite_open(bench.dir, "default", &bench.store, &err), STATUS_OK);
    cr_assert_eq(bench.store->ops->begin(bench.store, &start, &err), STATUS_OK);

    /* One fleet fact over and over, a lap each, until the file system is full. */
    for (int i = 1; i < 10000 && status == STATUS_OK; i++) {
        const struct store_lap one = {
            .lap = i, .wall_ms = STORY_WALL_MS, .facts = story_fact(0), .fact_count = 1};

        status = bench.store->ops->commit(bench.store, &one, &err);
        runs += status == STATUS_OK;
    }
    cr_assert_eq(status, STATUS_STORE_FULL, "%s", err.text);
    cr_assert_eq(bench.store->ops->last_lap(bench.store, &lap, &err), STATUS_OK);
    cr_assert_eq(lap, runs);

    cr_assert_eq(mount("none", bench.dir, "tmpfs", MS_REMOUNT, "size=8m"), 0);
    cr_assert_eq(bench.store->ops->reopen(bench.store, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(bench.store->ops->begin(bench.store, &start, &err), STATUS_OK, "%s", err.text);
    tell(bench.store, 0, 5);

    bench.store->ops->close(bench.store);
    cr_assert_eq(umount2(bench.dir, MNT_DETACH), 0);
    (void)rmdir(bench.dir);
}

/* ---- secrets, backup, restore ------------------------------------------------------------ */

static bool holds_secret(const char *path)
{
    struct buffer bytes;
    struct error err;

    buffer_init(&bytes, FACT_BYTES_MAX);
    cr_assert_eq(file_read(path, &bytes, &err), STATUS_OK, "%s", err.text);
    bool holds = memmem(bytes.at, bytes.len, STORY_PASSWORD, strlen(STORY_PASSWORD)) != NULL;
    buffer_release(&bytes);
    return holds;
}

Test(store_sqlite, secrets_survive_a_restart_and_end_with_their_run)
{
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    bench_open(&bench, BENCH_SQLITE);
    CLEANUP(mem_freep) char *path = path_in(&bench, "muster.db");
    tell(bench.store, 0, STORY_RUNNING);
    bench_restart(&bench);
    bench_load(bench.store, STORY_WALL_MS, &lines);
    cr_assert_not_null(strstr(lines.at, STORY_PASSWORD));
    cr_assert(holds_secret(path));

    tell(bench.store, STORY_RUNNING, STORY_ENDED);
    bench_restart(&bench);
    bench_load(bench.store, STORY_WALL_MS, &lines);

    cr_assert_null(strstr(lines.at, STORY_PASSWORD));
    cr_assert_not(holds_secret(path));
    buffer_release(&lines);
    bench_close(&bench);
}

Test(store_sqlite, a_backup_of_a_running_store_is_a_store_with_a_higher_epoch)
{
    struct bench bench, copy = {.kind = BENCH_SQLITE, .dir = "/tmp/muster-store-XXXXXX"};
    struct buffer lines, expected;
    struct error err;
    struct stat info;

    buffer_init(&lines, FACT_BYTES_MAX);
    buffer_init(&expected, FACT_BYTES_MAX);
    bench_open(&bench, BENCH_SQLITE);
    tell(bench.store, 0, STORY_RUNNING);
    cr_assert_not_null(mkdtemp(copy.dir));
    CLEANUP(mem_freep) char *to = path_in(&copy, "muster.db");

    cr_assert_eq(store_backup(bench.dir, to, &err), STATUS_OK, "%s", err.text);
    tell(bench.store, STORY_RUNNING, STORY_RUNNING + 1);
    cr_assert_eq(store_backup(bench.dir, to, &err), STATUS_CONFLICT);

    cr_assert_eq(stat(to, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    cr_assert_eq(store_sqlite_open(copy.dir, "default", &copy.store, &err), STATUS_OK);
    cr_assert_eq(copy.store->ops->begin(copy.store, &copy.start, &err), STATUS_OK);
    cr_assert_eq(copy.start.epoch, bench.start.epoch + BACKUP_EPOCH_GAP + 1);
    cr_assert_eq(copy.start.next_run, 2 + BACKUP_RUN_GAP);
    bench_load(copy.store, STORY_WALL_MS, &lines);
    bench_close(&bench);
    bench_open(&bench, BENCH_MEMORY);
    tell(bench.store, 0, STORY_RUNNING);
    bench_load(bench.store, STORY_WALL_MS, &expected);
    cr_assert_str_eq(lines.at, expected.at);

    bench_close(&bench);
    bench_close(&copy);
    buffer_release(&lines);
    buffer_release(&expected);
}

Test(store_sqlite, an_old_copy_put_back_never_issues_an_epoch_again)
{
    struct bench bench;

    make_closed(&bench, 3);
    CLEANUP(mem_freep) char *db = path_in(&bench, "muster.db");
    CLEANUP(mem_freep) char *old = path_in(&bench, "old.db");
    copy_file(db, old);
    for (int i = 0; i < 3; i++) {
        struct store_start start;

        cr_assert_eq(store_sqlite_open(bench.dir, "default", &bench.store, NULL), STATUS_OK);
        cr_assert_eq(bench.store->ops->begin(bench.store, &start, NULL), STATUS_OK);
        cr_assert_eq(start.epoch, 2 + i);
        bench.store->ops->close(bench.store);
    }
    copy_file(old, db);

    cr_assert_eq(store_sqlite_open(bench.dir, "default", &bench.store, NULL), STATUS_OK);
    bench_restart(&bench);

    cr_assert_eq(bench.start.epoch, 5);
    bench_close(&bench);
}

Test(store_sqlite, pruning_is_for_stopped_coordinators_and_gives_back_what_is_old)
{
    struct bench bench;
    struct error err;
    int64_t deleted;

    bench_open(&bench, BENCH_SQLITE);
    tell(bench.store, 0, STORY_COUNT);
    cr_assert_eq(store_prune(bench.dir, "default", STORY_WALL_MS * 2, 1000, &deleted, &err),
                 STATUS_CONFLICT);
    bench.store->ops->close(bench.store);

    cr_assert_eq(store_prune(bench.dir, "default", STORY_WALL_MS, 1000, &deleted, &err), STATUS_OK);
    cr_assert_eq(deleted, 0);
    cr_assert_eq(store_prune(bench.dir, "default", STORY_WALL_MS * 2, 1000, &deleted, &err),
                 STATUS_OK);
    cr_assert_eq(deleted, 1);
    static const char *const tables[] = {"SELECT count(*) FROM ledger WHERE run>0",
                                         "SELECT count(*) FROM marks",
                                         "SELECT count(*) FROM tests",
                                         "SELECT count(*) FROM attempts",
                                         "SELECT count(*) FROM runs",
                                         "SELECT count(*) FROM secrets",
                                         "SELECT count(*) FROM gone_runs"};
    CLEANUP(mem_freep) char *path = path_in(&bench, "muster.db");
    struct db db;
    cr_assert_eq(db_open(&db, path, DB_READER, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        int64_t left;

        cr_assert_eq(db_number(&db, -1, &left, &err, tables[i], ""), STATUS_OK);
        cr_assert_eq(left, 0, "%s: %lld", tables[i], (long long)left);
    }
    db_close(&db);
    remove_bench(&bench);
}
