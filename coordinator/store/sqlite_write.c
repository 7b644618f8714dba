#include "coordinator/store/history_book.h"
#include "coordinator/store/store_sqlite.h"
#include "shared/json/messages_json.h"

/* A test that has not run for so long has gone or has another name; half a year outlives a
 * release branch. */
#define HISTORY_KEEP_MS ((int64_t)180 * 24 * 3600 * 1000)

/* What the ledger gave the fact that is written now. */
struct written {
    struct sqlite_store *sqlite;
    int64_t wall_ms;
    int64_t seq;
};

static enum status mark(const struct written *at, const struct fact *fact, int64_t lease,
                        struct error *err)
{
    return db_do(&at->sqlite->db, err, "INSERT INTO marks(run, kind, seq, lease) VALUES(?,?,?,?)",
                 "itii", fact->run, fact_kind_name(fact->kind), at->seq, lease);
}

/* ---- the fleet ------------------------------------------------------------------ */

static enum status write_joined(const struct written *at, const struct fact *fact,
                                struct error *err)
{
    struct buffer *body = &at->sqlite->line;

    buffer_clear(body);
    enum status status = fact_body_encode(fact, body, err);
    if (status != STATUS_OK)
        return status;
    return db_do(&at->sqlite->db, err, "INSERT OR REPLACE INTO agents VALUES(?,?,?,0,0,NULL,NULL)",
                 "tib", fact->agent_joined->agent, fact->agent_joined->incarnation, body->at,
                 body->len);
}

static enum status write_synced(const struct written *at, const struct fact *fact,
                                struct error *err)
{
    return db_do(&at->sqlite->db, err,
                 "UPDATE agents SET acknowledged=?, sync_no=? WHERE agent=? AND incarnation=?",
                 "iiti", fact->agent_synced->acknowledged, fact->agent_synced->sync_no,
                 fact->agent_synced->agent, fact->agent_synced->incarnation);
}

static enum status write_gone(const struct written *at, const struct fact *fact, struct error *err)
{
    struct buffer *body = &at->sqlite->line;

    buffer_clear(body);
    enum status status = fact_body_encode(fact, body, err);
    if (status != STATUS_OK)
        return status;
    return db_do(&at->sqlite->db, err,
                 "UPDATE agents SET gone_seq=?, gone=? WHERE agent=? AND incarnation=?", "ibti",
                 at->seq, body->at, body->len, fact->agent_gone->agent,
                 fact->agent_gone->incarnation);
}

/* ---- images ----------------------------------------------------------------------- */

static enum status write_image_claimed(const struct written *at, const struct fact *fact,
                                       struct error *err)
{
    struct buffer *body = &at->sqlite->line;

    buffer_clear(body);
    enum status status = fact_body_encode(fact, body, err);
    if (status != STATUS_OK)
        return status;
    return db_do(&at->sqlite->db, err, "INSERT INTO images VALUES(?,?,?,NULL)", "ttb",
                 fact->image_claimed->trust, fact->image_claimed->fingerprint, body->at, body->len);
}

static enum status write_image_done(const struct written *at, const struct fact *fact,
                                    struct error *err)
{
    struct buffer *body = &at->sqlite->line;

    buffer_clear(body);
    enum status status = fact_body_encode(fact, body, err);
    if (status != STATUS_OK)
        return status;
    return db_do(&at->sqlite->db, err, "UPDATE images SET done=? WHERE trust=? AND fingerprint=?",
                 "btt", body->at, body->len, fact->image_done->trust,
                 fact->image_done->fingerprint);
}

static enum status delete_image(const struct written *at, const char *trust,
                                const char *fingerprint, struct error *err)
{
    return db_do(&at->sqlite->db, err, "DELETE FROM images WHERE trust=? AND fingerprint=?", "tt",
                 trust, fingerprint);
}

static enum status write_image_failed(const struct written *at, const struct fact *fact,
                                      struct error *err)
{
    const struct fact_image_failed *failed = fact->image_failed;
    struct buffer *body = &at->sqlite->line;
    enum status status = delete_image(at, failed->trust, failed->fingerprint, err);

