#ifndef SHARED_BASE_FILE_H
#define SHARED_BASE_FILE_H

/* Files as several programs need them: whole, atomic, bounded. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/base/buffer.h"
#include "shared/base/status.h"

/* Appends the whole file to buffer.  STATUS_TOO_BIG past the buffer's bound,
 * STATUS_NOT_FOUND, STATUS_IO. */
enum status file_read(const char *path, struct buffer *buffer, struct error *err) MUST_USE;

/* Writes beside the path, fsyncs, renames, fsyncs the directory: the file is
 * there whole or not at all. */
enum status file_write_atomic(const char *path, const void *bytes, size_t len, mode_t mode,
                              struct error *err) MUST_USE;

/* Makes the directory and its parents. */
enum status file_make_directories(const char *path, mode_t mode, struct error *err) MUST_USE;

/* Removes a tree; does not follow links nor leave the file system it starts on.
 * A path that is not there is a success. */
enum status file_remove_tree(const char *path, struct error *err) MUST_USE;

bool file_exists(const char *path);

/* Takes an exclusive lock (flock) on path, made if needed, 0600.  The
 * descriptor holds the lock; closing it, or the process' end, lets it go.
 * STATUS_CONFLICT: another process holds it. */
enum status file_lock(const char *path, int *out_fd, struct error *err) MUST_USE;

#endif
