#ifndef SHARED_BASE_LOG_H
#define SHARED_BASE_LOG_H

/* One line an event on stderr, logfmt: `level=info event=lease_expired lease=3.42`.
 * Only programs' outermost functions log; a function that logs an error does not
 * return it to another that logs.  Values with blanks or quotes are quoted, and
 * control characters escaped.  Any thread. */

#include "shared/base/check.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Program name in every line, and the least level shown (default info). */
void log_start(const char *program, enum log_level least);

/* `fields` is "name=%s other=%d"-like text made by the caller's format; use
 * log_quote for values from outside. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The value as logfmt wants it, in one of 8 buffers of the calling thread. */
const char *log_quote(const char *value);

#define log_debug(event, ...)   log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)    log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_error(event, ...)   log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
