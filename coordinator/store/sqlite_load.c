#include <string.h>

#include "coordinator/store/store_sqlite.h"
#include "shared/base/limits.h"
#include "shared/json/messages_json.h"

/* A start in progress: facts go to the visitor one by one, each in an arena of its own. */
struct load {
    struct db *db;
    const struct store_visitor *visitor;
    struct arena arena;
    int64_t run, collect_lease;
    struct error *err;
};

static void give(struct load *load, enum fact_kind kind, int64_t run, const void *body)
{
    const struct fact fact = {.kind = kind, .run = run, .body = body};

    load->visitor->fact(load->visitor->context, &fact);
    arena_release(&load->arena);
}

/* A fact of the fleet that stands in a column. */
static enum status give_column(struct load *load, enum fact_kind kind, sqlite3_stmt *stmt,
                               int column)
{
    const char *bytes = (const char *)sqlite3_column_text(stmt, column);
    const void *body;
    enum status status = fact_body_decode(kind, bytes, (size_t)sqlite3_column_bytes(stmt, column),
                                          &load->arena, &body, load->err);

    if (status == STATUS_OK)
        give(load, kind, 0, body);
    return status;
}

static enum status load_agent(struct load *load, sqlite3_stmt *stmt)
{
    const struct fact_agent_synced synced = {.agent = (const char *)sqlite3_column_text(stmt, 0),
                                             .incarnation = sqlite3_column_int64(stmt, 1),
                                             .acknowledged = sqlite3_column_int64(stmt, 3),
                                             .sync_no = sqlite3_column_int64(stmt, 4)};
    enum status status = give_column(load, FACT_AGENT_JOINED, stmt, 2);

    if (status != STATUS_OK)
        return status;
    if (synced.sync_no > 0)
        give(load, FACT_AGENT_SYNCED, 0, &synced);
    if (sqlite3_column_type(stmt, 5) == SQLITE_NULL)
        return STATUS_OK;
    return give_column(load, FACT_AGENT_GONE, stmt, 5);
}

static enum status load_agents(struct load *load)
{
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_ask(load->db, &stmt, load->err,
                                "SELECT agent, incarnation, joined, acknowledged, sync_no, gone"
                                " FROM agents ORDER BY gone_seq", /* live ones first */
                                "");

    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row)
        status = load_agent(load, stmt);
    return status;
}

static enum status load_image(struct load *load, sqlite3_stmt *stmt)
{
    enum status status = give_column(load, FACT_IMAGE_CLAIMED, stmt, 0);

    if (status != STATUS_OK || sqlite3_column_type(stmt, 1) == SQLITE_NULL)
        return status;
    return give_column(load, FACT_IMAGE_DONE, stmt, 1);
}

static enum status load_images(struct load *load)
{
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_ask(load->db, &stmt, load->err,
                                "SELECT claimed, done FROM images ORDER BY trust, fingerprint", "");

    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row)
        status = load_image(load, stmt);
    if (status == STATUS_OK)
        status = db_ask(load->db, &stmt, load->err,
                        "SELECT failed FROM image_failures ORDER BY trust, fingerprint, run", "");
    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row)
        status = give_column(load, FACT_IMAGE_FAILED, stmt, 0);
    return status;
}

/* Puts the values of secret variables back; they are gone when the run has ended. */
static enum status fill_secrets(struct load *load, struct fact_run_submitted *submitted)
{
    struct run_secret *secrets = arena_array(&load->arena, submitted->submission->suite->env_count,
                                             sizeof(struct run_secret));
    size_t count = 0;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status =
        db_ask(load->db, &stmt, load->err, "SELECT name, value, fallback FROM secrets WHERE run=?",
               "i", load->run);

    while (status == STATUS_OK && count < submitted->submission->suite->env_count &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row) {
        struct run_secret *secret = &secrets[count++];

        secret->name = db_text(stmt, 0, &load->arena);
        if (sqlite3_column_type(stmt, 1) != SQLITE_NULL)
            secret->value = db_text(stmt, 1, &load->arena);
        if (sqlite3_column_type(stmt, 2) != SQLITE_NULL)
            secret->fallback = db_text(stmt, 2, &load->arena);
    }
    if (status == STATUS_OK)
        (void)sqlite3_reset(stmt);
    submitted->submission =
        submission_with_secrets(submitted->submission, secrets, count, &load->arena);
    return status;
}

static enum status give_line(struct load *load, enum fact_kind kind, sqlite3_stmt *stmt)
{
    struct fact fact;
    struct fact_place place;
    enum status status = fact_decode_kind(kind, (const char *)sqlite3_column_text(stmt, 0),
                                          (size_t)sqlite3_column_bytes(stmt, 0), &load->arena,
                                          &fact, &place, load->err);

