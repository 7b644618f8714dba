#ifndef AGENT_WORKERS_OUTPUT_H
#define AGENT_WORKERS_OUTPUT_H

/* Which test printed what.  The driver writes \x1eMUSTER N\x1f to stdout and stderr when test N
 * starts, and \x1eMUSTER 0\x1f when it has ended; the marks are cut out here, also when a read
 * splits them.  Of each test's bytes both ends are kept, and how many there were.
 *
 *     bytes of a stream --> [plain] --\x1e--> [maybe a mark] --\x1f--> another test's bytes
 *                              ^------ it was none: plain bytes ---'
 *
 * Memory does not grow: OUTPUT_CAPTURES_MAX tests at once, both ends of each.  Nothing here does
 * I/O. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/limits.h"
#include "shared/base/memory.h"
#include "shared/protocol/messages.h"

enum output_stream { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_STREAM_COUNT };

/* A driver has two tests queued at most; what forges marks gets no more memory. */
#define OUTPUT_CAPTURES_MAX 8

/* "\x1eMUSTER " and 19 digits and "\x1f". */
#define OUTPUT_MARK_BYTES_MAX 28

struct output_capture {
    int64_t n; /* 0: what no test printed */
    bool is_used;
    int64_t total_bytes;
    size_t head_len;
    size_t tail_len;   /* bytes in the ring */
    size_t tail_start; /* oldest byte       */
    char head[OUTPUT_PART_BYTES_MAX];
    char tail[OUTPUT_PART_BYTES_MAX];
};

struct output_source {
    int64_t n;                          /* whose bytes come now */
    int64_t ended[OUTPUT_CAPTURES_MAX]; /* tests whose end mark was seen, not taken yet */
    size_t ended_next;
    bool has_marks; /* at least one was seen */
    bool is_closed;
    char mark[OUTPUT_MARK_BYTES_MAX]; /* the start of what may be a mark */
    size_t mark_len;
};

struct output_splitter {
    size_t part_bytes; /* kept of each end */
    struct output_source sources[OUTPUT_STREAM_COUNT];
    struct output_capture *captures; /* OUTPUT_CAPTURES_MAX; the first is n 0's */
};

/* `bytes_max` is the suite's limits.output_bytes: it bounds only what is kept. */
void output_init(struct output_splitter *splitter, int64_t bytes_max);
void output_release(struct output_splitter *splitter);

void output_add(struct output_splitter *splitter, enum output_stream stream, const char *bytes,
                size_t len);
void output_close(struct output_splitter *splitter, enum output_stream stream);

/* Has everything that test n printed been seen?  True when both streams showed its end mark or are
 * closed. */
bool output_is_complete(struct output_splitter *splitter, int64_t n);

/* Did any stream show a mark?  A driver that writes none is not waited for. */
bool output_has_marks(const struct output_splitter *splitter);

/* What n printed as valid UTF-8, in the arena, and forgets it; NULL when it printed nothing.  n =
 * 0: what was printed outside of tests. */
const struct output *output_take(struct output_splitter *splitter, int64_t n, struct arena *arena);

#endif
