/* What agent/databases says of servers, held against real ones: the whole life of a data directory,
 * from nothing to a template to a clone that is handed out, for each engine that is installed here.
 *
 *     MUSTER_SERVERS=DIR[:DIR...]   servers elsewhere; else build/real/mysql, where
 *                                   tests/real/get-mysql.sh puts MySQL, is tried
 *
 * As root the servers run as `nobody`.  They are ended by pid, and die with the test (PDEATHSIG).
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/databases/server_engine.h"
#include "agent/host/tree.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"

/* MySQL makes its directory in 4 s on a quiet machine. */
#define START_MS_MAX 60000
#define LOG_BYTES    262144

#define PASSWORD "0123456789abcdef0123456789abcdef"
#define NAME     "shop's `first`"
#define PLAIN    "shop"

static char dir[64];
static struct server_list servers;
static struct arena arena;
static pid_t server_pid;
static int server_drop;
static int server_log = -1;
static uid_t user_id;
static gid_t group_id;

/* ---- programs ---------------------------------------------------------------------- */

static void user_choose(void)
{
    const struct passwd *nobody = getpwnam("nobody");

    user_id = getuid();
    group_id = getgid();
    if (user_id == 0) {
        cr_assert_not_null(nobody);
        user_id = nobody->pw_uid;
        group_id = nobody->pw_gid;
    }
}

/* Of these servers alone: a MariaDB that starts removes the temporary tables of others. */
static char tmp_variable[128];

/* In the child; gives its output to `output`. */
_Noreturn static void become(char **argv, int output)
{
    char path[] = "PATH=/usr/bin:/bin:/usr/sbin:/sbin";
    char *const environment[] = {path, tmp_variable, NULL};

    if (getuid() == 0 && (setgid(group_id) != 0 || setuid(user_id) != 0))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, server_drop > 0 ? server_drop : SIGKILL);
    (void)dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    (void)chdir("/");
    (void)execve(argv[0], argv, environment);
    _exit(127);
}

static pid_t program_start(char **argv, int *out_output)
{
    int fds[2];

    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        become(argv, fds[1]);
    (void)close(fds[1]);
    *out_output = fds[0];
    return pid;
}

/* Reads until the text comes (NULL: the end).  What was read is in `said`. */
static bool output_wait(int fd, const char *text, struct buffer *said)
{
    int64_t deadline_ms = clock_monotonic_ms() + START_MS_MAX;
    char bytes[4096];

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        ssize_t got = 0;

        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) <= 0)
            return false;
        got = read(fd, bytes, sizeof(bytes));
        if (got <= 0)
            return text == NULL;
        (void)buffer_add(said, bytes, (size_t)got);
        if (text != NULL && strstr(said->at, text) != NULL)
            return true;
    }
}

static void command_run(char **argv)
{
    struct buffer said;
    int how = 0;
    int output = -1;
    pid_t pid = program_start(argv, &output);

    buffer_init(&said, LOG_BYTES);
    bool is_done = output_wait(output, NULL, &said);

    (void)close(output);
    if (!is_done)
        (void)kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, &how, 0), pid);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0, "%s: %s", argv[0], said.at);
    buffer_release(&said);
}

static void server_start(const struct server_plan *plan)
{
    struct server_command command;
    struct buffer said;
    int64_t begin_us = clock_monotonic_us();

    plan->install->engine->argv(plan, &arena, &command);
    server_drop = plan->install->engine->drop_signal;
    server_pid = program_start(command.argv, &server_log);
    buffer_init(&said, LOG_BYTES);
    cr_assert(output_wait(server_log, plan->install->engine->ready_text, &said), "%s", said.at);
    cr_log_info("%s: ready after %.1f ms", plan->install->engine->name,
                (double)(clock_monotonic_us() - begin_us) / 1000);
    buffer_release(&said);
}

static void server_stop(const struct server_plan *plan)
{
    struct buffer said;
    int how = 0;

    cr_assert_eq(kill(server_pid, plan->install->engine->stop_signal), 0);
    buffer_init(&said, LOG_BYTES);
    cr_assert(output_wait(server_log, NULL, &said), "it does not end: %s", said.at);
    cr_assert_eq(waitpid(server_pid, &how, 0), server_pid);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0, "%s", said.at);
    server_pid = 0;
    (void)close(server_log);
    buffer_release(&said);
}

