/* env, prepare: the variables of every command of the suite, and what makes a tree runnable. */

#include "shared/json/suite_file.h"

#include <string.h>

#include "shared/json/suite_json.h"

static const char *const env_froms[] = {[SUITE_ENV_CLIENT] = "client", [SUITE_ENV_AGENT] = "agent"};
static const struct enum_names env_from_names = {env_froms, COUNT_OF(env_froms)};

/* clang-format off */
static const struct key env_keys[] = {
    {"from",    key_enum, AT(struct suite_env, from),     .names = &env_from_names},
    {"secret",  key_bool, AT(struct suite_env, secret)},
    {"default", key_text, AT(struct suite_env, fallback), .max = SUITE_TEXT_BYTES_MAX},
};
/* clang-format on */

static enum status read_variable(const struct reader *reader, const struct place *place,
                                 json_t *json, struct suite_env *env)
{
    static const struct keys keys = KEYS(env_keys);

    *env = (struct suite_env){.name = arena_strdup(reader->arena, place->name), .value = ""};
    if (!json_is_object(json))
        return reader_text(reader, place, 0, SUITE_TEXT_BYTES_MAX, json, &env->value);

    enum status status = keys_read(reader, place, json, &keys, env);
    if (status == STATUS_OK && env->from == SUITE_ENV_TEMPLATE)
        return keys_missing(reader, place, "from");
    return status;
}

enum status suite_file_env_read(const struct reader *reader, const struct place *place,
                                json_t *json, const struct key *key, void *target)
{
    struct suite *suite = target;
    size_t count = json_object_size(json);

    (void)key;
    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "a map", json);
    if (count > SUITE_ENV_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d variables", SUITE_ENV_MAX);

    suite->env = arena_array(reader->arena, count, sizeof(*suite->env));
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct place inner = {.outer = place, .name = json_object_iter_key(at)};
        enum status status = key_name_check(reader, &inner);

        if (status == STATUS_OK)
            status = read_variable(reader, &inner, json_object_iter_value(at),
                                   &suite->env[suite->env_count++]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* clang-format off */
static const struct key prepare_keys[] = {
    {"run",     key_words, WORDS_AT(struct suite_prepare, run), .min = 1},
    {"inputs",  key_words, WORDS_AT(struct suite_prepare, inputs),  .element_min = 1},
    {"outputs", key_words, WORDS_AT(struct suite_prepare, outputs), .element_min = 1},
};
/* clang-format on */

/* A command without arguments; more words need a list, since no shell cuts them. */
static enum status read_step_word(const struct reader *reader, const struct place *place,
                                  const json_t *json, struct suite_prepare *step)
{
    step->run = arena_array(reader->arena, 1, sizeof(*step->run));
    step->run_count = 1;
    enum status status = reader_text(reader, place, 1, SUITE_TEXT_BYTES_MAX, json, &step->run[0]);
    if (status == STATUS_OK && strpbrk(step->run[0], " \t\r\n") != NULL)
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "a command is a list of words, such as [make, all]");
    return status;
}

static enum status read_step(const struct reader *reader, const struct place *place, json_t *json,
                             struct suite_prepare *step)
{
    static const struct keys keys = KEYS(prepare_keys);

    if (json_is_array(json))
        return key_words_read(reader, place, json, &step->run, &step->run_count);
    if (json_is_string(json))
        return read_step_word(reader, place, json, step);

    enum status status = keys_read(reader, place, json, &keys, step);
    if (status == STATUS_OK && step->run_count == 0)
        return keys_missing(reader, place, "run");
    return status;
}

enum status suite_file_prepare_read(const struct reader *reader, const struct place *place,
                                    json_t *json, const struct key *key, void *target)
{
    struct suite *suite = target;
    size_t count = json_array_size(json);

    (void)key;
    if (!json_is_array(json))
        return reader_wrong_kind(reader, place, "a list of steps", json);
    if (count > SUITE_PREPARE_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d steps", SUITE_PREPARE_MAX);

    suite->prepare = arena_array(reader->arena, count, sizeof(*suite->prepare));
    suite->prepare_count = count;
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .index = i};
        enum status status = read_step(reader, &inner, json_array_get(json, i), &suite->prepare[i]);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