    buffer_clear(body);
    if (status == STATUS_OK)
        status = fact_body_encode(fact, body, err);
    if (status == STATUS_OK)
        status = db_do(&at->sqlite->db, err, "INSERT INTO image_failures VALUES(?,?,?,?)", "ttib",
                       failed->trust, failed->fingerprint, failed->run, body->at, body->len);
    return status;
}

static enum status write_image_released(const struct written *at, const struct fact *fact,
                                        struct error *err)
{
    return delete_image(at, fact->image_released->trust, fact->image_released->fingerprint, err);
}

static enum status write_image_dropped(const struct written *at, const struct fact *fact,
                                       struct error *err)
{
    const struct fact_image_dropped *dropped = fact->image_dropped;
    enum status status = delete_image(at, dropped->trust, dropped->fingerprint, err);

    if (status == STATUS_OK)
        status = db_do(&at->sqlite->db, err,
                       "DELETE FROM image_failures WHERE trust=? AND fingerprint=?", "tt",
                       dropped->trust, dropped->fingerprint);
    return status;
}

/* ---- a run ------------------------------------------------------------------------ */

static enum status write_submitted(const struct written *at, const struct fact *fact,
                                   struct error *err)
{
    struct db *db = &at->sqlite->db;
    const struct fact_run_submitted *submitted = fact->run_submitted;
    struct run_secret *secrets;
    size_t count = fact_secrets(fact, &at->sqlite->scratch, &secrets);

    enum status status = mark(at, fact, 0, err);
    if (status == STATUS_OK)
        status = db_do(db, err, "INSERT INTO runs VALUES(?,?,'collecting',?,NULL,0)", "iti",
                       fact->run, submitted->submission->suite->name, submitted->submitted_ms);
    if (status == STATUS_OK)
        status = db_do(db, err, "UPDATE store SET next_run=max(next_run,?+1)", "i", fact->run);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = db_do(db, err, "INSERT INTO secrets VALUES(?,?,?,?)", "ittt", fact->run,
                       secrets[i].name, secrets[i].value, secrets[i].fallback);
    return status;
}

static enum status add_test(struct db *db, int64_t run, int64_t number,
                            const struct collected_test *test, int64_t is_added, struct error *err)
{
    return db_do(db, err, "INSERT INTO tests VALUES(?,?,?,?,?,?,?,?,?)", "iittititi", run, number,
                 test->id, test->group, test->phase, test->file, test->line,
                 codec_enum_name(&verdict_names, VERDICT_NONE), is_added);
}

static enum status write_collected(const struct written *at, const struct fact *fact,
                                   struct error *err)
{
    const struct fact_tests_collected *page = fact->tests_collected;
    enum status status = db_do(&at->sqlite->db, err, "UPDATE runs SET collect_lease=? WHERE run=?",
                               "ii", page->lease, fact->run);

    for (size_t i = 0; i < page->tests_count && status == STATUS_OK; i++)
        status =
            add_test(&at->sqlite->db, fact->run, page->first + (int64_t)i, &page->tests[i], 0, err);
    return status;
}

static enum status write_planned(const struct written *at, const struct fact *fact,
                                 struct error *err)
{
    enum status status = mark(at, fact, 0, err);

    if (status == STATUS_OK)
        status = db_do(&at->sqlite->db, err, "UPDATE runs SET state='running' WHERE run=?", "i",
                       fact->run);
    return status;
}

static enum status write_added(const struct written *at, const struct fact *fact, struct error *err)
{
    const struct collected_test test = {
        .id = fact->test_added->id, .group = fact->test_added->group, .file = ""};

    return add_test(&at->sqlite->db, fact->run, fact->test_added->test, &test, 1, err);
}

static enum status write_granted(const struct written *at, const struct fact *fact,
                                 struct error *err)
{
    return mark(at, fact, fact->lease_granted->lease, err);
}

static enum status write_returned(const struct written *at, const struct fact *fact,
                                  struct error *err)
{
    return mark(at, fact, fact->tests_returned->lease, err);
}

static enum status write_attempt(const struct written *at, const struct fact *fact,
                                 struct error *err)
{
    static const char sql[] =
        "INSERT INTO attempts VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    struct db *db = &at->sqlite->db;
    const struct fact_attempt_recorded *recorded = fact->attempt_recorded;
    const struct attempt_report *report = recorded->report;
    const char *verdict = codec_enum_name(&verdict_names, (int)recorded->verdict);

