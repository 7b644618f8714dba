#ifndef COORDINATOR_BLOBS_BLOBS_H
#define COORDINATOR_BLOBS_BLOBS_H

/* The blob store: files named by the SHA-256 of their bytes.
 *
 *     DIR/ab/abcdef...       a whole blob; its name was true when it was given
 *     DIR/partial/abcdef...  an upload that is under way
 *
 *     begin -> [PARTIAL] -- write ... --> all is there -- end: fsync, hash --> [WHOLE]  renamed
 *                 |   ^                        '-- another hash --> gone
 *                 |   '-- begin at what is there: the next connection goes on
 *                 '-- nobody wrote for BLOB_PARTIAL_KEEP_MS, or a start --> gone
 *
 * Bounded in bytes: before an upload begins, the blobs that were used longest ago go, but never
 * one that is being read nor one that the caller says to keep.  When a file was used is its
 * modification time, so that a start knows it too.
 *
 * All functions may be called by any thread.  Those marked "disk" may take long: the blob room's
 * threads call them, never the door's. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/hash.h"
#include "shared/base/status.h"

/* A dozen images of large suites. */
#define BLOBS_BYTES_MAX ((int64_t)10 << 30)

/* The index is searched from end to end: 10,000 names are a few dozen microseconds. */
#define BLOBS_COUNT_MAX 10000

/* Each holds a descriptor while it is written. */
#define BLOB_UPLOADS_MAX 64

/* An agent that lost its connection tries again within minutes. */
#define BLOB_PARTIAL_KEEP_MS ((int64_t)3600 * 1000)

/* What an upload leaves free for the ledger, which lies on the same disk. */
#define BLOBS_SPARE_BYTES ((int64_t)64 << 20)

struct blobs;
struct blob_upload;
struct blob_reading;

/* Disk.  Makes the directory, removes unfinished uploads, lists what is there. */
enum status blobs_open(const char *dir, int64_t bytes_max, struct blobs **out_blobs,
                       struct error *err) MUST_USE;

/* Nobody uses it any more. */
void blobs_close(struct blobs *blobs);

int64_t blobs_bytes_max(const struct blobs *blobs);

/* Bytes of all whole blobs. */
int64_t blobs_bytes(struct blobs *blobs);

struct blob_state {
    int64_t received; /* so many bytes from the beginning are there */
    bool is_whole;
};

/* received 0: nothing is known of it. */
struct blob_state blobs_state(struct blobs *blobs, const char *hash);

/* Blobs that must stay whatever comes. */
struct blob_keep {
    const char *const *hashes;
    size_t count;
};

/* Disk.  The upload goes on at byte `from` of `total`.  Whoever was uploading the same blob loses
 * the right to.  *out_upload NULL and STATUS_OK: the blob is whole already.
 *
 * STATUS_CONFLICT: it is to go on elsewhere, the text says where.  STATUS_TOO_BIG: more than the
 * store may hold.  STATUS_FULL: it is being written or checked right now, or too many uploads are
 * under way.  STATUS_STORE_FULL: the disk, or all that could make room is needed. */
enum status blob_upload_begin(struct blobs *blobs, const char *hash, int64_t from, int64_t total,
                              const struct blob_keep *keep, struct blob_upload **out_upload,
                              struct error *err) MUST_USE;

/* Disk.  STATUS_INVALID: more than `total`.  STATUS_SUPERSEDED: another upload of the same blob has
 * begun.  STATUS_STORE_FULL, STATUS_IO: what there was is gone. */
enum status blob_upload_write(struct blob_upload *upload, const void *bytes, size_t len,
                              struct error *err) MUST_USE;

/* Disk, and it takes as long as reading and writing the whole file.  When all is there it is made
 * durable, checked and named; before that nothing happens.
 *
 * STATUS_INVALID: the bytes have another hash, and are gone.  Else as blob_upload_write. */
enum status blob_upload_end(struct blob_upload *upload, struct error *err) MUST_USE;

/* Lets go of it; what was received stays for the next one who begins. */
void blob_upload_leave(struct blob_upload *upload);

/* Disk.  The blob stays as long as it is read, and counts as used now.  The descriptor belongs to
 * the caller.  STATUS_NOT_FOUND. */
enum status blob_read_begin(struct blobs *blobs, const char *hash,
                            struct blob_reading **out_reading, int *out_fd, int64_t *out_bytes,
                            struct error *err) MUST_USE;
void blob_read_end(struct blob_reading *reading);

/* Disk.  Removes a whole blob, also while it is read: who has it open reads to its end. */
void blobs_drop(struct blobs *blobs, const char *hash);

/* Disk.  Removes uploads that nobody has gone on with for so long. */
void blobs_tidy(struct blobs *blobs, int64_t idle_ms);

#endif
