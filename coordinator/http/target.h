#ifndef COORDINATOR_HTTP_TARGET_H
#define COORDINATOR_HTTP_TARGET_H

/* A request target taken apart: "/v1/runs/7/attempts?after=3" is the segments
 * "v1", "runs", "7", "attempts" and the argument after = "3".
 *
 * It is split first and decoded afterwards, so an escaped slash never makes a segment. */

#include <stddef.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

/* The longest path has four. */
#define TARGET_SEGMENTS_MAX  8
#define TARGET_ARGUMENTS_MAX 8

/* An agent's name, all escaped, and the words around it. */
#define TARGET_BYTES_MAX 2048

struct target {
    const char *segments[TARGET_SEGMENTS_MAX];
    size_t segments_count;
    struct target_argument {
        const char *name;
        const char *value;
    } arguments[TARGET_ARGUMENTS_MAX];
    size_t arguments_count;
};

/* STATUS_INVALID: not a path of ours: absolute form, empty or dotted segments, an escape
 * that is broken or hides a slash or a control character, not UTF-8, an argument twice. */
enum status target_parse(const char *raw, struct arena *arena, struct target *out_target,
                         struct error *err) MUST_USE;

/* The argument's value, or NULL. */
const char *target_argument(const struct target *target, const char *name);

#endif
