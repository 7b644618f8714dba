#ifndef AGENT_SYNC_SPOOL_FILE_H
#define AGENT_SYNC_SPOOL_FILE_H

/* Events on disk until the coordinator has them: what a killed agent leaves to its next
 * incarnation.
 *
 *     WORK_DIR/spool/INCARNATION.spool       one line an event:
 *         LENGTH CHECKSUM {"seq":1,...}      8 and 16 hexadecimal digits; of the JSON alone
 *
 * A line is one write(2), not fsynced: the results of a machine that dies are run again.  Reading
 * stops at the first line that is not whole or whose seq does not follow, which is where a kill
 * tore it. A file whose events are all acknowledged goes.  One that always has a few left is
 * written anew without its front once that has grown past SPOOL_FRONT_BYTES_MAX, so a file is
 * bounded by that and by what the foreman lets stay unacknowledged (SPOOL_BYTES_MAX). */

#include <stddef.h>
#include <stdint.h>

#include "agent/core/foreman.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/messages.h"

#define SPOOL_FRONT_BYTES_MAX ((int64_t)64 * 1024 * 1024)

/* One event: a page of COLLECTED_PER_EVENT tests with the longest ids and groups. */
#define SPOOL_LINE_BYTES_MAX ((size_t)16 << 20)

struct spool_file;

/* The spool of this incarnation.  Its file comes with its first event. */
enum status spool_file_open(const char *work_dir, int64_t incarnation,
                            struct spool_file **out_spool, struct error *err) MUST_USE;
void spool_file_free(struct spool_file *spool);

/* What earlier incarnations left, oldest first, in the arena.  Files without a whole event are
 * removed; so are unreadable ones' tails. */
enum status spool_file_read_old(struct spool_file *spool, struct arena *arena,
                                struct foreman_old_spool **out_old, size_t *out_count,
                                struct error *err) MUST_USE;

/* After a failure (a full disk) nothing is appended until all that was is acknowledged: a gap would
 * make what follows it worthless.  The events then only live in memory. */
enum status spool_file_append(struct spool_file *spool, const struct event *event,
                              struct error *err) MUST_USE;

/* Events of the incarnation up to seq are acknowledged. */
void spool_file_trim(struct spool_file *spool, int64_t incarnation, int64_t seq);

/* The reader by itself: the whole events at the start of these bytes.  Total: any bytes. */
void spool_file_parse(const char *bytes, size_t len, struct arena *arena, struct event **out_events,
                      size_t *out_count);

#endif
