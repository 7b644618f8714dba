#ifndef SHARED_JSON_READER_H
#define SHARED_JSON_READER_H

/* The steps of decoding, for what no table can say: keys that take several forms.  Private
 * to the codec and the reader of suite files; here, and only here, jansson shows. */

#include <jansson.h>
#include <stddef.h>

#include "shared/json/codec.h"
#include "shared/json/place.h"

struct reader {
    enum codec_mode mode;
    struct arena *arena;
    const char **out_path; /* may be NULL */
    struct error *err;
};

/* Ends the reading: "PATH: text". */
#define READER_FAIL(reader, place, status, ...)                                                    \
    place_fail(place, (reader)->arena, (reader)->out_path, (reader)->err, status,                  \
               arena_printf((reader)->arena, __VA_ARGS__))

/* "expected a list, found a string" */
enum status reader_wrong_kind(const struct reader *reader, const struct place *place,
                              const char *wanted, const json_t *json);

/* "; did you mean 'name'?", or "" when nothing is near; the arena's. */
const char *reader_did_you_mean(const struct reader *reader, const char *word,
                                const char *const *names, size_t count);

/* One value each; bounds as in struct field. */
enum status reader_text(const struct reader *reader, const struct place *place, int64_t bytes_min,
                        int64_t bytes_max, const json_t *json, const char **out_text) MUST_USE;
enum status reader_bool(const struct reader *reader, const struct place *place, const json_t *json,
                        bool *out_value) MUST_USE;
enum status reader_int(const struct reader *reader, const struct place *place, int64_t min,
                       int64_t max, const json_t *json, int64_t *out_number) MUST_USE;
enum status reader_enum(const struct reader *reader, const struct place *place,
                        const struct enum_names *names, const json_t *json,
                        int *out_value) MUST_USE;

/* An object by its shape, without the first `first` fields. */
enum status reader_object(const struct reader *reader, const struct place *place,
                          const struct shape *shape, json_t *json, size_t first,
                          void *out_object) MUST_USE;

#endif
