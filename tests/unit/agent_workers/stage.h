#ifndef TESTS_UNIT_AGENT_WORKERS_STAGE_H
#define TESTS_UNIT_AGENT_WORKERS_STAGE_H

/* A place for tests with real processes: a work directory, a lease book, workers on a loop, and
 * what they reported.  Tests wait for a report, never for a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/workers/workers.h"

struct heard {
    enum input_kind kind;
    int64_t slot;
    enum worker_say say;
    int64_t n;
    bool was_clean;
    char text[256];
    bool has_output;
    char head[256];
    char tail[256];
    int64_t total_bytes;
};

#define HEARD_MAX 4096

struct stage {
    char dir[64];
    uv_loop_t loop;
    uv_timer_t guard;
    struct lease_book *book;
    struct workers *workers;
    struct heard heard[HEARD_MAX];
    size_t heard_count;
    bool is_late;
};

void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* Starts `script` with /bin/sh as the driver of slot 1. */
void stage_start(struct stage *stage, const char *script, const struct suite_limits *limits);

/* Turns the loop until such a report has come; NULL after STAGE_WAIT_MS. */
const struct heard *stage_wait(struct stage *stage, enum input_kind kind);
const struct heard *stage_wait_said(struct stage *stage, enum worker_say say, int64_t n);
bool stage_turn(struct stage *stage); /* once; false: too late */

#endif