    if (status != STATUS_OK)
        return status;
    if (kind == FACT_RUN_SUBMITTED) {
        struct fact_run_submitted submitted = *fact.run_submitted;

        status = fill_secrets(load, &submitted);
        if (status == STATUS_OK)
            give(load, kind, load->run, &submitted);
        return status;
    }
    give(load, kind, load->run, fact.body);
    return STATUS_OK;
}

/* The facts of a kind that are marked. */
static enum status load_marked(struct load *load, enum fact_kind kind)
{
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status =
        db_ask(load->db, &stmt, load->err,
               "SELECT l.bytes FROM marks m JOIN ledger l ON l.run = m.run AND l.seq = m.seq"
               " WHERE m.run=? AND m.kind=? ORDER BY m.seq",
               "it", load->run, fact_kind_name(kind));

    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row)
        status = give_line(load, kind, stmt);
    return status;
}

static void give_page(struct load *load, struct fact_tests_collected *page)
{
    if (page->tests_count > 0)
        give(load, FACT_TESTS_COLLECTED, load->run, page);
    *page = (struct fact_tests_collected){.lease = load->collect_lease};
}

static enum status load_collected(struct load *load, enum fact_kind kind)
{
    struct fact_tests_collected page = {.lease = load->collect_lease};
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_ask(load->db, &stmt, load->err,
                                "SELECT test, id, grp, phase, file, line FROM tests"
                                " WHERE run=? AND is_added=0 ORDER BY test",
                                "i", load->run);

    (void)kind;
    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row) {
        if (page.tests_count == COLLECTED_PER_EVENT)
            give_page(load, &page);
        if (page.tests_count == 0) {
            page.first = sqlite3_column_int64(stmt, 0);
            page.tests = arena_array(&load->arena, COLLECTED_PER_EVENT, sizeof(*page.tests));
        }
        page.tests[page.tests_count++] =
            (struct collected_test){.id = db_text(stmt, 1, &load->arena),
                                    .group = db_text(stmt, 2, &load->arena),
                                    .phase = sqlite3_column_int64(stmt, 3),
                                    .file = db_text(stmt, 4, &load->arena),
                                    .line = sqlite3_column_int64(stmt, 5)};
    }
    if (status == STATUS_OK)
        give_page(load, &page);
    return status;
}

static enum status load_added(struct load *load, enum fact_kind kind)
{
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_ask(
        load->db, &stmt, load->err,
        "SELECT test, id, grp FROM tests WHERE run=? AND is_added=1 ORDER BY test", "i", load->run);

    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row) {
        const struct fact_test_added added = {.test = sqlite3_column_int64(stmt, 0),
                                              .id = db_text(stmt, 1, &load->arena),
                                              .group = db_text(stmt, 2, &load->arena)};

        give(load, kind, load->run, &added);
    }
    return status;
}

/* A name of ours as its number; a name that is none is damage. */
static enum status read_enum(struct load *load, sqlite3_stmt *stmt, int column,
                             const struct enum_names *names, int *out_value)
{
    const char *name = (const char *)sqlite3_column_text(stmt, column);

    *out_value = codec_enum_value(names, name);
    if (*out_value >= 0)
        return STATUS_OK;
    return error_set(load->err, STATUS_IO, "the store is damaged: run %lld has '%s' in attempts",
                     (long long)load->run, name);
}

static enum status give_attempt(struct load *load, sqlite3_stmt *stmt)
{
    int kind;
    int verdict;
    int outcome;
    enum status status = read_enum(load, stmt, 2, &attempt_kind_names, &kind);

    if (status == STATUS_OK)
        status = read_enum(load, stmt, 5, &verdict_names, &verdict);
    if (status == STATUS_OK)
        status = read_enum(load, stmt, 9, &outcome_names, &outcome);
    if (status != STATUS_OK)
        return status;
    const struct attempt_report report = {
        .test = sqlite3_column_int64(stmt, 6),
        .id = db_text(stmt, 7, &load->arena),
        .attempt = sqlite3_column_int64(stmt, 8),
        .outcome = (enum outcome)outcome,
        .duration_us = sqlite3_column_int64(stmt, 10),
        .started_ms = sqlite3_column_int64(stmt, 11),
        .slot = sqlite3_column_int64(stmt, 12),
        .worker = db_text(stmt, 13, &load->arena),
        .order = sqlite3_column_int64(stmt, 14),
        .message = db_text(stmt, 15, &load->arena),
        .details = "",
        .file = db_text(stmt, 16, &load->arena),
        .line = sqlite3_column_int64(stmt, 17),
        .subtests = sqlite3_column_int64(stmt, 18),
    };
    const struct fact_attempt_recorded recorded = {
        .lease = sqlite3_column_int64(stmt, 0),
        .agent = db_text(stmt, 1, &load->arena),
        .kind = (enum attempt_kind)kind,
        .counted = sqlite3_column_int(stmt, 3) != 0,
        .why_not = db_text(stmt, 4, &load->arena),
        .verdict = (enum verdict)verdict,
        .report = &report,
    };
    give(load, FACT_ATTEMPT_RECORDED, load->run, &recorded);
    return STATUS_OK;
}

