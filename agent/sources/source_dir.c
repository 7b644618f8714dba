/* A directory that is on the agent's machine already: below one of the --source-roots the
 * operator allowed, and in the version that the run wants. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sources/source.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"
#include "shared/source/tree_state.h"

/* Hashes are shown as far as people tell them apart. */
#define SHOWN 12

static bool path_is_under(const char *path, const char *root)
{
    size_t len = strlen(root);

    if (len == 1)
        return true; /* "/" */
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* NULL: it is not there.  A relative path counts from the root. */
static char *resolve(const char *dir, const char *root)
{
    CLEANUP(mem_freep)
    char *joined = dir[0] == '/' ? mem_strdup(dir) : mem_printf("%s/%s", root, dir);

    return realpath(joined, NULL);
}

static enum status dir_find(const struct source_request *request, char **out_dir, struct error *err)
{
    const struct source_settings *settings = request->settings;
    const char *dir = request->source->dir;
    bool is_there = false;

    if (settings->root_count == 0)
        return error_set(err, STATUS_INVALID,
                         "this agent uses no directories of its machine; start it with "
                         "--source-root DIR to allow '%s'",
                         dir);
    for (size_t i = 0; i < settings->root_count; i++) {
        CLEANUP(mem_freep) char *root = realpath(settings->roots[i], NULL);
        char *found = root != NULL ? resolve(dir, root) : NULL;

        if (found != NULL && path_is_under(found, root)) {
            *out_dir = found;
            return STATUS_OK;
        }
        is_there = is_there || found != NULL;
        mem_freep(&found);
    }
    return is_there
               ? error_set(err, STATUS_INVALID,
                           "directory '%s' is outside of the agent's --source-root", dir)
               : error_set(err, STATUS_INVALID, "directory '%s' does not exist on the agent", dir);
}

/* Outputs are relative to the suite's directory, the hash to the tree's top. */
static const char **outputs_from_top(const struct source_request *request, struct arena *arena)
{
    const char **paths = arena_array(arena, request->output_count + 1, sizeof(*paths));
    const char *subdir = request->source->subdir;

    for (size_t i = 0; i < request->output_count; i++)
        paths[i] = subdir[0] == '\0' ? request->outputs[i]
                                     : arena_printf(arena, "%s/%s", subdir, request->outputs[i]);
    return paths;
}

static enum status version_check(const struct source_request *request, const char *dir,
                                 struct error *err)
{
    const struct suite_source *source = request->source;
    struct arena arena = ARENA_INIT;
    struct tree_state state;
    enum status status = STATUS_OK;

    if (source->revision[0] == '\0' && source->tree_hash[0] == '\0')
        return STATUS_OK;
    status =
        tree_state_read(dir, outputs_from_top(request, &arena), request->output_count, &state, err);
    arena_release(&arena);
    if (status != STATUS_OK)
        return status;
    if (!text_equals(source->revision, state.revision))
        return error_set(err, STATUS_INVALID,
                         "directory '%s' is at revision %.*s on the agent, the run wants %.*s", dir,
                         SHOWN, state.revision[0] != '\0' ? state.revision : "none", SHOWN,
                         source->revision[0] != '\0' ? source->revision : "none");
    if (source->tree_hash[0] != '\0' && !text_equals(source->tree_hash, state.hash))
        return error_set(
            err, STATUS_INVALID,
            "the uncommitted changes in '%s' are others on the agent than where the run "
            "was submitted (hash %.*s, the run wants %.*s)",
            dir, SHOWN, state.hash, SHOWN, source->tree_hash);
    return STATUS_OK;
}

static enum status dir_acquire(const struct source_request *request, struct source_tree *out_tree,
                               struct error *err)
{
    CLEANUP(mem_freep) char *dir = NULL;
    struct stat info;
    enum status status = dir_find(request, &dir, err);

    if (status != STATUS_OK)
        return status;
    CHECK(dir != NULL);
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode))
        return error_set(err, STATUS_INVALID, "'%s' is no directory", dir);
    status = version_check(request, dir, err);
    if (status != STATUS_OK)
        return status;
    out_tree->lock_fd = -1;
    return source_subdir(dir, request->source->subdir, &out_tree->dir, err);
}

const struct source_ops source_dir_ops = {"dir", dir_acquire};
