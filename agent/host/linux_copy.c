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

/* What st_blocks counts, whatever the file system's block is. */
#define STAT_BLOCK_BYTES 512

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

/* A stretch of a file that holds data. */
struct stretch {
    int64_t at, end;
};

static bool copy_by_range(int from, int to, struct stretch stretch)
{
    off_t in = stretch.at;
    off_t out = stretch.at;

    while (in < stretch.end) {
        ssize_t copied = copy_file_range(from, &in, to, &out, (size_t)(stretch.end - in), 0);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied == 0)
            errno = EIO; /* the source is shorter than it was */
        if (copied <= 0)
            return false;
    }
    return true;
}

static bool write_all(int fd, const char *bytes, size_t len, int64_t at)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        at += written;
        len -= (size_t)written;
    }
    return true;
}

static bool copy_by_hand(int from, int to, struct stretch stretch)
{
    int64_t most = stretch.end - stretch.at;
    size_t block_bytes = most < (int64_t)PLAIN_BYTES ? (size_t)most : PLAIN_BYTES;
    CLEANUP(mem_freep) char *block = mem_alloc(block_bytes);

    while (stretch.at < stretch.end) {
        int64_t left = stretch.end - stretch.at;
        size_t wanted = left < (int64_t)block_bytes ? (size_t)left : block_bytes;
        ssize_t len = pread(from, block, wanted, stretch.at);
        if (len < 0 && errno == EINTR)
            continue;
        if (len == 0)
            errno = EIO;
        if (len <= 0 || !write_all(to, block, (size_t)len, stretch.at))
            return false;
        stretch.at += len;
    }
    return true;
}

/* The next stretch of data at or behind `at`; what cannot tell its holes is data throughout. */
static struct stretch stretch_next(int from, int64_t at, int64_t bytes)
{
    off_t data = lseek(from, at, SEEK_DATA);

    if (data < 0 && errno == ENXIO)
        return (struct stretch){bytes, bytes};
    off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
    if (hole < 0)
        return (struct stretch){at, bytes};
    return (struct stretch){data < bytes ? data : bytes, hole < bytes ? hole : bytes};
}

static bool copy_stretches(bool (*copy)(int from, int to, struct stretch stretch), int from, int to,
                           const struct stat *source)
{
    bool has_holes = source->st_blocks * (blkcnt_t)STAT_BLOCK_BYTES < source->st_size;
    struct stretch stretch = {0, source->st_size};

    for (int64_t at = 0; at < source->st_size; at = stretch.end) {
        if (has_holes)
            stretch = stretch_next(from, at, source->st_size);
        if (stretch.at < stretch.end && !copy(from, to, stretch))
            return false;
    }
    return ftruncate(to, source->st_size) == 0; /* a hole at the end */
}

static bool copy_with(enum copy_means means, int from, int to, const struct stat *source)
{
    struct stat stat;
    bool copied = false;

    if (ftruncate(to, 0) != 0)
        return false;
    if (means == COPY_REFLINK)
        copied = ioctl(to, FICLONE, from) == 0;
    else
        copied =
            copy_stretches(means == COPY_RANGE ? copy_by_range : copy_by_hand, from, to, source);
    if (!copied || fstat(to, &stat) != 0)
        return false;
    if (stat.st_size != source->st_size)
        errno = EIO;
    return stat.st_size == source->st_size;
}

/* No other means finds room where one found none. */
static bool is_final(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

bool copy_open_file(int from, int to, int64_t bytes, enum copy_means means)
{
    struct stat source;

    if (fstat(from, &source) != 0)
        return false;
    if (source.st_size != bytes) {
        errno = EIO;
        return false;
    }
    for (int way = (int)means; way < COPY_MEANS_COUNT; way++) {
        if (copy_with((enum copy_means)way, from, to, &source))
            return true;
        if (is_final(errno))
            break;
    }
    return false;
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

    if (copy_open_file(in, out, stat.st_size, means))
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

    return fd >= 0 && write_all(fd, bytes, TRIAL_BYTES, 0);
}

static bool trial_copy(const char *from, const char *to, enum copy_means means)
{
    CLEANUP(close_fdp) int in = open(from, O_RDONLY | O_CLOEXEC);
    CLEANUP(close_fdp) int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat source;

    return in >= 0 && out >= 0 && fstat(in, &source) == 0 && copy_with(means, in, out, &source);
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
