/* Writing: straight into the buffer, members in order of their names, no blanks, numbers
 * whole.  Only what JSON demands is escaped, so there is one way to write a text. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/text.h"
#include "shared/json/access.h"
#include "shared/json/codec.h"
#include "shared/json/place.h"

struct writer {
    struct buffer *buffer;
    struct arena arena; /* for errors only */
    struct error *err;
};

static enum status write_object(struct writer *writer, const struct place *place,
                                const struct shape *shape, const void *object, size_t first);

static void write_escaped(struct buffer *buffer, const char *text)
{
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r",
    };
    const char *plain = text; /* what is not copied yet */
    const char *at = text;

    for (; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        (void)buffer_add(buffer, plain, (size_t)(at - plain));
        plain = at + 1;
        if (byte >= 0x20)
            (void)buffer_printf(buffer, "\\%c", byte);
        else if (shorts[byte] != NULL)
            (void)buffer_add_text(buffer, shorts[byte]);
        else
            (void)buffer_printf(buffer, "\\u%04x", byte);
    }
    (void)buffer_add(buffer, plain, (size_t)(at - plain));
}

static enum status write_text(struct writer *writer, const struct place *place, const char *text)
{
    CHECK(text != NULL);
    if (!text_is_utf8(text, strlen(text)))
        return place_fail(place, &writer->arena, NULL, writer->err, STATUS_INVALID,
                          "the text is not UTF-8");
    (void)buffer_add_char(writer->buffer, '"');
    write_escaped(writer->buffer, text);
    (void)buffer_add_char(writer->buffer, '"');
    return STATUS_OK;
}

static enum status write_element(struct writer *writer, const struct place *place,
                                 const struct field *field, const void *list, size_t index)
{
    if (field->type == FIELD_STRINGS)
        return write_text(writer, place, ((const char *const *)list)[index]);
    if (field->type == FIELD_INTS) {
        (void)buffer_printf(writer->buffer, "%" PRId64, ((const int64_t *)list)[index]);
        return STATUS_OK;
    }
    return write_object(writer, place, field->shape, access_at(list, index * field->shape->size),
                        0);
}

static enum status write_list(struct writer *writer, const struct place *place,
                              const struct field *field, const void *list, size_t count)
{
    (void)buffer_add_char(writer->buffer, '[');
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .index = i};

        if (i != 0)
            (void)buffer_add_char(writer->buffer, ',');
        enum status status = write_element(writer, &inner, field, list, i);
        if (status != STATUS_OK)
            return status;
    }
    (void)buffer_add_char(writer->buffer, ']');
    return STATUS_OK;
}

struct map_entry {
    const char *name;
    const void *object;
};

static int map_entry_compare(const void *a, const void *b)
{
    return strcmp(((const struct map_entry *)a)->name, ((const struct map_entry *)b)->name);
}

static enum status write_map_entries(struct writer *writer, const struct place *place,
                                     const struct shape *shape, const struct map_entry *entries,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .name = entries[i].name};

        if (i != 0) {
            if (strcmp(entries[i - 1].name, entries[i].name) == 0)
                return place_fail(&inner, &writer->arena, NULL, writer->err, STATUS_INVALID,
                                  "the name stands twice");
            (void)buffer_add_char(writer->buffer, ',');
        }
        enum status status = write_text(writer, &inner, entries[i].name);
        if (status != STATUS_OK)
            return status;
        (void)buffer_add_char(writer->buffer, ':');
        if (access_is_plain_map(shape))
            status =
                write_text(writer, &inner, access_pointer(entries[i].object, &shape->fields[1]));
        else
            status = write_object(writer, &inner, shape, entries[i].object, 1);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status write_map(struct writer *writer, const struct place *place,
                             const struct field *field, const void *list, size_t count)
{
    const struct shape *shape = field->shape;
    struct map_entry *entries = mem_alloc(count * sizeof(*entries));

    for (size_t i = 0; i < count; i++) {
        entries[i].object = access_at(list, i * shape->size);
        entries[i].name = access_pointer(entries[i].object, &shape->fields[0]);
        CHECK(entries[i].name != NULL);
    }
    qsort(entries, count, sizeof(*entries), map_entry_compare);

    (void)buffer_add_char(writer->buffer, '{');
    enum status status = write_map_entries(writer, place, shape, entries, count);
    (void)buffer_add_char(writer->buffer, '}');
    free(entries);
    return status;
}

