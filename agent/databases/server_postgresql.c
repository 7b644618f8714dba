/* PostgreSQL, from 11 on (--wal-segsize).
 *
 * One superuser, SERVER_USER, made by initdb.  pg_hba.conf has one line: by the socket, with a
 * password (SCRAM-SHA-256, which every client of today speaks).  There is no TCP: what comes to
 * the agent's port arrives here by the socket, and `peer` would take it for the agent. */

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/databases/server_common.h"
#include "agent/databases/server_engine.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/text.h"

/* Gives its number to the socket's name; nothing listens there. */
#define PORT      5432
#define PORT_TEXT "5432"

/* Every cluster has it, and nothing of a suite is in it. */
#define ADMIN_DATABASE "postgres"

/* SERVER_PASSWORD_AT_REST, salted with "Muster at rest.." and hashed once instead of 4096 times:
 * it guards nothing, and every clone's first connection would pay some 4 ms for the rest. */
#define PASSWORD_AT_REST_VERIFIER                                                                  \
    "SCRAM-SHA-256$1:TXVzdGVyIGF0IHJlc3QuLg=="                                                     \
    "$bIcGNxP2PHy9hU0hn+cL0Seg5QdIMxRRF6lfy7nNc8k="                                                \
    ":hB4TAMdojzlrKKasw04AIsPlXoXT7Hh99Y0WQPl+3Ec="

static const char *const program_names[] = {"postgres", NULL};
static const char *const program_globs[] = {
    "/usr/lib/postgresql/*/bin/postgres", /* Debian and its children */
    "/usr/pgsql-*/bin/postgres",          /* PostgreSQL's own packages for Red Hat */
    "/usr/local/pgsql/bin/postgres",      "/usr/local/bin/postgres", "/usr/bin/postgres", NULL,
};

/* ---- versions and options -------------------------------------------------------- */

static enum status version_read(const char *printed, struct server_version *out_version,
                                struct error *err)
{
    static const char sign[] = "(PostgreSQL) ";
    const char *at = strstr(printed, sign);

    if (at == NULL || !server_version_scan(at + strlen(sign), out_version))
        return error_set(err, STATUS_NOT_FOUND, "no PostgreSQL: '%.100s'", printed);
    return STATUS_OK;
}

/* clang-format off */
static const struct server_refused refused[] = {
    {"port",                        WHY_ADDRESS},
    {"listen_addresses",            WHY_ADDRESS},
    {"unix_socket_directories",     WHY_ADDRESS},
    {"unix_socket_group",           WHY_ADDRESS},
    {"unix_socket_permissions",     WHY_ADDRESS},
    {"bonjour",                     WHY_ADDRESS},
    {"bonjour_name",                WHY_ADDRESS},
    {"data_directory",              WHY_PLACE},
    {"config_file",                 WHY_PLACE},
    {"hba_file",                    WHY_PLACE},
    {"ident_file",                  WHY_PLACE},
    {"external_pid_file",           WHY_PLACE},
    {"log_directory",               WHY_PLACE},
    {"stats_temp_directory",        WHY_PLACE},
    {"dynamic_shared_memory_type",  WHY_PLACE},
    {"shared_memory_type",          WHY_PLACE},
    {"log_destination",             WHY_LOG},
    {"logging_collector",           WHY_LOG},
    {"log_filename",                WHY_LOG},
    {"log_min_messages",            WHY_LOG},
    {"lc_messages",                 WHY_LOG},
    {"syslog_facility",             WHY_LOG},
    {"archive_command",             WHY_BEYOND},
    {"archive_cleanup_command",     WHY_BEYOND},
    {"archive_library",             WHY_BEYOND},
    {"archive_mode",                WHY_BEYOND},
    {"restore_command",             WHY_BEYOND},
    {"recovery_end_command",        WHY_BEYOND},
    {"primary_conninfo",            WHY_BEYOND},
    {"ssl_passphrase_command",      WHY_BEYOND},
    {NULL, NULL},
};

/* initdb's, not the server's: the name here, and initdb's own. */
static const struct {
    const char *name, *argument;
} baked[] = {
    {"encoding",   "--encoding"},
    {"locale",     "--locale"},
    {"lc_collate", "--lc-collate"},
    {"lc_ctype",   "--lc-ctype"},
};
/* clang-format on */

static const char *baked_argument(const char *option)
{
    for (size_t i = 0; i < COUNT_OF(baked); i++) {
        if (strcmp(baked[i].name, option) == 0)
            return baked[i].argument;
    }
    return NULL;
}

static bool is_baked(const char *option)
{
    return baked_argument(option) != NULL;
}

