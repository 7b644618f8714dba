#include "coordinator/blobs/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/blobs/blob_store.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

/* A directory for each first byte of a hash. */
#define SHELVES 256

void blobs_lock(pthread_mutex_t *lock)
{
    CHECK(pthread_mutex_lock(lock) == 0);
}

void blobs_unlock(pthread_mutex_t *lock)
{
    CHECK(pthread_mutex_unlock(lock) == 0);
}

int64_t blobs_use_ms(struct blobs *blobs)
{
    int64_t now_ms = clock_wall_ms();

    blobs->last_used_ms = now_ms > blobs->last_used_ms ? now_ms : blobs->last_used_ms + 1;
    return blobs->last_used_ms;
}

char *blobs_path(const struct blobs *blobs, const char *hash)
{
    return mem_printf("%s/%.2s/%s", blobs->dir, hash, hash);
}

char *blobs_partial_path(const struct blobs *blobs, const char *hash)
{
    return mem_printf("%s/partial/%s", blobs->dir, hash);
}

struct partial *blobs_partial(const struct blobs *blobs, const char *hash)
{
    for (struct partial *partial = blobs->partials; partial != NULL; partial = partial->next)
        if (strcmp(partial->hash, hash) == 0)
            return partial;
    return NULL;
}

/* ---- opening --------------------------------------------------------------------- */

