/* A repository and a revision: a bare mirror per repository, and work trees at paths that stay the
 * same over revisions, since virtual environments and build trees have their path written into
 * them.
 *
 *     WORK_DIR/mirrors/HASH            bare; HASH is of the URL
 *     WORK_DIR/mirrors/HASH.lock       held while we (or a git that outlived us) work in it
 *     WORK_DIR/trees/HASH-N            a work tree; N from 1, the first that nobody uses
 *     WORK_DIR/trees/HASH-N.lock       held while a run uses it
 *
 * A revision that the mirror has is never fetched again. */

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/source.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/memory.h"
#include "shared/source/git_call.h"

#define URL_BYTES_MAX 4096

/* Enough of a hash to tell the repositories of one machine apart, and short in paths. */
#define DIR_HASH_DIGITS 16

/* How long to wait for a git that outlived its agent. */
#define MIRROR_LOCK_TRIES   600
#define MIRROR_LOCK_WAIT_MS 100

struct checkout {
    const struct source_request *request;
    struct arena arena;
    const char *mirror;
    const char *trees; /* WORK_DIR/trees/HASH */
    const char *shown; /* the URL without a secret */
    int mirror_fd;
};

static enum status git_in(const struct checkout *checkout, const char *dir, bool is_remote,
                          const char *const *argv, struct error *err)
{
    struct git_call call = {.dir = dir,
                            .argv = argv,
                            .is_remote = is_remote,
                            .timeout_ms = is_remote ? SOURCE_FETCH_MS : SOURCE_LOCAL_MS,
                            .lock_fd = checkout->mirror_fd};

    return git_call(&call, NULL, err);
}

#define GIT_LOCAL(checkout, dir, err, ...)                                                         \
    git_in((checkout), (dir), false, (const char *const[]){__VA_ARGS__, NULL}, (err))
#define GIT_REMOTE(checkout, dir, err, ...)                                                        \
    git_in((checkout), (dir), true, (const char *const[]){__VA_ARGS__, NULL}, (err))

static enum status source_check(const struct suite_source *source, struct error *err)
{
    size_t len = strlen(source->revision);

    if (source->repository[0] == '\0' || source->repository[0] == '-')
        return error_set(err, STATUS_INVALID, "'%s' is no address of a repository",
                         source->repository);
    if (strstr(source->repository, "::") != NULL)
        return error_set(err, STATUS_INVALID,
                         "repositories are reached by file, https, ssh or git only");
    if ((len != 40 && len != 64) || strspn(source->revision, "0123456789abcdef") != len)
        return error_set(err, STATUS_INVALID, "revision '%.*s' is no full hash", 64,
                         source->revision);
    return STATUS_OK;
}

static void paths_fill(struct checkout *checkout)
{
    const struct source_request *request = checkout->request;
    char hash[HASH_HEX_SIZE];
    struct buffer shown;

    hash_bytes(request->source->repository, strlen(request->source->repository), hash);
    hash[DIR_HASH_DIGITS] = '\0';
    checkout->mirror =
        arena_printf(&checkout->arena, "%s/mirrors/%s", request->settings->work_dir, hash);
    checkout->trees =
        arena_printf(&checkout->arena, "%s/trees/%s", request->settings->work_dir, hash);
    buffer_init(&shown, URL_BYTES_MAX);
    git_url_mask(request->source->repository, &shown);
    checkout->shown = arena_strdup(&checkout->arena, shown.at);
    buffer_release(&shown);
}

/* A git that was killed leaves its lock files behind.  Every git of ours holds the mirror's
 * lock, and so do we: there is nobody else whose they could be. */
static void stale_locks_remove(const char *path, int depth)
{
    DIR *dir = depth > 0 ? opendir(path) : NULL;
    struct dirent *entry = NULL;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
        CLEANUP(mem_freep) char *below = mem_printf("%s/%s", path, entry->d_name);
        size_t len = strlen(entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (len > 5 && strcmp(entry->d_name + len - 5, ".lock") == 0)
            (void)unlink(below);
        else if (entry->d_type == DT_DIR && strcmp(entry->d_name, "objects") != 0)
            stale_locks_remove(below, depth - 1);
    }
    (void)closedir(dir);
}