    enum status status =
        db_do(db, err, sql, "iiittittititiiitittii", fact->run, at->seq, recorded->lease,
              recorded->agent, codec_enum_name(&attempt_kind_names, (int)recorded->kind),
              (int64_t)recorded->counted, recorded->why_not, verdict, report->test, report->id,
              report->attempt, codec_enum_name(&outcome_names, (int)report->outcome),
              report->duration_us, report->started_ms, report->slot, report->worker, report->order,
              report->message, report->file, report->line, report->subtests);
    if (status == STATUS_OK && recorded->verdict != VERDICT_NONE && report->test > 0)
        status = db_do(db, err, "UPDATE tests SET verdict=? WHERE run=? AND test=?", "tii", verdict,
                       fact->run, report->test);
    return status;
}

static enum status write_problem(const struct written *at, const struct fact *fact,
                                 struct error *err)
{
    return mark(at, fact, 0, err);
}

/* A collection that ends without a plan leaves no tests.  The run is looked up, not asked about, so
 * that the end of any other lease does not walk through the tests. */
static enum status write_lease_ended(const struct written *at, const struct fact *fact,
                                     struct error *err)
{
    struct db *db = &at->sqlite->db;
    int64_t lease = fact->lease_ended->lease;
    enum status status = db_do(db, err,
                               "DELETE FROM tests WHERE run=(SELECT run FROM runs WHERE run=?"
                               " AND state='collecting' AND collect_lease=?)",
                               "ii", fact->run, lease);

    if (status == STATUS_OK)
        status = db_do(db, err, "DELETE FROM marks WHERE lease=? AND lease > 0", "i", lease);
    if (status == STATUS_OK)
        status = mark(at, fact, 0, err);
    return status;
}

static enum status remember_durations(struct db *db, int64_t run, int64_t wall_ms,
                                      struct error *err)
{
    /* The condition is history_wants, the formula history_after. */
    static const char sql[] =
        "INSERT INTO history(suite, id, duration_us, updated_ms)"
        " SELECT r.suite, t.id, a.duration_us, ?2 FROM attempts a"
        " JOIN runs r ON r.run = a.run JOIN tests t ON t.run = a.run AND t.test = a.test"
        " WHERE a.run = ?1 AND a.counted AND a.test > 0 AND a.outcome IN (?4, ?5) ORDER BY a.seq"
        " ON CONFLICT(suite, id) DO UPDATE SET updated_ms = excluded.updated_ms,"
        " duration_us = duration_us + (excluded.duration_us - duration_us) / ?3";
    enum status status = db_do(db, err, sql, "iiitt", run, wall_ms, (int64_t)HISTORY_WEIGHT,
                               codec_enum_name(&outcome_names, OUTCOME_PASSED),
                               codec_enum_name(&outcome_names, OUTCOME_XFAIL));

    if (status == STATUS_OK)
        status = db_do(db, err,
                       "DELETE FROM history WHERE updated_ms < ?2 AND suite ="
                       " (SELECT suite FROM runs WHERE run=?1)",
                       "ii", run, wall_ms - HISTORY_KEEP_MS);
    return status;
}

static enum status write_run_ended(const struct written *at, const struct fact *fact,
                                   struct error *err)
{
    struct db *db = &at->sqlite->db;
    enum status status = mark(at, fact, 0, err);

    if (status == STATUS_OK)
        status = db_do(db, err, "UPDATE runs SET state='ended', ended_ms=? WHERE run=?", "ii",
                       fact->run_ended->ended_ms, fact->run);
    if (status == STATUS_OK)
        status = db_do(db, err, "DELETE FROM secrets WHERE run=?", "i", fact->run);
    if (status == STATUS_OK)
        status = db_do(db, err, "DELETE FROM image_failures WHERE run=?", "i", fact->run);
    if (status == STATUS_OK)
        status = remember_durations(db, fact->run, at->wall_ms, err);
    return status;
}

/* ---- the ledger -------------------------------------------------------------------- */

static enum status end_of(struct sqlite_store *sqlite, int64_t run, struct chain_end **out_end,
                          struct error *err)
{
    sqlite3_stmt *stmt;
    bool has_row;

