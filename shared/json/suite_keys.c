#include "shared/json/suite_keys.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/suite_json.h"

/* No map of the reference has more. */
#define KEYS_PER_MAP_MAX 32

void key_put(void *target, size_t offset, const void *value, size_t bytes)
{
    (void)memcpy((char *)target + offset, value, bytes);
}

/* ---- maps ----------------------------------------------------------------- */

static enum status unknown_key(const struct reader *reader, const struct place *place,
                               const struct keys *keys)
{
    const char *names[KEYS_PER_MAP_MAX];

    CHECK(keys->count <= COUNT_OF(names));
    for (size_t i = 0; i < keys->count; i++)
        names[i] = keys->at[i].name;
    return READER_FAIL(reader, place, STATUS_INVALID, "unknown key%s",
                       reader_did_you_mean(reader, place->name, names, keys->count));
}

static enum status read_key(const struct reader *reader, const struct place *place, json_t *json,
                            const struct keys *keys, void *target)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->at[i];

        if (strcmp(key->name, place->name) != 0)
            continue;
        if (key->read == NULL)
            return READER_FAIL(reader, place, STATUS_INVALID, "is not built yet (%s)",
                               key->not_built);
        return key->read(reader, place, json, key, target);
    }
    return unknown_key(reader, place, keys);
}

enum status keys_read(const struct reader *reader, const struct place *place, json_t *json,
                      const struct keys *keys, void *target)
{
    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "a map", json);
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct place inner = {.outer = place, .name = json_object_iter_key(at)};
        enum status status = read_key(reader, &inner, json_object_iter_value(at), keys, target);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status keys_missing(const struct reader *reader, const struct place *place, const char *name)
{
    struct place inner = {.outer = place, .name = name};

    return READER_FAIL(reader, &inner, STATUS_INVALID, "is missing");
}

enum status key_name_check(const struct reader *reader, const struct place *place)
{
    if (place->name[0] == '\0')
        return READER_FAIL(reader, place, STATUS_INVALID, "the name must not be empty");
    if (strlen(place->name) > NAME_BYTES_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "the name is longer than %d bytes",
                           NAME_BYTES_MAX);
    return STATUS_OK;
}

/* ---- values of common kinds ------------------------------------------------ */

enum status key_text(const struct reader *reader, const struct place *place, json_t *json,
                     const struct key *key, void *target)
{
    const char *text = NULL;
    enum status status = reader_text(reader, place, key->min, key->max, json, &text);

    key_put(target, key->offset, &text, sizeof(text));
    return status;
}

enum status key_bool(const struct reader *reader, const struct place *place, json_t *json,
                     const struct key *key, void *target)
{
    bool value = false;
    enum status status = reader_bool(reader, place, json, &value);

    key_put(target, key->offset, &value, sizeof(value));
    return status;
}

enum status key_int(const struct reader *reader, const struct place *place, json_t *json,
                    const struct key *key, void *target)
{
    int64_t number = 0;
    enum status status = reader_int(reader, place, key->min, key->max, json, &number);

    key_put(target, key->offset, &number, sizeof(number));
    return status;
}

enum status key_enum(const struct reader *reader, const struct place *place, json_t *json,
                     const struct key *key, void *target)
{
    int value = 0;
    enum status status = reader_enum(reader, place, key->names, json, &value);

    key_put(target, key->offset, &value, sizeof(value));
    return status;
}

enum status key_duration(const struct reader *reader, const struct place *place, json_t *json,
                         const struct key *key, void *target)
{
    const char *text = NULL;
    int64_t ms = 0;
    enum status status = reader_text(reader, place, 1, NAME_BYTES_MAX, json, &text);

    if (status != STATUS_OK)
        return status;
    if (!text_to_duration_ms(text, &ms))
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "'%s' is no time such as 500ms, 90s, 10m or 2h",
                           place_shown(text, reader->arena));
    if (ms < 1 || ms > SUITE_TIMEOUT_MS_MAX)
        return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is not in 1ms..30d",
                           place_shown(text, reader->arena));
    key_put(target, key->offset, &ms, sizeof(ms));
    return STATUS_OK;
}

enum status key_duration_or_none(const struct reader *reader, const struct place *place,
                                 json_t *json, const struct key *key, void *target)
{
    int64_t none = 0;

    if (!json_is_string(json) || strcmp(json_string_value(json), "none") != 0)
        return key_duration(reader, place, json, key, target);
    key_put(target, key->offset, &none, sizeof(none));
    return STATUS_OK;
}

enum status key_bytes(const struct reader *reader, const struct place *place, json_t *json,
                      const struct key *key, void *target)
{
    const char *text = NULL;
    int64_t bytes = 0;
    enum status status = reader_text(reader, place, 1, NAME_BYTES_MAX, json, &text);

    if (status != STATUS_OK)
        return status;
    if (key->min == 0 && strcmp(text, "none") == 0) {
        key_put(target, key->offset, &bytes, sizeof(bytes));
        return STATUS_OK;
    }
    if (!text_to_bytes(text, &bytes))
        return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is no size such as 64KiB or 2GiB",
                           place_shown(text, reader->arena));
    if (bytes < 1 || bytes > key->max)
        return READER_FAIL(reader, place, STATUS_INVALID, "%" PRId64 " is not in 1..%" PRId64,
                           bytes, key->max);
    key_put(target, key->offset, &bytes, sizeof(bytes));
    return STATUS_OK;
}

enum status key_words(const struct reader *reader, const struct place *place, json_t *json,
                      const struct key *key, void *target)
{
    size_t count = json_array_size(json);

    if (!json_is_array(json))
        return reader_wrong_kind(reader, place, "a list of words", json);
    if ((int64_t)count < key->min)
        return READER_FAIL(reader, place, STATUS_INVALID, "must not be empty");
    if (count > SUITE_WORDS_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d words", SUITE_WORDS_MAX);

    const char **words = arena_array(reader->arena, count, sizeof(*words));
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .index = i};
        enum status status = reader_text(reader, &inner, key->element_min, SUITE_TEXT_BYTES_MAX,
                                         json_array_get(json, i), &words[i]);

        if (status != STATUS_OK)
            return status;
    }
    key_put(target, key->offset, &words, sizeof(words));
    key_put(target, key->count_offset, &count, sizeof(count));
    return STATUS_OK;
}

enum status key_words_read(const struct reader *reader, const struct place *place, json_t *json,
                           const char ***out_words, size_t *out_count)
{
    struct suite_command command = {NULL, 0};
    const struct key key = {WORDS_AT(struct suite_command, argv), .min = 1};
    enum status status = key_words(reader, place, json, &key, &command);
    *out_words = command.argv;
    *out_count = command.argv_count;
    return status;
}
