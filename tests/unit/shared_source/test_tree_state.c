/* The version of a tree, read from real repositories in a temporary directory. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "shared/source/git_call.h"
#include "shared/source/tree_state.h"

static char dir[] = "/tmp/muster-tree-XXXXXX";

static void git(const char *const *argv)
{
    struct error err;
    struct git_call call = {.dir = dir, .argv = argv, .timeout_ms = 20000, .lock_fd = -1};

    cr_assert_eq(git_call(&call, NULL, &err), STATUS_OK, "%s", err.text);
}

#define GIT(...) git((const char *const[]){__VA_ARGS__, NULL})

static void put(const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static struct tree_state state_of(const char *sub, const char *const *except, size_t count)
{
    struct tree_state state;
    struct error err;
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, sub);

    cr_assert_eq(tree_state_read(path, except, count, &state, &err), STATUS_OK, "%s", err.text);
    return state;
}

static void repository_make(void)
{
    struct error err;
    CLEANUP(mem_freep) char *sub = NULL;

    cr_assert_not_null(mkdtemp(dir));
    sub = mem_printf("%s/sub", dir);
    cr_assert_eq(file_make_directories(sub, 0755, &err), STATUS_OK);
    put("a.py", "a = 1\n");
    put("sub/b.py", "b = 1\n");
    GIT("init", "-q", ".");
    GIT("add", "-A");
    GIT("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "one");
}

static void repository_remove(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(tree_state, .init = repository_make, .fini = repository_remove, .timeout = 60);

Test(tree_state, a_clean_tree_has_a_revision_and_a_constant_hash)
{
    struct tree_state top = state_of("", NULL, 0);
    struct tree_state sub = state_of("sub", NULL, 0);

    cr_assert(top.is_repository);
    cr_assert_not(top.is_dirty);
    cr_assert_eq(strlen(top.revision), 40);
    cr_assert_str_eq(top.hash, sub.hash);
}

Test(tree_state, every_kind_of_change_changes_the_hash)
{
    static const char *const contents[] = {"a = 2\n", "a = 3\n"};
    struct tree_state before = state_of("", NULL, 0);

    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        struct tree_state after;

        put("a.py", contents[i]);
        after = state_of("", NULL, 0);
        cr_assert(after.is_dirty);
        cr_assert_str_neq(after.hash, before.hash);
        cr_assert_str_eq(after.revision, before.revision);
        before = after;
    }
}

Test(tree_state, staging_a_change_does_not_change_the_hash)
{
    struct tree_state before;

    put("new.py", "new\n");
    before = state_of("", NULL, 0);
    GIT("add", "-A");

    cr_assert_str_eq(state_of("", NULL, 0).hash, before.hash);
    cr_assert(before.is_dirty);
}

Test(tree_state, a_removed_file_and_a_link_are_dirt)
{
    struct tree_state clean = state_of("", NULL, 0);
    struct tree_state gone;
    CLEANUP(mem_freep) char *path = mem_printf("%s/a.py", dir);

    cr_assert_eq(unlink(path), 0);
    gone = state_of("", NULL, 0);
    cr_assert_eq(symlink("/nowhere", path), 0);

    cr_assert_str_neq(gone.hash, clean.hash);
    cr_assert_str_neq(state_of("", NULL, 0).hash, gone.hash);
}

Test(tree_state, what_prepare_makes_and_what_python_leaves_is_left_out)
{
    static const char *const except[] = {"built/"};
    struct tree_state clean = state_of("", NULL, 0);
    struct error err;
    CLEANUP(mem_freep) char *built = mem_printf("%s/built", dir);
    CLEANUP(mem_freep) char *cache = mem_printf("%s/sub/__pycache__", dir);

    cr_assert_eq(file_make_directories(built, 0755, &err), STATUS_OK);
    cr_assert_eq(file_make_directories(cache, 0755, &err), STATUS_OK);
    put("built/out", "x");
    put("sub/__pycache__/b.pyc", "x");

    cr_assert_str_eq(state_of("", except, 1).hash, clean.hash);
    cr_assert_str_neq(state_of("", NULL, 0).hash, clean.hash);
}

Test(tree_state, of_a_directory_below_counts_only_what_is_in_it)
{
    struct tree_state before = state_of("sub", NULL, 0);

    put("a.py", "a = 2\n");
    cr_assert_str_eq(state_of("sub", NULL, 0).hash, before.hash);

    put("sub/b.py", "b = 2\n");
    cr_assert_str_neq(state_of("sub", NULL, 0).hash, before.hash);
}

Test(tree_state, a_directory_without_repository_is_no_error)
{
    struct tree_state state;
    struct error err;

    cr_assert_eq(tree_state_read("/proc", NULL, 0, &state, &err), STATUS_OK);
    cr_assert_not(state.is_repository);
    cr_assert_str_eq(state.revision, "");
}

Test(git_call, a_failure_carries_gits_own_reason)
{
    struct error err;
    struct git_call call = {.dir = "/proc",
                            .argv = (const char *const[]){"rev-parse", "HEAD", NULL},
                            .timeout_ms = 10000,
                            .lock_fd = -1};

    cr_assert_eq(git_call(&call, NULL, &err), STATUS_INVALID);
    cr_assert_not_null(strstr(err.text, "not a git repository"), "%s", err.text);
}

Test(git_call, time_that_is_up_kills_git)
{
    struct error err;
    struct git_call call = {
        .dir = "/",
        .argv = (const char *const[]){"-c", "alias.hang=!exec tail -f /dev/null", "hang", NULL},
        .timeout_ms = 200,
        .lock_fd = -1};

    cr_assert_eq(git_call(&call, NULL, &err), STATUS_TIMEOUT);
}

Test(git_call, a_url_is_shown_without_its_secret)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"https://user:secret@example.org/x.git", "https://...@example.org/x.git"},
        {"https://example.org/x@y.git", "https://example.org/x@y.git"},
        {"/srv/git/x.git", "/srv/git/x.git"},
        {"git@example.org:x.git", "git@example.org:x.git"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer shown;

        buffer_init(&shown, 1000);
        git_url_mask(cases[i].url, &shown);
        cr_assert_str_eq(shown.at, cases[i].shown);
        buffer_release(&shown);
    }
}