static void list_blob(struct blobs *blobs, const char *shelf, const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", shelf, name);
    struct stat info;

    if (!hash_is_hex(name) || lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    int64_t used_ms = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    if (used_ms > blobs->last_used_ms)
        blobs->last_used_ms = used_ms;
    blob_index_add(&blobs->index, name, info.st_size, used_ms);
}

static enum status list_shelf(struct blobs *blobs, int number, struct error *err)
{
    CLEANUP(mem_freep) char *shelf = mem_printf("%s/%02x", blobs->dir, (unsigned)number);
    DIR *directory = opendir(shelf);
    const struct dirent *entry;

    if (directory == NULL)
        return errno == ENOENT ? STATUS_OK : error_set_errno(err, "cannot list '%s'", shelf);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own */
    while ((entry = readdir(directory)) != NULL)
        list_blob(blobs, shelf, entry->d_name);
    (void)closedir(directory);
    return STATUS_OK;
}

static enum status prepare(struct blobs *blobs, struct error *err)
{
    CLEANUP(mem_freep) char *partial = mem_printf("%s/partial", blobs->dir);
    enum status status = file_make_directories(blobs->dir, 0700, err);

    if (status == STATUS_OK)
        status = file_remove_tree(partial, err);
    if (status == STATUS_OK)
        status = file_make_directories(partial, 0700, err);
    for (int i = 0; i < SHELVES && status == STATUS_OK; i++)
        status = list_shelf(blobs, i, err);
    return status;
}

enum status blobs_open(const char *dir, int64_t bytes_max, struct blobs **out_blobs,
                       struct error *err)
{
    struct blobs *blobs = mem_zalloc(sizeof(*blobs));

    CHECK(bytes_max > 0);
    blobs->dir = mem_strdup(dir);
    blobs->bytes_max = bytes_max;
    CHECK(pthread_mutex_init(&blobs->names, NULL) == 0);
    CHECK(pthread_mutex_init(&blobs->lock, NULL) == 0);
    enum status status = prepare(blobs, err);
    if (status == STATUS_OK)
        *out_blobs = blobs;
    else
        blobs_close(blobs);
    return status;
}

void blobs_close(struct blobs *blobs)
{
    if (blobs == NULL)
        return;
    for (struct partial *partial = blobs->partials, *next = NULL; partial != NULL; partial = next) {
        next = partial->next;
        CHECK(partial->owner == NULL);
        (void)close(partial->fd);
        free(partial);
    }
    blob_index_release(&blobs->index);
    CHECK(pthread_mutex_destroy(&blobs->names) == 0);
    CHECK(pthread_mutex_destroy(&blobs->lock) == 0);
    free(blobs->dir);
    free(blobs);
}

/* ---- asking ---------------------------------------------------------------------- */

int64_t blobs_bytes_max(const struct blobs *blobs)
{
    return blobs->bytes_max;
}

int64_t blobs_bytes(struct blobs *blobs)
{
    blobs_lock(&blobs->lock);
    int64_t bytes = blobs->index.total_bytes;
    blobs_unlock(&blobs->lock);
    return bytes;
}

struct blob_state blobs_state(struct blobs *blobs, const char *hash)
{
    struct blob_state state = {.received = 0};

    blobs_lock(&blobs->lock);
    const struct blob *blob = blob_index_find(&blobs->index, hash);
    const struct partial *partial = blobs_partial(blobs, hash);
    if (blob != NULL)
        state = (struct blob_state){.received = blob->bytes, .is_whole = true};
    else if (partial != NULL)
        state.received = partial->received;
    blobs_unlock(&blobs->lock);
    return state;
}

/* ---- reading --------------------------------------------------------------------- */

static bool reading_enter(struct blobs *blobs, const char *hash)
{
    blobs_lock(&blobs->lock);
    struct blob *blob = blob_index_find(&blobs->index, hash);
    if (blob != NULL) {
        blob->readers++;
        blob->used_ms = blobs_use_ms(blobs);
    }
    blobs_unlock(&blobs->lock);
    return blob != NULL;
}

static void reading_leave(struct blobs *blobs, const char *hash)
{
    blobs_lock(&blobs->lock);
    struct blob *blob = blob_index_find(&blobs->index, hash);
    if (blob != NULL && blob->readers > 0) /* it may have been dropped meanwhile, and come again */
        blob->readers--;
    blobs_unlock(&blobs->lock);
}

/* Opens it and asks the kernel to fetch it, so that who sends it seldom waits for the disk. */
static enum status open_blob(struct blobs *blobs, const char *hash, int *out_fd, int64_t *out_bytes,
                             struct error *err)
{
    CLEANUP(mem_freep) char *path = blobs_path(blobs, hash);
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT) {
        blobs_drop(blobs, hash); /* somebody else removed the file */
        return error_set(err, STATUS_NOT_FOUND, "no blob '%s'", hash);
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum status status = error_set_errno(err, "cannot read '%s'", path);

        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    (void)futimens(fd, NULL);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    *out_fd = fd;
    *out_bytes = info.st_size;
    return STATUS_OK;
}

enum status blob_read_begin(struct blobs *blobs, const char *hash,
                            struct blob_reading **out_reading, int *out_fd, int64_t *out_bytes,
                            struct error *err)
{
    if (!reading_enter(blobs, hash))
        return error_set(err, STATUS_NOT_FOUND, "no blob '%s'", hash);
    enum status status = open_blob(blobs, hash, out_fd, out_bytes, err);
    if (status != STATUS_OK) {
        reading_leave(blobs, hash);
        return status;
    }
    struct blob_reading *reading = mem_zalloc(sizeof(*reading));
    reading->blobs = blobs;
    (void)snprintf(reading->hash, sizeof(reading->hash), "%s", hash);
    *out_reading = reading;
    return STATUS_OK;
}

void blob_read_end(struct blob_reading *reading)
{
    if (reading == NULL)
        return;
    reading_leave(reading->blobs, reading->hash);
    free(reading);
}

/* ---- removing -------------------------------------------------------------------- */

void blobs_drop(struct blobs *blobs, const char *hash)
{
    CLEANUP(mem_freep) char *path = blobs_path(blobs, hash);

    blobs_lock(&blobs->names);
    blobs_lock(&blobs->lock);
    bool was_there = blob_index_remove(&blobs->index, hash);
    blobs_unlock(&blobs->lock);
    if (was_there)
        (void)unlink(path); /* a name that stays is found by the next start */
    blobs_unlock(&blobs->names);
}