static enum status options_check(const struct suite_option *options, size_t count,
                                 struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct server_refused *entry = server_refused_find(refused, options[i].name);

        if (entry != NULL)
            return error_set(err, STATUS_INVALID, "options.%s: %s", options[i].name, entry->why);
        enum status status = server_option_check(&options[i], err);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- commands --------------------------------------------------------------------- */

/* initdb reads the password from a file: the shell makes one of a pipe.
 *
 * C.UTF-8 sorts by code point: alike on every machine and with every libc, so that a template
 * serves all agents, and fastest.  WAL segments of 1 MB instead of 16 keep a clone small. */
static const char *const initdb_arguments[] = {
    "--pwfile=/dev/stdin",
    "--auth-local=scram-sha-256",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--lc-messages=C",
    "--text-search-config=english",
    "--wal-segsize=1",
    "--no-sync",
    NULL,
};

static void initialise(const struct server_plan *plan, struct arena *arena,
                       struct server_command **out_commands, size_t *out_count)
{
    struct server_arguments arguments;

    server_arguments_init(&arguments, arena);
    server_arguments_add(&arguments, "/bin/sh");
    server_arguments_add(&arguments, "-c");
    server_arguments_add(&arguments, "printf '%s\\n' \"$0\" | \"$@\"");
    server_arguments_add(&arguments, SERVER_PASSWORD_AT_REST);
    server_arguments_add(&arguments, arena_printf(arena, "%s/initdb", plan->install->bin_dir));
    server_arguments_add(&arguments, arena_printf(arena, "--pgdata=%s", plan->data_dir));
    server_arguments_add(&arguments, "--username=" SERVER_USER);
    server_arguments_add_all(&arguments, initdb_arguments);
    for (size_t i = 0; i < plan->option_count; i++) {
        const char *argument = baked_argument(plan->options[i].name);

        if (argument != NULL)
            server_arguments_add(&arguments,
                                 arena_printf(arena, "%s=%s", argument, plan->options[i].value));
    }
    *out_commands = arena_alloc(arena, sizeof(**out_commands));
    (*out_commands)->argv = arguments.at;
    *out_count = 1;
}

/* clang-format off */
static const struct {
    const char *setting;
    int since; /* the first major version that has it */
} settings[] = {
    /* Lost with the machine, and that is right: a clone is thrown away. */
    {"fsync=off",                             0},
    {"synchronous_commit=off",                0},
    {"full_page_writes=off",                  0},
    {"wal_level=minimal",                     0},
    {"max_wal_senders=0",                     0},
    /* Old segments are deleted, not renamed: in an overlay a rename copies. */
    {"wal_recycle=off",                      12},
    {"wal_init_zero=off",                    12},
    {"min_wal_size=2MB",                      0},
    {"max_wal_size=64MB",                     0},
    {"checkpoint_timeout=1h",                 0},
    /* Few processes, little memory. */
    {"shared_buffers=32MB",                   0},
    {"huge_pages=off",                        0},
    {"max_connections=100",                   0},
    {"max_logical_replication_workers=0",     0},
    {"autovacuum=off",                        0},
    {"jit=off",                               0},
    /* A set-up that makes or drops 1,700 tables in one transaction holds some 9,000 locks.  They
     * come from one table of this times max_connections, which takes 19 MB for each 100,000. */
    {"max_locks_per_transaction=192",         0},
    /* In the clone's directory, not in /dev/shm, where a killed server would leave it. */
    {"dynamic_shared_memory_type=mmap",       0},
    /* The same on every machine. */
    {"timezone=UTC",                          0},
    {"log_timezone=UTC",                      0},
    {"lc_messages=C",                         0},
    {"default_text_search_config=pg_catalog.english", 0},
    /* What we wait for is of the level LOG; errors of tests are for the tests. */
    {"log_destination=stderr",                0},
    {"logging_collector=off",                 0},
    {"log_min_messages=log",                  0},
    {"log_checkpoints=off",                   0},
};
/* clang-format on */

static void setting_add(struct server_arguments *arguments, const char *setting)
{
    server_arguments_add(arguments, "-c");
    server_arguments_add(arguments, setting);
}

static void argv(const struct server_plan *plan, struct arena *arena,
                 struct server_command *out_command)
{
    struct server_arguments arguments;

    server_arguments_init(&arguments, arena);
    server_arguments_add(&arguments, plan->install->program);
    server_arguments_add(&arguments, "-D");
    server_arguments_add(&arguments, plan->data_dir);
    setting_add(&arguments, "listen_addresses=");
    setting_add(&arguments, "port=" PORT_TEXT);
    setting_add(&arguments, arena_printf(arena, "unix_socket_directories=%s", plan->socket_dir));
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        if (plan->install->version.major >= settings[i].since)
            setting_add(&arguments, settings[i].setting);
    }
    for (size_t i = 0; i < plan->option_count; i++) {
        if (!is_baked(plan->options[i].name))
            setting_add(&arguments, arena_printf(arena, "%s=%s", plan->options[i].name,
                                                 plan->options[i].value));
    }
    out_command->argv = arguments.at;
}