/* refs/heads/a/b/c... is as deep as people name branches. */
#define LOCK_DEPTH_MAX 12

static enum status mirror_lock(struct checkout *checkout, struct error *err)
{
    const char *path = arena_printf(&checkout->arena, "%s.lock", checkout->mirror);

    for (int tries = 0;; tries++) {
        enum status status = file_lock(path, &checkout->mirror_fd, err);

        if (status == STATUS_OK)
            stale_locks_remove(checkout->mirror, LOCK_DEPTH_MAX);
        if (status != STATUS_CONFLICT || tries >= MIRROR_LOCK_TRIES)
            return status;
        (void)poll(NULL, 0, MIRROR_LOCK_WAIT_MS); /* flock has no time limit of its own */
    }
}

static enum status mirror_make(const struct checkout *checkout, struct error *err)
{
    CLEANUP(mem_freep) char *head = mem_printf("%s/HEAD", checkout->mirror);
    enum status status = STATUS_OK;

    if (file_exists(head))
        return STATUS_OK;
    status = file_make_directories(checkout->mirror, 0700, err);
    return status != STATUS_OK
               ? status
               : GIT_LOCAL(checkout, checkout->mirror, err, "init", "-q", "--bare", ".");
}

static bool mirror_has(struct checkout *checkout)
{
    const char *commit =
        arena_printf(&checkout->arena, "%s^{commit}", checkout->request->source->revision);

    return GIT_LOCAL(checkout, checkout->mirror, NULL, "cat-file", "-e", commit) == STATUS_OK;
}

/* All branches and tags; then, for a revision that none of them holds any more, the revision
 * by its name, which many servers allow. */
static enum status mirror_fetch(struct checkout *checkout, struct error *err)
{
    const struct suite_source *source = checkout->request->source;
    struct error why;
    enum status status = GIT_REMOTE(checkout, checkout->mirror, &why, "fetch", "-q", "--force",
                                    "--no-write-fetch-head", "--end-of-options", source->repository,
                                    "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*");

    if (status != STATUS_OK)
        return error_set(err, status, "cannot fetch '%s': %s", checkout->shown, why.text);
    if (mirror_has(checkout))
        return STATUS_OK;
    status = GIT_REMOTE(checkout, checkout->mirror, &why, "fetch", "-q", "--no-write-fetch-head",
                        "--end-of-options", source->repository, source->revision);
    if (status == STATUS_OK && mirror_has(checkout))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "revision %s is not in '%s'; has it been pushed?",
                     source->revision, checkout->shown);
}

static enum status mirror_ensure(struct checkout *checkout, struct error *err)
{
    enum status status = mirror_make(checkout, err);

    if (status != STATUS_OK || mirror_has(checkout))
        return status;
    return mirror_fetch(checkout, err);
}

/* The first tree that no run uses. */
static enum status tree_lock(struct checkout *checkout, const char **out_top, int *out_fd,
                             struct error *err)
{
    for (int n = 1; n <= TREES_PER_SOURCE_MAX; n++) {
        const char *top = arena_printf(&checkout->arena, "%s-%d", checkout->trees, n);
        enum status status = file_lock(arena_printf(&checkout->arena, "%s.lock", top), out_fd, err);

        *out_top = top;
        if (status != STATUS_CONFLICT)
            return status;
    }
    return error_set(err, STATUS_CONFLICT, "%d versions of '%s' are in use on this agent",
                     TREES_PER_SOURCE_MAX, checkout->shown);
}

static bool tree_is_sound(const struct checkout *checkout, const char *top)
{
    CLEANUP(mem_freep) char *link = mem_printf("%s/.git", top);

    return file_exists(link) &&
           GIT_LOCAL(checkout, top, NULL, "rev-parse", "--git-dir") == STATUS_OK;
}

static enum status tree_make(const struct checkout *checkout, const char *top, struct error *err)
{
    enum status status = file_remove_tree(top, err);

