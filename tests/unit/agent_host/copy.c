/* Copies are whole or not there, by whatever means. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/host/copy.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/memory.h"

static char dir[64];

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-copy-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(copy, .init = setup, .fini = teardown);

Test(copy, every_means_gives_the_same_bytes)
{
    static const size_t sizes[] = {0, 1, 4096, 3 * 1024 * 1024 + 5};
    CLEANUP(mem_freep) char *from = mem_printf("%s/from", dir);

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        CLEANUP(mem_freep) char *bytes = mem_zalloc(sizes[i] + 1);
        char wanted[HASH_HEX_SIZE];
        struct error err;
        for (size_t at = 0; at < sizes[i]; at++)
            bytes[at] = (char)(at * 7 + at / 4096);
        cr_assert_eq(file_write_atomic(from, bytes, sizes[i], 0444, &err), STATUS_OK);
        cr_assert_eq(hash_file(from, wanted, &err), STATUS_OK);
        for (int means = 0; means < COPY_MEANS_COUNT; means++) {
            CLEANUP(mem_freep) char *to = mem_printf("%s/to-%zu-%d", dir, i, means);
            char hash[HASH_HEX_SIZE];
            struct stat info;
            cr_assert_eq(copy_file(from, to, 0600, (enum copy_means)means, &err), STATUS_OK, "%s",
                         err.text);
            cr_assert_eq(hash_file(to, hash, &err), STATUS_OK);
            cr_assert_str_eq(hash, wanted);
            cr_assert_eq(stat(to, &info), 0);
            cr_assert_eq(info.st_mode & 0777, 0600);
        }
    }
}

Test(copy, nothing_is_written_over_and_nothing_half_stays)
{
    CLEANUP(mem_freep) char *from = mem_printf("%s/from", dir);
    CLEANUP(mem_freep) char *to = mem_printf("%s/to", dir);
    struct error err;

    cr_assert_neq(copy_file(from, to, 0600, COPY_PLAIN, &err), STATUS_OK);
    cr_assert_not(file_exists(to));
    cr_assert_eq(file_write_atomic(from, "new", 3, 0600, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(to, "old", 3, 0600, &err), STATUS_OK);
    cr_assert_neq(copy_file(from, to, 0600, COPY_PLAIN, &err), STATUS_OK);
}

Test(copy, the_trial_leaves_no_file)
{
    enum copy_means means = COPY_MEANS_COUNT;
    struct error err;

    cr_assert_eq(copy_means_try(dir, dir, &means, &err), STATUS_OK, "%s", err.text);
    cr_assert_lt(means, COPY_MEANS_COUNT);
    cr_assert_eq(rmdir(dir), 0, "the directory is empty");
    cr_assert_neq(copy_means_try(dir, dir, &means, &err), STATUS_OK);
}

Test(copy, a_print_changes_with_the_file)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/file", dir);
    struct file_print before;
    struct file_print after;
    struct error err;

    cr_assert_eq(file_write_atomic(path, "abc", 3, 0600, &err), STATUS_OK);
    cr_assert_eq(file_print_take(path, &before, &err), STATUS_OK);
    cr_assert_eq(file_print_take(path, &after, &err), STATUS_OK);
    cr_assert(file_print_equals(&before, &after));
    cr_assert_eq(file_write_atomic(path, "abd", 3, 0600, &err), STATUS_OK);
    cr_assert_eq(file_print_take(path, &after, &err), STATUS_OK);
    cr_assert_not(file_print_equals(&before, &after));
}