/* ---- directories -------------------------------------------------------------------- */

static char *directory_make(const char *name)
{
    char *path = arena_printf(&arena, "%s/%s", dir, name);

    cr_assert_eq(mkdir(path, 0700), 0);
    if (getuid() == 0)
        cr_assert_eq(chown(path, user_id, group_id), 0);
    return path;
}

/* What configure and tidy write as root is the server's to read. */
static void give(const char *path)
{
    struct error err;

    if (getuid() == 0)
        cr_assert_eq(tree_give(path, user_id, group_id, &err), STATUS_OK, "%s", err.text);
}

static void setup(void)
{
    const char *elsewhere = getenv("MUSTER_SERVERS");
    const char *directories[8];
    size_t count = 0;
    struct error err;

    user_choose();
    arena_init(&arena);
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-engines-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chmod(dir, 0755), 0);
    (void)snprintf(tmp_variable, sizeof(tmp_variable), "TMPDIR=%s", directory_make("tmp"));
    if (elsewhere != NULL) {
        char *rest = arena_strdup(&arena, elsewhere);

        for (char *word = NULL; count < COUNT_OF(directories) && (word = strsep(&rest, ":"));)
            directories[count++] = word;
    } else if (file_exists("build/real/mysql/bin/mysqld")) {
        directories[count++] = "build/real/mysql";
    }
    cr_assert_eq(servers_find(directories, count, &servers, &err), STATUS_OK, "%s", err.text);
}

static void teardown(void)
{
    if (server_pid > 0) {
        (void)kill(server_pid, server_drop);
        (void)waitpid(server_pid, NULL, 0);
    }
    (void)!file_remove_tree(dir, NULL);
    server_list_release(&servers);
    arena_release(&arena);
}

TestSuite(server_engines, .init = setup, .fini = teardown, .timeout = 300);

/* ---- clients ------------------------------------------------------------------------ */

static PGconn *postgresql_open(const char *socket_dir, const char *database, const char *password)
{
    const char *const names[] = {"host", "port", "user", "password", "dbname", NULL};
    const char *const values[] = {socket_dir, "5432", SERVER_USER, password, database, NULL};

    return PQconnectdbParams(names, values, 0);
}

static const char *postgresql_ask(const char *socket_dir, const char *database,
                                  const char *password, const char *statement)
{
    PGconn *connection = postgresql_open(socket_dir, database, password);
    const char *answer = NULL;

    if (PQstatus(connection) == CONNECTION_OK) {
        PGresult *result = PQexec(connection, statement);

        cr_assert(PQresultStatus(result) == PGRES_TUPLES_OK ||
                      PQresultStatus(result) == PGRES_COMMAND_OK,
                  "%s", PQerrorMessage(connection));
        answer = PQntuples(result) > 0 ? arena_strdup(&arena, PQgetvalue(result, 0, 0)) : "";
        PQclear(result);
    }
    PQfinish(connection);
    return answer;
}

static MYSQL *mysql_open(const char *socket_dir, const char *database, const char *password)
{
    MYSQL *session = mysql_init(NULL);
    char *socket = arena_printf(&arena, "%s/mysql.sock", socket_dir);

    (void)mysql_options(session, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(session, NULL, SERVER_USER, password, database, 0, socket, 0) == NULL) {
        mysql_close(session);
        return NULL;
    }
    return session;
}

static const char *mysql_ask(const char *socket_dir, const char *database, const char *password,
                             const char *statement)
{
    MYSQL *session = mysql_open(socket_dir, database, password);
    const char *answer = "";

    if (session == NULL)
        return NULL;
    cr_assert_eq(mysql_query(session, statement), 0, "%s", mysql_error(session));
    MYSQL_RES *result = mysql_store_result(session);

    if (result != NULL) {
        MYSQL_ROW row = mysql_fetch_row(result);

        answer = row != NULL && row[0] != NULL ? arena_strdup(&arena, row[0]) : "";
        mysql_free_result(result);
    }
    mysql_close(session);
    return answer;
}

/* The first value of the answer; NULL: no connection with that password. */
typedef const char *asking(const char *socket_dir, const char *database, const char *password,
                           const char *statement);