/* ---- files ------------------------------------------------------------------------ */

static const char hba_text[] = "# By the socket, with a password.  There is no TCP.\n"
                               "local all all scram-sha-256\n";
static const char conf_text[] = "# Every setting is an argument of the server.\n";

static enum status configure(const struct server_plan *plan, struct error *err)
{
    CLEANUP(mem_freep) char *hba = mem_printf("%s/pg_hba.conf", plan->data_dir);
    CLEANUP(mem_freep) char *conf = mem_printf("%s/postgresql.conf", plan->data_dir);
    enum status status = file_write_atomic(hba, hba_text, strlen(hba_text), 0600, err);

    return status == STATUS_OK ? file_write_atomic(conf, conf_text, strlen(conf_text), 0600, err)
                               : status;
}

/* The beginning of global/pg_control, the same since PostgreSQL 8 (pg_control.h): identifier,
 * two version numbers, the state, a time, and where the last checkpoint stands in the log. */
struct control {
    uint64_t system_identifier;
    uint32_t control_version, catalog_version;
    uint32_t state;
    uint32_t padding;
    int64_t time;
    uint64_t checkpoint;
};
#define CONTROL_SHUT_DOWN 1
#define CONTROL_BYTES_MAX 8192

static enum status control_read(const char *data_dir, struct control *out_control,
                                struct error *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/global/pg_control", data_dir);
    struct buffer bytes;

    buffer_init(&bytes, CONTROL_BYTES_MAX);
    enum status status = file_read(path, &bytes, err);

    if (status == STATUS_OK && bytes.len < sizeof(*out_control))
        status = error_set(err, STATUS_CONFLICT, "'%s' is cut short", path);
    if (status == STATUS_OK)
        memcpy(out_control, bytes.at, sizeof(*out_control));
    buffer_release(&bytes);
    return status;
}

/* --wal-segsize=1 */
#define SEGMENT_BYTES 1048576

/* A closed server needs the one segment that its last checkpoint is in; a big set-up leaves dozens.
 * A segment is named by its timeline and by its number in two parts of 8 digits each, of which the
 * second counts the segments of 4 GiB. */
static enum status segments_tidy(const char *data_dir, uint64_t checkpoint, struct error *err)
{
    CLEANUP(mem_freep)
    char *keep = mem_printf("00000001%08X%08X", (unsigned)(checkpoint >> 32),
                            (unsigned)(checkpoint & UINT32_MAX) / SEGMENT_BYTES);
    CLEANUP(mem_freep) char *kept = mem_printf("%s/pg_wal/%s", data_dir, keep);
    struct stat facts;

    if (stat(kept, &facts) != 0 || facts.st_size != SEGMENT_BYTES)
        return error_set(err, STATUS_CONFLICT, "'%s' is missing: the directory is not Muster's",
                         kept);
    return server_files_remove(data_dir, "pg_wal", "0000000[0-9A-F]????????????????", keep, err);
}

static enum status tidy(const struct server_plan *plan, struct error *err)
{
    struct control control = {0};
    enum status status = server_closed_check(plan->data_dir, "postmaster.pid", err);

    if (status == STATUS_OK)
        status = control_read(plan->data_dir, &control, err);
    if (status == STATUS_OK && control.state != CONTROL_SHUT_DOWN)
        status = error_set(err, STATUS_CONFLICT, "the server of '%s' was not shut down cleanly",
                           plan->data_dir);
    if (status == STATUS_OK)
        status = segments_tidy(plan->data_dir, control.checkpoint, err);
    if (status == STATUS_OK)
        status = server_files_remove(plan->data_dir, "", "postmaster.opts", NULL, err);
    return status;
}

/* ---- sessions --------------------------------------------------------------------- */

struct session {
    PGconn *connection; /* NULL until it is opened */
};

static void session_close(struct session *session)
{
    if (session->connection != NULL)
        PQfinish(session->connection);
}

static void result_free(PGresult **result)
{
    PQclear(*result);
}

