#ifndef COORDINATOR_HTTP_ACCESS_H
#define COORDINATOR_HTTP_ACCESS_H

/* Who may do what.  A token file has a token a line:
 *
 *     # agents of the build cluster
 *     work:9f0c...
 *     submit,read:77ab...
 *     c0ffee...                  all rights
 *
 * Whoever can submit can run commands on every agent.  So without tokens only programs
 * of the same machine are served, and a web page in its browser is not: the Host must be
 * a loopback name (no DNS rebinding) and an Origin must be that very Host. */

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/status.h"

enum right {
    RIGHT_NONE = 0,   /* of a route: everybody */
    RIGHT_SUBMIT = 1, /* start, attend and cancel runs */
    RIGHT_WORK = 2,   /* be an agent */
    RIGHT_READ = 4,   /* look at runs, reports, agents, metrics */
    RIGHT_ALL = 7,
};

/* Shorter ones can be guessed. */
#define TOKEN_BYTES_MIN 16
#define TOKEN_BYTES_MAX 512
#define TOKENS_MAX      1000

struct access;

/* token_file NULL: the loopback rules.  STATUS_INVALID: the file's line, never its text,
 * or others may read it; STATUS_NOT_FOUND, STATUS_IO. */
enum status access_load(const char *token_file, struct access **out_access,
                        struct error *err) MUST_USE;
void access_free(struct access *access);

bool access_has_tokens(const struct access *access);

/* What of a request's head says who asks; NULL when the header is missing. */
struct access_claim {
    const char *authorization;
    const char *host;
    const char *origin;
};

/* `rights`: any one of them is enough.  Any thread.
 *
 * STATUS_UNAUTHORISED: no token, or none of ours.  STATUS_FORBIDDEN: the token lacks the
 * right, or a page of another origin asks.  STATUS_MISDIRECTED: a foreign Host. */
enum status access_check(const struct access *access, const struct access_claim *claim,
                         unsigned rights, struct error *err) MUST_USE;

#endif