/* Sends a statement that takes long; the session that waits for it is the caller's to end. */
static void *postgresql_begin(const char *socket_dir, const char *statement)
{
    PGconn *connection = postgresql_open(socket_dir, PLAIN, PASSWORD);

    cr_assert_eq(PQsendQuery(connection, statement), 1);
    return connection;
}

static void postgresql_end(void *session)
{
    PQfinish(session);
}

static void *mysql_begin(const char *socket_dir, const char *statement)
{
    MYSQL *session = mysql_open(socket_dir, PLAIN, PASSWORD);

    cr_assert_not_null(session);
    cr_assert_eq(mysql_send_query(session, statement, strlen(statement)), 0);
    return session;
}

static void mysql_end(void *session)
{
    mysql_close(session);
}

/* What differs from engine to engine in the test below. */
struct dialect {
    asking *ask;
    void *(*begin)(const char *socket_dir, const char *statement);
    void (*end)(void *session);
    const char *sleep, *zone, *zone_answer, *coding, *coding_answer, *blob, *blob_length;
};

/* A megabyte for each of which the redo log has place for four. */
#define BLOB_BYTES "12582912"

/* clang-format off */
static const struct dialect postgresql_dialect = {
    .ask = postgresql_ask,
    .begin = postgresql_begin,
    .end = postgresql_end,
    .sleep = "SELECT\n  pg_sleep(60)",
    .zone = "SELECT (timestamptz '2026-07-01 12:00:00+00' AT TIME ZONE 'Europe/Berlin')::text",
    .zone_answer = "2026-07-01 14:00:00",
    .coding = "SELECT octet_length(n) || ' ' || current_setting('server_encoding') FROM face",
    .coding_answer = "4 UTF8",
    .blob = "CREATE TABLE wide AS SELECT repeat('x', " BLOB_BYTES ") AS b",
    .blob_length = "SELECT length(b) FROM wide",
};

static const struct dialect mysql_dialect = {
    .ask = mysql_ask,
    .begin = mysql_begin,
    .end = mysql_end,
    .sleep = "SELECT\n  SLEEP(60)",
    .zone = "SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Berlin')",
    .zone_answer = "2026-07-01 14:00:00",
    .coding = "SELECT CONCAT(LENGTH(n), ' ', @@character_set_server) FROM face",
    .coding_answer = "4 utf8mb4",
    .blob = "CREATE TABLE wide AS SELECT REPEAT('x', " BLOB_BYTES ") AS b",
    .blob_length = "SELECT LENGTH(b) FROM wide",
};
/* clang-format on */

/* ---- a life ------------------------------------------------------------------------- */

static void base_make(struct server_plan *plan)
{
    const struct server_engine *engine = plan->install->engine;
    struct server_address address = {.socket_dir = plan->socket_dir, .password = ""};
    struct server_command *commands = NULL;
    size_t count = 0;
    struct error err;

    engine->initialise(plan, &arena, &commands, &count);
    for (size_t i = 0; i < count; i++)
        command_run(commands[i].argv);
    cr_assert_eq(engine->configure(plan, &err), STATUS_OK, "%s", err.text);
    give(plan->data_dir);
    server_start(plan);
    cr_assert_eq(engine->prepare(&address, &err), STATUS_OK, "%s", err.text);
}

