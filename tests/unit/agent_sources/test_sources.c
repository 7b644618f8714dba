/* Trees from real repositories and directories, in a temporary directory. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sources/sources.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/memory.h"
#include "shared/source/git_call.h"
#include "shared/source/tree_state.h"

static char base[] = "/tmp/muster-sources-XXXXXX";
static char *repository, *work_dir;
static char revision_one[TREE_REVISION_SIZE], revision_two[TREE_REVISION_SIZE];

static void git(const char *dir, const char *const *argv)
{
    struct error err;
    struct git_call call = {.dir = dir, .argv = argv, .timeout_ms = 20000, .lock_fd = -1};

    cr_assert_eq(git_call(&call, NULL, &err), STATUS_OK, "%s", err.text);
}

#define GIT(...) git(repository, (const char *const[]){__VA_ARGS__, NULL})

static void put(const char *dir, const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    (void)fputs(text, file);
    (void)fclose(file);
}

static bool is_there(const char *dir, const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);

    return file_exists(path);
}

static void commit(const char *text, char out_revision[TREE_REVISION_SIZE])
{
    struct tree_state state;
    struct error err;

    put(repository, "app/version", text);
    GIT("add", "-A");
    GIT("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", text);
    cr_assert_eq(tree_state_read(repository, NULL, 0, &state, &err), STATUS_OK);
    (void)memcpy(out_revision, state.revision, TREE_REVISION_SIZE);
}

static void world_make(void)
{
    struct error err;
    CLEANUP(mem_freep) char *app = NULL;

    cr_assert_not_null(mkdtemp(base));
    repository = mem_printf("%s/roots/repository", base);
    work_dir = mem_printf("%s/work", base);
    app = mem_printf("%s/app", repository);
    cr_assert_eq(file_make_directories(app, 0755, &err), STATUS_OK);
    cr_assert_eq(file_make_directories(work_dir, 0755, &err), STATUS_OK);
    GIT("init", "-q", "-b", "main", ".");
    commit("one", revision_one);
    commit("two", revision_two);
}

static void world_remove(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(base, &err), STATUS_OK);
    mem_freep(&repository);
    mem_freep(&work_dir);
}

TestSuite(source, .init = world_make, .fini = world_remove, .timeout = 60);
TestSuite(sources, .init = world_make, .fini = world_remove, .timeout = 60);

static struct suite_source git_source(const char *revision)
{
    return (struct suite_source){.kind = SUITE_SOURCE_GIT,
                                 .dir = "",
                                 .repository = repository,
                                 .revision = revision,
                                 .tree_hash = "",
                                 .subdir = "app"};
}

static enum status get(const struct suite_source *source, const char *output,
                       struct source_tree *tree, struct error *err)
{
    CLEANUP(mem_freep) char *root = mem_printf("%s/roots", base);
    struct source_settings settings = {
        .work_dir = work_dir, .roots = (const char *const[]){root}, .root_count = 1};
    struct source_request request = {.settings = &settings,
                                     .source = source,
                                     .outputs = &output,
                                     .output_count = output != NULL ? 1 : 0};

    return source_acquire(&request, tree, err);
}

static struct source_tree must_get(const struct suite_source *source, const char *output)
{
    struct source_tree tree;
    struct error err;

    cr_assert_eq(get(source, output, &tree, &err), STATUS_OK, "%s", err.text);
    return tree;
}

static void version_is(const char *dir, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/version", dir);
    struct buffer buffer;
    struct error err;

    buffer_init(&buffer, 100);
    cr_assert_eq(file_read(path, &buffer, &err), STATUS_OK);
    cr_assert_str_eq(buffer.at, text);
    buffer_release(&buffer);
}

Test(source, git_gives_the_revision_that_was_asked_for_at_a_stable_path)
{
    struct suite_source one = git_source(revision_one);
    struct suite_source two = git_source(revision_two);
    struct source_tree first = must_get(&one, NULL);
    CLEANUP(mem_freep) char *dir = mem_strdup(first.dir);
    struct source_tree second;

    version_is(first.dir, "one");
    source_tree_release(&first);
    second = must_get(&two, NULL);

    version_is(second.dir, "two");
    cr_assert_str_eq(second.dir, dir);
    source_tree_release(&second);
}

Test(source, git_keeps_what_prepare_made_and_removes_what_tests_left)
{
    struct suite_source one = git_source(revision_one);
    struct suite_source two = git_source(revision_two);
    struct source_tree tree = must_get(&one, "built [1]");
    CLEANUP(mem_freep) char *built = mem_printf("%s/built [1]", tree.dir);
    struct error err;

    cr_assert_eq(file_make_directories(built, 0755, &err), STATUS_OK);
    put(built, "out", "x");
    put(tree.dir, "left-behind", "x");
    put(tree.dir, "version", "changed by a test");
    source_tree_release(&tree);
    tree = must_get(&two, "built [1]");

    cr_assert(is_there(built, "out"));
    cr_assert_not(is_there(tree.dir, "left-behind"));
    version_is(tree.dir, "two");
    source_tree_release(&tree);
}

Test(source, git_gives_two_trees_for_two_versions_in_use)
{
    struct suite_source one = git_source(revision_one);
    struct suite_source two = git_source(revision_two);
    struct source_tree first = must_get(&one, NULL);
    struct source_tree second = must_get(&two, NULL);

    cr_assert_str_neq(first.dir, second.dir);
    version_is(first.dir, "one");
    version_is(second.dir, "two");
    source_tree_release(&first);
    source_tree_release(&second);
}

Test(source, git_fetches_a_revision_that_came_later)
{
    char revision_three[TREE_REVISION_SIZE];
    struct suite_source one = git_source(revision_one);
    struct suite_source three;
    struct source_tree tree = must_get(&one, NULL);

    source_tree_release(&tree);
    commit("three", revision_three);
    three = git_source(revision_three);
    tree = must_get(&three, NULL);

    version_is(tree.dir, "three");
    source_tree_release(&tree);
}

Test(source, git_needs_no_server_for_a_revision_it_has)
{
    struct suite_source one = git_source(revision_one);
    struct source_tree tree = must_get(&one, NULL);
    struct error err;

    source_tree_release(&tree);
    cr_assert_eq(file_remove_tree(repository, &err), STATUS_OK);
    tree = must_get(&one, NULL);

    version_is(tree.dir, "one");
    source_tree_release(&tree);
}

Test(source, git_survives_what_a_killed_git_left)
{
    struct suite_source one = git_source(revision_one);
    struct source_tree tree = must_get(&one, NULL);
    CLEANUP(mem_freep) char *link = mem_printf("%s/../.git", tree.dir);
    CLEANUP(mem_freep) char *mirror = NULL;
    CLEANUP(mem_freep) char *index_lock = NULL;
    char hash[HASH_HEX_SIZE];

    /* The lock files of git in the mirror, and a tree without its link. */
    hash_bytes(repository, strlen(repository), hash);
    mirror = mem_printf("%s/mirrors/%.16s", work_dir, hash);
    index_lock = mem_printf("worktrees/%.16s-1/index.lock", hash);
    put(mirror, "HEAD.lock", "");
    put(mirror, "refs/heads/main.lock", "");
    put(mirror, index_lock, "");
    cr_assert_eq(unlink(link), 0);
    source_tree_release(&tree);
    tree = must_get(&one, NULL);

    version_is(tree.dir, "one");
    cr_assert_not(is_there(mirror, "refs/heads/main.lock"));
    source_tree_release(&tree);
}

