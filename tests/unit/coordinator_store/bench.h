#ifndef TESTS_UNIT_COORDINATOR_STORE_BENCH_H
#define TESTS_UNIT_COORDINATOR_STORE_BENCH_H

/* The stores that must answer alike, and what the tests need to compare them. */

#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "shared/base/buffer.h"

enum bench_kind { BENCH_MEMORY, BENCH_SQLITE, BENCH_COUNT };

struct bench {
    enum bench_kind kind;
    char dir[64]; /* SQLite's, under /tmp; removed by bench_close */
    struct store *store;
    struct store_start start; /* of bench_open's begin */
};

void bench_open(struct bench *bench, enum bench_kind kind);
void bench_close(struct bench *bench);

/* Closes the store on disk and opens it again, as a restart does; memory stays.  Begins again. */
void bench_restart(struct bench *bench);

struct reader *bench_reader(struct bench *bench);

/* What load gives, one fact a line: "run kind body", attempts without output and details, pages of
 * tests as one line a test; and after a run's "run last_seq NUMBER". */
void bench_load(struct store *store, int64_t wall_ms, struct buffer *out_lines);

#endif
