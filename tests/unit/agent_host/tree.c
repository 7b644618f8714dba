/* Directories are copied whole or not at all, and nobody is led out of them. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/host/tree.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/memory.h"
#include "tests/unit/agent_host/ordinary.h"

static char dir[64];
static char from[80];
static char to[80];

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-tree-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(from, sizeof(from), "%s/from", dir);
    (void)snprintf(to, sizeof(to), "%s/to", dir);
}

static void teardown(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK, "%s", err.text);
}

/* A test that is skipped is not torn down by the framework. */
#define SKIP(...)                                                                                  \
    do {                                                                                           \
        teardown();                                                                                \
        cr_skip_test(__VA_ARGS__);                                                                 \
    } while (false)

TestSuite(tree, .init = setup, .fini = teardown);

/* ---- what stands in a tree ------------------------------------------------------- */

static const struct tree_options by_hand = {.means = COPY_PLAIN, .threads = 1};

static const char *in(const char *root, const char *name)
{
    static char paths[4][256]; /* as many as one call needs at once */
    static size_t next;
    char *path = paths[next++ % COUNT_OF(paths)];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    struct error err;

    cr_assert_eq(file_write_atomic(path, text, strlen(text), 0600, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(chmod(path, mode), 0);
}

static void tree_make(const char *root)
{
    cr_assert_eq(mkdir(root, 0700), 0);
    cr_assert_eq(mkdir(in(root, "base"), 0700), 0);
    cr_assert_eq(mkdir(in(root, "base/1"), 0700), 0);
    cr_assert_eq(mkdir(in(root, "empty"), 0700), 0);
    write_file(in(root, "PG_VERSION"), "15\n", 0600);
    write_file(in(root, "base/1/1259"), "pages", 0640);
    write_file(in(root, "base/1/nothing"), "", 0444);
    write_file(in(root, "a file, with: odd\\ letters"), "x", 04755);
    for (int i = 0; i < 100; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/base/1/%d", root, i);
        write_file(path, path, 0600);
    }
    cr_assert_eq(symlink("PG_VERSION", in(root, "base/link")), 0);
    cr_assert_eq(symlink("/nowhere/at/all", in(root, "dangling")), 0);
    cr_assert_eq(chmod(in(root, "base/1"), 0550), 0);
    cr_assert_eq(chmod(root, 0750), 0);
}

static void hash_of(const char *path, char out_hash[65])
{
    struct error err;

    cr_assert_eq(tree_hash(path, out_hash, &err), STATUS_OK, "%s", err.text);
}

/* ---- copies ----------------------------------------------------------------------- */

Test(tree, a_copy_is_the_same_by_every_means_and_number_of_threads)
{
    char wanted[65];
    struct error err;

    tree_make(from);
    hash_of(from, wanted);
    for (int means = 0; means < COPY_MEANS_COUNT; means++)
        for (int threads = 1; threads <= TREE_THREADS_MAX; threads++) {
            struct tree_options options = {.means = (enum copy_means)means, .threads = threads};
            char hash[65];
            cr_assert_eq(tree_copy(from, to, &options, &err), STATUS_OK, "%s", err.text);
            hash_of(to, hash);
            cr_assert_str_eq(hash, wanted, "%s, %d threads", copy_means_name(options.means),
                             threads);
            cr_assert_eq(file_remove_tree(to, &err), STATUS_OK, "%s", err.text);
        }
}

#define HOLE_BYTES ((off_t)1024 * 1024)

/* Nothing, a word, nothing. */
static void holes_make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, "word", 4, HOLE_BYTES), 4);
    cr_assert_eq(ftruncate(fd, 2 * HOLE_BYTES), 0);
    cr_assert_eq(close(fd), 0);
}

