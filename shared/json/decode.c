/* Reading: bytes to a jansson tree, the tree to structs by their tables.  The first thing
 * that is wrong ends it, and its path is made from the chain of places on the stack. */

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/access.h"
#include "shared/json/codec.h"
#include "shared/json/place.h"
#include "shared/json/reader.h"

static const char *kind_of(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a number that is not whole";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    UNREACHABLE("a kind of JSON without a name");
}

enum status reader_wrong_kind(const struct reader *reader, const struct place *place,
                              const char *wanted, const json_t *json)
{
    return READER_FAIL(reader, place, STATUS_INVALID, "expected %s, found %s", wanted,
                       kind_of(json));
}

/* What YAML users wrote without quotes where a string is meant. */
static bool scalar_to_text(const struct reader *reader, const json_t *json, const char **out_text)
{
    if (reader->mode != CODEC_TYPED || (!json_is_number(json) && !json_is_boolean(json)))
        return false;

    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    CHECK(text != NULL);
    *out_text = arena_strdup(reader->arena, text);
    free(text);
    return true;
}

enum status reader_text(const struct reader *reader, const struct place *place, int64_t bytes_min,
                        int64_t bytes_max, const json_t *json, const char **out_text)
{
    if (json_is_string(json)) {
        size_t len = json_string_length(json);

        if (memchr(json_string_value(json), '\0', len) != NULL)
            return READER_FAIL(reader, place, STATUS_INVALID, "a NUL byte");
        *out_text = arena_strndup(reader->arena, json_string_value(json), len);
    } else if (!scalar_to_text(reader, json, out_text)) {
        return reader_wrong_kind(reader, place, "a string", json);
    }

    size_t bytes = strlen(*out_text);
    if (bytes < (size_t)bytes_min)
        return bytes == 0 ? READER_FAIL(reader, place, STATUS_INVALID, "must not be empty")
                          : READER_FAIL(reader, place, STATUS_INVALID,
                                        "shorter than %" PRId64 " bytes", bytes_min);
    if (bytes > (size_t)(bytes_max != 0 ? bytes_max : TEXT_BYTES_MAX))
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "longer than %" PRId64 " bytes",
                           bytes_max != 0 ? bytes_max : TEXT_BYTES_MAX);
    return STATUS_OK;
}

enum status reader_bool(const struct reader *reader, const struct place *place, const json_t *json,
                        bool *out_value)
{
    if (json_is_boolean(json)) {
        *out_value = json_is_true(json);
        return STATUS_OK;
    }
    if (reader->mode != CODEC_TYPED || !json_is_string(json))
        return reader_wrong_kind(reader, place, "true or false", json);

    const char *text = json_string_value(json);
    *out_value = strcmp(text, "true") == 0;
    if (!*out_value && strcmp(text, "false") != 0)
        return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is neither true nor false",
                           place_shown(text, reader->arena));
    return STATUS_OK;
}

enum status reader_int(const struct reader *reader, const struct place *place, int64_t min,
                       int64_t max, const json_t *json, int64_t *out_number)
{
    bool is_any = min == 0 && max == 0;

    if (json_is_integer(json)) {
        *out_number = json_integer_value(json);
    } else if (reader->mode == CODEC_TYPED && json_is_string(json)) {
        const char *text = json_string_value(json);

        if (!text_to_int64(text, INT64_MIN, INT64_MAX, out_number))
            return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is not a whole number",
                               place_shown(text, reader->arena));
    } else {
        return reader_wrong_kind(reader, place, "a whole number", json);
    }

    if (max == 0 && min > 0)
        max = INT64_MAX;
    if (is_any || (*out_number >= min && *out_number <= max))
        return STATUS_OK;
    if (max == INT64_MAX)
        return READER_FAIL(reader, place, STATUS_INVALID, "%" PRId64 " is less than %" PRId64,
                           *out_number, min);
    return READER_FAIL(reader, place, STATUS_INVALID, "%" PRId64 " is not in %" PRId64 "..%" PRId64,
                       *out_number, min, max);
}

