#ifndef AGENT_RUNS_STEP_STAMP_H
#define AGENT_RUNS_STEP_STAMP_H

/* When a prepare step of a suite need not run again: its command, the contents of its inputs and
 * this machine's platform are those of the last time it succeeded, and its outputs are there.
 *
 *     WORK_DIR/stamps/HASH      HASH: of the directory and the outputs, so two commands that make
 *                               the same thing do not take each other's work for their own
 *
 * A step without inputs or without outputs always runs.  Blocks (reads files). */

#include <stdbool.h>

#include "shared/base/hash.h"
#include "shared/base/status.h"
#include "shared/protocol/suite.h"

/* Says what the step depends on now.  STATUS_INVALID: an input does not exist or is
 * outside of the directory. */
enum status step_hash(const char *dir, const struct suite_prepare *step,
                      char out_hex[HASH_HEX_SIZE], struct error *err) MUST_USE;

bool step_is_done(const char *work_dir, const char *dir, const struct suite_prepare *step,
                  const char *hash);

/* Before the step runs: a step that fails half-way has no stamp. */
void step_stamp_remove(const char *work_dir, const char *dir, const struct suite_prepare *step);

/* After it ran.  STATUS_INVALID: it did not make an output. */
enum status step_stamp_write(const char *work_dir, const char *dir,
                             const struct suite_prepare *step, const char *hash,
                             struct error *err) MUST_USE;

#endif