static enum status write_value(struct writer *writer, const struct place *place,
                               const struct field *field, const void *object)
{
    struct buffer *buffer = writer->buffer;

    switch (field->type) {
    case FIELD_STRING:
        return write_text(writer, place, access_pointer(object, field));
    case FIELD_BOOL:
        (void)buffer_add_text(buffer, access_bool(object, field) ? "true" : "false");
        return STATUS_OK;
    case FIELD_INT:
        (void)buffer_printf(buffer, "%" PRId64, access_int(object, field));
        return STATUS_OK;
    case FIELD_ENUM:
        return write_text(writer, place, codec_enum_name(field->names, access_enum(object, field)));
    case FIELD_OBJECT:
        CHECK(access_pointer(object, field) != NULL);
        return write_object(writer, place, field->shape, access_pointer(object, field), 0);
    case FIELD_LIST:
    case FIELD_STRINGS:
    case FIELD_INTS:
        return write_list(writer, place, field, access_pointer(object, field),
                          access_count(object, field));
    case FIELD_MAP:
        return write_map(writer, place, field, access_pointer(object, field),
                         access_count(object, field));
    }
    UNREACHABLE("a field type that is not written");
}

static bool has_default(const struct field *field, const void *object)
{
    const char *text = NULL;

    switch (field->type) {
    case FIELD_STRING:
        text = access_pointer(object, field);
        return text == NULL ||
               (field->fallback_text != NULL && strcmp(text, field->fallback_text) == 0);
    case FIELD_BOOL:
        return access_bool(object, field) == (field->fallback != 0);
    case FIELD_INT:
        return access_int(object, field) == field->fallback;
    case FIELD_ENUM:
        return access_enum(object, field) == field->fallback;
    case FIELD_OBJECT:
        return access_pointer(object, field) == NULL;
    case FIELD_LIST:
    case FIELD_STRINGS:
    case FIELD_INTS:
    case FIELD_MAP:
        return access_count(object, field) == 0;
    }
    UNREACHABLE("a field type without a default");
}

/* The fields from `first` on that will be written, in order of their names. */
static size_t fields_in_order(const struct shape *shape, const void *object, size_t first,
                              const struct field *out_fields[SHAPE_FIELDS_MAX])
{
    size_t count = 0;

    CHECK(shape->field_count <= SHAPE_FIELDS_MAX);
    for (size_t i = first; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];

        if (!field->is_required && has_default(field, object))
            continue;
        size_t at = count++;
        for (; at > 0 && strcmp(out_fields[at - 1]->name, field->name) > 0; at--)
            out_fields[at] = out_fields[at - 1];
        out_fields[at] = field;
    }
    return count;
}

static enum status write_object(struct writer *writer, const struct place *place,
                                const struct shape *shape, const void *object, size_t first)
{
    const struct field *fields[SHAPE_FIELDS_MAX];
    size_t count = fields_in_order(shape, object, first, fields);

    (void)buffer_add_char(writer->buffer, '{');
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .name = fields[i]->name};

        (void)buffer_printf(writer->buffer, "%s\"%s\":", i != 0 ? "," : "", fields[i]->name);
        enum status status = write_value(writer, &inner, fields[i], object);
        if (status != STATUS_OK)
            return status;
    }
    (void)buffer_add_char(writer->buffer, '}');
    return STATUS_OK;
}

enum status codec_encode(const struct shape *shape, const void *object, struct buffer *buffer,
                         struct error *err)
{
    struct writer writer = {.buffer = buffer, .arena = ARENA_INIT, .err = err};
    enum status status = write_object(&writer, NULL, shape, object, 0);

    if (status == STATUS_OK && buffer->has_overflowed)
        status =
            error_set(err, STATUS_TOO_BIG, "%s: more than %zu bytes", shape->name, buffer->max);
    arena_release(&writer.arena);
    return status;
}
