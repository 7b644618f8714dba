#include "coordinator/store/sqlite_schema.h"

#include <inttypes.h>

/* What was decided stands in `ledger`; all other tables can be made from it, and are there for
 * starting, for lists and for what a ledger must not hold.
 *
 *     ledger    bytes are the line, see fact_json.h; run 0 is the fleet's
 *     marks     where in the ledger the facts are that a start or a reader asks for by kind;
 *               those of an open lease go when it ends, its end stays
 *     agents    the newest incarnation of each; gone ones too, with the fact's body and its number
 *               in the fleet's ledger
 *     attempts  without output and details, which only the ledger holds
 *     gone_runs runs that are deleted, as long as there is something left of them
 *     images    what is built (done is NULL) or ready, by the bodies of the facts that say so
 *     image_failures  what could not be built, until its run ends
 *     secrets   values of secret variables, until the run ends
 *     history   how long tests took, by suite and id */
static const char migration_1[] =
    "CREATE TABLE store("
    "  one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, pool TEXT NOT NULL,"
    "  epoch INTEGER NOT NULL, lap INTEGER NOT NULL, next_run INTEGER NOT NULL) STRICT;"
    "CREATE TABLE ledger("
    "  run INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, bytes TEXT NOT NULL,"
    "  hash TEXT NOT NULL, PRIMARY KEY (run, seq)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE marks("
    "  run INTEGER NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL, lease INTEGER NOT NULL,"
    "  PRIMARY KEY (run, kind, seq)) WITHOUT ROWID, STRICT;"
    "CREATE INDEX marks_by_lease ON marks(lease) WHERE lease > 0;"
    "CREATE TABLE agents("
    "  agent TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, joined TEXT NOT NULL,"
    "  acknowledged INTEGER NOT NULL, sync_no INTEGER NOT NULL) WITHOUT ROWID, STRICT;"
    "CREATE TABLE runs("
    "  run INTEGER PRIMARY KEY, suite TEXT NOT NULL, state TEXT NOT NULL,"
    "  submitted_ms INTEGER NOT NULL, ended_ms INTEGER, collect_lease INTEGER NOT NULL) STRICT;"
    "CREATE TABLE tests("
    "  run INTEGER NOT NULL, test INTEGER NOT NULL, id TEXT NOT NULL, grp TEXT NOT NULL,"
    "  phase INTEGER NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, verdict TEXT NOT NULL,"
    "  is_added INTEGER NOT NULL, PRIMARY KEY (run, test)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE attempts("
    "  run INTEGER NOT NULL, seq INTEGER NOT NULL, lease INTEGER NOT NULL, agent TEXT NOT NULL,"
    "  kind TEXT NOT NULL, counted INTEGER NOT NULL, why_not TEXT NOT NULL, verdict TEXT NOT NULL,"
    "  test INTEGER NOT NULL, id TEXT NOT NULL, attempt INTEGER NOT NULL, outcome TEXT NOT NULL,"
    "  duration_us INTEGER NOT NULL, started_ms INTEGER NOT NULL, slot INTEGER NOT NULL,"
    "  worker TEXT NOT NULL, place INTEGER NOT NULL, message TEXT NOT NULL, file TEXT NOT NULL,"
    "  line INTEGER NOT NULL, subtests INTEGER NOT NULL,"
    "  PRIMARY KEY (run, seq)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE secrets("
    "  run INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, fallback TEXT,"
    "  PRIMARY KEY (run, name)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE gone_runs(run INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE history("
    "  suite TEXT NOT NULL, id TEXT NOT NULL, duration_us INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL, PRIMARY KEY (suite, id)) WITHOUT ROWID, STRICT;";

/* Gone agents stay, and ended leases are found: late results are late after a start as before. */
static const char migration_2[] =
    "ALTER TABLE agents ADD COLUMN gone_seq INTEGER;"
    "ALTER TABLE agents ADD COLUMN gone TEXT;"
    "INSERT INTO marks SELECT run, kind, seq, 0 FROM ledger WHERE kind='lease_ended'"
    " AND run IN (SELECT run FROM runs WHERE state <> 'ended');";

static const char migration_3[] =
    "CREATE TABLE images("
    "  trust TEXT NOT NULL, fingerprint TEXT NOT NULL, claimed TEXT NOT NULL, done TEXT,"
    "  PRIMARY KEY (trust, fingerprint)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE image_failures("
    "  trust TEXT NOT NULL, fingerprint TEXT NOT NULL, run INTEGER NOT NULL, failed TEXT NOT NULL,"
    "  PRIMARY KEY (trust, fingerprint, run)) WITHOUT ROWID, STRICT;"
    "CREATE INDEX image_failures_by_run ON image_failures(run);";

static const char *const migrations[] = {
    migration_1,
    migration_2,
    migration_3,
};

int schema_version(void)
{
    return (int)COUNT_OF(migrations);
}

static enum status read_version(struct db *db, const char *path, int64_t *out_version,
                                struct error *err)
{
    int64_t application_id;
    int64_t objects;
    enum status status = db_number(db, 0, &application_id, err, "PRAGMA application_id", "");

    if (status == STATUS_OK)
        status = db_number(db, 0, out_version, err, "PRAGMA user_version", "");
    if (status == STATUS_OK)
        status = db_number(db, 0, &objects, err, "SELECT count(*) FROM sqlite_schema", "");
    if (status != STATUS_OK)
        return status;
    if (application_id != SCHEMA_APPLICATION_ID && objects > 0)
        return error_set(err, STATUS_INVALID, "'%s' is a database, but not a store of muster's",
                         path);
    if (*out_version > schema_version())
        return error_set(err, STATUS_VERSION,
                         "'%s' was written by a newer muster-coordinator (schema %" PRId64
                         ", this one knows %d): start that version, or restore a backup "
                         "from before the update",
                         path, *out_version, schema_version());
    return STATUS_OK;
}

static enum status migrate(struct db *db, int64_t from, struct error *err)
{
    char numbers[96];

    (void)sqlite3_snprintf((int)sizeof(numbers), numbers,
                           "PRAGMA application_id=%d; PRAGMA user_version=%d;",
                           SCHEMA_APPLICATION_ID, (int)from + 1);
    enum status status = db_script(db, "BEGIN IMMEDIATE", err);
    if (status == STATUS_OK)
        status = db_script(db, migrations[from], err);
    if (status == STATUS_OK)
        status = db_script(db, numbers, err);
    if (status == STATUS_OK)
        status = db_script(db, "COMMIT", err);
    if (status != STATUS_OK)
        db_rollback(db);
    return status;
}

enum status schema_apply(struct db *db, const char *path, struct error *err)
{
    int64_t version;
    enum status status = read_version(db, path, &version, err);

    while (status == STATUS_OK && version < schema_version())
        status = migrate(db, version++, err);
    return status;
}

enum status schema_expect(struct db *db, const char *path, struct error *err)
{
    int64_t version;
    enum status status = read_version(db, path, &version, err);

    if (status == STATUS_OK && version != schema_version())
        status = error_set(err, STATUS_VERSION,
                           "'%s' has schema %" PRId64 ", not %d: start muster-coordinator once",
                           path, version, schema_version());
    return status;
}
