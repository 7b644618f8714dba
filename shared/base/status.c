#include "shared/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct status_row {
    const char *wire_name;
    int http;
    bool is_retryable;
    const char *text;
} rows[] = {
#define X(symbol, wire, http, retry, text) [symbol] = {wire, http, retry, text},
    STATUS_LIST(X)
#undef X
};

static const struct status_row *row_of(enum status status)
{
    CHECK((unsigned)status < STATUS_COUNT);
    return &rows[status];
}

const char *status_wire_name(enum status status)
{
    return row_of(status)->wire_name;
}

const char *status_text(enum status status)
{
    return row_of(status)->text;
}

int status_http(enum status status)
{
    return row_of(status)->http;
}

bool status_is_retryable(enum status status)
{
    return row_of(status)->is_retryable;
}

enum status status_from_wire_name(const char *name)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        if (strcmp(rows[i].wire_name, name) == 0)
            return (enum status)i;
    return STATUS_COUNT;
}

/* vsnprintf that answers how many bytes stand in the text afterwards. */
static size_t print_text(char *text, size_t room, const char *fmt, va_list args) PRINTF_LIKE(3, 0);

static size_t print_text(char *text, size_t room, const char *fmt, va_list args)
{
    int len = vsnprintf(text, room, fmt, args);

    if (len < 0)
        return 0;
    return (size_t)len < room ? (size_t)len : room - 1;
}

enum status error_set(struct error *err, enum status status, const char *fmt, ...)
{
    va_list args;

    if (err == NULL)
        return status;
    err->status = status;
    va_start(args, fmt);
    (void)print_text(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return status;
}

enum status error_set_errno(struct error *err, const char *fmt, ...)
{
    int saved = errno;
    va_list args;

    if (err == NULL)
        return STATUS_IO;
    err->status = STATUS_IO;
    va_start(args, fmt);
    size_t len = print_text(err->text, sizeof(err->text), fmt, args);
    va_end(args);

    char reason[128] = "";
    (void)snprintf(err->text + len, sizeof(err->text) - len, ": %s",
                   strerror_r(saved, reason, sizeof(reason)));
    errno = saved;
    return STATUS_IO;
}

enum status error_wrap(struct error *err, enum status status, const char *context)
{
    if (err == NULL)
        return status;
    err->status = status;

    /* The context comes first and whole where it can; the end of the old text gives way. */
    size_t room = sizeof(err->text) - 1;
    size_t context_len = strlen(context) < room - 2 ? strlen(context) : room - 2;
    size_t kept = strlen(err->text);
    if (kept > room - 2 - context_len)
        kept = room - 2 - context_len;
    (void)memmove(err->text + context_len + 2, err->text, kept);
    (void)memcpy(err->text, context, context_len);
    (void)memcpy(err->text + context_len, ": ", 2);
    err->text[context_len + 2 + kept] = '\0';
    return status;
}
