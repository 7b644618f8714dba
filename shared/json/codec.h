#ifndef SHARED_JSON_CODEC_H
#define SHARED_JSON_CODEC_H

/* One JSON codec for every message, fact and file: a table per struct.
 *
 *     static const struct field label_fields[] = {
 *         FIELD_REQUIRED(struct label, name, FIELD_STRING, .max = NAME_BYTES_MAX),
 *         FIELD_OPTIONAL(struct label, value, FIELD_STRING, .max = NAME_BYTES_MAX),
 *     };
 *     const struct shape label_shape = SHAPE("label", struct label, label_fields, NULL);
 *
 * Decoding is total: bytes become a struct, or an error that names the field
 * ("events[3].attempt.outcome: 'pased' is not one of passed, failed, ...; did you
 * mean 'passed'?").  After decoding nobody validates again.
 *
 * An optional field that is missing stands in the struct as 0, false, NULL or an
 * empty list, unless the table gives a default.  Encoding leaves out optional fields
 * that have their default, so a message that is decoded and encoded again is equal.
 *
 * Nothing here keeps state; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"

enum field_type {
    FIELD_STRING,  /* const char *                                    */
    FIELD_BOOL,    /* bool                                            */
    FIELD_INT,     /* int64_t                                         */
    FIELD_ENUM,    /* an enum (int-sized) through a table of names    */
    FIELD_OBJECT,  /* const struct X *: NULL when missing             */
    FIELD_LIST,    /* struct X *at; size_t X_count: objects           */
    FIELD_STRINGS, /* const char **at; size_t X_count                 */
    FIELD_INTS,    /* int64_t *at; size_t X_count                     */
    FIELD_MAP,     /* struct X *at; size_t X_count: a JSON object whose
                      member names go to the first field of the shape (a
                      FIELD_STRING) and whose values hold the others; for a shape
                      of exactly two string fields the value is the plain string */
};

/* The names of an enum, by value; NULL entries are holes. */
struct enum_names {
    const char *const *names;
    size_t count;
};

struct shape;

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t count_offset; /* lists only */
    bool is_required;
    int64_t min, max;      /* FIELD_INT: the range; strings: max bytes (0: TEXT_BYTES_MAX);
                              lists: most elements (0: LIST_COUNT_MAX); min of lists and strings: least */
    int64_t fallback;      /* FIELD_INT, FIELD_BOOL, FIELD_ENUM when missing */
    const struct shape *shape;      /* OBJECT, LIST, MAP */
    const struct enum_names *names; /* ENUM */
};

#define TEXT_BYTES_MAX ((int64_t)256 * 1024)
#define LIST_COUNT_MAX ((int64_t)1000000)

struct shape {
    const char *name;
    const struct field *fields;
    size_t field_count;
    size_t size; /* of the struct */
    /* What the table cannot say ("kind 'attempt' needs the field 'attempt'").  May be
     * NULL.  The error's text starts with the field's name, relative to this object. */
    enum status (*check)(const void *object, struct error *err);
};

#define FIELD_REQUIRED(type_, member, kind, ...)                                                   \
    {.name = #member, .type = (kind), .offset = offsetof(type_, member), .is_required = true,      \
     __VA_ARGS__}
#define FIELD_OPTIONAL(type_, member, kind, ...)                                                   \
    {.name = #member, .type = (kind), .offset = offsetof(type_, member), __VA_ARGS__}
/* Lists: the count stands in the member `<member>_count`. */
#define FIELD_REQUIRED_LIST(type_, member, kind, ...)                                              \
    {.name = #member, .type = (kind), .offset = offsetof(type_, member),                           \
     .count_offset = offsetof(type_, member##_count), .is_required = true, __VA_ARGS__}
#define FIELD_OPTIONAL_LIST(type_, member, kind, ...)                                              \
    {.name = #member, .type = (kind), .offset = offsetof(type_, member),                           \
     .count_offset = offsetof(type_, member##_count), __VA_ARGS__}
#define SHAPE(name_, type_, fields_, check_)                                                       \
    {.name = (name_), .fields = (fields_), .field_count = COUNT_OF(fields_),                       \
     .size = sizeof(type_), .check = (check_)}

enum codec_mode {
    CODEC_OPEN,   /* messages: unknown fields are ignored                        */
    CODEC_CLOSED, /* files: an unknown field is an error, with "did you mean"     */
    CODEC_TYPED,  /* closed, and scalars may be given as strings: "3" for an int,
                     "true" for a bool (YAML, where the schema gives the type)     */
};

/* Reads `len` bytes as one JSON document.  Everything the struct points to is in
 * the arena.  STATUS_INVALID with the field's path (duplicate names, numbers that
 * are not whole, NUL and bytes that are not UTF-8 are refused), STATUS_TOO_BIG past
 * a bound. */
enum status codec_decode(const struct shape *shape, const char *bytes, size_t len,
                         enum codec_mode mode, struct arena *arena, void *out_object,
                         struct error *err) MUST_USE;

/* The same from a json_t (`void *`, so that users of the codec need not see
 * jansson's header).  `err_path` (may be NULL) receives the path of the bad field in
 * dotted form ("databases.default.engine"), in the arena. */
enum status codec_decode_value(const struct shape *shape, const void *json, enum codec_mode mode,
                               struct arena *arena, void *out_object, const char **err_path,
                               struct error *err) MUST_USE;

/* Appends the object as compact JSON with its members in order of their names: the same
 * object always gives the same bytes ("canonical bytes").  STATUS_TOO_BIG past the buffer's bound. */
enum status codec_encode(const struct shape *shape, const void *object, struct buffer *buffer,
                         struct error *err) MUST_USE;

/* The name of an enum's value, and back (-1: none of that name). */
const char *codec_enum_name(const struct enum_names *names, int value);
int codec_enum_value(const struct enum_names *names, const char *name);

/* A deep copy of an object into an arena. */
void codec_copy(const struct shape *shape, const void *object, struct arena *arena,
                void *out_object);

#endif
