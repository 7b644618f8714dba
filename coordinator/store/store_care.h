#ifndef COORDINATOR_STORE_STORE_CARE_H
#define COORDINATOR_STORE_STORE_CARE_H

/* What an operator does with a store on disk.
 *
 * A backup is taken through a read-only connection, so the coordinator may run meanwhile; it is one
 * moment of the store.  Putting it back is copying it to DIR/muster.db (without -wal and -shm)
 * while no coordinator runs.  The copy's epoch is ahead by BACKUP_EPOCH_GAP, so that tokens given
 * out after the backup are never given out again, also on a machine that has no mark.  Its next run
 * is ahead by BACKUP_RUN_GAP: an agent that has the tree of a run which the copy does not know must
 * not take a later one for the same.
 *
 * A backup holds the secrets of the runs that were open; it is made 0600. */

#include <stdint.h>

#include "shared/base/status.h"

/* More starts than this after a backup are not expected; epochs have 31 bits. */
#define BACKUP_EPOCH_GAP 1000

/* More runs than a busy fleet is given between two backups. */
#define BACKUP_RUN_GAP 10000

/* STATUS_CONFLICT: `to` exists. */
enum status store_backup(const char *dir, const char *to, struct error *err) MUST_USE;

/* Deletes finished runs that ended more than keep_ms ago and gives their space back.
 * STATUS_CONFLICT while a coordinator runs (that one has --keep-runs). */
enum status store_prune(const char *dir, const char *pool, int64_t wall_ms, int64_t keep_ms,
                        int64_t *out_deleted, struct error *err) MUST_USE;

#endif
