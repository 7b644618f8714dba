#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/store/fact_json.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/run_fold.h"
#include "coordinator/store/sqlite_schema.h"
#include "shared/json/messages_json.h"

struct sqlite_reader {
    struct reader base;
    struct db db;
};

static struct db *db_of(struct reader *reader)
{
    return &((struct sqlite_reader *)(void *)reader)->db;
}

/* Every question sees one moment of the store. */
static enum status look(struct reader *reader, struct error *err)
{
    return db_script(db_of(reader), "BEGIN", err);
}

static enum status look_away(struct reader *reader, enum status status)
{
    db_rollback(db_of(reader));
    return status;
}

static enum status no_run(int64_t run, struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no run '%" PRId64 "'", run);
}

static enum status expect_run(struct db *db, int64_t run, struct error *err)
{
    int64_t count;
    enum status status =
        db_number(db, 0, &count, err, "SELECT count(*) FROM runs WHERE run=?", "i", run);

    return status == STATUS_OK && count == 0 ? no_run(run, err) : status;
}

static enum status decode_line(sqlite3_stmt *stmt, struct arena *arena, struct fact *out_fact,
                               struct error *err)
{
    struct fact_place place;
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    const char *bytes = (const char *)sqlite3_column_text(stmt, 2);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 2);

    for (int kind = 0; kind < FACT_KIND_COUNT; kind++)
        if (strcmp(name, fact_kind_name((enum fact_kind)kind)) == 0)
            return fact_decode_kind((enum fact_kind)kind, bytes, len, arena, out_fact, &place, err);
    return error_set(err, STATUS_STORE_FAILED, "the ledger has a line of kind '%s'", name);
}

/* ---- views -------------------------------------------------------------------------- */

static enum status count_verdicts(struct db *db, int64_t run, struct run_counts *counts,
                                  struct error *err)
{
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status =
        db_ask(db, &stmt, err, "SELECT verdict, count(*) FROM tests WHERE run=? GROUP BY verdict",
               "i", run);

    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row) {
        int verdict = codec_enum_value(&verdict_names, (const char *)sqlite3_column_text(stmt, 0));

        counts_add_verdict(counts, (enum verdict)verdict, sqlite3_column_int64(stmt, 1));
    }
    return status;
}

static enum status count_attempts(struct db *db, int64_t run, struct run_counts *counts,
                                  struct error *err)
{
    static const char sql[] =
        "SELECT count(*), count(*) FILTER (WHERE kind=?2), count(*) FILTER (WHERE outcome=?3),"
        " count(*) FILTER (WHERE why_not='late') FROM attempts WHERE run=?1";
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status =
        db_ask(db, &stmt, err, sql, "itt", run, codec_enum_name(&attempt_kind_names, ATTEMPT_RETRY),
               codec_enum_name(&outcome_names, OUTCOME_LOST));

    if (status == STATUS_OK)
        status = db_next(db, stmt, &has_row, err);
    if (status != STATUS_OK)
        return status;
    counts->attempts = sqlite3_column_int64(stmt, 0);
    counts->retries = sqlite3_column_int64(stmt, 1);
    counts->lost = sqlite3_column_int64(stmt, 2);
    counts->late = sqlite3_column_int64(stmt, 3);
    (void)sqlite3_reset(stmt);
    return STATUS_OK;
}

/* An open run's counts are counted; an ended one's stand in its last fact. */
static enum status count_open(struct db *db, struct run_view *view, struct arena *arena,
                              struct error *err)
{
    struct run_counts *counts = view->counts;
    enum status status = count_attempts(db, view->run, counts, err);

    if (status == STATUS_OK)
        status = db_number(db, 0, &counts->problems, err,
                           "SELECT count(*) FROM marks WHERE run=? AND kind=?", "it", view->run,
                           fact_kind_name(FACT_PROBLEM_RECORDED));
    if (status != STATUS_OK || view->state == RUN_COLLECTING)
        return status;
    status = count_verdicts(db, view->run, counts, err);

