#ifndef AGENT_HOST_LEASES_H
#define AGENT_HOST_LEASES_H

/* The lease book: what the agent makes on its machine is written down *before* it is made,
 * and is gone after the agent's next start, whatever killed it.
 *
 *     lease_book_add -> WORK_DIR/leases/ID -> the thing is made -> it is used
 *                                          -> the thing is removed -> lease_book_remove
 *
 * A record is one small file, written whole (rename).  It is not fsynced: a machine that loses
 * its power loses its processes and mounts too, and directories below WORK_DIR that no
 * record names are removed by those who own them.
 *
 * A process is known by its pid, its start time and the boot id (so a number that was given
 * out again is never killed), and whatever left its process group by the MUSTER_LEASE in its
 * environment: the record's key, which nobody else has.
 *
 * All functions may be called on any thread; the book has a lock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/status.h"

struct lease_book;

enum lease_record_kind {
    LEASE_RECORD_PROCESS,   /* what: the key that stands in MUSTER_LEASE */
    LEASE_RECORD_DIRECTORY, /* what: an absolute path; goes with all it holds */
    LEASE_RECORD_FILE,      /* what: an absolute path */
    LEASE_RECORD_MOUNT,     /* what: the absolute path of the mount point */
    LEASE_RECORD_KIND_COUNT
};

/* Directories hold directories: no path of ours is longer. */
#define LEASE_WHAT_BYTES_MAX 1024

/* Opens WORK_DIR/leases, made if needed.  One book for one agent: the work directory's lock
 * is the caller's. */
enum status lease_book_open(const char *work_dir, struct lease_book **out_book,
                            struct error *err) MUST_USE;
void lease_book_free(struct lease_book *book);

/* Removes everything that an earlier incarnation recorded: processes first, then mounts, then files
 * and directories.  A thing that cannot be removed keeps its record, and the error names the first
 * of them; the agent may go on, the next start tries again. */
enum status lease_book_sweep(struct lease_book *book, struct error *err) MUST_USE;

/* Writes the record; the thing may be made when this has returned STATUS_OK. */
enum status lease_book_add(struct lease_book *book, enum lease_record_kind kind, const char *what,
                           int64_t *out_id, struct error *err) MUST_USE;

/* The thing is gone.  A record that is not there is no error. */
void lease_book_remove(struct lease_book *book, int64_t id);

/* Where the record stands: muster-spawn writes its pid into it. */
#define LEASE_PATH_SIZE 4096
void lease_book_path(const struct lease_book *book, int64_t id, char out_path[LEASE_PATH_SIZE]);

/* How many records there are: for tests and the log. */
size_t lease_book_count(struct lease_book *book);

#endif
