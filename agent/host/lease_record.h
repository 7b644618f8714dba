#ifndef AGENT_HOST_LEASE_RECORD_H
#define AGENT_HOST_LEASE_RECORD_H

/* A lease record as text: one "name value" a line, in this order.
 *
 *     muster-lease 1
 *     kind process
 *     what 5a1f...            the key in MUSTER_LEASE; a path for the other kinds
 *     boot 6f0c...            process only: which boot pid and start belong to
 *     pid 4711                0: not started yet
 *     start 991823            clock ticks since the boot
 *
 * Nothing here allocates; muster-spawn uses it too. */

#include <stddef.h>
#include <stdint.h>

#include "agent/host/leases.h"

#define LEASE_BOOT_SIZE 64

/* What four short lines and a path need. */
#define LEASE_RECORD_BYTES_MAX (LEASE_WHAT_BYTES_MAX + 512)

struct lease_record {
    enum lease_record_kind kind;
    char what[LEASE_WHAT_BYTES_MAX + 1];
    char boot[LEASE_BOOT_SIZE];
    int64_t pid;
    int64_t start;
};

/* STATUS_INVALID: `what` is empty, too long, has control characters, or is no absolute path though
 * its kind wants one. */
enum status lease_record_init(struct lease_record *record, enum lease_record_kind kind,
                              const char *what, struct error *err) MUST_USE;

/* How many bytes it wrote; the closing NUL is not counted. */
size_t lease_record_encode(const struct lease_record *record,
                           char out_text[LEASE_RECORD_BYTES_MAX]);

enum status lease_record_decode(const char *bytes, size_t len, struct lease_record *out_record,
                                struct error *err) MUST_USE;

/* Writes it beside the path and renames: the record is there whole or not at all. */
enum status lease_record_write(const char *path, const struct lease_record *record,
                               struct error *err) MUST_USE;

#endif