static void names_add(struct buffer *list, const struct enum_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i] != NULL)
            (void)buffer_printf(list, "%s%s", list->len != 0 ? ", " : "", names->names[i]);
    }
}

const char *reader_did_you_mean(const struct reader *reader, const char *word,
                                const char *const *names, size_t count)
{
    const char *nearest = text_nearest(word, names, count);

    return nearest != NULL ? arena_printf(reader->arena, "; did you mean '%s'?", nearest) : "";
}

static enum status unknown_name(const struct reader *reader, const struct place *place,
                                const struct enum_names *names, const char *name)
{
    const char *known[SHAPE_FIELDS_MAX];
    size_t count = 0;
    struct buffer list;

    CHECK(names->count <= COUNT_OF(known));
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i] != NULL)
            known[count++] = names->names[i];
    }
    buffer_init(&list, ERROR_TEXT_MAX);
    names_add(&list, names);
    enum status status = READER_FAIL(reader, place, STATUS_INVALID, "'%s' is not one of %s%s",
                                     place_shown(name, reader->arena), list.at,
                                     reader_did_you_mean(reader, name, known, count));
    buffer_release(&list);
    return status;
}

enum status reader_enum(const struct reader *reader, const struct place *place,
                        const struct enum_names *names, const json_t *json, int *out_value)
{
    if (!json_is_string(json))
        return reader_wrong_kind(reader, place, "a string", json);
    *out_value = codec_enum_value(names, json_string_value(json));
    if (*out_value < 0)
        return unknown_name(reader, place, names, json_string_value(json));
    return STATUS_OK;
}

static enum status check_count(const struct reader *reader, const struct place *place,
                               const struct field *field, size_t count)
{
    int64_t max = field->max != 0 ? field->max : LIST_COUNT_MAX;

    if ((int64_t)count < field->min)
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "needs at least %" PRId64 " of them, found %zu", field->min, count);
    if ((int64_t)count > max)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %" PRId64 " of them", max);
    return STATUS_OK;
}

static size_t element_bytes(const struct field *field)
{
    if (field->type == FIELD_STRINGS)
        return sizeof(const char *);
    return field->type == FIELD_INTS ? sizeof(int64_t) : field->shape->size;
}

static enum status read_element(const struct reader *reader, const struct place *place,
                                const struct field *field, json_t *json, char *out_element)
{
    enum status status = STATUS_OK;
    const char *text = NULL;
    int64_t number = 0;

    if (field->type == FIELD_LIST)
        return reader_object(reader, place, field->shape, json, 0, out_element);
    if (field->type == FIELD_STRINGS) {
        status = reader_text(reader, place, field->element_min, field->element_max, json, &text);
        (void)memcpy(out_element, &text, sizeof(text));
        return status;
    }
    status = reader_int(reader, place, field->element_min, field->element_max, json, &number);
    (void)memcpy(out_element, &number, sizeof(number));
    return status;
}

static enum status read_list(const struct reader *reader, const struct place *place,
                             const struct field *field, json_t *json, void *out_object)
{
    if (!json_is_array(json))
        return reader_wrong_kind(reader, place, "a list", json);

    size_t count = json_array_size(json);
    enum status status = check_count(reader, place, field, count);
    if (status != STATUS_OK || count == 0)
        return status;

    char *list = arena_array(reader->arena, count, element_bytes(field));
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .index = i};

        status = read_element(reader, &inner, field, json_array_get(json, i),
                              list + i * element_bytes(field));
        if (status != STATUS_OK)
            return status;
    }
    access_set_pointer(out_object, field, list);
    access_set_count(out_object, field, count);
    return STATUS_OK;
}

