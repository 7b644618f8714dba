#ifndef AGENT_SYNC_IDENTITY_H
#define AGENT_SYNC_IDENTITY_H

/* Who this agent is: the owner of its work directory, a name, and an incarnation that grows with
 * each start.
 *
 *     WORK_DIR/lock           held while the agent lives
 *     WORK_DIR/name           "build7-3fa9c1", made once, unless --name says another
 *     WORK_DIR/incarnation    raised and fsynced before anybody hears of it */

#include <stdint.h>

#include "shared/base/limits.h"
#include "shared/base/status.h"

struct identity {
    char name[NAME_BYTES_MAX + 1];
    int64_t incarnation;
    int lock_fd;
};

/* Makes the work directory, locks it, reads the name and raises the incarnation.  `name`: --name,
 * or NULL.
 *
 * STATUS_CONFLICT: another agent lives in the directory.  STATUS_INVALID: as identity_name_check,
 * or the directory holds something else than an incarnation. */
enum status identity_take(const char *work_dir, const char *name, struct identity *out_identity,
                          struct error *err) MUST_USE;
/* STATUS_INVALID: no agent can be called that. */
enum status identity_name_check(const char *name, struct error *err) MUST_USE;
void identity_release(struct identity *identity);

#endif
