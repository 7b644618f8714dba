#include "coordinator/core/submission.h"

#include <string.h>

static const char *text_copy(const char *text, struct arena *arena)
{
    return text != NULL ? arena_strdup(arena, text) : NULL;
}

static const char **texts_copy(const char **texts, size_t count, struct arena *arena)
{
    const char **copy = arena_array(arena, count, sizeof(*copy));

    for (size_t i = 0; i < count; i++)
        copy[i] = text_copy(texts[i], arena);
    return copy;
}

/* A shallow copy of `count` elements; their texts are copied by the caller. */
static void *array_copy(const void *from, size_t count, size_t bytes, struct arena *arena)
{
    void *copy = arena_array(arena, count, bytes);

    if (count > 0)
        (void)memcpy(copy, from, count * bytes);
    return copy;
}

#define COPY_ARRAY(array, count, arena) array_copy((array), (count), sizeof(*(array)), (arena))
#define COPY_ONE(pointer, arena)                                                                   \
    ((pointer) != NULL ? array_copy((pointer), 1, sizeof(*(pointer)), (arena)) : NULL)
#define COPY_TEXT(field, arena)         ((field) = text_copy((field), (arena)))
#define COPY_TEXTS(field, count, arena) ((field) = texts_copy((field), (count), (arena)))

struct label *labels_copy(const struct label *labels, size_t count, struct arena *arena)
{
    struct label *copy = COPY_ARRAY(labels, count, arena);

    for (size_t i = 0; i < count; i++) {
        COPY_TEXT(copy[i].name, arena);
        COPY_TEXT(copy[i].value, arena);
    }
    return copy;
}

static struct suite_source *source_copy(const struct suite_source *source, struct arena *arena)
{
    struct suite_source *copy = COPY_ONE(source, arena);

    if (copy == NULL)
        return NULL;
    COPY_TEXT(copy->dir, arena);
    COPY_TEXT(copy->repository, arena);
    COPY_TEXT(copy->revision, arena);
    COPY_TEXT(copy->tree_hash, arena);
    COPY_TEXT(copy->subdir, arena);
    return copy;
}

static struct suite_option *server_options_copy(const struct suite_option *options, size_t count,
                                                struct arena *arena)
{
    struct suite_option *copy = COPY_ARRAY(options, count, arena);

    for (size_t i = 0; i < count; i++) {
        COPY_TEXT(copy[i].name, arena);
        COPY_TEXT(copy[i].value, arena);
    }
    return copy;
}

static void copy_lists(struct suite *suite, struct arena *arena)
{
    suite->env = COPY_ARRAY(suite->env, suite->env_count, arena);
    for (size_t i = 0; i < suite->env_count; i++) {
        COPY_TEXT(suite->env[i].name, arena);
        COPY_TEXT(suite->env[i].value, arena);
        COPY_TEXT(suite->env[i].fallback, arena);
    }
    suite->prepare = COPY_ARRAY(suite->prepare, suite->prepare_count, arena);
    for (size_t i = 0; i < suite->prepare_count; i++) {
        struct suite_prepare *prepare = &suite->prepare[i];

        COPY_TEXTS(prepare->run, prepare->run_count, arena);
        COPY_TEXTS(prepare->inputs, prepare->inputs_count, arena);
        COPY_TEXTS(prepare->outputs, prepare->outputs_count, arena);
    }
    suite->databases = COPY_ARRAY(suite->databases, suite->databases_count, arena);
    for (size_t i = 0; i < suite->databases_count; i++) {
        struct suite_database *database = &suite->databases[i];

        COPY_TEXT(database->alias, arena);
        COPY_TEXT(database->engine, arena);
        COPY_TEXT(database->version, arena);
        COPY_TEXT(database->name, arena);
        COPY_TEXT(database->mirror, arena);
        COPY_TEXT(database->attach, arena);
        COPY_TEXTS(database->setup_command, database->setup_command_count, arena);
        COPY_TEXTS(database->fingerprint, database->fingerprint_count, arena);
        COPY_TEXTS(database->check, database->check_count, arena);
        database->options = server_options_copy(database->options, database->options_count, arena);
    }
}

struct suite *suite_copy(const struct suite *suite, struct arena *arena)
{
    struct suite *copy = COPY_ONE(suite, arena);

    CHECK(copy != NULL);
    COPY_TEXT(copy->name, arena);
    copy->source = source_copy(copy->source, arena);
    COPY_TEXTS(copy->driver_command, copy->driver_command_count, arena);
    COPY_TEXTS(copy->command, copy->command_count, arena);
    COPY_TEXTS(copy->args, copy->args_count, arena);
    copy_lists(copy, arena);
    copy->timeouts = COPY_ONE(copy->timeouts, arena);
    copy->retries = COPY_ONE(copy->retries, arena);
    copy->limits = COPY_ONE(copy->limits, arena);
    return copy;
}

struct run_options *options_copy(const struct run_options *options, struct arena *arena)
{
    struct run_options *copy = COPY_ONE(options, arena);

    CHECK(copy != NULL);
    COPY_TEXTS(copy->selection, copy->selection_count, arena);
    COPY_TEXTS(copy->filters, copy->filters_count, arena);
    COPY_TEXTS(copy->only, copy->only_count, arena);
    COPY_TEXT(copy->start_at, arena);
    return copy;
}

struct run_submission *submission_copy(const struct run_submission *submission, struct arena *arena)
{
    struct run_submission *copy = COPY_ONE(submission, arena);

    CHECK(copy != NULL);
    COPY_TEXT(copy->key, arena);
    copy->suite = suite_copy(copy->suite, arena);
    copy->options = options_copy(copy->options, arena);
    copy->labels = labels_copy(copy->labels, copy->labels_count, arena);
    copy->requirements = labels_copy(copy->requirements, copy->requirements_count, arena);
    return copy;
}
