#include "shared/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/clock.h"

/* A line longer than this is cut; journald's own bound is 48 KiB. */
#define LOG_LINE_MAX 4096
#define QUOTED_MAX   1024
#define QUOTED_KEPT  8

static _Atomic(const char *) program_name = "muster";
static _Atomic int least_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};

void log_start(const char *program, enum log_level least)
{
    program_name = program;
    least_level = (int)least;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    char now[CLOCK_TEXT_SIZE];
    va_list args;

    if ((int)level < least_level)
        return;
    clock_wall_text(clock_wall_ms(), now);
    int head = snprintf(line, sizeof(line) - 1, "time=%s program=%s level=%s event=%s ", now,
                        program_name, level_names[level], event);
    CHECK(head > 0 && (size_t)head < sizeof(line) - 1);

    va_start(args, fmt);
    int body = vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, fmt, args);
    va_end(args);

    size_t len = strlen(line);
    if (body < 0 || len == 0)
        return;
    line[len++] = '\n';
    /* One write a line, so that lines of several threads do not mix.  Where stderr is gone
     * there is nobody left to tell. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}

static bool is_plain(const char *value)
{
    if (*value == '\0')
        return false;
    for (; *value != '\0'; value++)
        if ((unsigned char)*value <= ' ' || *value == '"' || *value == '=' || *value == '\\' ||
            *value == 0x7f)
            return false;
    return true;
}

static size_t put_escaped(char *at, unsigned char byte)
{
    if (byte == '"' || byte == '\\') {
        at[0] = '\\';
        at[1] = (char)byte;
        return 2;
    }
    if (byte >= ' ' && byte != 0x7f) {
        at[0] = (char)byte;
        return 1;
    }
    return (size_t)snprintf(at, 5, "\\x%02x", byte);
}

const char *log_quote(const char *value)
{
    static _Thread_local char quoted[QUOTED_KEPT][QUOTED_MAX];
    static _Thread_local unsigned next;

    if (value == NULL)
        return "\"\"";
    if (is_plain(value) && strlen(value) < QUOTED_MAX)
        return value;

    char *text = quoted[next++ % QUOTED_KEPT];
    size_t len = 0;
    text[len++] = '"';
    for (; *value != '\0' && len < QUOTED_MAX - 8; value++)
        len += put_escaped(text + len, (unsigned char)*value);
    text[len++] = '"';
    text[len] = '\0';
    return text;
}
