#ifndef AGENT_HOST_COPY_H
#define AGENT_HOST_COPY_H

/* Copies of whole files by the cheapest means that works between two places.
 *
 *     COPY_REFLINK   shares the blocks until one side writes: size does not matter
 *     COPY_RANGE     inside the kernel, on one file system
 *     COPY_PLAIN     read and write, works everywhere
 *
 * Any thread. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "shared/base/status.h"

enum copy_means { COPY_REFLINK, COPY_RANGE, COPY_PLAIN, COPY_MEANS_COUNT };

const char *copy_means_name(enum copy_means means);

/* Tries them out with a small file from `from_dir` into `to_dir`; the cheapest that worked. */
enum status copy_means_try(const char *from_dir, const char *to_dir, enum copy_means *out_means,
                           struct error *err) MUST_USE;

/* Makes `to` (which must not be there), owner-only plus `mode`.  When the means fails, the dearer
 * ones are tried.  Exactly the source's size was copied, or it is an error and there is no `to`. */
enum status copy_file(const char *from, const char *to, mode_t mode, enum copy_means means,
                      struct error *err) MUST_USE;

/* The same between open files; `to` is empty and open for writing.  Holes stay holes.  false: errno
 * tells why; EIO also when the source is not `bytes` long. */
bool copy_open_file(int from, int to, int64_t bytes, enum copy_means means) MUST_USE;

/* Bytes that a plain user may still write on the file system of `dir`; 0 unknown. */
int64_t copy_bytes_free(const char *dir);

/* Does the directory lie in memory (tmpfs)? */
bool copy_is_in_memory(const char *dir);

/* What tells a file that nobody changed from one that somebody did. */
struct file_print {
    int64_t bytes, inode, modified_ns, changed_ns;
};

enum status file_print_take(const char *path, struct file_print *out_print,
                            struct error *err) MUST_USE;
bool file_print_equals(const struct file_print *a, const struct file_print *b);

#endif
