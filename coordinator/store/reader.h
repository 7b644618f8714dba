#ifndef COORDINATOR_STORE_READER_H
#define COORDINATOR_STORE_READER_H

/* The window: questions about what is stored, answered without the engine.
 * A reader has a read-only connection of its own (wal_autocheckpoint=0, no checkpoint on close) and
 * is used by one thread at a time.  Everything answered is in the arena. */

#include <stdint.h>

#include "coordinator/store/store.h"
#include "shared/protocol/messages.h"

struct reader;

struct reader_ops {
    /* Newest first. */
    enum status (*runs)(struct reader *reader, int64_t limit, struct arena *arena,
                        struct run_list *out_list, struct error *err);
    enum status (*run)(struct reader *reader, int64_t run, struct arena *arena,
                       struct run_view *out_view, struct error *err);
    /* Attempts with seq > after, ascending, at most `limit`. */
    enum status (*attempts)(struct reader *reader, int64_t run, int64_t after, int64_t limit,
                            struct arena *arena, struct attempt_page *out_page, struct error *err);
    /* Everything of a run. */
    enum status (*report)(struct reader *reader, int64_t run, struct arena *arena,
                          struct run_report *out_report, struct error *err);
    /* Ledger entries of a run (0: fleet) in order. */
    enum status (*ledger)(struct reader *reader, int64_t run,
                          enum status (*visit)(void *context, int64_t seq, const char *bytes,
                                               size_t len, const char *hash),
                          void *context, struct error *err);
    void (*close)(struct reader *reader);
};

struct reader {
    const struct reader_ops *ops;
};

/* Over a store in memory: a reader of the same data (tests only: same thread). */
struct reader *reader_memory_new(struct store *store);

enum status reader_sqlite_open(const char *dir, struct reader **out_reader,
                               struct error *err) MUST_USE;

#endif