    if (status == STATUS_OK)
        status = GIT_LOCAL(checkout, checkout->mirror, err, "worktree", "prune");
    if (status == STATUS_OK)
        status = GIT_LOCAL(checkout, checkout->mirror, err, "worktree", "add", "-q", "--force",
                           "--force", "--detach", "--no-checkout", top,
                           checkout->request->source->revision);
    return status;
}

/* "/sub/a\*b": the path as a pattern that means nothing else. */
static const char *keep_pattern(struct arena *arena, const char *subdir, const char *output)
{
    struct buffer pattern;
    const char *text = NULL;

    buffer_init(&pattern, (size_t)URL_BYTES_MAX * 2);
    (void)buffer_printf(&pattern, "--exclude=/%s%s", subdir, subdir[0] != '\0' ? "/" : "");
    for (const char *at = output; *at != '\0'; at++) {
        if (strchr("*?[]\\ ", *at) != NULL)
            (void)buffer_add_char(&pattern, '\\');
        (void)buffer_add_char(&pattern, *at);
    }
    text = arena_strdup(arena, pattern.at);
    buffer_release(&pattern);
    return text;
}

/* More outputs than this in one suite are a mistake. */
#define OUTPUTS_MAX 32

static enum status tree_clean(struct checkout *checkout, const char *top, struct error *err)
{
    const struct source_request *request = checkout->request;
    const char *argv[OUTPUTS_MAX + 4] = {"clean", "-ffdxq"};
    size_t count = 2;

    if (request->output_count > OUTPUTS_MAX)
        return error_set(err, STATUS_INVALID, "the prepare steps name more than %d outputs",
                         OUTPUTS_MAX);
    for (size_t i = 0; i < request->output_count; i++)
        argv[count++] =
            keep_pattern(&checkout->arena, request->source->subdir, request->outputs[i]);
    argv[count] = NULL;
    return git_in(checkout, top, false, argv, err);
}

static enum status tree_set(struct checkout *checkout, const char *top, struct error *err)
{
    enum status status = STATUS_OK;

    if (!tree_is_sound(checkout, top))
        status = tree_make(checkout, top, err);
    if (status == STATUS_OK)
        status = GIT_LOCAL(checkout, top, err, "checkout", "-q", "--force", "--detach",
                           checkout->request->source->revision);
    return status == STATUS_OK ? tree_clean(checkout, top, err) : status;
}

static enum status checkout_run(struct checkout *checkout, struct source_tree *out_tree,
                                struct error *err)
{
    const char *top = NULL;
    enum status status = mirror_lock(checkout, err);

    if (status == STATUS_OK)
        status = mirror_ensure(checkout, err);
    if (status == STATUS_OK)
        status = tree_lock(checkout, &top, &out_tree->lock_fd, err);
    if (status == STATUS_OK)
        status = tree_set(checkout, top, err);
    if (status == STATUS_OK)
        status = source_subdir(top, checkout->request->source->subdir, &out_tree->dir, err);
    return status;
}

static enum status git_acquire(const struct source_request *request, struct source_tree *out_tree,
                               struct error *err)
{
    struct checkout checkout = {.request = request, .arena = ARENA_INIT, .mirror_fd = -1};
    const char *const dirs[] = {"mirrors", "trees"};
    enum status status = source_check(request->source, err);

    out_tree->lock_fd = -1;
    for (size_t i = 0; i < COUNT_OF(dirs) && status == STATUS_OK; i++)
        status = file_make_directories(
            arena_printf(&checkout.arena, "%s/%s", request->settings->work_dir, dirs[i]), 0700,
            err);
    if (status == STATUS_OK) {
        paths_fill(&checkout);
        status = checkout_run(&checkout, out_tree, err);
    }
    if (status != STATUS_OK)
        source_tree_release(out_tree);
    if (checkout.mirror_fd >= 0)
        (void)close(checkout.mirror_fd);
    arena_release(&checkout.arena);
    return status;
}

const struct source_ops source_git_ops = {"git", git_acquire};
