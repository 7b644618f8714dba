#ifndef COORDINATOR_STORE_RUN_FOLD_H
#define COORDINATOR_STORE_RUN_FOLD_H

/* A run's ledger, folded into its report: the one place that says how facts become
 * what people see.  The readers of all stores use it, so that they answer alike.
 *
 *     fold_init -> fold_add for each fact in order of seq -> fold_finish
 *
 * Facts and arena must live until the report is no longer needed. */

#include "coordinator/core/fact.h"
#include "shared/protocol/messages.h"

struct fold_test {
    struct test_view view;
    bool is_selected;
    size_t attempts, notes; /* how many there are, then how many are placed */
};

struct run_fold {
    struct arena *arena;
    struct run_view *view;
    const struct run_submission *submission;
    int64_t collect_lease;
    bool is_planned;
    struct run_counts live;  /* what RUN_ENDED replaces */
    struct fold_test *tests; /* by number - 1 */
    size_t tests_count, tests_cap;
    struct attempt_view *attempts;
    size_t attempts_count, attempts_cap;
    struct note *notes;
    size_t notes_count, notes_cap;
    struct problem_view *problems;
    size_t problems_count, problems_cap;
};

void fold_init(struct run_fold *fold, int64_t run, struct arena *arena);
void fold_release(struct run_fold *fold);
void fold_add(struct run_fold *fold, int64_t seq, const struct fact *fact);

/* The report; false: there is no such run. */
bool fold_finish(struct run_fold *fold, struct run_report *out_report);

/* One attempt as it is shown.  `id` is the test's. */
void attempt_view_fill(struct attempt_view *view, int64_t seq, const struct fact *fact,
                       const char *id);

/* A view of a run that has just been submitted. */
void run_view_fill(struct run_view *view, const struct fact_run_submitted *submitted,
                   struct arena *arena);

/* Counts one recorded attempt (not its verdict). */
void counts_add_attempt(struct run_counts *counts, enum attempt_kind kind, enum outcome outcome,
                        const char *why_not);

/* Counts `tests` tests that have this verdict now. */
void counts_add_verdict(struct run_counts *counts, enum verdict verdict, int64_t tests);

#endif
