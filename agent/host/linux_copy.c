#include "agent/host/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "shared/base/random.h"

/* 1 MiB is where read and write reach memory's speed. */
#define PLAIN_BYTES ((size_t)1024 * 1024)

/* More than one block of any file system, so that a reflink is a real one. */
#define TRIAL_BYTES ((size_t)64 * 1024)

static const char *const means_names[COPY_MEANS_COUNT] = {
    [COPY_REFLINK] = "reflink",
    [COPY_RANGE] = "copy_file_range",
    [COPY_PLAIN] = "plain copy",
};

const char *copy_means_name(enum copy_means means)
{
    return means_names[means];
}

static void close_fdp(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* ---- the means ---------------------------------------------------------------- */

static bool copy_by_reflink(int from, int to, int64_t bytes)
{
    (void)bytes;
    return ioctl(to, FICLONE, from) == 0;
}

static bool copy_by_range(int from, int to, int64_t bytes)
{
    while (bytes > 0) {
        ssize_t copied = copy_file_range(from, NULL, to, NULL, (size_t)bytes, 0);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return false;
        bytes -= copied;
    }
    return true;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

static bool copy_by_hand(int from, int to, int64_t bytes)
{
    CLEANUP(mem_freep) char *block = mem_alloc(PLAIN_BYTES);

    while (bytes > 0) {
        ssize_t len = read(from, block, PLAIN_BYTES);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0 || !write_all(to, block, (size_t)len))
            return false;
        bytes -= len;
    }
    return true;
}

static bool (*const means_do[COPY_MEANS_COUNT])(int from, int to, int64_t bytes) = {
    [COPY_REFLINK] = copy_by_reflink,
    [COPY_RANGE] = copy_by_range,
    [COPY_PLAIN] = copy_by_hand,
};

static bool has_size(int fd, int64_t bytes)
{
    struct stat stat;

    return fstat(fd, &stat) == 0 && stat.st_size == bytes;
}

static bool copy_with(enum copy_means means, int from, int to, int64_t bytes)
{
    return ftruncate(to, 0) == 0 && lseek(to, 0, SEEK_SET) == 0 && lseek(from, 0, SEEK_SET) == 0 &&
           means_do[means](from, to, bytes) && has_size(to, bytes);
}

enum status copy_file(const char *from, const char *to, mode_t mode, enum copy_means means,
                      struct error *err)
{
    CLEANUP(close_fdp) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat stat;

    if (in < 0 || fstat(in, &stat) != 0)
        return error_set_errno(err, "cannot read '%s'", from);
    CLEANUP(close_fdp)
    int out = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (out < 0)
        return error_set_errno(err, "cannot make '%s'", to);

    for (int way = (int)means; way < COPY_MEANS_COUNT; way++)
        if (copy_with((enum copy_means)way, in, out, stat.st_size))
            return STATUS_OK;
    enum status status = error_set_errno(err, "cannot copy '%s' to '%s'", from, to);
    (void)unlink(to);
    return status;
}

/* ---- the trial ---------------------------------------------------------------- */

static bool trial_write(const char *path)
{
    CLEANUP(mem_freep) char *bytes = mem_zalloc(TRIAL_BYTES);
    CLEANUP(close_fdp) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd >= 0 && write_all(fd, bytes, TRIAL_BYTES);
}

static bool trial_copy(const char *from, const char *to, enum copy_means means)
{
    CLEANUP(close_fdp) int in = open(from, O_RDONLY | O_CLOEXEC);
    CLEANUP(close_fdp) int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    return in >= 0 && out >= 0 && copy_with(means, in, out, (int64_t)TRIAL_BYTES);
}

enum status copy_means_try(const char *from_dir, const char *to_dir, enum copy_means *out_means,
                           struct error *err)
{
    char unique[17];

    random_hex(unique, 8);
    CLEANUP(mem_freep) char *from = mem_printf("%s/.trial-%s.from", from_dir, unique);
    CLEANUP(mem_freep) char *to = mem_printf("%s/.trial-%s.to", to_dir, unique);
    int means = COPY_MEANS_COUNT;
    enum status status = STATUS_OK;

    if (trial_write(from))
        for (means = 0; means < COPY_MEANS_COUNT; means++)
            if (trial_copy(from, to, (enum copy_means)means))
                break;
    if (means == COPY_MEANS_COUNT)
        status = error_set_errno(err, "cannot copy from '%s' to '%s'", from_dir, to_dir);
    else
        *out_means = (enum copy_means)means;
    (void)unlink(from);
    (void)unlink(to);
    return status;
}

int64_t copy_bytes_free(const char *dir)
{
    struct statvfs stat;

    if (statvfs(dir, &stat) != 0)
        return 0;
    return (int64_t)(stat.f_bavail * stat.f_frsize);
}

bool copy_is_in_memory(const char *dir)
{
    struct statfs stat;

    return statfs(dir, &stat) == 0 && stat.f_type == TMPFS_MAGIC;
}

/* ---- prints ------------------------------------------------------------------- */

static int64_t to_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

enum status file_print_take(const char *path, struct file_print *out_print, struct error *err)
{
    struct stat stat;

    if (lstat(path, &stat) != 0)
        return error_set_errno(err, "cannot look at '%s'", path);
    if (!S_ISREG(stat.st_mode))
        return error_set(err, STATUS_INVALID, "'%s' is no plain file", path);
    *out_print = (struct file_print){
        .bytes = stat.st_size,
        .inode = (int64_t)stat.st_ino,
        .modified_ns = to_ns(stat.st_mtim),
        .changed_ns = to_ns(stat.st_ctim),
    };
    return STATUS_OK;
}

bool file_print_equals(const struct file_print *a, const struct file_print *b)
{
    return a->bytes == b->bytes && a->inode == b->inode && a->modified_ns == b->modified_ns &&
           a->changed_ns == b->changed_ns;
}
