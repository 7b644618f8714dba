#ifndef COORDINATOR_STORE_STORE_HOME_H
#define COORDINATOR_STORE_STORE_HOME_H

/* The directory of a store on disk, and whether it may be used.
 *
 *     DIR/muster.db (-wal, -shm)   the store                                         0600
 *     DIR/muster.lock              flock of the coordinator that runs; holds its pid
 *     DIR/muster.mark              the store's identity and the last epoch: tells a foreign
 *                                  log or file, and keeps tokens growing when an old copy is put
 * back
 *
 * The mark is written whole after each raise of the epoch.  A directory without one takes any
 * store. */

#include <stdint.h>

#include "shared/base/status.h"

#define STORE_IDENTITY_BYTES 16

struct store_home {
    char *db_path, *lock_path, *mark_path;
    int lock_fd;                                 /* -1: not locked */
    char identity[2 * STORE_IDENTITY_BYTES + 1]; /* "" no mark */
    int64_t epoch;                               /* of the mark */
};

/* Makes the directory (0700) and the file (0600), takes the lock, reads the mark.
 * STATUS_CONFLICT: another coordinator has it; STATUS_INVALID: a network file system, or a mark
 * that is none; both texts say what to do. */
enum status home_open(struct store_home *home, const char *dir, struct error *err) MUST_USE;
void home_close(struct store_home *home);

enum status home_write_mark(const struct store_home *home, const char *identity, int64_t epoch,
                            struct error *err) MUST_USE;

#endif
