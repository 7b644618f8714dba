#ifndef AGENT_CORE_WORKER_MESSAGE_H
#define AGENT_CORE_WORKER_MESSAGE_H

/* The lines of the worker protocol (docs/worker-protocol.md) as structs.  How they
 * look as JSON stands in agent/workers/. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/protocol/messages.h"

enum worker_say {
    SAY_READY,
    SAY_TEST,
    SAY_COLLECTED,
    SAY_START,
    SAY_END,
    SAY_NOTE,
    SAY_IDLE,
    SAY_CLOSED,
    SAY_BYE,
    SAY_FATAL
};

/* One line from the driver.  Fields that the kind does not use are 0 or "". */
struct worker_message {
    enum worker_say say;
    const char *id;
    int64_t n;
    const char *group;
    int64_t phase;
    int64_t count;
    bool is_unknown; /* END with outcome "unknown": the driver knows no such test */
    enum outcome outcome;
    int64_t duration_us;
    const char *message;
    const char *details;
    const char *file;
    int64_t line;
    int64_t subtests;
    bool is_extra;
    const char **dirty;
    size_t dirty_count;
    const char *name;            /* NOTE */
    const char *value;           /* NOTE */
    const char *stage;           /* FATAL */
    const char *text;            /* FATAL; READY: driver and framework with versions, for people */
    const struct output *output; /* END: put there by the worker's output capture; NULL none */
};

enum worker_do { DO_COLLECT, DO_RUN, DO_FLUSH, DO_RESET, DO_OPENED, DO_QUIT };

struct worker_order {
    enum worker_do order;
    const char *id; /* RUN */
    int64_t n;      /* RUN */
    bool more;      /* RUN */
};

#endif