static enum status load_attempts(struct load *load, enum fact_kind kind)
{
    static const char sql[] =
        "SELECT lease, agent, kind, counted, why_not, verdict, test, id, attempt, outcome,"
        " duration_us, started_ms, slot, worker, place, message, file, line, subtests"
        " FROM attempts WHERE run=? ORDER BY seq";
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_ask(load->db, &stmt, load->err, sql, "i", load->run);

    (void)kind;
    while (status == STATUS_OK &&
           (status = db_next(load->db, stmt, &has_row, load->err)) == STATUS_OK && has_row)
        status = give_attempt(load, stmt);
    return status;
}

/* The order is the contract of store_ops.load. */
static enum status load_run(struct load *load)
{
    static const struct {
        enum fact_kind kind;
        enum status (*load)(struct load *load, enum fact_kind kind);
    } steps[] = {
        {FACT_RUN_SUBMITTED, load_marked},    {FACT_TESTS_COLLECTED, load_collected},
        {FACT_RUN_PLANNED, load_marked},      {FACT_TEST_ADDED, load_added},
        {FACT_LEASE_GRANTED, load_marked},    {FACT_TESTS_RETURNED, load_marked},
        {FACT_LEASE_ENDED, load_marked},      {FACT_ATTEMPT_RECORDED, load_attempts},
        {FACT_PROBLEM_RECORDED, load_marked}, {FACT_RUN_ENDED, load_marked},
    };
    int64_t last_seq;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < COUNT_OF(steps) && status == STATUS_OK; i++)
        status = steps[i].load(load, steps[i].kind);
    if (status == STATUS_OK)
        status = db_number(load->db, 0, &last_seq, load->err,
                           "SELECT max(seq) FROM ledger WHERE run=?", "i", load->run);
    if (status == STATUS_OK)
        load->visitor->last_seq(load->visitor->context, load->run, last_seq);
    return status;
}

enum status sqlite_load(struct store *store, int64_t wall_ms, const struct store_visitor *visitor,
                        struct error *err)
{
    struct load load = {
        .db = &sqlite_of(store)->db, .visitor = visitor, .arena = ARENA_INIT, .err = err};
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = load_agents(&load);

    if (status == STATUS_OK)
        status = load_images(&load);
    if (status == STATUS_OK)
        status = db_ask(load.db, &stmt, err,
                        "SELECT run, collect_lease FROM runs"
                        " WHERE state <> 'ended' OR ended_ms > ? ORDER BY run",
                        "i", wall_ms - STORE_LOAD_ENDED_MS);
    while (status == STATUS_OK && (status = db_next(load.db, stmt, &has_row, err)) == STATUS_OK &&
           has_row) {
        load.run = sqlite3_column_int64(stmt, 0);
        load.collect_lease = sqlite3_column_int64(stmt, 1);
        status = load_run(&load);
    }
    arena_release(&load.arena);
    return status;
}

enum status sqlite_history(struct store *store, const char *suite_name, struct arena *arena,
                           struct history *out_history, struct error *err)
{
    struct db *db = &sqlite_of(store)->db;
    int64_t count;
    sqlite3_stmt *stmt;
    bool has_row;
    enum status status = db_number(db, 0, &count, err, "SELECT count(*) FROM history WHERE suite=?",
                                   "t", suite_name);

    *out_history = (struct history){.entries = NULL};
    if (status != STATUS_OK)
        return status;
    out_history->entries = arena_array(arena, (size_t)count, sizeof(struct history_entry));
    status = db_ask(db, &stmt, err,
                    "SELECT id, duration_us FROM history WHERE suite=? ORDER BY id LIMIT ?", "ti",
                    suite_name, count);
    while (status == STATUS_OK && (status = db_next(db, stmt, &has_row, err)) == STATUS_OK &&
           has_row)
        out_history->entries[out_history->entries_count++] = (struct history_entry){
            .id = db_text(stmt, 0, arena), .duration_us = sqlite3_column_int64(stmt, 1)};
    return status;
}
