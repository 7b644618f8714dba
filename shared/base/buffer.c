#include "shared/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

static char nothing[1];

void buffer_init(struct buffer *buffer, size_t bytes_max)
{
    *buffer = (struct buffer){.at = nothing, .max = bytes_max};
}

void buffer_release(struct buffer *buffer)
{
    if (buffer->cap != 0)
        free(buffer->at);
    buffer_init(buffer, buffer->max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->has_overflowed = false;
    if (buffer->cap != 0)
        buffer->at[0] = '\0';
}

static bool make_room(struct buffer *buffer, size_t len)
{
    if (buffer->has_overflowed || len > buffer->max - buffer->len) {
        buffer->has_overflowed = true;
        return false;
    }
    if (buffer->len + len + 1 <= buffer->cap)
        return true;

    size_t cap = buffer->cap != 0 ? buffer->cap : 64;
    while (cap < buffer->len + len + 1)
        cap *= 2;
    buffer->at = mem_realloc(buffer->cap != 0 ? buffer->at : NULL, cap);
    buffer->cap = cap;
    return true;
}

bool buffer_add(struct buffer *buffer, const void *bytes, size_t len)
{
    if (!make_room(buffer, len))
        return false;
    if (len != 0)
        (void)memcpy(buffer->at + buffer->len, bytes, len);
    buffer->len += len;
    buffer->at[buffer->len] = '\0';
    return true;
}

bool buffer_add_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

bool buffer_add_char(struct buffer *buffer, char byte)
{
    return buffer_add(buffer, &byte, 1);
}

bool buffer_printf(struct buffer *buffer, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(len >= 0);
    if (!make_room(buffer, (size_t)len))
        return false;

    va_start(args, fmt);
    (void)vsnprintf(buffer->at + buffer->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buffer->len += (size_t)len;
    return true;
}

void buffer_drop_front(struct buffer *buffer, size_t len)
{
    CHECK(len <= buffer->len);
    if (len == 0)
        return;
    (void)memmove(buffer->at, buffer->at + len, buffer->len - len + 1);
    buffer->len -= len;
}

char *buffer_detach(struct buffer *buffer)
{
    char *text = buffer->cap != 0 ? buffer->at : mem_strdup("");

    buffer_init(buffer, buffer->max);
    return text;
}
