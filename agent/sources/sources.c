#include "agent/sources/sources.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/hash.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

/* Fetches that hang must not take the threads that copy databases: libuv has four. */
#define SOURCES_AT_ONCE 2

struct waiter {
    sources_done *done;
    void *context;
};

struct held_tree {
    struct sources *sources;
    struct held_tree *next;
    char key[HASH_HEX_SIZE]; /* of the source and the outputs */
    bool is_started, is_ready;
    size_t holders;
    struct waiter *waiters;
    size_t waiter_count, waiter_cap;
    char *prepared;
    /* The thread's while it runs: */
    uv_work_t work;
    struct arena arena;
    struct source_request request;
    struct source_tree tree;
    enum status status;
    struct error error;
};

struct sources {
    uv_loop_t *loop;
    struct arena arena;
    struct source_settings settings;
    struct held_tree *trees;
    size_t running;
    bool is_closing;
};

/* ---- what every kind needs --------------------------------------------------- */

bool source_path_is_inside(const char *path)
{
    if (path[0] == '/' || path[0] == '\0')
        return false;
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return false;
    }
    return true;
}

enum status source_subdir(const char *top, const char *subdir, char **out_dir, struct error *err)
{
    CLEANUP(mem_freep) char *joined = mem_printf("%s/%s", top, subdir);
    CLEANUP(mem_freep) char *real_top = realpath(top, NULL);
    CLEANUP(mem_freep) char *real = realpath(joined, NULL);
    size_t len = real_top != NULL ? strlen(real_top) : 0;

    if (real_top == NULL)
        return error_set_errno(err, "cannot find '%s'", top);
    if (real == NULL)
        return error_set(err, STATUS_INVALID, "the tree has no directory '%s'", subdir);
    if (strncmp(real, real_top, len) != 0 || (real[len] != '\0' && real[len] != '/'))
        return error_set(err, STATUS_INVALID, "directory '%s' lies outside of the tree", subdir);
    *out_dir = mem_strdup(real);
    return STATUS_OK;
}

enum status source_acquire(const struct source_request *request, struct source_tree *out_tree,
                           struct error *err)
{
    static const struct source_ops *const kinds[] = {
        [SUITE_SOURCE_DIR] = &source_dir_ops,
        [SUITE_SOURCE_GIT] = &source_git_ops,
    };

    *out_tree = (struct source_tree){.lock_fd = -1};
    CHECK((size_t)request->source->kind < COUNT_OF(kinds));
    if (request->source->subdir[0] != '\0' && !source_path_is_inside(request->source->subdir))
        return error_set(err, STATUS_INVALID, "directory '%s' lies outside of the tree",
                         request->source->subdir);
    for (size_t i = 0; i < request->output_count; i++) {
        if (!source_path_is_inside(request->outputs[i]))
            return error_set(err, STATUS_INVALID,
                             "output '%s' of a prepare step lies outside of the suite's directory",
                             request->outputs[i]);
    }
    return kinds[request->source->kind]->acquire(request, out_tree, err);
}

void source_tree_release(struct source_tree *tree)
{
    mem_freep(&tree->dir);
    if (tree->lock_fd >= 0)
        (void)close(tree->lock_fd);
    tree->lock_fd = -1;
}

/* ---- sharing ------------------------------------------------------------------ */

struct sources *sources_new(uv_loop_t *loop, const struct source_settings *settings)
{
    struct sources *sources = mem_zalloc(sizeof(*sources));
    const char **roots = arena_array(&sources->arena, settings->root_count + 1, sizeof(*roots));

    for (size_t i = 0; i < settings->root_count; i++)
        roots[i] = arena_strdup(&sources->arena, settings->roots[i]);
    sources->loop = loop;
    sources->settings.work_dir = arena_strdup(&sources->arena, settings->work_dir);
    sources->settings.roots = roots;
    sources->settings.root_count = settings->root_count;
    return sources;
}

static void tree_free(struct held_tree *tree)
{
    source_tree_release(&tree->tree);
    arena_release(&tree->arena);
    mem_freep(&tree->prepared);
    free(tree->waiters);
    free(tree);
}

static void tree_unlink(struct held_tree *tree)
{
    struct held_tree **at = &tree->sources->trees;

    while (*at != tree)
        at = &(*at)->next;
    *at = tree->next;
}

void sources_free(struct sources *sources)
{
    if (sources == NULL)
        return;
    sources->is_closing = true;
    while (sources->running > 0)
        (void)uv_run(sources->loop, UV_RUN_ONCE);
    while (sources->trees != NULL) {
        struct held_tree *tree = sources->trees;

        sources->trees = tree->next;
        tree_free(tree);
    }
    arena_release(&sources->arena);
    free(sources);
}

