#ifndef SHARED_HTTP_TOKEN_FILE_H
#define SHARED_HTTP_TOKEN_FILE_H

/* The token that a program shows to the coordinator.  Its file holds a bare token, or is a copy of
 * the coordinator's own:
 *
 *     # agents of the build cluster
 *     work:9f0c...
 *     submit,read:77ab...
 *     c0ffee...                  all rights
 */

#include "shared/base/memory.h"
#include "shared/base/status.h"

/* The first token that carries `right` ("submit", "work", "read"); where none does, the first of
 * all, and the coordinator says what it lacks.  In the arena.
 *
 * STATUS_INVALID: the file holds no token, or something else than tokens; the text of a line is
 * never told.  STATUS_TOO_BIG: it is no token file.  STATUS_NOT_FOUND, STATUS_IO. */
enum status token_file_read(const char *path, const char *right, struct arena *arena,
                            const char **out_token, struct error *err) MUST_USE;

#endif
