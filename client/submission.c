#include "client/submission.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/text.h"
#include "shared/source/git_call.h"
#include "shared/source/tree_state.h"

/* `git rev-parse` reads a few files. */
#define GIT_MS ((int64_t)30 * 1000)

enum status submission_directory(const char *suite_path, struct arena *arena, const char **out_dir,
                                 struct error *err)
{
    char real[PATH_MAX];
    const char *slash = strrchr(suite_path, '/');
    const char *dir =
        slash == NULL ? "." : arena_strndup(arena, suite_path, (size_t)(slash - suite_path) + 1);

    if (realpath(dir, real) == NULL)
        return error_set_errno(err, "cannot find the directory of '%s'", suite_path);
    *out_dir = arena_strdup(arena, real);
    return STATUS_OK;
}

/* `dir` is absolute. */
static void complete_names(const char *dir, struct suite *suite)
{
    const char *base = strrchr(dir, '/');

    if (*suite->name == '\0')
        suite->name = base != NULL && base[1] != '\0' ? base + 1 : "suite";
    for (size_t i = 0; i < suite->databases_count; i++)
        if (*suite->databases[i].name == '\0')
            suite->databases[i].name = suite->name;
}

static enum status complete_env(struct suite *suite, struct error *err)
{
    for (size_t i = 0; i < suite->env_count; i++) {
        struct suite_env *env = &suite->env[i];

        if (env->from != SUITE_ENV_CLIENT)
            continue;
        const char *value = getenv(env->name); // NOLINT(concurrency-mt-unsafe): one thread
        env->value = value != NULL ? value : env->fallback;
        if (env->value == NULL)
            return error_set(err, STATUS_INVALID,
                             "env.%s: the suite takes this variable from here, but it is not set",
                             env->name);
    }
    return STATUS_OK;
}

/* Paths that prepare steps make: no part of the tree's state. */
static const char **prepared_paths(const struct suite *suite, struct arena *arena,
                                   size_t *out_count)
{
    size_t count = 0;

    for (size_t i = 0; i < suite->prepare_count; i++)
        count += suite->prepare[i].outputs_count;
    const char **paths = arena_array(arena, count, sizeof(*paths));
    *out_count = 0;
    for (size_t i = 0; i < suite->prepare_count; i++)
        for (size_t j = 0; j < suite->prepare[i].outputs_count; j++)
            paths[(*out_count)++] = suite->prepare[i].outputs[j];
    return paths;
}

static enum status complete_dir(const char *dir, const struct tree_state *state,
                                struct arena *arena, struct suite_source *source, struct error *err)
{
    char real[PATH_MAX];
    const char *joined =
        *source->dir == '/' ? source->dir : arena_printf(arena, "%s/%s", dir, source->dir);

    if (realpath(joined, real) == NULL)
        return error_set_errno(err, "source.dir: cannot find '%s'", joined);
    source->dir = arena_strdup(arena, real);
    if (state->is_repository) {
        source->revision = arena_strdup(arena, state->revision);
        source->tree_hash = arena_strdup(arena, state->hash);
    }
    return STATUS_OK;
}

/* One line that git answers, without its end. */
static enum status ask_git(const char *dir, const char *const *argv, struct arena *arena,
                           const char **out_line, struct error *err)
{
    CLEANUP(buffer_release) struct buffer text;
    const struct git_call call = {.dir = dir, .argv = argv, .timeout_ms = GIT_MS, .lock_fd = -1};

    buffer_init(&text, PATH_MAX);
    enum status status = git_call(&call, &text, err);
    if (status != STATUS_OK)
        return status;
    while (text.len > 0 && text.at[text.len - 1] == '\n')
        text.at[--text.len] = '\0';
    *out_line = arena_strndup(arena, text.at, text.len);
    return STATUS_OK;
}

/* Where the suite's directory lies in its repository. */
static enum status find_subdir(const char *dir, struct arena *arena, const char **out_subdir,
                               struct error *err)
{
    const char *const argv[] = {"rev-parse", "--show-prefix", NULL};
    const char *prefix = "";
    enum status status = ask_git(dir, argv, arena, &prefix, err);

    if (status != STATUS_OK)
        return status;
    size_t len = strlen(prefix);
    *out_subdir = arena_strndup(arena, prefix, len > 0 && prefix[len - 1] == '/' ? len - 1 : len);
    return STATUS_OK;
}

static bool is_full_hash(const char *text)
{
    size_t len = strlen(text);

    return (len == 40 || len == 64) && strspn(text, "0123456789abcdef") == len;
}

/* Agents are told full hashes: a branch moves, and each clone has its own.  A hash that the client
 * has not fetched is the agents' business. */
static enum status find_revision(const char *dir, const char *revision, struct arena *arena,
                                 const char **out_revision, struct error *err)
{
    const char *commit = arena_printf(arena, "%s^{commit}", revision);
    const char *const argv[] = {"rev-parse",        "--verify", "--quiet",
                                "--end-of-options", commit,     NULL};

    *out_revision = revision;
    if (is_full_hash(revision) || ask_git(dir, argv, arena, out_revision, err) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "--rev: no revision '%s' in '%s'; fetch it first, or give its full hash",
                     revision, dir);
}

static enum status complete_git(const char *dir, const char *revision,
                                const struct tree_state *state, struct arena *arena,
                                struct suite_source *source, struct error *err)
{
    if (!state->is_repository)
        return error_set(
            err, STATUS_INVALID,
            "source.git: '%s' is in no git repository, so there is no revision to send", dir);
    if (revision == NULL && state->is_dirty)
        return error_set(err, STATUS_INVALID,
                         "source.git: the tree in '%s' has changes that are not committed; commit "
                         "them, or name a revision with --rev",
                         dir);
    enum status status = STATUS_OK;
    source->revision = arena_strdup(arena, state->revision);
    if (revision != NULL)
        status = find_revision(dir, revision, arena, &source->revision, err);
    return status == STATUS_OK ? find_subdir(dir, arena, &source->subdir, err) : status;
}

enum status submission_complete(const char *suite_path, const char *revision, struct arena *arena,
                                struct suite *suite, struct error *err)
{
    const char *dir = "/";
    struct tree_state state;
    size_t prepared_count = 0;
    const char **prepared = prepared_paths(suite, arena, &prepared_count);
    enum status status = submission_directory(suite_path, arena, &dir, err);

    if (status == STATUS_OK)
        status = tree_state_read(dir, prepared, prepared_count, &state, err);
    if (status != STATUS_OK)
        return status;
    complete_names(dir, suite);
    status = suite->source->kind == SUITE_SOURCE_GIT
                 ? complete_git(dir, revision, &state, arena, suite->source, err)
                 : complete_dir(dir, &state, arena, suite->source, err);
    return status == STATUS_OK ? complete_env(suite, err) : status;
}
