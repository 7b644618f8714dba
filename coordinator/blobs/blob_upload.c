#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "coordinator/blobs/blob_store.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

/* ---- unfinished uploads ---------------------------------------------------------- */

static enum status disk_failure(const char *path, struct error *err)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;
    enum status status = error_set_errno(err, "cannot write '%s'", path);

    if (!is_full)
        return status;
    err->status = STATUS_STORE_FULL;
    return STATUS_STORE_FULL;
}

/* Under the lock. */
static void partial_detach(struct blobs *blobs, struct partial *partial)
{
    if (partial->previous != NULL)
        partial->previous->next = partial->next;
    else
        blobs->partials = partial->next;
    if (partial->next != NULL)
        partial->next->previous = partial->previous;
    blobs->partials_count--;
    if (partial->owner != NULL)
        partial->owner->partial = NULL;
}

static void partial_free(struct partial *partial)
{
    if (partial->fd >= 0)
        (void)close(partial->fd);
    free(partial);
}

/* Under `names`, not under the lock. */
static void partial_remove(struct blobs *blobs, struct partial *partial)
{
    CLEANUP(mem_freep) char *path = blobs_partial_path(blobs, partial->hash);

    blobs_lock(&blobs->lock);
    partial_detach(blobs, partial);
    blobs_unlock(&blobs->lock);
    (void)unlink(path); /* a name that stays is removed by the next start */
    partial_free(partial);
}

/* Under the lock. */
static struct partial *partial_new(struct blobs *blobs, const char *hash, int64_t total)
{
    struct partial *partial = mem_zalloc(sizeof(*partial));

    *partial = (struct partial){.fd = -1,
                                .total = total,
                                .touched_ms = clock_monotonic_ms(),
                                .is_busy = true,
                                .next = blobs->partials};
    (void)snprintf(partial->hash, sizeof(partial->hash), "%s", hash);
    if (blobs->partials != NULL)
        blobs->partials->previous = partial;
    blobs->partials = partial;
    blobs->partials_count++;
    return partial;
}

void blobs_tidy(struct blobs *blobs, int64_t idle_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    struct partial *partial;

    blobs_lock(&blobs->names);
    do {
        blobs_lock(&blobs->lock);
        for (partial = blobs->partials; partial != NULL; partial = partial->next)
            if (partial->owner == NULL && !partial->is_busy &&
                now_ms - partial->touched_ms >= idle_ms)
                break;
        blobs_unlock(&blobs->lock);
        if (partial != NULL)
            partial_remove(blobs, partial);
    } while (partial != NULL);
    blobs_unlock(&blobs->names);
}

/* ---- room ------------------------------------------------------------------------ */

static bool disk_has_room(const struct blobs *blobs, int64_t bytes)
{
    struct statvfs disk;

    if (statvfs(blobs->dir, &disk) != 0)
        return true; /* the writing will tell */
    return (int64_t)disk.f_bavail >= (bytes + BLOBS_SPARE_BYTES) / (int64_t)disk.f_frsize + 1;
}

/* Under the lock: whole blobs, and what the uploads will make. */
static bool store_has_room(const struct blobs *blobs)
{
    int64_t bytes = blobs->index.total_bytes;

    for (const struct partial *it = blobs->partials; it != NULL; it = it->next)
        bytes += it->total;
    return bytes <= blobs->bytes_max &&
           blobs->index.count + blobs->partials_count <= BLOBS_COUNT_MAX;
}

/* Takes the oldest that may go out of the index; false: there is none. */
static bool choose_victim(struct blobs *blobs, const struct blob_keep *keep,
                          char out_hash[HASH_HEX_SIZE])
{
    const struct blob *oldest = blob_index_oldest(&blobs->index, keep);

    if (oldest == NULL)
        return false;
    (void)memcpy(out_hash, oldest->hash, HASH_HEX_SIZE);
    return blob_index_remove(&blobs->index, out_hash);
}

/* Under `names`, with the new upload's `bytes` already counted. */
static enum status make_room(struct blobs *blobs, int64_t bytes, const struct blob_keep *keep,
                             struct error *err)
{
    for (;;) {
        char hash[HASH_HEX_SIZE];
        bool disk_is_fine = disk_has_room(blobs, bytes);

        blobs_lock(&blobs->lock);
        bool is_fine = disk_is_fine && store_has_room(blobs);
        bool has_victim = !is_fine && choose_victim(blobs, keep, hash);
        blobs_unlock(&blobs->lock);
        if (is_fine)
            return STATUS_OK;
        if (!has_victim)
            return error_set(
                err, STATUS_STORE_FULL, "no room for a blob of %" PRId64 " bytes: %s", bytes,
                disk_is_fine ? "all others are needed (--blobs-max)" : "the disk is full");
        CLEANUP(mem_freep) char *path = blobs_path(blobs, hash);
        (void)unlink(path);
    }
}