/* Databases, a hand-out for the set-up, two tables and a view, and closed again. */
static void template_make(const struct server_plan *plan, const struct dialect *dialect)
{
    const struct server_engine *engine = plan->install->engine;
    struct server_address address = {.socket_dir = plan->socket_dir, .password = ""};
    const char *const names[] = {PLAIN, "empty"};
    struct server_facts facts = {0};
    struct error err;

    for (size_t i = 0; i < COUNT_OF(names); i++)
        cr_assert_eq(engine->create_database(&address, names[i], &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(engine->create_database(&address, PLAIN, &err), STATUS_CONFLICT);
    cr_assert_eq(engine->hand_out(&address, names, COUNT_OF(names), "set-up's", &err), STATUS_OK,
                 "%s", err.text);
    address.password = "set-up's";
    (void)dialect->ask(plan->socket_dir, PLAIN, "set-up's", "CREATE TABLE face (n varchar(4))");
    (void)dialect->ask(plan->socket_dir, PLAIN, "set-up's",
                       "INSERT INTO face VALUES ('\xf0\x9f\x98\x80')");
    (void)dialect->ask(plan->socket_dir, PLAIN, "set-up's", dialect->blob);
    (void)dialect->ask(plan->socket_dir, PLAIN, "set-up's",
                       "CREATE VIEW faces AS SELECT * FROM face");
    cr_assert_eq(engine->look(&address, PLAIN, &facts, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(facts.tables, 2);
    cr_assert_eq(engine->look(&address, "empty", &facts, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(facts.tables, 0);
    cr_assert_eq(engine->tidy(plan, &err), STATUS_CONFLICT, "a server that runs is tidied");
    cr_assert_eq(engine->close_down(&address, &err), STATUS_OK, "%s", err.text);
    server_stop(plan);
    cr_assert_eq(engine->tidy(plan, &err), STATUS_OK, "%s", err.text);
}

static void clone_is_whole(const char *socket_dir, const struct dialect *dialect)
{
    cr_assert_str_eq(dialect->ask(socket_dir, PLAIN, PASSWORD, dialect->zone),
                     dialect->zone_answer);
    cr_assert_str_eq(dialect->ask(socket_dir, PLAIN, PASSWORD, dialect->coding),
                     dialect->coding_answer);
    cr_assert_str_eq(dialect->ask(socket_dir, PLAIN, PASSWORD, dialect->blob_length), BLOB_BYTES);
    cr_assert_str_eq(dialect->ask(socket_dir, PLAIN, PASSWORD, "SELECT COUNT(*) FROM faces"), "1");
}

/* Asks until something, or nothing, is being done: a client that left may be at work a little yet,
 * and one that came not at once. */
static const char *doing_wait(const struct server_plan *plan, bool is_something)
{
    struct server_address address = {.socket_dir = plan->socket_dir, .password = PASSWORD};
    int64_t deadline_ms = clock_monotonic_ms() + START_MS_MAX;
    const char *text = "";
    struct error err;

    do {
        cr_assert_eq(plan->install->engine->doing(&address, &arena, &text, &err), STATUS_OK, "%s",
                     err.text);
    } while ((text[0] != '\0') != is_something && clock_monotonic_ms() < deadline_ms);
    return text;
}

static void it_stops_though_a_statement_runs(const struct server_plan *plan,
                                             const struct dialect *dialect)
{
    const char *text = doing_wait(plan, false);

    cr_assert_str_eq(text, "");
    void *session = dialect->begin(plan->socket_dir, dialect->sleep);

    text = doing_wait(plan, true);
    cr_assert_eq(strncasecmp(text, "SELECT ", strlen("SELECT ")), 0, "%s", text);
    cr_assert_not_null(strstr(text, "(60) 0."), "%s", text);
    server_stop(plan);
    dialect->end(session);
}

static void clone_live(const struct server_plan *plan, const struct dialect *dialect)
{
    const struct server_engine *engine = plan->install->engine;
    const struct server_address address = {.socket_dir = plan->socket_dir, .password = ""};
    const char *const names[] = {PLAIN, "empty"};
    const char *const wrong[] = {PLAIN, "elsewhere"};
    char *socket = arena_printf(&arena, "%s/%s", plan->socket_dir, engine->socket_name);
    int64_t begin_us = 0;
    struct error err;

    server_start(plan);
    cr_assert(file_exists(socket));
    cr_assert_neq(engine->hand_out(&address, wrong, COUNT_OF(wrong), PASSWORD, &err), STATUS_OK);
    begin_us = clock_monotonic_us();
    cr_assert_eq(engine->hand_out(&address, names, COUNT_OF(names), PASSWORD, &err), STATUS_OK,
                 "%s", err.text);
    cr_log_info("%s: handed out after %.1f ms", engine->name,
                (double)(clock_monotonic_us() - begin_us) / 1000);
    cr_assert_null(dialect->ask(plan->socket_dir, PLAIN, "wrong", "SELECT 1"));
    cr_assert_null(dialect->ask(plan->socket_dir, PLAIN, "", "SELECT 1"));
    cr_assert_null(dialect->ask(plan->socket_dir, PLAIN, "muster", "SELECT 1"));
    clone_is_whole(plan->socket_dir, dialect);
    it_stops_though_a_statement_runs(plan, dialect);
}

static void whole_life(const char *name, const struct dialect *dialect)
{
    const struct server_install *install = NULL;
    struct server_plan plan = {0};
    struct error err;

    if (servers_choose(&servers, name, "", &install, &err) != STATUS_OK)
        cr_skip("%s", err.text);
    plan = (struct server_plan){.install = install,
                                .data_dir = directory_make("template"),
                                .socket_dir = directory_make("s")};
    cr_log_info("%s", install->version_text);
    base_make(&plan);
    template_make(&plan, dialect);

    struct server_plan clone = plan;
    const struct tree_options options = {.means = COPY_REFLINK,
                                         .threads = 2,
                                         .give = getuid() == 0,
                                         .uid = user_id,
                                         .gid = group_id};

    clone.data_dir = arena_printf(&arena, "%s/clone", dir);
    cr_assert_eq(tree_copy(plan.data_dir, clone.data_dir, &options, &err), STATUS_OK, "%s",
                 err.text);
    clone_live(&clone, dialect);
}

Test(server_engines, a_postgresql_lives_from_nothing_to_a_clone)
{
    whole_life("postgresql", &postgresql_dialect);
}

Test(server_engines, a_mariadb_lives_from_nothing_to_a_clone)
{
    whole_life("mariadb", &mysql_dialect);
}

Test(server_engines, a_mysql_lives_from_nothing_to_a_clone)
{
    whole_life("mysql", &mysql_dialect);
}

Test(server_engines, a_dropped_server_is_no_template)
{
    const struct server_install *install = NULL;
    struct server_plan plan = {0};
    struct error err;

    if (servers.count == 0)
        cr_skip("no database server is installed here");
    for (size_t i = 0; i < servers.count; i++) {
        install = &servers.at[i];
        if (strcmp(install->engine->name, "mysql") == 0)
            continue; /* as MariaDB, and slow to make */
        plan = (struct server_plan){.install = install,
                                    .data_dir = directory_make(install->engine->name),
                                    .socket_dir = directory_make(arena_printf(&arena, "s%zu", i))};
        base_make(&plan);

        cr_assert_eq(kill(server_pid, server_drop), 0);
        cr_assert_eq(waitpid(server_pid, NULL, 0), server_pid);
        server_pid = 0;
        (void)close(server_log);

        cr_assert_eq(install->engine->tidy(&plan, &err), STATUS_CONFLICT, "%s",
                     install->engine->name);
    }
}

/* The segment's number is the second one on the line of postmaster.pid that has two. */
static int segment_of(const char *data_dir)
{
    char *path = arena_printf(&arena, "%s/postmaster.pid", data_dir);
    struct buffer text;
    long key = 0;
    long segment = -1;
    struct error err;

    buffer_init(&text, LOG_BYTES);
    cr_assert_eq(file_read(path, &text, &err), STATUS_OK, "%s", err.text);
    char *rest = text.at;

    for (char *line = NULL; segment < 0 && (line = strsep(&rest, "\n")) != NULL;) {
        char *end = NULL;

        key = strtol(line, &end, 10);
        if (key != 0 && *end == ' ')
            segment = strtol(end, NULL, 10);
    }
    buffer_release(&text);
    cr_assert_geq(segment, 0);
    return (int)segment;
}

Test(server_engines, a_dropped_postgresql_leaves_no_memory_behind)
{
    const struct server_install *install = NULL;
    struct server_plan plan = {0};
    struct shmid_ds facts;
    struct error err;

    if (servers_choose(&servers, "postgresql", "", &install, &err) != STATUS_OK)
        cr_skip("%s", err.text);
    plan = (struct server_plan){
        .install = install, .data_dir = directory_make("data"), .socket_dir = directory_make("s")};
    base_make(&plan);
    int segment = segment_of(plan.data_dir);

    cr_assert_eq(shmctl(segment, IPC_STAT, &facts), 0);

    cr_assert_eq(kill(server_pid, install->engine->drop_signal), 0);
    cr_assert_eq(waitpid(server_pid, NULL, 0), server_pid);
    server_pid = 0;
    (void)close(server_log);

    cr_assert_eq(shmctl(segment, IPC_STAT, &facts), -1);
}