    for (size_t i = sqlite->ends_count; i-- > 0;)
        if (sqlite->ends[i].run == run) {
            *out_end = &sqlite->ends[i];
            return STATUS_OK;
        }
    enum status status =
        db_ask(&sqlite->db, &stmt, err,
               "SELECT seq, hash FROM ledger WHERE run=? ORDER BY seq DESC LIMIT 1", "i", run);
    if (status == STATUS_OK)
        status = db_next(&sqlite->db, stmt, &has_row, err);
    if (status != STATUS_OK)
        return status;
    struct chain_end *end = &VEC_PUSH(sqlite->ends, sqlite->ends_count, sqlite->ends_cap);
    *end = (struct chain_end){.run = run, .hash = LEDGER_CHAIN_START};
    if (has_row) {
        end->seq = sqlite3_column_int64(stmt, 0);
        (void)sqlite3_snprintf(HASH_HEX_SIZE, end->hash, "%s", sqlite3_column_text(stmt, 1));
        (void)sqlite3_reset(stmt);
    }
    *out_end = end;
    return STATUS_OK;
}

static enum status write_line(struct sqlite_store *sqlite, int64_t wall_ms, const struct fact *fact,
                              int64_t *out_seq, struct error *err)
{
    struct fact shown = fact_without_secrets(fact, &sqlite->scratch);
    struct buffer *line = &sqlite->line;
    struct chain_end *end;

    enum status status = end_of(sqlite, fact->run, &end, err);
    if (status != STATUS_OK)
        return status;
    const struct fact_place place = {
        .at_ms = wall_ms, .epoch = sqlite->epoch, .seq = end->seq + 1, .pool = sqlite->pool};
    buffer_clear(line);
    status = fact_encode(&shown, &place, line, err);
    if (status != STATUS_OK)
        return status;
    char hash[HASH_HEX_SIZE];
    ledger_chain(end->hash, line->at, line->len, hash);
    end->seq = place.seq;
    (void)sqlite3_snprintf(HASH_HEX_SIZE, end->hash, "%s", hash);
    *out_seq = place.seq;
    return db_do(&sqlite->db, err, "INSERT INTO ledger VALUES(?,?,?,?,?)", "iitbt", fact->run,
                 place.seq, fact_kind_name(fact->kind), line->at, line->len, hash);
}

enum status sqlite_write_fact(struct sqlite_store *sqlite, int64_t wall_ms, const struct fact *fact,
                              struct error *err)
{
    /* clang-format off */
    static enum status (*const writers[FACT_KIND_COUNT])(const struct written *at,
                                                         const struct fact *fact,
                                                         struct error *err) = {
        [FACT_AGENT_JOINED]     = write_joined,
        [FACT_AGENT_SYNCED]     = write_synced,
        [FACT_AGENT_GONE]       = write_gone,
        [FACT_RUN_SUBMITTED]    = write_submitted,
        [FACT_TESTS_COLLECTED]  = write_collected,
        [FACT_RUN_PLANNED]      = write_planned,
        [FACT_TEST_ADDED]       = write_added,
        [FACT_LEASE_GRANTED]    = write_granted,
        [FACT_TESTS_RETURNED]   = write_returned,
        [FACT_ATTEMPT_RECORDED] = write_attempt,
        [FACT_NOTE_RECORDED]    = NULL, /* the ledger is enough */
        [FACT_PROBLEM_RECORDED] = write_problem,
        [FACT_LEASE_ENDED]      = write_lease_ended,
        [FACT_RUN_ENDED]        = write_run_ended,
        [FACT_IMAGE_CLAIMED]    = write_image_claimed,
        [FACT_IMAGE_DONE]       = write_image_done,
        [FACT_IMAGE_FAILED]     = write_image_failed,
        [FACT_IMAGE_RELEASED]   = write_image_released,
        [FACT_IMAGE_DROPPED]    = write_image_dropped,
    };
    /* clang-format on */
    struct written at = {.sqlite = sqlite, .wall_ms = wall_ms};

    CHECK((unsigned)fact->kind < FACT_KIND_COUNT);
    enum status status = write_line(sqlite, wall_ms, fact, &at.seq, err);
    if (status == STATUS_OK && writers[fact->kind] != NULL)
        status = writers[fact->kind](&at, fact, err);
    return status;
}