/* ---- beginning ------------------------------------------------------------------- */

/* Under the lock: may an upload go on with what is there? */
static enum status check_begin(const struct blobs *blobs, const struct partial *partial,
                               int64_t from, int64_t total, struct error *err)
{
    if (total < 1 || total > blobs->bytes_max)
        return error_set(err, STATUS_TOO_BIG, "a blob has 1 to %" PRId64 " bytes (--blobs-max)",
                         blobs->bytes_max);
    if (partial != NULL && partial->is_busy)
        return error_set(err, STATUS_FULL, "the blob is being written or checked");
    if (from != 0 && (partial == NULL || partial->total != total || partial->received != from))
        return error_set(err, STATUS_CONFLICT,
                         "%" PRId64 " bytes of the blob are here, not %" PRId64,
                         partial != NULL && partial->total == total ? partial->received : 0, from);
    if (partial == NULL && blobs->partials_count == BLOB_UPLOADS_MAX)
        return error_set(err, STATUS_FULL, "too many uploads are under way");
    return STATUS_OK;
}

static struct blob_upload *upload_new(struct blobs *blobs, struct partial *partial)
{
    struct blob_upload *upload = mem_zalloc(sizeof(*upload));

    upload->blobs = blobs;
    upload->partial = partial;
    if (partial->owner != NULL)
        partial->owner->partial = NULL;
    partial->owner = upload;
    partial->touched_ms = clock_monotonic_ms();
    return upload;
}

/* A full disk is seen here already, where the file system can set space aside. */
static enum status make_file(struct blobs *blobs, struct partial *partial, struct error *err)
{
    CLEANUP(mem_freep) char *path = blobs_partial_path(blobs, partial->hash);

    partial->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (partial->fd < 0)
        return disk_failure(path, err);
    if (fallocate(partial->fd, FALLOC_FL_KEEP_SIZE, 0, partial->total) != 0 &&
        (errno == ENOSPC || errno == EDQUOT))
        return disk_failure(path, err);
    return STATUS_OK;
}

/* Under `names`; `partial` is this thread's. */
static enum status begin_anew(struct blobs *blobs, struct partial *partial,
                              const struct blob_keep *keep, struct blob_upload **out_upload,
                              struct error *err)
{
    enum status status = make_room(blobs, partial->total, keep, err);

    if (status == STATUS_OK)
        status = make_file(blobs, partial, err);
    if (status != STATUS_OK) {
        partial_remove(blobs, partial);
        return status;
    }
    blobs_lock(&blobs->lock);
    partial->is_busy = false;
    *out_upload = upload_new(blobs, partial);
    blobs_unlock(&blobs->lock);
    return STATUS_OK;
}

enum status blob_upload_begin(struct blobs *blobs, const char *hash, int64_t from, int64_t total,
                              const struct blob_keep *keep, struct blob_upload **out_upload,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct partial *old = NULL;
    struct partial *made = NULL;

    *out_upload = NULL;
    blobs_tidy(blobs, BLOB_PARTIAL_KEEP_MS);
    blobs_lock(&blobs->names);
    blobs_lock(&blobs->lock);
    if (blob_index_find(&blobs->index, hash) == NULL) {
        old = blobs_partial(blobs, hash);
        status = check_begin(blobs, old, from, total, err);
        if (status == STATUS_OK && from > 0)
            *out_upload = upload_new(blobs, old);
        else if (status == STATUS_OK)
            made = partial_new(blobs, hash, total);
    }
    blobs_unlock(&blobs->lock);
    if (made != NULL && old != NULL)
        partial_remove(blobs, old);
    if (made != NULL)
        status = begin_anew(blobs, made, keep, out_upload, err);
    blobs_unlock(&blobs->names);
    return status;
}

/* ---- writing --------------------------------------------------------------------- */

/* The partial, as this thread's until partial_give; NULL with the error. */
static struct partial *partial_take(struct blob_upload *upload, struct error *err)
{
    struct blobs *blobs = upload->blobs;

    blobs_lock(&blobs->lock);
    struct partial *partial = upload->partial;
    if (partial != NULL) {
        CHECK(!partial->is_busy);
        partial->is_busy = true;
    }
    blobs_unlock(&blobs->lock);
    if (partial == NULL)
        (void)error_set(err, STATUS_SUPERSEDED, "another upload of the blob has begun");
    return partial;
}

