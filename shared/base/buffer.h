#ifndef SHARED_BASE_BUFFER_H
#define SHARED_BASE_BUFFER_H

/* Bytes that grow up to a bound which is told at the start.
 *
 * `at` always ends with a NUL that `len` does not count, so it may be read as
 * text.  Past the bound an append changes nothing, marks the buffer as
 * overflowed, and all later appends fail too: one check at the end is enough. */

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/check.h"

struct buffer {
    char *at;
    size_t len;
    size_t cap;
    size_t max; /* in bytes, without the closing NUL */
    bool has_overflowed;
};

void buffer_init(struct buffer *buffer, size_t bytes_max);
void buffer_release(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);

/* false: the bound is reached. */
bool buffer_add(struct buffer *buffer, const void *bytes, size_t len);
bool buffer_add_text(struct buffer *buffer, const char *text);
bool buffer_add_char(struct buffer *buffer, char byte);
bool buffer_printf(struct buffer *buffer, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Removes the first `len` bytes. */
void buffer_drop_front(struct buffer *buffer, size_t len);

/* Gives the text to the caller, who frees it; the buffer is empty afterwards. */
char *buffer_detach(struct buffer *buffer);

#endif