/* libpq prints them to stderr otherwise. */
static void notice_drop(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* What libpq says is several lines; the first is the one that matters. */
static enum status failure_say(PGconn *connection, const char *doing, enum status status,
                               struct error *err)
{
    const char *text = PQerrorMessage(connection);

    return error_set(err, status, "postgresql: %s: %.*s", doing, (int)strcspn(text, "\n"), text);
}

/* The agent's own environment (PGHOST, PGPASSFILE, ...) has no say: every word is given. */
static enum status session_open(const struct server_address *address, const char *database,
                                struct session *out_session, struct error *err)
{
    static_assert(SERVER_ANSWER_MS == 10000, "connect_timeout below is the same, in seconds");
    const char *password =
        address->password[0] != '\0' ? address->password : SERVER_PASSWORD_AT_REST;
    const char *const names[] = {"host",
                                 "port",
                                 "user",
                                 "password",
                                 "dbname",
                                 "application_name",
                                 "sslmode",
                                 "gssencmode",
                                 "passfile",
                                 "connect_timeout",
                                 "client_encoding",
                                 NULL};
    const char *const values[] = {
        address->socket_dir, PORT_TEXT, SERVER_USER, password, database, "muster",
        "disable",           "disable", "/dev/null", "10",     "UTF8",   NULL};

    out_session->connection = PQconnectdbParams(names, values, 0);
    if (out_session->connection == NULL || PQstatus(out_session->connection) != CONNECTION_OK)
        return failure_say(out_session->connection, "connecting", STATUS_UNAVAILABLE, err);
    (void)PQsetNoticeProcessor(out_session->connection, notice_drop, NULL);
    return STATUS_OK;
}

/* Waits until the whole answer is here. */
static enum status answer_wait(PGconn *connection, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + SERVER_ANSWER_MS;

    while (PQisBusy(connection)) {
        struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();

        if (left_ms <= 0)
            return error_set(err, STATUS_TIMEOUT, "postgresql: no answer within %d ms",
                             SERVER_ANSWER_MS);
        if (poll(&socket, 1, (int)left_ms) < 0 && errno != EINTR)
            return error_set_errno(err, "postgresql: poll");
        if (socket.revents != 0 && PQconsumeInput(connection) == 0)
            return failure_say(connection, "answering", STATUS_UNAVAILABLE, err);
    }
    return STATUS_OK;
}

static enum status result_check(PGconn *connection, const PGresult *result, const char *question,
                                struct error *err)
{
    ExecStatusType kind = PQresultStatus(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK)
        return STATUS_OK;
    /* 42P04, 42710: there is one of that name. */
    if (state != NULL && (strcmp(state, "42P04") == 0 || strcmp(state, "42710") == 0))
        return failure_say(connection, question, STATUS_CONFLICT, err);
    return failure_say(connection, question, STATUS_UNAVAILABLE, err);
}

/* One statement; `question` names it in an error.  The result is the caller's. */
static enum status ask(struct session *session, const char *question, const char *statement,
                       PGresult **out_result, struct error *err)
{
    PGconn *connection = session->connection;
    PGresult *more = NULL;

    *out_result = NULL;
    if (PQsendQuery(connection, statement) == 0)
        return failure_say(connection, question, STATUS_UNAVAILABLE, err);
    do {
        enum status status = answer_wait(connection, err);

        if (status != STATUS_OK)
            return status;
        more = PQgetResult(connection);
        if (more != NULL) {
            PQclear(*out_result);
            *out_result = more;
        }
    } while (more != NULL);
    return result_check(connection, *out_result, question, err);
}

/* A statement whose result says nothing. */
static enum status tell(struct session *session, const char *question, const char *statement,
                        struct error *err)
{
    CLEANUP(result_free) PGresult *result = NULL;

    return ask(session, question, statement, &result, err);
}

/* ---- questions -------------------------------------------------------------------- */

static enum status password_set(struct session *session, const char *password, struct error *err)
{
    char *quoted = PQescapeLiteral(session->connection, password, strlen(password));

    if (quoted == NULL)
        return failure_say(session->connection, "quoting the password", STATUS_INVALID, err);
    CLEANUP(mem_freep)
    char *statement = mem_printf("ALTER ROLE " SERVER_USER " PASSWORD %s", quoted);

    PQfreemem(quoted);
    return tell(session, "setting the password", statement, err);
}

static enum status prepare(const struct server_address *address, struct error *err)
{
    CLEANUP(session_close) struct session session = {0};
    enum status status = session_open(address, ADMIN_DATABASE, &session, err);

    return status == STATUS_OK ? password_set(&session, PASSWORD_AT_REST_VERIFIER, err) : status;
}

static enum status create_database(const struct server_address *address, const char *name,
                                   struct error *err)
{
    CLEANUP(session_close) struct session session = {0};
    enum status status = session_open(address, ADMIN_DATABASE, &session, err);

    if (status != STATUS_OK)
        return status;
    char *quoted = PQescapeIdentifier(session.connection, name, strlen(name));

    if (quoted == NULL)
        return failure_say(session.connection, "quoting the name", STATUS_INVALID, err);
    CLEANUP(mem_freep) char *statement = mem_printf("CREATE DATABASE %s", quoted);

    PQfreemem(quoted);
    return tell(&session, "making a database", statement, err);
}

static enum status look(const struct server_address *address, const char *name,
                        struct server_facts *out_facts, struct error *err)
{
    static const char statement[] =
        "SELECT count(*) FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'"
        " AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema'";
    CLEANUP(session_close) struct session session = {0};
    CLEANUP(result_free) PGresult *result = NULL;
    enum status status = session_open(address, name, &session, err);

    if (status == STATUS_OK)
        status = ask(&session, "counting tables", statement, &result, err);
    if (status == STATUS_OK &&
        (PQntuples(result) != 1 ||
         !text_to_int64(PQgetvalue(result, 0, 0), 0, INT64_MAX, &out_facts->tables)))
        status = error_set(err, STATUS_UNAVAILABLE, "postgresql: counting tables gave no number");
    return status;
}

/* The shutdown's own checkpoint has then little left to write. */
static enum status close_down(const struct server_address *address, struct error *err)
{
    CLEANUP(session_close) struct session session = {0};
    enum status status = session_open(address, ADMIN_DATABASE, &session, err);

    if (status == STATUS_OK)
        status = password_set(&session, PASSWORD_AT_REST_VERIFIER, err);
    return status == STATUS_OK ? tell(&session, "a checkpoint", "CHECKPOINT", err) : status;
}

static bool result_has(const PGresult *result, const char *name)
{
    for (int row = 0; row < PQntuples(result); row++) {
        if (strcmp(PQgetvalue(result, row, 0), name) == 0)
            return true;
    }
    return false;
}

/* The session goes to a database of the suite: the suite's own first one there is then quicker. */
static enum status hand_out(const struct server_address *address, const char *const *names,
                            size_t count, const char *password, struct error *err)
{
    CLEANUP(session_close) struct session session = {0};
    CLEANUP(result_free) PGresult *result = NULL;
    enum status status =
        session_open(address, count > 0 ? names[0] : ADMIN_DATABASE, &session, err);

    if (status == STATUS_OK)
        status = ask(&session, "listing databases",
                     "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn", &result, err);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (!result_has(result, names[i]))
            status = error_set(err, STATUS_NOT_FOUND, "the clone has no database '%s'", names[i]);
    }
    return status == STATUS_OK ? password_set(&session, password, err) : status;
}