static void partial_give(struct blobs *blobs, struct partial *partial, int64_t received)
{
    blobs_lock(&blobs->lock);
    partial->is_busy = false;
    partial->received = received;
    partial->touched_ms = clock_monotonic_ms();
    blobs_unlock(&blobs->lock);
}

static void partial_give_up(struct blobs *blobs, struct partial *partial)
{
    blobs_lock(&blobs->names);
    partial_remove(blobs, partial);
    blobs_unlock(&blobs->names);
}

static bool write_at(int fd, const char *bytes, size_t len, int64_t offset)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        offset += written;
        len -= (size_t)written;
    }
    return true;
}

enum status blob_upload_write(struct blob_upload *upload, const void *bytes, size_t len,
                              struct error *err)
{
    struct blobs *blobs = upload->blobs;
    struct partial *partial = partial_take(upload, err);

    if (partial == NULL)
        return STATUS_SUPERSEDED;
    int64_t received = partial->received;
    if ((int64_t)len > partial->total - received) {
        partial_give(blobs, partial, received);
        return error_set(err, STATUS_INVALID, "more than the %" PRId64 " bytes that were announced",
                         partial->total);
    }
    if (!write_at(partial->fd, bytes, len, received)) {
        enum status status = disk_failure(partial->hash, err);

        partial_give_up(blobs, partial);
        return status;
    }
    partial_give(blobs, partial, received + (int64_t)len);
    return STATUS_OK;
}

/* ---- the end --------------------------------------------------------------------- */

static enum status sync_directory(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = STATUS_OK;

    if (fd < 0 || fsync(fd) != 0)
        status = disk_failure(path, err);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static enum status check_file(const struct partial *partial, const char *path, struct error *err)
{
    char hash[HASH_HEX_SIZE];

    if (fsync(partial->fd) != 0)
        return disk_failure(path, err);
    enum status status = hash_file(path, hash, err);
    if (status == STATUS_OK && strcmp(hash, partial->hash) != 0)
        return error_set(err, STATUS_INVALID, "the bytes have the hash '%s', not '%s'", hash,
                         partial->hash);
    return status;
}

/* Under `names`. */
static enum status name_file(struct blobs *blobs, const struct partial *partial,
                             const char *partial_path, struct error *err)
{
    CLEANUP(mem_freep) char *shelf = mem_printf("%s/%.2s", blobs->dir, partial->hash);
    CLEANUP(mem_freep) char *path = blobs_path(blobs, partial->hash);

    if (mkdir(shelf, 0700) != 0 && errno != EEXIST)
        return disk_failure(shelf, err);
    if (rename(partial_path, path) != 0)
        return disk_failure(path, err);
    enum status status = sync_directory(shelf, err);
    if (status == STATUS_OK)
        status = sync_directory(blobs->dir, err);
    if (status != STATUS_OK)
        (void)unlink(path);
    return status;
}

static void partial_becomes_blob(struct blobs *blobs, struct partial *partial)
{
    blobs_lock(&blobs->lock);
    partial_detach(blobs, partial);
    blob_index_add(&blobs->index, partial->hash, partial->total, blobs_use_ms(blobs));
    blobs_unlock(&blobs->lock);
    partial_free(partial);
}

enum status blob_upload_end(struct blob_upload *upload, struct error *err)
{
    struct blobs *blobs = upload->blobs;
    struct partial *partial = partial_take(upload, err);

    if (partial == NULL)
        return STATUS_SUPERSEDED;
    if (partial->received < partial->total) {
        partial_give(blobs, partial, partial->received);
        return STATUS_OK;
    }
    CLEANUP(mem_freep) char *path = blobs_partial_path(blobs, partial->hash);
    enum status status = check_file(partial, path, err);
    blobs_lock(&blobs->names);
    if (status == STATUS_OK)
        status = name_file(blobs, partial, path, err);
    if (status == STATUS_OK)
        partial_becomes_blob(blobs, partial);
    else
        partial_remove(blobs, partial);
    blobs_unlock(&blobs->names);
    return status;
}

void blob_upload_leave(struct blob_upload *upload)
{
    if (upload == NULL)
        return;
    blobs_lock(&upload->blobs->lock);
    if (upload->partial != NULL) {
        upload->partial->owner = NULL;
        upload->partial->touched_ms = clock_monotonic_ms();
    }
    blobs_unlock(&upload->blobs->lock);
    free(upload);
}