    /* Selected: those of the plan, and those that were added. */
    sqlite3_stmt *stmt;
    bool has_row = false;
    if (status == STATUS_OK)
        status = db_ask(db, &stmt, err,
                        "SELECT l.seq, l.kind, l.bytes,"
                        " (SELECT count(*) FROM tests WHERE run=?1 AND is_added=1)"
                        " FROM marks m JOIN ledger l ON l.run = m.run AND l.seq = m.seq"
                        " WHERE m.run=?1 AND m.kind='run_planned'",
                        "i", view->run);
    if (status == STATUS_OK)
        status = db_next(db, stmt, &has_row, err);
    if (status != STATUS_OK || !has_row)
        return status;
    struct fact plan;
    status = decode_line(stmt, arena, &plan, err);
    if (status == STATUS_OK)
        counts->collected = (int64_t)plan.run_planned->order_count + sqlite3_column_int64(stmt, 3);
    (void)sqlite3_reset(stmt);
    return status;
}

/* The facts that make a view: how it began and, when it has, how it ended. */
static enum status view_run(struct db *db, int64_t run, struct arena *arena,
                            struct run_view *out_view, struct error *err)
{
    static const char sql[] =
        "SELECT l.seq, l.kind, l.bytes FROM marks m JOIN ledger l ON l.run = m.run AND"
        " l.seq = m.seq WHERE m.run=? AND m.kind IN ('run_submitted', 'run_ended') ORDER BY m.seq";
    struct run_fold fold;
    struct run_report report;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_ask(db, &stmt, err, sql, "i", run);

    fold_init(&fold, run, arena);
    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row) {
        struct fact fact;

        status = decode_line(stmt, arena, &fact, err);
        if (status == STATUS_OK)
            fold_add(&fold, sqlite3_column_int64(stmt, 0), &fact);
    }
    if (status == STATUS_OK && !fold_finish(&fold, &report))
        status = no_run(run, err);
    fold_release(&fold);
    if (status != STATUS_OK)
        return status;
    *out_view = *report.run;

    int64_t is_running = 0;
    status = db_number(db, 0, &out_view->last_seq, err, "SELECT max(seq) FROM ledger WHERE run=?",
                       "i", run);
    if (status == STATUS_OK && out_view->state != RUN_ENDED)
        status = db_number(db, 0, &is_running, err, "SELECT state='running' FROM runs WHERE run=?",
                           "i", run);
    if (status != STATUS_OK || out_view->state == RUN_ENDED)
        return status;
    out_view->state = is_running != 0 ? RUN_RUNNING : RUN_COLLECTING;
    return count_open(db, out_view, arena, err);
}

static enum status sqlite_run(struct reader *reader, int64_t run, struct arena *arena,
                              struct run_view *out_view, struct error *err)
{
    enum status status = look(reader, err);

    if (status != STATUS_OK)
        return status;
    return look_away(reader, view_run(db_of(reader), run, arena, out_view, err));
}

static enum status list_runs(struct db *db, int64_t limit, struct arena *arena,
                             struct run_list *out_list, struct error *err)
{
    int64_t count;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_number(db, 0, &count, err, "SELECT count(*) FROM runs", "");

    if (status != STATUS_OK)
        return status;
    if (limit > count)
        limit = count;
    *out_list =
        (struct run_list){.runs = arena_array(arena, (size_t)limit, sizeof(struct run_view))};
    status = db_ask(db, &stmt, err, "SELECT run FROM runs ORDER BY run DESC LIMIT ?", "i", limit);
    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row)
        status = view_run(db, sqlite3_column_int64(stmt, 0), arena,
                          &out_list->runs[out_list->runs_count++], err);
    return status;
}

static enum status sqlite_runs(struct reader *reader, int64_t limit, struct arena *arena,
                               struct run_list *out_list, struct error *err)
{
    enum status status = look(reader, err);

    if (status != STATUS_OK)
        return status;
    return look_away(reader, list_runs(db_of(reader), limit, arena, out_list, err));
}

/* ---- attempts and reports ------------------------------------------------------------- */

static enum status list_attempts(struct db *db, int64_t run, int64_t after, int64_t limit,
                                 struct arena *arena, struct attempt_page *page, struct error *err)
{
    static const char sql[] = "SELECT l.seq, l.kind, l.bytes, coalesce(t.id, a.id) FROM attempts a"
                              " JOIN ledger l ON l.run = a.run AND l.seq = a.seq"
                              " LEFT JOIN tests t ON t.run = a.run AND t.test = a.test"
                              " WHERE a.run=? AND a.seq>? ORDER BY a.seq LIMIT ?";
    size_t cap = 0;
    struct attempt_view *views = NULL;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = expect_run(db, run, err);

