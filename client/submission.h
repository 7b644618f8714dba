#ifndef CLIENT_SUBMISSION_H
#define CLIENT_SUBMISSION_H

/* Makes a suite file fit to be sent: what only the client can know is filled in.
 *
 * - `name`: the directory's name, where the file gives none; database names likewise
 * - `source`: a directory becomes absolute, and its revision and dirty state are noted, so that an
 * agent can refuse another tree; with git, the client's HEAD, and a dirty tree is refused
 * - `env`: variables taken from the client */

#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/messages.h"

/* `suite_path` is the file's path.  `revision` (NULL: HEAD) is for git sources.
 * STATUS_INVALID: the text says what is missing or dirty. */
enum status submission_complete(const char *suite_path, const char *revision, struct arena *arena,
                                struct suite *suite, struct error *err) MUST_USE;

/* The directory of the suite file, absolute, in the arena. */
enum status submission_directory(const char *suite_path, struct arena *arena, const char **out_dir,
                                 struct error *err) MUST_USE;

#endif
