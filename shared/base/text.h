#ifndef SHARED_BASE_TEXT_H
#define SHARED_BASE_TEXT_H

/* Small questions about strings that several programs ask. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/check.h"

/* strcmp()==0 that takes NULL as the empty string. */
bool text_equals(const char *a, const char *b);

/* A whole decimal number in [min, max]; false otherwise, *out_value unchanged. */
bool text_to_int64(const char *text, int64_t min, int64_t max, int64_t *out_value) MUST_USE;

/* "500ms", "3s", "10m", "2h", "1h30m" to milliseconds; a bare number is refused. */
bool text_to_duration_ms(const char *text, int64_t *out_ms) MUST_USE;

/* "64KiB", "1MiB", "2GiB", "1000" to bytes. */
bool text_to_bytes(const char *text, int64_t *out_bytes) MUST_USE;

/* The candidate nearest to `word` (Levenshtein, at most a third of its length,
 * at least 1), or NULL.  For "did you mean". */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* Shell pattern over a whole id: * and ? match any character, also '/' and '.'. */
bool text_matches_glob(const char *pattern, const char *text);

/* Appends bytes as valid UTF-8 without NUL: what is not valid becomes U+FFFD. */
bool text_add_as_utf8(struct buffer *buffer, const char *bytes, size_t len);
bool text_is_utf8(const char *bytes, size_t len);

/* Largest l <= len such that bytes[0..l) does not end inside a UTF-8 sequence. */
size_t text_utf8_floor(const char *bytes, size_t len);

#endif