static enum status run_check(const struct reader *reader, const struct place *place,
                             const struct shape *shape, const void *object)
{
    struct error why;

    if (shape->check == NULL)
        return STATUS_OK;
    enum status status = shape->check(object, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    return place_fail_inside(place, reader->arena, reader->out_path, reader->err, status, why.text);
}

static enum status read_map_entry(const struct reader *reader, const struct place *place,
                                  const struct shape *shape, json_t *value, void *out_entry)
{
    const struct field *name = &shape->fields[0];
    const struct field *plain = &shape->fields[1];
    const char *text = NULL;

    CHECK(name->type == FIELD_STRING);
    if (strlen(place->name) < (size_t)name->min)
        return READER_FAIL(reader, place, STATUS_INVALID, "the name must not be empty");
    if (strlen(place->name) > (size_t)(name->max != 0 ? name->max : TEXT_BYTES_MAX))
        return READER_FAIL(reader, place, STATUS_TOO_BIG,
                           "the name is longer than %" PRId64 " bytes", name->max);
    access_set_pointer(out_entry, name, arena_strdup(reader->arena, place->name));
    if (!access_is_plain_map(shape))
        return reader_object(reader, place, shape, value, 1, out_entry);

    enum status status = reader_text(reader, place, plain->min, plain->max, value, &text);
    if (status != STATUS_OK)
        return status;
    access_set_pointer(out_entry, plain, text);
    return run_check(reader, place->outer, shape, out_entry);
}

static enum status read_map(const struct reader *reader, const struct place *place,
                            const struct field *field, json_t *json, void *out_object)
{
    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "an object", json);

    size_t count = json_object_size(json);
    enum status status = check_count(reader, place, field, count);
    if (status != STATUS_OK || count == 0)
        return status;

    char *list = arena_array(reader->arena, count, field->shape->size);
    char *entry = list;
    for (void *at = json_object_iter(json); at != NULL && status == STATUS_OK;
         at = json_object_iter_next(json, at)) {
        struct place inner = {.outer = place, .name = json_object_iter_key(at)};

        status = read_map_entry(reader, &inner, field->shape, json_object_iter_value(at), entry);
        entry += field->shape->size;
    }
    if (status != STATUS_OK)
        return status;
    access_set_pointer(out_object, field, list);
    access_set_count(out_object, field, count);
    return STATUS_OK;
}

static enum status read_value(const struct reader *reader, const struct place *place,
                              const struct field *field, json_t *json, void *out_object)
{
    enum status status = STATUS_OK;
    const char *text = NULL;
    int64_t number = 0;
    int value = 0;
    bool flag = false;
    void *inner = NULL;

    switch (field->type) {
    case FIELD_STRING:
        status = reader_text(reader, place, field->min, field->max, json, &text);
        access_set_pointer(out_object, field, text);
        return status;
    case FIELD_BOOL:
        status = reader_bool(reader, place, json, &flag);
        access_set(out_object, field->offset, &flag, sizeof(flag));
        return status;
    case FIELD_INT:
        status = reader_int(reader, place, field->min, field->max, json, &number);
        access_set(out_object, field->offset, &number, sizeof(number));
        return status;
    case FIELD_ENUM:
        status = reader_enum(reader, place, field->names, json, &value);
        access_set(out_object, field->offset, &value, sizeof(value));
        return status;
    case FIELD_OBJECT:
        inner = arena_alloc(reader->arena, field->shape->size);
        status = reader_object(reader, place, field->shape, json, 0, inner);
        access_set_pointer(out_object, field, inner);
        return status;
    case FIELD_LIST:
    case FIELD_STRINGS:
    case FIELD_INTS:
        return read_list(reader, place, field, json, out_object);
    case FIELD_MAP:
        return read_map(reader, place, field, json, out_object);
    }
    UNREACHABLE("a field type that is not read");
}

static void set_default(const struct field *field, struct arena *arena, void *out_object)
{
    bool flag = field->fallback != 0;
    int value = (int)field->fallback;

    if (field->type == FIELD_STRING && field->fallback_text != NULL)
        access_set_pointer(out_object, field, arena_strdup(arena, field->fallback_text));
    else if (field->type == FIELD_INT)
        access_set(out_object, field->offset, &field->fallback, sizeof(field->fallback));
    else if (field->type == FIELD_BOOL)
        access_set(out_object, field->offset, &flag, sizeof(flag));
    else if (field->type == FIELD_ENUM)
        access_set(out_object, field->offset, &value, sizeof(value));
}

