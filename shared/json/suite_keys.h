#ifndef SHARED_JSON_SUITE_KEYS_H
#define SHARED_JSON_SUITE_KEYS_H

/* The keys of one map of the suite file as a table, and the readers of common kinds of values.
 *
 *     {"timeouts", suite_file_timeouts_read}    a key, and who reads it
 *     {"test", key_duration, AT(...)}           a value of a common kind, and where it goes
 *     {"services", .not_built = "..."}          a key of the reference that waits for a release
 *
 * Private to the readers of suite files. */

#include <stddef.h>

#include "shared/json/reader.h"

struct key;

typedef enum status key_read(const struct reader *reader, const struct place *place, json_t *json,
                             const struct key *key, void *target);

struct key {
    const char *name;
    key_read *read;        /* NULL: not built yet */
    const char *not_built; /* what the key is for */
    size_t offset;         /* where a value of a common kind goes in the target */
    size_t count_offset;   /* of lists */
    int64_t min, max;      /* bounds as in struct field */
    int64_t element_min;   /* of lists: bytes of each */
    const struct enum_names *names;
};

struct keys {
    const struct key *at;
    size_t count;
};

#define KEYS(table)                                                                                \
    {                                                                                              \
        (table), COUNT_OF(table)                                                                   \
    }

#define AT(type, member)       .offset = offsetof(type, member)
#define WORDS_AT(type, member) AT(type, member), .count_offset = offsetof(type, member##_count)

/* Every key of the map by the table; the first that is wrong ends it. */
enum status keys_read(const struct reader *reader, const struct place *place, json_t *json,
                      const struct keys *keys, void *target) MUST_USE;

/* Fails: the map at `place` needs the key `name`. */
enum status keys_missing(const struct reader *reader, const struct place *place, const char *name);

/* Names of variables and databases; what else they must be, suite_check says. */
enum status key_name_check(const struct reader *reader, const struct place *place) MUST_USE;

/* A value where the table says. */
void key_put(void *target, size_t offset, const void *value, size_t bytes);

/* ---- values of common kinds ------------------------------------------------ */

key_read key_text;
key_read key_bool;
key_read key_int;
key_read key_enum;
key_read key_duration;
key_read key_duration_or_none; /* "none" where there may be no bound (min is 0) */
key_read key_bytes;
key_read key_words; /* a list; `min` is its least length, `element_min` that of its elements */

/* A command where the key takes other forms too. */
enum status key_words_read(const struct reader *reader, const struct place *place, json_t *json,
                           const char ***out_words, size_t *out_count) MUST_USE;

#endif
