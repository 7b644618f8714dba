#ifndef COORDINATOR_STORE_SQLITE_SCHEMA_H
#define COORDINATOR_STORE_SQLITE_SCHEMA_H

/* The file's shape, and how an older file gets it.
 *
 * application_id says that it is ours, user_version how many migrations it has had.  Migrations
 * are numbered, only ever added, and each is one transaction. */

#include "coordinator/store/sqlite_db.h"

/* "MSTR" */
#define SCHEMA_APPLICATION_ID 0x4d535452

/* What this program writes. */
int schema_version(void);

/* Brings the file to schema_version.  STATUS_INVALID: not ours; STATUS_VERSION: newer than we are.
 */
enum status schema_apply(struct db *db, const char *path, struct error *err) MUST_USE;

/* For those who only read: STATUS_VERSION unless it is exactly ours. */
enum status schema_expect(struct db *db, const char *path, struct error *err) MUST_USE;

#endif
