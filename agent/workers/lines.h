#ifndef AGENT_WORKERS_LINES_H
#define AGENT_WORKERS_LINES_H

/* The lines of the worker protocol as JSON (docs/worker-protocol.md).  No state; any thread. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/worker_message.h"
#include "agent/workers/workers.h"
#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"

/* A line with its end, in either direction. */
#define WORKER_LINE_BYTES_MAX ((size_t)1024 * 1024)

/* One line from the driver, without its end.  *out_known is false for a `say` that this agent does
 * not know: it is ignored.  STATUS_INVALID names the field. */
enum status worker_line_decode(const char *line, size_t len, struct arena *arena,
                               struct worker_message *out_message, bool *out_known,
                               struct error *err) MUST_USE;

/* Appends the order as a line with its end. */
enum status worker_order_encode(const struct worker_order *order, struct buffer *buffer,
                                struct error *err) MUST_USE;

/* MUSTER_DATABASES. */
enum status worker_databases_encode(const struct worker_database *databases, size_t count,
                                    struct buffer *buffer, struct error *err) MUST_USE;

/* A JSON list of strings (MUSTER_COMMAND, MUSTER_ARGS, MUSTER_SELECTION). */
enum status worker_strings_encode(const char *const *strings, size_t count, struct buffer *buffer,
                                  struct error *err) MUST_USE;

#endif
