#ifndef SHARED_JSON_ACCESS_H
#define SHARED_JSON_ACCESS_H

/* How the codec reaches a member of a struct that it knows only by its table.  Private to
 * the codec; memcpy, so that no type is read through another. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "shared/json/codec.h"

static inline const void *access_at(const void *object, size_t offset)
{
    return (const char *)object + offset;
}

static inline const void *access_pointer(const void *object, const struct field *field)
{
    const void *pointer = NULL;

    (void)memcpy(&pointer, access_at(object, field->offset), sizeof(pointer));
    return pointer;
}

static inline size_t access_count(const void *object, const struct field *field)
{
    size_t count = 0;

    (void)memcpy(&count, access_at(object, field->count_offset), sizeof(count));
    return count;
}

static inline int64_t access_int(const void *object, const struct field *field)
{
    int64_t number = 0;

    (void)memcpy(&number, access_at(object, field->offset), sizeof(number));
    return number;
}

static inline int access_enum(const void *object, const struct field *field)
{
    int value = 0;

    (void)memcpy(&value, access_at(object, field->offset), sizeof(value));
    return value;
}

static inline bool access_bool(const void *object, const struct field *field)
{
    bool value = false;

    (void)memcpy(&value, access_at(object, field->offset), sizeof(value));
    return value;
}

static inline void access_set(void *object, size_t offset, const void *value, size_t bytes)
{
    (void)memcpy((char *)object + offset, value, bytes);
}

static inline void access_set_pointer(void *object, const struct field *field, const void *pointer)
{
    access_set(object, field->offset, &pointer, sizeof(pointer));
}

static inline void access_set_count(void *object, const struct field *field, size_t count)
{
    access_set(object, field->count_offset, &count, sizeof(count));
}

/* A map whose values are plain strings: a shape of exactly two string fields. */
static inline bool access_is_plain_map(const struct shape *shape)
{
    return shape->field_count == 2 && shape->fields[1].type == FIELD_STRING;
}

#endif