static enum status refuse_unknown(const struct reader *reader, const struct place *place,
                                  const struct shape *shape, json_t *json, size_t first)
{
    const char *known[SHAPE_FIELDS_MAX];
    size_t count = 0;

    CHECK(shape->field_count <= COUNT_OF(known));
    for (size_t i = first; i < shape->field_count; i++)
        known[count++] = shape->fields[i].name;
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        const char *name = json_object_iter_key(at);
        struct place inner = {.outer = place, .name = name};
        bool is_known = false;

        for (size_t i = 0; i < count && !is_known; i++)
            is_known = strcmp(known[i], name) == 0;
        if (!is_known)
            return READER_FAIL(reader, &inner, STATUS_INVALID, "is not known here%s",
                               reader_did_you_mean(reader, name, known, count));
    }
    return STATUS_OK;
}

enum status reader_object(const struct reader *reader, const struct place *place,
                          const struct shape *shape, json_t *json, size_t first, void *out_object)
{
    enum status status = STATUS_OK;

    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "an object", json);
    if (reader->mode != CODEC_OPEN)
        status = refuse_unknown(reader, place, shape, json, first);
    for (size_t i = first; i < shape->field_count && status == STATUS_OK; i++) {
        const struct field *field = &shape->fields[i];
        struct place inner = {.outer = place, .name = field->name};
        json_t *value = json_object_get(json, field->name);

        if (value != NULL)
            status = read_value(reader, &inner, field, value, out_object);
        else if (field->is_required)
            status = READER_FAIL(reader, &inner, STATUS_INVALID, "is missing");
        else
            set_default(field, reader->arena, out_object);
    }
    return status == STATUS_OK ? run_check(reader, place, shape, out_object) : status;
}

enum status codec_decode_value(const struct shape *shape, const void *json, enum codec_mode mode,
                               struct arena *arena, void *out_object, const char **err_path,
                               struct error *err)
{
    struct reader reader = {.mode = mode, .arena = arena, .out_path = err_path, .err = err};
    /* jansson's iterators want the tree writable, and only read it. */
    json_t *tree = NULL;

    (void)memcpy(&tree, &json, sizeof(json));
    (void)memset(out_object, 0, shape->size);
    return reader_object(&reader, NULL, shape, tree, 0, out_object);
}

/* jansson's own bound is two thousand levels of recursion; ours is what we need. */
static bool depth_is_bounded(const char *bytes, size_t len)
{
    size_t depth = 0;
    bool in_text = false;

    for (size_t i = 0; i < len; i++) {
        if (in_text) {
            if (bytes[i] == '\\')
                i++;
            else if (bytes[i] == '"')
                in_text = false;
            continue;
        }
        if (bytes[i] == '"')
            in_text = true;
        else if (bytes[i] == '{' || bytes[i] == '[')
            depth++;
        else if ((bytes[i] == '}' || bytes[i] == ']') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return false;
    }
    return true;
}

/* jansson quotes what it stumbled over, which need not be whole UTF-8. */
static enum status not_json(const struct shape *shape, const json_error_t *where, struct error *err)
{
    struct buffer text;

    CHECK(json_error_code(where) != json_error_out_of_memory);
    buffer_init(&text, 3 * sizeof(where->text));
    (void)text_add_as_utf8(&text, where->text, strlen(where->text));
    enum status status = error_set(err, STATUS_INVALID, "%s: line %d, column %d: %s", shape->name,
                                   where->line, where->column, text.at);
    buffer_release(&text);
    return status;
}

static void tree_release(json_t **tree)
{
    json_decref(*tree);
}

enum status codec_decode(const struct shape *shape, const char *bytes, size_t len,
                         enum codec_mode mode, struct arena *arena, void *out_object,
                         struct error *err)
{
    json_error_t where;

    if (!depth_is_bounded(bytes, len))
        return error_set(err, STATUS_INVALID, "%s: nested deeper than %d", shape->name,
                         JSON_DEPTH_MAX);

    CLEANUP(tree_release) json_t *tree = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &where);
    if (tree == NULL) {
        return not_json(shape, &where, err);
    }
    return codec_decode_value(shape, tree, mode, arena, out_object, NULL, err);
}