Test(tree, holes_stay_holes)
{
    struct tree_size source;
    struct tree_size copy;
    char wanted[65];
    char hash[65];
    struct error err;

    cr_assert_eq(mkdir(from, 0700), 0);
    holes_make(in(from, "file"));
    cr_assert_eq(tree_measure(from, &source, &err), STATUS_OK, "%s", err.text);
    if (source.allocated_bytes >= source.bytes / 2)
        SKIP("the file system under /tmp keeps no holes");
    hash_of(from, wanted);
    for (int means = 0; means < COPY_MEANS_COUNT; means++) {
        struct tree_options options = {.means = (enum copy_means)means, .threads = 1};
        cr_assert_eq(tree_copy(from, to, &options, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(tree_measure(to, &copy, &err), STATUS_OK, "%s", err.text);
        hash_of(to, hash);
        cr_assert_str_eq(hash, wanted);
        cr_assert_eq(copy.bytes, 2 * HOLE_BYTES);
        cr_assert_lt(copy.allocated_bytes, copy.bytes / 2, "%s", copy_means_name(options.means));
        cr_assert_eq(file_remove_tree(to, &err), STATUS_OK);
    }
}

Test(tree, what_is_no_file_is_refused_and_nothing_is_made)
{
    struct error err;

    tree_make(from);
    cr_assert_eq(mkfifo(in(from, "base/pipe"), 0600), 0);
    cr_assert_eq(tree_copy(from, to, &by_hand, &err), STATUS_INVALID);
    cr_assert_not_null(strstr(err.text, "from/base/pipe"), "%s", err.text);
    cr_assert_not(file_exists(to));
}

Test(tree, nothing_is_copied_over_what_is_there)
{
    struct error err;

    tree_make(from);
    cr_assert_eq(mkdir(to, 0700), 0);
    write_file(in(to, "mine"), "mine", 0600);
    cr_assert_neq(tree_copy(from, to, &by_hand, &err), STATUS_OK);
    cr_assert_not_null(strstr(err.text, "File exists"), "%s", err.text);
    cr_assert(file_exists(in(to, "mine")));
    cr_assert_not(file_exists(in(to, "PG_VERSION")));
}

Test(tree, neither_a_file_nor_a_link_is_a_tree)
{
    struct error err;

    tree_make(from);
    cr_assert_eq(symlink("from", in(dir, "link")), 0);
    cr_assert_neq(tree_copy(in(dir, "link"), to, &by_hand, &err), STATUS_OK);
    cr_assert_neq(tree_copy(in(from, "PG_VERSION"), to, &by_hand, &err), STATUS_OK);
    cr_assert_neq(tree_copy(in(dir, "nothing"), to, &by_hand, &err), STATUS_OK);
    cr_assert_not(file_exists(to));
}

Test(tree, what_cannot_be_read_leaves_no_copy)
{
    struct tree_options options = {.means = COPY_RANGE, .threads = 3};
    struct error err;

    ordinary_become(dir);
    tree_make(from);
    cr_assert_eq(chmod(in(from, "PG_VERSION"), 0), 0);
    cr_assert_eq(tree_copy(from, to, &options, &err), STATUS_IO);
    cr_assert_not_null(strstr(err.text, "PG_VERSION"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "Permission denied"), "%s", err.text);
    cr_assert_not(file_exists(to));
}

Test(tree, a_full_disk_is_named_and_leaves_no_copy)
{
    struct error err;
    char block[4096] = "full";

    tree_make(from);
    for (int i = 0; i < 3; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/base/big%d", from, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        for (int block_at = 0; block_at < 128; block_at++)
            cr_assert_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
        cr_assert_eq(close(fd), 0);
    }
    cr_assert_eq(mkdir(in(dir, "small"), 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", in(dir, "small"), "tmpfs", 0, "size=1m") != 0)
        SKIP("only root may mount a small file system");
    for (int means = 0; means < COPY_MEANS_COUNT; means++) {
        struct tree_options options = {.means = (enum copy_means)means, .threads = 2};
        cr_assert_neq(tree_copy(from, in(dir, "small/to"), &options, &err), STATUS_OK);
        cr_assert_not_null(strstr(err.text, "No space left on device"), "%s", err.text);
        cr_assert_not(file_exists(in(dir, "small/to")));
    }
    cr_assert_eq(umount(in(dir, "small")), 0);
}

/* A path that fits nowhere: names of 250 letters, one in the other. */
#define LEVELS 17

Test(tree, a_path_that_does_not_fit_is_an_error)
{
    char name[251];
    int fds[LEVELS + 1];
    struct error err;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    cr_assert_eq(mkdir(from, 0700), 0);
    fds[0] = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < LEVELS; i++) {
        cr_assert_eq(mkdirat(fds[i], name, 0700), 0);
        fds[i + 1] = openat(fds[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    cr_assert_eq(tree_copy(from, to, &by_hand, &err), STATUS_TOO_BIG);
    cr_assert_not(file_exists(to));
    for (int i = LEVELS; i-- > 0;) {
        (void)close(fds[i + 1]);
        cr_assert_eq(unlinkat(fds[i], name, AT_REMOVEDIR), 0);
    }
    (void)close(fds[0]);
}

/* ---- owners ------------------------------------------------------------------------ */

static void owners_check(const char *root, uid_t uid)
{
    static const char *const names[] = {"",           "base",     "base/1",
                                        "PG_VERSION", "base/1/7", "base/1/nothing",
                                        "empty",      "dangling", "base/link"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct stat state;
        cr_assert_eq(lstat(in(root, names[i]), &state), 0);
        cr_assert_eq(state.st_uid, uid, "%s", names[i]);
        cr_assert_eq(state.st_gid, uid, "%s", names[i]);
    }
}

Test(tree, root_gives_a_copy_away_with_its_modes)
{
    struct tree_options options = {
        .means = COPY_PLAIN, .threads = 2, .give = true, .uid = ORDINARY_UID, .gid = ORDINARY_GID};
    char wanted[65];
    char hash[65];
    struct error err;

    if (geteuid() != 0)
        SKIP("only root can give files away");
    tree_make(from);
    hash_of(from, wanted);
    cr_assert_eq(tree_copy(from, to, &options, &err), STATUS_OK, "%s", err.text);
    owners_check(to, ORDINARY_UID);
    owners_check(from, 0);
    hash_of(to, hash);
    cr_assert_str_eq(hash, wanted, "the modes stay, setuid also");
}

Test(tree, giving_does_not_follow_links)
{
    struct stat state;
    struct error err;

    if (geteuid() != 0)
        SKIP("only root can give files away");
    tree_make(from);
    write_file(in(dir, "secret"), "secret", 0600);
    cr_assert_eq(symlink("../secret", in(from, "bait")), 0);
    cr_assert_eq(tree_give(from, ORDINARY_UID, ORDINARY_GID, &err), STATUS_OK, "%s", err.text);
    owners_check(from, ORDINARY_UID);
    cr_assert_eq(stat(in(dir, "secret"), &state), 0);
    cr_assert_eq(state.st_uid, 0);
    cr_assert_eq(lstat(in(from, "bait"), &state), 0);
    cr_assert_eq(state.st_uid, ORDINARY_UID);
}

Test(tree, an_ordinary_user_gives_nothing_away)
{
    struct error err;

    ordinary_become(dir);
    tree_make(from);
    cr_assert_neq(tree_give(from, 1, 1, &err), STATUS_OK);
    cr_assert_not_null(strstr(err.text, "Operation not permitted"), "%s", err.text);
}

/* ---- hashes, sizes ------------------------------------------------------------------ */

/* clang-format off */
static void change_bytes(void)  { write_file(in(from, "PG_VERSION"), "16\n", 0600); }
static void change_mode(void)   { cr_assert_eq(chmod(in(from, "PG_VERSION"), 0640), 0); }
static void change_root(void)   { cr_assert_eq(chmod(from, 0700), 0); }
static void change_name(void)   { cr_assert_eq(rename(in(from, "PG_VERSION"), in(from, "VERSION")), 0); }
static void change_link(void)   { cr_assert_eq(unlink(in(from, "dangling")), 0); cr_assert_eq(symlink("/nowhere/at/al1", in(from, "dangling")), 0); }
static void change_more(void)   { cr_assert_eq(mkdir(in(from, "more"), 0700), 0); }
static void change_less(void)   { cr_assert_eq(rmdir(in(from, "empty")), 0); }
static void change_kind(void)   { change_less(); write_file(in(from, "empty"), "", 0700); }
/* clang-format on */

static void (*const changes[])(void) = {
    change_bytes, change_mode, change_root, change_name,
    change_link,  change_more, change_less, change_kind,
};

Test(tree, every_change_changes_both_hashes)
{
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char before[2][65];
        char after[2][65];
        struct error err;
        tree_make(from);
        hash_of(from, before[0]);
        cr_assert_eq(tree_print(from, before[1], &err), STATUS_OK);
        changes[i]();
        hash_of(from, after[0]);
        cr_assert_eq(tree_print(from, after[1], &err), STATUS_OK);
        cr_assert_str_neq(before[0], after[0], "change %zu", i);
        cr_assert_str_neq(before[1], after[1], "change %zu", i);
        cr_assert_eq(file_remove_tree(from, &err), STATUS_OK);
    }
}

Test(tree, a_print_tells_touched_from_looked_at)
{
    char before[65];
    char after[65];
    struct error err;

    tree_make(from);
    cr_assert_eq(tree_print(from, before, &err), STATUS_OK);
    hash_of(from, after); /* reads everything */
    cr_assert_eq(tree_print(from, after, &err), STATUS_OK);
    cr_assert_str_eq(before, after);

    int fd = open(in(from, "PG_VERSION"), O_WRONLY | O_CLOEXEC);
    cr_assert_eq(write(fd, "15\n", 3), 3, "the same bytes again");
    cr_assert_eq(close(fd), 0);
    cr_assert_eq(tree_print(from, after, &err), STATUS_OK);
    cr_assert_str_neq(before, after);
}

Test(tree, only_files_are_measured)
{
    struct tree_size size;
    struct error err;

    cr_assert_eq(mkdir(from, 0700), 0);
    cr_assert_eq(mkdir(in(from, "below"), 0700), 0);
    write_file(in(from, "below/a"), "12345", 0600);
    write_file(in(from, "b"), "123", 0600);
    cr_assert_eq(symlink("b", in(from, "c")), 0);
    cr_assert_eq(tree_measure(from, &size, &err), STATUS_OK);
    cr_assert_eq(size.files, 2);
    cr_assert_eq(size.bytes, 8);
    cr_assert_eq(tree_measure(in(from, "nothing"), &size, &err), STATUS_IO);
}

/* ---- removal ------------------------------------------------------------------------ */

Test(tree, an_ordinary_user_removes_directories_that_are_closed_even_to_itself)
{
    struct error err;

    ordinary_become(dir);
    tree_make(from);
    write_file(in(from, "empty/inside"), "", 0);
    cr_assert_eq(mkdir(in(from, "empty/deeper"), 0), 0);
    cr_assert_eq(chmod(in(from, "empty"), 0), 0); /* like the kernel's room beside an overlay */
    cr_assert_eq(chmod(in(from, "base"), 0400), 0);
    cr_assert_eq(chmod(from, 0), 0);
    cr_assert_eq(file_remove_tree(from, &err), STATUS_OK, "%s", err.text);
    cr_assert_not(file_exists(from));
}
