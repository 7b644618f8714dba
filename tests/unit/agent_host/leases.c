/* The book: written before, swept at the next start, nothing of anybody else's. */

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/host/lease_record.h"
#include "agent/host/leases.h"
#include "agent/host/mount.h"
#include "agent/host/process.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

static char dir[64];
static struct lease_book *book;

static void setup(void)
{
    struct error err;

    (void)snprintf(dir, sizeof(dir), "/tmp/muster-book-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(lease_book_open(dir, &book, &err), STATUS_OK, "%s", err.text);
}

static void teardown(void)
{
    struct error err;

    lease_book_free(book);
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK, "%s", err.text);
}

TestSuite(lease_book, .init = setup, .fini = teardown, .timeout = 30);

/* What the next incarnation sees. */
static void reopen(void)
{
    struct error err;

    lease_book_free(book);
    cr_assert_eq(lease_book_open(dir, &book, &err), STATUS_OK, "%s", err.text);
}

static int64_t add(enum lease_record_kind kind, const char *what)
{
    struct error err;
    int64_t id = 0;

    cr_assert_eq(lease_book_add(book, kind, what, &id, &err), STATUS_OK, "%s", err.text);
    return id;
}

static void sweep(void)
{
    struct error err;

    cr_assert_eq(lease_book_sweep(book, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(lease_book_count(book), 0);
}

Test(lease_book, what_was_recorded_goes_at_the_next_start)
{
    CLEANUP(mem_freep) char *tree = mem_printf("%s/tree/deep", dir);
    CLEANUP(mem_freep) char *top = mem_printf("%s/tree", dir);
    CLEANUP(mem_freep) char *file = mem_printf("%s/file", dir);
    CLEANUP(mem_freep) char *other = mem_printf("%s/other", dir);
    CLEANUP(mem_freep) char *never = mem_printf("%s/never-made", dir);
    struct error err;

    (void)add(LEASE_RECORD_DIRECTORY, top);
    (void)add(LEASE_RECORD_FILE, file);
    (void)add(LEASE_RECORD_FILE, never);
    cr_assert_eq(file_make_directories(tree, 0700, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(file, "x", 1, 0600, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(other, "x", 1, 0600, &err), STATUS_OK);

    reopen();
    sweep();
    cr_assert_not(file_exists(top));
    cr_assert_not(file_exists(file));
    cr_assert(file_exists(other));
}

Test(lease_book, ids_go_on_after_a_restart)
{
    int64_t first = add(LEASE_RECORD_FILE, "/tmp/muster-none-a");

    reopen();
    int64_t second = add(LEASE_RECORD_FILE, "/tmp/muster-none-b");
    cr_assert_gt(second, first);
    lease_book_remove(book, first);
    lease_book_remove(book, first);
    cr_assert_eq(lease_book_count(book), 1);
}

Test(lease_book, a_torn_record_names_nothing)
{
    char path[LEASE_PATH_SIZE];
    struct error err;
    int64_t id = add(LEASE_RECORD_DIRECTORY, dir);

    lease_book_path(book, id, path);
    cr_assert_eq(file_write_atomic(path, "muster-lease 1\nkind dir", 23, 0600, &err), STATUS_OK);
    sweep();
    cr_assert(file_exists(dir));
}

/* A child that carries the key, in a session of its own. */
static pid_t marked_child(const char *key)
{
    int fds[2];
    char byte = 0;

    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CLEANUP(mem_freep) char *mark = mem_printf("MUSTER_LEASE=%s", key);
        char *const environment[] = {mark, NULL};
        char shell[] = "sh";
        char option[] = "-c";
        char script[] = "trap '' TERM; echo; while :; do sleep 1; done";
        char *const argv[] = {shell, option, script, NULL};
        (void)setsid();
        (void)dup2(fds[1], 1);
        (void)execve("/bin/sh", argv, environment);
        _exit(127);
    }
    cr_assert_eq(read(fds[0], &byte, 1), 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return pid;
}

Test(lease_book, a_process_is_found_by_its_key_though_its_pid_was_never_written)
{
    pid_t ours = marked_child("key-of-the-sweep");
    pid_t other = marked_child("key-of-somebody-else");
    int status = 0;

    (void)add(LEASE_RECORD_PROCESS, "key-of-the-sweep");
    reopen();
    sweep();
    cr_assert_eq(waitpid(ours, &status, 0), ours);
    cr_assert_eq(WTERMSIG(status), SIGKILL);
    cr_assert_eq(waitpid(other, &status, WNOHANG), 0);
    (void)kill(other, SIGKILL);
    (void)waitpid(other, &status, 0);
}

static void record_pid(int64_t id, pid_t pid, int64_t start, const char *boot)
{
    struct lease_record record;
    char path[LEASE_PATH_SIZE];
    struct error err;

    cr_assert_eq(lease_record_init(&record, LEASE_RECORD_PROCESS, "no-such-key", &err), STATUS_OK);
    record.pid = pid;
    record.start = start;
    (void)snprintf(record.boot, sizeof(record.boot), "%s", boot);
    lease_book_path(book, id, path);
    cr_assert_eq(lease_record_write(path, &record, &err), STATUS_OK);
}

Test(lease_book, a_pid_that_was_given_out_again_is_left_alone)
{
    pid_t child = marked_child("unrelated");
    int64_t start = process_start_ticks(child);
    char boot[LEASE_BOOT_SIZE];
    int status = 0;

    cr_assert_gt(start, 0);
    process_boot_id(boot);
    record_pid(add(LEASE_RECORD_PROCESS, "no-such-key"), child, start + 1, boot);
    sweep();
    record_pid(add(LEASE_RECORD_PROCESS, "no-such-key"), child, start, "another-boot");
    sweep();
    cr_assert_eq(waitpid(child, &status, WNOHANG), 0, "it lives");

    record_pid(add(LEASE_RECORD_PROCESS, "no-such-key"), child, start, boot);
    sweep();
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WTERMSIG(status), SIGKILL);
}

Test(lease_book, a_mount_goes_before_its_directory)
{
    CLEANUP(mem_freep) char *point = mem_printf("%s/a mount", dir);
    struct error err;

    (void)add(LEASE_RECORD_DIRECTORY, point);
    (void)add(LEASE_RECORD_MOUNT, point);
    cr_assert_eq(file_make_directories(point, 0700, &err), STATUS_OK);
    if (mount("none", point, "tmpfs", 0, "size=64k") != 0)
        cr_skip("only root may mount");
    cr_assert(mount_is_point(point));

    sweep();
    cr_assert_not(mount_is_point(point));
    cr_assert_not(file_exists(point));
}