static void request_fill(struct held_tree *tree, const struct suite *suite)
{
    struct arena *arena = &tree->arena;
    struct suite_source *source = arena_alloc(arena, sizeof(*source));
    const char **outputs = NULL;
    size_t count = 0;

    for (size_t i = 0; i < suite->prepare_count; i++)
        count += suite->prepare[i].outputs_count;
    outputs = arena_array(arena, count + 1, sizeof(*outputs));
    count = 0;
    for (size_t i = 0; i < suite->prepare_count; i++) {
        for (size_t j = 0; j < suite->prepare[i].outputs_count; j++)
            outputs[count++] = arena_strdup(arena, suite->prepare[i].outputs[j]);
    }
    source->kind = suite->source->kind;
    source->dir = arena_strdup(arena, suite->source->dir);
    source->repository = arena_strdup(arena, suite->source->repository);
    source->revision = arena_strdup(arena, suite->source->revision);
    source->tree_hash = arena_strdup(arena, suite->source->tree_hash);
    source->subdir = arena_strdup(arena, suite->source->subdir);
    tree->request = (struct source_request){.settings = &tree->sources->settings,
                                            .source = source,
                                            .outputs = outputs,
                                            .output_count = count};
}

static void key_fill(struct held_tree *tree)
{
    const struct source_request *request = &tree->request;
    const struct suite_source *source = request->source;
    const char *const parts[] = {source->kind == SUITE_SOURCE_GIT ? "git" : "dir",
                                 source->dir,
                                 source->repository,
                                 source->revision,
                                 source->tree_hash,
                                 source->subdir};
    struct hash hash;

    hash_init(&hash);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        hash_add_text(&hash, parts[i]);
    for (size_t i = 0; i < request->output_count; i++)
        hash_add_text(&hash, request->outputs[i]);
    hash_final(&hash, tree->key);
}

static struct held_tree *tree_find(struct sources *sources, const char *key)
{
    for (struct held_tree *tree = sources->trees; tree != NULL; tree = tree->next) {
        if (strcmp(tree->key, key) == 0)
            return tree;
    }
    return NULL;
}

static void next_start(struct sources *sources);

/* On a thread of the pool. */
static void tree_get(uv_work_t *work)
{
    struct held_tree *tree = work->data;

    if (!tree->is_ready)
        tree->status = source_acquire(&tree->request, &tree->tree, &tree->error);
}

/* Back on the loop: all who waited are told.  One of them may ask again at once. */
static void tree_got(uv_work_t *work, int cancelled)
{
    struct held_tree *tree = work->data;
    struct sources *sources = tree->sources;
    struct waiter *waiters = tree->waiters;
    size_t count = tree->waiter_count;
    bool is_held = tree->status == STATUS_OK;

    (void)cancelled;
    sources->running--;
    tree->is_started = false;
    tree->waiters = NULL;
    tree->waiter_count = tree->waiter_cap = 0;
    tree->is_ready = is_held;
    tree->holders += is_held ? count : 0;
    if (!is_held)
        tree_unlink(tree);
    for (size_t i = 0; i < count && !sources->is_closing; i++)
        waiters[i].done(waiters[i].context, tree->status, is_held ? tree : NULL,
                        is_held ? "" : tree->error.text);
    free(waiters);
    if (!is_held)
        tree_free(tree);
    if (!sources->is_closing)
        next_start(sources);
}

static void next_start(struct sources *sources)
{
    for (struct held_tree *tree = sources->trees; tree != NULL; tree = tree->next) {
        if (sources->running >= SOURCES_AT_ONCE)
            return;
        if (tree->waiter_count == 0 || tree->is_started)
            continue;
        tree->is_started = true;
        tree->work.data = tree;
        CHECK(uv_queue_work(sources->loop, &tree->work, tree_get, tree_got) == 0);
        sources->running++;
    }
}

void sources_get(struct sources *sources, const struct suite *suite, sources_done *done,
                 void *context)
{
    struct held_tree *tree = mem_zalloc(sizeof(*tree));
    struct held_tree *same = NULL;

    tree->sources = sources;
    tree->tree.lock_fd = -1;
    request_fill(tree, suite);
    key_fill(tree);
    same = tree_find(sources, tree->key);
    if (same != NULL) {
        tree_free(tree);
        tree = same;
    } else {
        tree->next = sources->trees;
        sources->trees = tree;
    }
    VEC_PUSH(tree->waiters, tree->waiter_count, tree->waiter_cap) =
        (struct waiter){.done = done, .context = context};
    next_start(sources);
}

void sources_put(struct sources *sources, struct held_tree *tree)
{
    CHECK(tree->holders > 0);
    CHECK(tree->sources == sources);
    if (--tree->holders > 0 || tree->waiter_count > 0)
        return;
    tree_unlink(tree);
    tree_free(tree);
}

const char *held_tree_dir(const struct held_tree *tree)
{
    return tree->tree.dir;
}

const char *held_tree_prepared(const struct held_tree *tree)
{
    return tree->prepared != NULL ? tree->prepared : "";
}

void held_tree_set_prepared(struct held_tree *tree, const char *steps)
{
    mem_freep(&tree->prepared);
    tree->prepared = mem_strdup(steps);
}
