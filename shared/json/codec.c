#include "shared/json/codec.h"

#include <string.h>

#include "shared/json/access.h"

const char *codec_enum_name(const struct enum_names *names, int value)
{
    CHECK(value >= 0);
    CHECK((size_t)value < names->count);
    CHECK(names->names[value] != NULL);
    return names->names[value];
}

int codec_enum_value(const struct enum_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i] != NULL && strcmp(names->names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static const char *text_copy(const char *text, struct arena *arena)
{
    return text != NULL ? arena_strdup(arena, text) : NULL;
}

static const void *list_copy(const struct field *field, const void *list, size_t count,
                             struct arena *arena)
{
    if (count == 0)
        return NULL;
    if (field->type == FIELD_INTS) {
        void *numbers = arena_array(arena, count, sizeof(int64_t));

        return memcpy(numbers, list, count * sizeof(int64_t));
    }
    if (field->type == FIELD_STRINGS) {
        const char *const *from = list;
        const char **texts = arena_array(arena, count, sizeof(*texts));

        for (size_t i = 0; i < count; i++)
            texts[i] = text_copy(from[i], arena);
        return texts;
    }

    char *elements = arena_array(arena, count, field->shape->size);
    for (size_t i = 0; i < count; i++) {
        size_t offset = i * field->shape->size;

        codec_copy(field->shape, access_at(list, offset), arena, elements + offset);
    }
    return elements;
}

static void field_copy(const struct field *field, const void *object, struct arena *arena,
                       void *out_object)
{
    const void *from = NULL;
    void *inner = NULL;

    switch (field->type) {
    case FIELD_BOOL:
    case FIELD_INT:
    case FIELD_ENUM:
        return; /* came with the struct itself */
    case FIELD_STRING:
        access_set_pointer(out_object, field, text_copy(access_pointer(object, field), arena));
        return;
    case FIELD_OBJECT:
        from = access_pointer(object, field);
        if (from == NULL)
            return;
        inner = arena_alloc(arena, field->shape->size);
        codec_copy(field->shape, from, arena, inner);
        access_set_pointer(out_object, field, inner);
        return;
    case FIELD_LIST:
    case FIELD_STRINGS:
    case FIELD_INTS:
    case FIELD_MAP:
        from = access_pointer(object, field);
        access_set_pointer(out_object, field,
                           list_copy(field, from, access_count(object, field), arena));
        return;
    }
    UNREACHABLE("a field type without a copy");
}

void codec_copy(const struct shape *shape, const void *object, struct arena *arena,
                void *out_object)
{
    (void)memcpy(out_object, object, shape->size);
    for (size_t i = 0; i < shape->field_count; i++)
        field_copy(&shape->fields[i], object, arena, out_object);
}