Test(source, what_cannot_be_is_refused_with_a_reason)
{
    static const struct {
        enum suite_source_kind kind;
        const char *dir, *repository, *revision, *subdir, *output, *text;
    } cases[] = {
        {SUITE_SOURCE_GIT, "", "HERE", "0123456789012345678901234567890123456789", "", NULL,
         "has it been pushed"},
        {SUITE_SOURCE_GIT, "", "HERE", "main", "", NULL, "no full hash"},
        {SUITE_SOURCE_GIT, "", "HERE", "ONE", "../x", NULL, "outside"},
        {SUITE_SOURCE_GIT, "", "HERE", "ONE", "none", NULL, "no directory 'none'"},
        {SUITE_SOURCE_GIT, "", "HERE", "ONE", "", "../../etc", "outside"},
        {SUITE_SOURCE_GIT, "", "--upload-pack=touch /tmp/x", "ONE", "", NULL, "no address"},
        {SUITE_SOURCE_GIT, "", "ext::sh -c 'touch /tmp/x'", "ONE", "", NULL, "only"},
        {SUITE_SOURCE_GIT, "", "/nowhere/at/all", "ONE", "", NULL, "cannot fetch"},
        {SUITE_SOURCE_DIR, "/etc", "", "", "", NULL, "outside of the agent's --source-root"},
        {SUITE_SOURCE_DIR, "repository/../../work", "", "", "", NULL, "outside"},
        {SUITE_SOURCE_DIR, "nowhere", "", "", "", NULL, "does not exist"},
        {SUITE_SOURCE_DIR, "repository", "", "ONE", "", NULL, "is at revision"},
        {SUITE_SOURCE_DIR, "repository", "", "", "../..", NULL, "outside"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite_source source = {
            .kind = cases[i].kind,
            .dir = cases[i].dir,
            .repository =
                strcmp(cases[i].repository, "HERE") == 0 ? repository : cases[i].repository,
            .revision = strcmp(cases[i].revision, "ONE") == 0 ? revision_one : cases[i].revision,
            .tree_hash = "",
            .subdir = cases[i].subdir};
        struct source_tree tree;
        struct error err = {0};

        cr_assert_eq(get(&source, cases[i].output, &tree, &err), STATUS_INVALID, "case %zu", i);
        cr_assert_not_null(strstr(err.text, cases[i].text), "case %zu: %s", i, err.text);
    }
}

Test(source, a_directory_must_have_the_runs_dirt)
{
    struct tree_state state;
    struct suite_source source = {.kind = SUITE_SOURCE_DIR,
                                  .dir = "repository",
                                  .repository = "",
                                  .revision = revision_two,
                                  .subdir = "app"};
    struct source_tree tree;
    struct error err;

    put(repository, "app/version", "edited");
    cr_assert_eq(tree_state_read(repository, NULL, 0, &state, &err), STATUS_OK);
    source.tree_hash = state.hash;
    tree = must_get(&source, NULL);
    version_is(tree.dir, "edited");
    source_tree_release(&tree);

    put(repository, "app/version", "edited again");
    cr_assert_eq(get(&source, NULL, &tree, &err), STATUS_INVALID);
    cr_assert_not_null(strstr(err.text, "uncommitted changes"), "%s", err.text);
}

/* ---- sharing ---- */

static struct held_tree *got[4];
static size_t got_count;
static enum status got_status;

static void on_got(void *context, enum status status, struct held_tree *tree, const char *text)
{
    (void)context;
    (void)text;
    got_status = status;
    got[got_count++] = tree;
}

Test(sources, runs_of_one_version_share_a_tree_until_the_last_lets_go)
{
    uv_loop_t loop;
    struct source_settings settings = {.work_dir = work_dir, .roots = NULL, .root_count = 0};
    struct suite_source one = git_source(revision_one);
    struct suite suite = {.source = &one};
    struct sources *sources = NULL;

    cr_assert_eq(uv_loop_init(&loop), 0);
    sources = sources_new(&loop, &settings);
    sources_get(sources, &suite, on_got, NULL);
    sources_get(sources, &suite, on_got, NULL);
    cr_assert_eq(got_count, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(got_count, 2);
    cr_assert_eq(got[0], got[1]);

    held_tree_set_prepared(got[0], "steps");
    sources_put(sources, got[0]);
    sources_get(sources, &suite, on_got, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_str_eq(held_tree_prepared(got[2]), "steps");
    sources_put(sources, got[1]);
    sources_put(sources, got[2]);

    sources_get(sources, &suite, on_got, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_str_eq(held_tree_prepared(got[3]), "");
    sources_put(sources, got[3]);
    sources_free(sources);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(sources, a_failure_is_told_and_may_be_tried_again)
{
    uv_loop_t loop;
    struct source_settings settings = {.work_dir = work_dir, .roots = NULL, .root_count = 0};
    struct suite_source source = git_source("not-a-hash");
    struct suite suite = {.source = &source};
    struct sources *sources = NULL;

    cr_assert_eq(uv_loop_init(&loop), 0);
    sources = sources_new(&loop, &settings);
    for (size_t i = 0; i < 2; i++) {
        sources_get(sources, &suite, on_got, NULL);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        cr_assert_eq(got_count, i + 1);
        cr_assert_null(got[i]);
        cr_assert_eq(got_status, STATUS_INVALID);
    }
    sources_free(sources);
    cr_assert_eq(uv_loop_close(&loop), 0);
}
