#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/memory.h"

static char dir[] = "/tmp/muster-file-XXXXXX";

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void tear_down(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK, "%s", err.text);
    cr_assert_not(file_exists(dir));
}

TestSuite(file, .init = set_up, .fini = tear_down);

static char *in_dir(const char *name)
{
    return mem_printf("%s/%s", dir, name);
}

Test(file, written_atomically_is_read_back_whole)
{
    CLEANUP(mem_freep) char *path = in_dir("a");
    struct buffer text;
    struct error err;

    buffer_init(&text, 100);
    cr_assert_eq(file_write_atomic(path, "hello", 5, 0600, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(path, "again", 5, 0600, &err), STATUS_OK);
    cr_assert_eq(file_read(path, &text, &err), STATUS_OK);
    cr_assert_str_eq(text.at, "again");
    buffer_release(&text);
}

Test(file, past_the_bound_is_too_big_and_a_missing_one_is_not_found)
{
    CLEANUP(mem_freep) char *path = in_dir("a");
    struct buffer text;
    struct error err;

    buffer_init(&text, 4);
    cr_assert_eq(file_read(path, &text, &err), STATUS_NOT_FOUND);
    cr_assert_eq(file_write_atomic(path, "hello", 5, 0600, &err), STATUS_OK);
    cr_assert_eq(file_read(path, &text, &err), STATUS_TOO_BIG);
    buffer_release(&text);
}

Test(file, a_tree_goes_with_closed_directories_but_not_what_links_lead_to)
{
    CLEANUP(mem_freep) char *deep = in_dir("tree/b/c");
    CLEANUP(mem_freep) char *closed = in_dir("tree/b");
    CLEANUP(mem_freep) char *tree = in_dir("tree");
    CLEANUP(mem_freep) char *outside = in_dir("outside");
    CLEANUP(mem_freep) char *link = in_dir("tree/link");
    struct error err;

    cr_assert_eq(file_make_directories(deep, 0755, &err), STATUS_OK);
    cr_assert_eq(file_make_directories(outside, 0755, &err), STATUS_OK);
    cr_assert_eq(symlink(outside, link), 0);
    cr_assert_eq(chmod(closed, 0), 0);
    cr_assert_eq(file_remove_tree(tree, &err), STATUS_OK, "%s", err.text);
    cr_assert_not(file_exists(tree));
    cr_assert(file_exists(outside));
    cr_assert_eq(file_remove_tree(tree, &err), STATUS_OK, "what is gone is gone");
}

Test(file, a_lock_has_one_holder)
{
    CLEANUP(mem_freep) char *path = in_dir("lock");
    struct error err;
    int first = -1;
    int second = -1;

    cr_assert_eq(file_lock(path, &first, &err), STATUS_OK);
    cr_assert_eq(file_lock(path, &second, &err), STATUS_CONFLICT);
    cr_assert_eq(close(first), 0);
    cr_assert_eq(file_lock(path, &second, &err), STATUS_OK);
    cr_assert_eq(close(second), 0);
}
