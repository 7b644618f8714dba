#ifndef CLIENT_PROCESS_H
#define CLIENT_PROCESS_H

/* Other programs, from a program with one thread. */

#include <sys/types.h>

#include "shared/base/buffer.h"
#include "shared/base/status.h"

/* Starts argv with stdin from /dev/null, stdout and stderr appended to the file `log`.  It gets a
 * process group of its own, so that the user's Ctrl-C reaches the client first, and the signal
 * `death_signal` when the client dies. */
enum status process_start(const char *const *argv, const char *log, int death_signal,
                          pid_t *out_pid, struct error *err) MUST_USE;

/* SIGTERM, and SIGKILL after grace_ms; returns when it has been reaped. */
void process_stop(pid_t pid, int64_t grace_ms);

/* Has it ended by itself? Then it is reaped and *out_text says how ("exit status 2"). */
bool process_has_ended(pid_t pid, char *out_text, size_t room);

#endif
