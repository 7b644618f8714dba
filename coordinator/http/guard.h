#ifndef COORDINATOR_HTTP_GUARD_H
#define COORDINATOR_HTTP_GUARD_H

/* The request guard: what libmicrohttpd 0.9.75 lets pass and no client of ours sends.
 *
 * Its parser takes two lengths, a length beside chunks, a space before the colon, and
 * more; what follows such a body was run as a request of its own.  The guard sees each
 * head before anything is done with it, and what it refuses closes the connection.
 *
 * What the library hides from it: bare LF as a line's end, folded lines, and a value cut
 * at a NUL.  So a proxy in front must not forward those (deploy guide). */

#include <microhttpd.h>
#include <stdbool.h>

#include "shared/base/status.h"

/* Ours send eight. */
#define HEADERS_MAX 64

struct guard_verdict {
    enum status status;
    int http;       /* the number to send: the status', or 501 */
    bool has_body;  /* a length above 0, or chunks             */
    int64_t length; /* -1: chunked                             */
    const char *why;
};

/* The first call of the access handler.  The answer to anything but STATUS_OK must
 * close the connection. */
struct guard_verdict guard_check(struct MHD_Connection *connection, const char *method,
                                 const char *version);

#endif