    *page = (struct attempt_page){.next_after = after};
    if (status == STATUS_OK)
        status = db_ask(db, &stmt, err, sql, "iii", run, after, limit);
    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row) {
        struct fact fact;

        status = decode_line(stmt, arena, &fact, err);
        if (status != STATUS_OK)
            break;
        page->next_after = sqlite3_column_int64(stmt, 0);
        attempt_view_fill(&VEC_PUSH(views, page->attempts_count, cap), page->next_after, &fact,
                          db_text(stmt, 3, arena));
    }
    page->attempts = arena_array(arena, page->attempts_count, sizeof(*views));
    if (views != NULL)
        (void)memcpy(page->attempts, views, page->attempts_count * sizeof(*views));
    free(views);
    return status;
}

static enum status sqlite_attempts(struct reader *reader, int64_t run, int64_t after, int64_t limit,
                                   struct arena *arena, struct attempt_page *out_page,
                                   struct error *err)
{
    enum status status = look(reader, err);

    if (status != STATUS_OK)
        return status;
    return look_away(reader, list_attempts(db_of(reader), run, after, limit, arena, out_page, err));
}

static enum status fold_run(struct db *db, int64_t run, struct arena *arena,
                            struct run_report *out_report, struct error *err)
{
    struct run_fold fold;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = expect_run(db, run, err);

    if (status == STATUS_OK)
        status = db_ask(db, &stmt, err,
                        "SELECT seq, kind, bytes FROM ledger WHERE run=? ORDER BY seq", "i", run);

    fold_init(&fold, run, arena);
    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row) {
        struct fact fact;

        status = decode_line(stmt, arena, &fact, err);
        if (status == STATUS_OK)
            fold_add(&fold, sqlite3_column_int64(stmt, 0), &fact);
    }
    if (status == STATUS_OK && !fold_finish(&fold, out_report))
        status = no_run(run, err);
    fold_release(&fold);
    return status;
}

static enum status sqlite_report(struct reader *reader, int64_t run, struct arena *arena,
                                 struct run_report *out_report, struct error *err)
{
    enum status status = look(reader, err);

    if (status != STATUS_OK)
        return status;
    return look_away(reader, fold_run(db_of(reader), run, arena, out_report, err));
}

static enum status walk_ledger(struct db *db, int64_t run,
                               enum status (*visit)(void *context, int64_t seq, const char *bytes,
                                                    size_t len, const char *hash),
                               void *context, struct error *err)
{
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = run > 0 ? expect_run(db, run, err) : STATUS_OK;

    if (status == STATUS_OK)
        status = db_ask(db, &stmt, err,
                        "SELECT seq, bytes, hash FROM ledger WHERE run=? ORDER BY seq", "i", run);
    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row) {
        const char *bytes = (const char *)sqlite3_column_text(stmt, 1);
        size_t len = (size_t)sqlite3_column_bytes(stmt, 1);

        status = visit(context, sqlite3_column_int64(stmt, 0), bytes, len,
                       (const char *)sqlite3_column_text(stmt, 2));
    }
    return status;
}

static enum status sqlite_ledger(struct reader *reader, int64_t run,
                                 enum status (*visit)(void *context, int64_t seq, const char *bytes,
                                                      size_t len, const char *hash),
                                 void *context, struct error *err)
{
    enum status status = look(reader, err);

    if (status != STATUS_OK)
        return status;
    return look_away(reader, walk_ledger(db_of(reader), run, visit, context, err));
}

static void sqlite_reader_close(struct reader *reader)
{
    db_close(db_of(reader));
    free(reader);
}

enum status reader_sqlite_open(const char *dir, struct reader **out_reader, struct error *err)
{
    static const struct reader_ops ops = {
        .runs = sqlite_runs,
        .run = sqlite_run,
        .attempts = sqlite_attempts,
        .report = sqlite_report,
        .ledger = sqlite_ledger,
        .close = sqlite_reader_close,
    };
    struct sqlite_reader *reader = mem_zalloc(sizeof(*reader));
    char *path = mem_printf("%s/muster.db", dir);

    reader->base.ops = &ops;
    enum status status = db_open(&reader->db, path, DB_READER, err);
    if (status == STATUS_OK)
        status = schema_expect(&reader->db, path, err);
    free(path);
    if (status != STATUS_OK) {
        sqlite_reader_close(&reader->base);
        return status;
    }
    *out_reader = &reader->base;
    return STATUS_OK;
}
