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
 * empty list, unless the table gives a default (`.fallback`, `.fallback_text`).
 * Encoding leaves out optional fields that have their default, so a message that is
 * decoded and encoded again is equal.  Most texts want "" for "none": FIELD_TEXT.
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
    size_t offset;
    size_t count_offset; /* lists only */
    /* FIELD_INT: the range (both 0: any; max 0 with a positive min: no upper end).
     * Strings: bytes (max 0: TEXT_BYTES_MAX).  Lists: elements (max 0: LIST_COUNT_MAX). */
    int64_t min, max;
    int64_t element_min, element_max; /* STRINGS: bytes of each; INTS: range of each, as above */
    int64_t fallback;                 /* FIELD_INT, FIELD_BOOL, FIELD_ENUM when missing */
    const char *fallback_text;        /* FIELD_STRING when missing; without it NULL */
    const struct shape *shape;        /* OBJECT, LIST, MAP */
    const struct enum_names *names;   /* ENUM */
    enum field_type type;
    bool is_required;
};

#define TEXT_BYTES_MAX ((int64_t)256 * 1024)
#define LIST_COUNT_MAX ((int64_t)1000000)

/* Members of one shape; the widest message has half as many. */
#define SHAPE_FIELDS_MAX 64

struct shape {
    const char *name;
    const struct field *fields;
    size_t field_count;
    size_t size; /* of the struct */
    /* What the table cannot say ("attempt: kind 'attempt' needs it").  May be NULL.
     * The error's text starts with the field's name or path, relative to this object,
     * up to the first ':' or blank. */
    enum status (*check)(const void *object, struct error *err);
};

/* clang-format off */
/* After the member: its kind, and what else its table line says (`.max = 20`). */
#define FIELD_REQUIRED(type_, member, ...)                                                         \
    {.name = #member, .offset = offsetof(type_, member), .is_required = true, .type = __VA_ARGS__}
#define FIELD_OPTIONAL(type_, member, ...)                                                         \
    {.name = #member, .offset = offsetof(type_, member), .type = __VA_ARGS__}
/* A member whose name on the wire is another. */
#define FIELD_NAMED(name_, type_, member, ...)                                                     \
    {.name = (name_), .offset = offsetof(type_, member), .type = __VA_ARGS__}
/* An optional string that is "" when missing, of at most max_ bytes. */
#define FIELD_TEXT(type_, member, max_)                                                            \
    {.name = #member, .offset = offsetof(type_, member), .type = FIELD_STRING, .max = (max_),      \
     .fallback_text = ""}
/* Lists: the count stands in the member `<member>_count`. */
#define FIELD_REQUIRED_LIST(type_, member, ...)                                                    \
    {.name = #member, .offset = offsetof(type_, member),                                           \
     .count_offset = offsetof(type_, member##_count), .is_required = true, .type = __VA_ARGS__}
#define FIELD_OPTIONAL_LIST(type_, member, ...)                                                    \
    {.name = #member, .offset = offsetof(type_, member),                                           \
     .count_offset = offsetof(type_, member##_count), .type = __VA_ARGS__}
#define SHAPE(name_, type_, fields_, check_)                                                       \
    {.name = (name_), .fields = (fields_), .field_count = COUNT_OF(fields_),                       \
     .size = sizeof(type_), .check = (check_)}
/* clang-format on */

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
 * jansson's header).  `err_path` (may be NULL) receives the path of the bad field as the
 * error's text has it ("databases.default.engine", "prepare[0].run"; "" the document), in
 * the arena.  With CODEC_TYPED a number or boolean where a string is wanted becomes its text. */
enum status codec_decode_value(const struct shape *shape, const void *json, enum codec_mode mode,
                               struct arena *arena, void *out_object, const char **err_path,
                               struct error *err) MUST_USE;

/* Appends the object as compact JSON with its members in order of their names: the same
 * object always gives the same bytes ("canonical bytes").  STATUS_TOO_BIG past the buffer's
 * bound, STATUS_INVALID for text that is not UTF-8; the buffer's end is then of no use. */
enum status codec_encode(const struct shape *shape, const void *object, struct buffer *buffer,
                         struct error *err) MUST_USE;

/* The name of an enum's value, and back (-1: none of that name). */
const char *codec_enum_name(const struct enum_names *names, int value);
int codec_enum_value(const struct enum_names *names, const char *name);

/* A deep copy of an object into an arena; members that the table does not name are copied
 * as they stand. */
void codec_copy(const struct shape *shape, const void *object, struct arena *arena,
                void *out_object);

#endif
