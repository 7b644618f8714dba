#include "shared/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/memory.h"

#define READ_BYTES ((size_t)64 * 1024)

/* Directories held open at once while a tree is removed. */
#define TREE_FDS_MAX 32

static void close_fdp(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* where a write mattered, its fsync was checked */
}

enum status file_read(const char *path, struct buffer *buffer, struct error *err)
{
    CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        enum status status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
        (void)error_set_errno(err, "cannot read '%s'", path);
        if (err != NULL)
            err->status = status;
        return status;
    }

    CLEANUP(mem_freep) char *bytes = mem_alloc(READ_BYTES);
    ssize_t len = 0;
    while ((len = read(fd, bytes, READ_BYTES)) > 0)
        if (!buffer_add(buffer, bytes, (size_t)len))
            return error_set(err, STATUS_TOO_BIG, "'%s' is larger than %zu bytes", path,
                             buffer->max);
    return len == 0 ? STATUS_OK : error_set_errno(err, "cannot read '%s'", path);
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

static bool sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(mem_freep) char *parent = mem_strdup(slash != NULL ? path : ".");

    if (slash != NULL)
        parent[slash == path ? 1 : slash - path] = '\0';
    CLEANUP(close_fdp) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

enum status file_write_atomic(const char *path, const void *bytes, size_t len, mode_t mode,
                              struct error *err)
{
    CLEANUP(mem_freep) char *beside = mem_printf("%s.%ld.new", path, (long)getpid());
    CLEANUP(close_fdp)
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0)
        return error_set_errno(err, "cannot write '%s'", beside);
    if (!write_all(fd, bytes, len) || fsync(fd) != 0 || rename(beside, path) != 0 ||
        !sync_parent(path)) {
        enum status status = error_set_errno(err, "cannot write '%s'", path);
        (void)unlink(beside); /* may be gone by the rename */
        return status;
    }
    return STATUS_OK;
}

enum status file_make_directories(const char *path, mode_t mode, struct error *err)
{
    CLEANUP(mem_freep) char *partial = mem_strdup(path);

    for (char *at = partial + 1; at[-1] != '\0'; at++) {
        char kept = *at;
        if (kept != '/' && kept != '\0')
            continue;
        *at = '\0';
        if (mkdir(partial, mode) != 0 && errno != EEXIST)
            return error_set_errno(err, "cannot make the directory '%s'", partial);
        *at = kept;
    }

    struct stat info;
    if (stat(path, &info) != 0)
        return error_set_errno(err, "cannot make the directory '%s'", path);
    if (!S_ISDIR(info.st_mode))
        return error_set(err, STATUS_IO, "'%s' is not a directory", path);
    return STATUS_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)where;
    if (kind == FTW_DNR) {
        /* A tree may hold directories that its maker closed even to itself. */
        (void)chmod(path, S_IRWXU);
        struct error ignored;
        return file_remove_tree(path, &ignored) == STATUS_OK ? 0 : -1;
    }
    return remove(path);
}

static int open_directory(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)where;
    if (kind == FTW_D && (info->st_mode & S_IRWXU) != S_IRWXU)
        (void)chmod(path, info->st_mode | S_IRWXU); /* a failure shows in the removal */
    return 0;
}

enum status file_remove_tree(const char *path, struct error *err)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return errno == ENOENT ? STATUS_OK : error_set_errno(err, "cannot remove '%s'", path);
    /* NOLINTBEGIN(concurrency-mt-unsafe): glibc's nftw keeps no state where FTW_CHDIR is not asked
     * for */
    (void)nftw(path, open_directory, TREE_FDS_MAX, FTW_PHYS | FTW_MOUNT);
    if (nftw(path, remove_entry, TREE_FDS_MAX, FTW_PHYS | FTW_MOUNT | FTW_DEPTH) != 0 &&
        errno != ENOENT)
        return error_set_errno(err, "cannot remove '%s'", path);
    /* NOLINTEND(concurrency-mt-unsafe) */
    return STATUS_OK;
}

bool file_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

enum status file_lock(const char *path, int *out_fd, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd < 0)
        return error_set_errno(err, "cannot open the lock '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum status status = errno == EWOULDBLOCK ? error_set(err, STATUS_CONFLICT,
                                                              "another process holds '%s'", path)
                                                  : error_set_errno(err, "cannot lock '%s'", path);
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    return STATUS_OK;
}