static enum status doing(const struct server_address *address, struct arena *arena,
                         const char **out_text, struct error *err)
{
    static const char statement[] =
        "SELECT query, extract(epoch FROM clock_timestamp() - query_start)"
        " FROM pg_catalog.pg_stat_activity"
        " WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid()"
        " AND backend_type = 'client backend' ORDER BY query_start LIMIT 1";
    CLEANUP(session_close) struct session session = {0};
    CLEANUP(result_free) PGresult *result = NULL;
    enum status status = session_open(address, ADMIN_DATABASE, &session, err);

    *out_text = "";
    if (status == STATUS_OK)
        status = ask(&session, "looking at sessions", statement, &result, err);
    if (status == STATUS_OK && PQntuples(result) == 1)
        *out_text = server_doing_line(arena, PQgetvalue(result, 0, 0),
                                      strtod(PQgetvalue(result, 0, 1), NULL));
    return status;
}

const struct server_engine server_postgresql = {
    .name = "postgresql",
    .program_names = program_names,
    .program_globs = program_globs,
    .ready_text = "database system is ready to accept connections",
    .socket_name = ".s.PGSQL." PORT_TEXT,
    .socket_prefix = ".s.PGSQL.",
    .stop_signal = SIGINT,  /* "fast": ends the sessions, then a checkpoint */
    .drop_signal = SIGQUIT, /* "immediate": saves nothing, but gives its memory back */
    .port = PORT,
    .version_read = version_read,
    .options_check = options_check,
    .is_baked = is_baked,
    .initialise = initialise,
    .configure = configure,
    .argv = argv,
    .prepare = prepare,
    .create_database = create_database,
    .look = look,
    .close_down = close_down,
    .tidy = tidy,
    .hand_out = hand_out,
    .doing = doing,
};
