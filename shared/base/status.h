#ifndef SHARED_BASE_STATUS_H
#define SHARED_BASE_STATUS_H

/* The one list of things that can go wrong, and what each means to the three
 * audiences: the client program (wire name), HTTP (number), the person (text).
 * The HTTP door and the retry loops of agent and client read it; neither has a
 * switch of its own. */

#include <stdbool.h>

#include "shared/base/check.h"

/* clang-format off */
/*  symbol                   wire name             http  retry  text */
#define STATUS_LIST(X)                                                                                 \
    X(STATUS_OK,             "ok",                  200, false, "success")                             \
    X(STATUS_INVALID,        "invalid",             400, false, "the request does not fit the schema") \
    X(STATUS_UNAUTHORISED,   "unauthorised",        401, false, "a valid token is needed")             \
    X(STATUS_FORBIDDEN,      "forbidden",           403, false, "this is not allowed here")            \
    X(STATUS_NOT_FOUND,      "not_found",           404, false, "no such object")                      \
    X(STATUS_METHOD,         "method_not_allowed",  405, false, "the path has no such method")         \
    X(STATUS_TOO_SLOW,       "request_timeout",     408, true,  "the request took too long to arrive") \
    X(STATUS_CONFLICT,       "conflict",            409, false, "it contradicts what is already so")   \
    X(STATUS_SUPERSEDED,     "superseded",          409, false, "a newer incarnation has taken over")  \
    X(STATUS_TOO_BIG,        "too_big",             413, false, "a size limit is exceeded")            \
    X(STATUS_MEDIA_TYPE,     "media_type",          415, false, "the content type is not supported")   \
    X(STATUS_MISDIRECTED,    "misdirected",         421, false, "the Host header names another host")  \
    X(STATUS_VERSION,        "version",             426, false, "the protocol versions do not match")  \
    X(STATUS_FULL,           "full",                429, true,  "a limit is reached, try later")       \
    X(STATUS_INTERNAL,       "internal",            500, true,  "an error of the coordinator's own")   \
    X(STATUS_STORE_FAILED,   "store_failed",        503, true,  "the store did not accept the change") \
    X(STATUS_STOPPING,       "stopping",            503, true,  "the coordinator is shutting down")    \
    X(STATUS_UNAVAILABLE,    "unavailable",         503, true,  "not reachable right now")             \
    X(STATUS_STORE_FULL,     "store_full",          507, true,  "the store has no space left")         \
    X(STATUS_IO,             "io",                  500, false, "an operating-system call failed")     \
    X(STATUS_TIMEOUT,        "timeout",             504, true,  "a time limit has passed")
/* clang-format on */

enum status {
#define X(symbol, wire, http, retry, text) symbol,
    STATUS_LIST(X)
#undef X
        STATUS_COUNT
};

const char *status_wire_name(enum status status);
const char *status_text(enum status status);
int status_http(enum status status);
bool status_is_retryable(enum status status);

/* The status of a wire name; STATUS_COUNT when there is none of that name. */
enum status status_from_wire_name(const char *name);

/* Longest message an error carries, the closing NUL included. */
#define ERROR_TEXT_MAX 512

/* Why something failed, for a person.  The caller owns it, usually on its
 * stack; no function keeps a pointer to it. */
struct error {
    enum status status;
    char text[ERROR_TEXT_MAX];
};

/* Fills err (may be NULL) and returns status, so that failing is one line:
 *     return error_set(err, STATUS_NOT_FOUND, "no run '%s'", id); */
enum status error_set(struct error *err, enum status status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The same for an operating-system call: appends ": " and the text of errno. */
enum status error_set_errno(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "context: " before the text already there, and returns its status. */
enum status error_wrap(struct error *err, enum status status, const char *context);

#endif
