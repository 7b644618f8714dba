#ifndef SHARED_SOURCE_GIT_CALL_H
#define SHARED_SOURCE_GIT_CALL_H

/* One call of git as a child process, waited for: for threads that may block.
 *
 * The child gets a cleaned environment (PATH, HOME, proxies, the ssh agent; nothing of the caller's
 * GIT_*), asks no questions, runs no hooks and no file-system monitor, starts no maintenance
 * behind our back, and speaks only the protocols file, https, ssh and git.  It is a process group
 * of its own, which is killed when the time is up. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/status.h"

struct git_call {
    const char *dir;         /* where git runs                                              */
    const char *const *argv; /* what follows "git" and our options; NULL at its end         */
    bool is_remote;          /* talks to a server: the user's configuration (credentials, mirrors,
                                certificates) is read; otherwise no configuration but the repository's */
    int64_t timeout_ms;
    int lock_fd; /* -1: none.  The child inherits it: a lock outlives us as long as git does */
};

/* What git printed goes to `out_text` (may be NULL).
 *
 * STATUS_INVALID: git ended with another status than 0, and err has the end of what it said.
 * STATUS_TIMEOUT, STATUS_TOO_BIG (past the buffer's bound), STATUS_IO, STATUS_NOT_FOUND (no git).
 */
enum status git_call(const struct git_call *call, struct buffer *out_text,
                     struct error *err) MUST_USE;

/* A URL as it may be shown: what stands between "://" and "@" is replaced by "...". */
void git_url_mask(const char *url, struct buffer *out_text);

#endif
