#include "agent/databases/mysql_family.h"

#include <mysql.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/base/text.h"

/* ---- options ---------------------------------------------------------------------- */

/* clang-format off */
static const struct server_refused refused[] = {
    {"port",                          WHY_ADDRESS},
    {"extra_port",                    WHY_ADDRESS},
    {"port_open_timeout",             WHY_ADDRESS},
    {"socket",                        WHY_ADDRESS},
    {"bind_address",                  WHY_ADDRESS},
    {"networking",                    WHY_ADDRESS},
    {"admin_address",                 WHY_ADDRESS},
    {"admin_port",                    WHY_ADDRESS},
    {"mysqlx",                        WHY_ADDRESS},
    {"mysqlx_port",                   WHY_ADDRESS},
    {"mysqlx_bind_address",           WHY_ADDRESS},
    {"mysqlx_socket",                 WHY_ADDRESS},
    {"named_pipe",                    WHY_ADDRESS},
    {"datadir",                       WHY_PLACE},
    {"basedir",                       WHY_PLACE},
    {"tmpdir",                        WHY_PLACE},
    {"slave_load_tmpdir",             WHY_PLACE},
    {"replica_load_tmpdir",           WHY_PLACE},
    {"pid_file",                      WHY_PLACE},
    {"innodb_data_home_dir",          WHY_PLACE},
    {"innodb_log_group_home_dir",     WHY_PLACE},
    {"innodb_undo_directory",         WHY_PLACE},
    {"innodb_directories",            WHY_PLACE},
    {"innodb_doublewrite_dir",        WHY_PLACE},
    {"innodb_temp_tablespaces_dir",   WHY_PLACE},
    {"innodb_tmpdir",                 WHY_PLACE},
    {"aria_log_dir_path",             WHY_PLACE},
    {"general_log_file",              WHY_PLACE},
    {"slow_query_log_file",           WHY_PLACE},
    {"log_error",                     WHY_LOG},
    {"log_error_services",            WHY_LOG},
    {"log_error_suppression_list",    WHY_LOG},
    {"syslog",                        WHY_LOG},
    {"lc_messages",                   WHY_LOG},
    {"lc_messages_dir",               WHY_LOG},
    {"character_sets_dir",            WHY_START},
    {"defaults_file",                 WHY_START},
    {"defaults_extra_file",           WHY_START},
    {"defaults_group_suffix",         WHY_START},
    {"login_path",                    WHY_START},
    {"no_defaults",                   WHY_START},
    {"defaults",                      WHY_START},
    {"print_defaults",                WHY_START},
    {"help",                          WHY_START},
    {"version",                       WHY_START},
    {"validate_config",               WHY_START},
    {"bootstrap",                     WHY_START},
    {"initialize",                    WHY_START},
    {"initialize_insecure",           WHY_START},
    {"daemonize",                     WHY_START},
    {"user",                          WHY_START},
    {"chroot",                        WHY_START},
    {"gdb",                           WHY_START},
    {"grant_tables",                  WHY_START},
    {"init_file",                     WHY_BEYOND},
    {"wsrep_provider",                WHY_BEYOND},
    {"wsrep_notify_cmd",              WHY_BEYOND},
    {NULL, NULL},
};

/* Whole names that are also the beginning of a refused one. */
static const char *const whole_names[] = {"innodb_doublewrite", "general_log", "slow_query_log",
                                          NULL};

/* The servers read all these before an option's name. */
static const char *const prefixes[] = {"loose_", "skip_", "disable_", "enable_", "maximum_", NULL};

static const char *const baked[] = {"lower_case_table_names", "innodb_page_size",
                                    "innodb_data_file_path",  "innodb_undo_tablespaces",
                                    "innodb_checksum_algorithm", NULL};
/* clang-format on */

bool mysql_is_baked(const char *option)
{
    return server_name_listed(baked, option);
}

static const char *prefixes_skip(const char *name)
{
    bool is_any = true;

    while (is_any) {
        is_any = false;
        for (const char *const *prefix = prefixes; *prefix != NULL; prefix++) {
            if (strncasecmp(name, *prefix, strlen(*prefix)) == 0) {
                name += strlen(*prefix);
                is_any = true;
            }
        }
    }
    return name;
}

/* The servers take the beginning of a name for the name: --sock is --socket. */
static const struct server_refused *refused_find(const char *name)
{
    const char *plain = prefixes_skip(name);

    if (server_name_listed(whole_names, plain))
        return NULL;
    for (const struct server_refused *entry = refused; entry->name != NULL; entry++) {
        if (strncasecmp(entry->name, plain, strlen(plain)) == 0)
            return entry;
    }
    return NULL;
}

enum status mysql_options_check(const struct suite_option *options, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        enum status status = server_option_check(&options[i], err);

        if (status != STATUS_OK)
            return status;
        const struct server_refused *entry = refused_find(options[i].name);

        if (entry != NULL)
            return error_set(err, STATUS_INVALID, "options.%s: %s", options[i].name, entry->why);
    }
    return STATUS_OK;
}

/* ---- commands ----------------------------------------------------------------------- */

void mysql_arguments_begin(struct server_arguments *arguments, struct arena *arena,
                           const char *program, const char *data_dir)
{
    server_arguments_init(arguments, arena);
    server_arguments_add(arguments, program);
    server_arguments_add(arguments, "--no-defaults"); /* must be the first */
    server_arguments_add(arguments, arena_printf(arena, "--datadir=%s", data_dir));
}

void mysql_arguments_listen(struct server_arguments *arguments, const struct server_plan *plan)
{
    struct arena *arena = arguments->arena;

    server_arguments_add(arguments,
                         arena_printf(arena, "--socket=%s/" MYSQL_SOCKET_NAME, plan->socket_dir));
    server_arguments_add(arguments,
                         arena_printf(arena, "--pid-file=%s/" MYSQL_PID_FILE, plan->data_dir));
    server_arguments_add(arguments, arena_printf(arena, "--tmpdir=%s", plan->socket_dir));
    server_arguments_add(arguments, "--skip-networking");
    server_arguments_add(arguments, "--skip-name-resolve");
}

void mysql_arguments_options(struct server_arguments *arguments, const struct server_plan *plan,
                             bool baked_only)
{
    for (size_t i = 0; i < plan->option_count; i++) {
        const struct suite_option *option = &plan->options[i];

        if (!baked_only || mysql_is_baked(option->name))
            server_arguments_add(
                arguments, arena_printf(arguments->arena, "--%s=%s", option->name, option->value));
    }
}

/* The shell joins the two; its status is the server's. */
char **mysql_zones_pipe(struct arena *arena, const char *words,
                        const struct server_arguments *server)
{
    struct server_arguments arguments;

    server_arguments_init(&arguments, arena);
    server_arguments_add(&arguments, "/bin/sh");
    server_arguments_add(&arguments, "-c");
    server_arguments_add(&arguments, "{ echo 'USE mysql;'; [ ! -x \"$0\" ] || "
                                     "\"$0\" /usr/share/zoneinfo 2>/dev/null; } | \"$@\"");
    server_arguments_add(&arguments, words);
    for (size_t i = 0; i < server->count; i++)
        server_arguments_add(&arguments, server->at[i]);
    return arguments.at;
}

/* ---- sessions ----------------------------------------------------------------------- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_begin(void)
{
    (void)mysql_library_init(0, NULL, NULL);
}

static void session_close(MYSQL **session)
{
    if (*session != NULL)
        mysql_close(*session);
}

static void result_free(MYSQL_RES **result)
{
    if (*result != NULL)
        mysql_free_result(*result);
}

#define ERROR_DATABASE_EXISTS  1007
#define ERROR_DATABASE_UNKNOWN 1049

static enum status failure_say(MYSQL *session, const char *doing, struct error *err)
{
    unsigned number = mysql_errno(session);
    enum status status = number == ERROR_DATABASE_EXISTS    ? STATUS_CONFLICT
                         : number == ERROR_DATABASE_UNKNOWN ? STATUS_NOT_FOUND
                                                            : STATUS_UNAVAILABLE;

    return error_set(err, status, "database server, %s: %s", doing, mysql_error(session));
}

/* A server that tests have changed must not get files of the agent's (LOCAL INFILE). */
static void session_settle(MYSQL *session)
{
    unsigned seconds = SERVER_ANSWER_MS / 1000;
    unsigned no_files = 0;
    unsigned by_socket = MYSQL_PROTOCOL_SOCKET;

    (void)mysql_options(session, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    (void)mysql_options(session, MYSQL_OPT_READ_TIMEOUT, &seconds);
    (void)mysql_options(session, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    (void)mysql_options(session, MYSQL_OPT_LOCAL_INFILE, &no_files);
    (void)mysql_options(session, MYSQL_OPT_PROTOCOL, &by_socket);
    (void)mysql_options(session, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static enum status session_open(const struct server_address *address, const char *user,
                                const char *password, MYSQL **out_session, struct error *err)
{
    CLEANUP(mem_freep)
    char *socket = mem_printf("%s/" MYSQL_SOCKET_NAME, address->socket_dir);

    (void)pthread_once(&library_once, library_begin);
    *out_session = mysql_init(NULL);
    CHECK(*out_session != NULL); /* only for want of memory */
    session_settle(*out_session);
    if (mysql_real_connect(*out_session, NULL, user, password, NULL, 0, socket, 0) == NULL)
        return failure_say(*out_session, "connecting", err);
    return STATUS_OK;
}

static enum status own_session_open(const struct server_address *address, MYSQL **out_session,
                                    struct error *err)
{
    return session_open(address, SERVER_USER, address->password, out_session, err);
}

static enum status tell(MYSQL *session, const char *what, const char *statement, struct error *err)
{
    if (mysql_query(session, statement) != 0)
        return failure_say(session, what, err);
    return STATUS_OK;
}

static enum status ask(MYSQL *session, const char *what, const char *statement,
                       MYSQL_RES **out_result, struct error *err)
{
    enum status status = tell(session, what, statement, err);

    if (status != STATUS_OK)
        return status;
    *out_result = mysql_store_result(session);
    return *out_result != NULL ? STATUS_OK : failure_say(session, what, err);
}

/* For '...' in a statement; the caller frees it. */
static char *escaped(MYSQL *session, const char *text)
{
    size_t len = strlen(text);
    char *out = mem_alloc(2 * len + 1);

    (void)mysql_real_escape_string(session, out, text, (unsigned long)len);
    return out;
}

/* ---- questions ---------------------------------------------------------------------- */

static enum status user_drop(MYSQL *session, const char *user, const char *host, struct error *err)
{
    CLEANUP(mem_freep) char *safe_user = escaped(session, user);
    CLEANUP(mem_freep) char *safe_host = escaped(session, host);
    CLEANUP(mem_freep) char *statement = mem_printf("DROP USER '%s'@'%s'", safe_user, safe_host);

    return tell(session, "dropping a user", statement, err);
}

/* The user that initialising made becomes ours, with all its rights; the others that anyone could
 * be go.  Those of the server's own, which are locked, stay. */
enum status mysql_prepare(const struct server_address *address, struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;
    CLEANUP(result_free) MYSQL_RES *result = NULL;
    enum status status = session_open(address, "root", "", &session, err);
    MYSQL_ROW row = NULL;

    if (status == STATUS_OK)
        status = tell(session, "renaming root",
                      "RENAME USER 'root'@'localhost' TO '" SERVER_USER "'@'localhost'", err);
    if (status == STATUS_OK)
        status = ask(session, "listing users",
                     "SELECT User, Host FROM mysql.user WHERE User IN ('root', '')", &result, err);
    while (status == STATUS_OK && (row = mysql_fetch_row(result)) != NULL)
        status = user_drop(session, row[0], row[1], err);
    return status;
}

enum status mysql_create_database(const struct server_address *address, const char *name,
                                  struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;

    if (strchr(name, '`') != NULL)
        return error_set(err, STATUS_INVALID, "'%.60s' is no name for a database", name);
    enum status status = own_session_open(address, &session, err);

    if (status != STATUS_OK)
        return status;
    CLEANUP(mem_freep) char *statement = mem_printf("CREATE DATABASE `%s`", name);

    return tell(session, "making a database", statement, err);
}

enum status mysql_look(const struct server_address *address, const char *name,
                       struct server_facts *out_facts, struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;
    CLEANUP(result_free) MYSQL_RES *result = NULL;
    enum status status = own_session_open(address, &session, err);

    if (status == STATUS_OK && mysql_select_db(session, name) != 0)
        status = failure_say(session, "counting tables", err);
    if (status == STATUS_OK)
        status = ask(session, "counting tables",
                     "SELECT COUNT(*) FROM information_schema.tables"
                     " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
                     &result, err);
    if (status != STATUS_OK)
        return status;
    MYSQL_ROW row = mysql_fetch_row(result);

    if (row == NULL || !text_to_int64(row[0], 0, INT64_MAX, &out_facts->tables))
        return error_set(err, STATUS_UNAVAILABLE,
                         "database server, counting tables gave no number");
    return STATUS_OK;
}

static enum status password_set(MYSQL *session, const char *password, struct error *err)
{
    CLEANUP(mem_freep) char *safe = escaped(session, password);
    CLEANUP(mem_freep)
    char *statement =
        mem_printf("ALTER USER '" SERVER_USER "'@'localhost' IDENTIFIED BY '%s'", safe);

    return tell(session, "setting the password", statement, err);
}

/* A slow shutdown leaves nothing for the next start: no purge, no undo. */
enum status mysql_close_down(const struct server_address *address, struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;
    enum status status = own_session_open(address, &session, err);

    if (status == STATUS_OK)
        status = password_set(session, "", err);
    if (status == STATUS_OK)
        status =
            tell(session, "asking for a slow shutdown", "SET GLOBAL innodb_fast_shutdown = 0", err);
    return status;
}

enum status mysql_hand_out(const struct server_address *address, const char *const *names,
                           size_t count, const char *password, struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;
    enum status status = own_session_open(address, &session, err);

    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (mysql_select_db(session, names[i]) != 0)
            status = failure_say(session, "the clone's database", err);
    }
    return status == STATUS_OK ? password_set(session, password, err) : status;
}

enum status mysql_greet(const struct server_address *address, const char *password,
                        struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;

    return session_open(address, SERVER_USER, password, &session, err);
}

/* Of SHOW FULL PROCESSLIST, which both have: Id User Host db Command Time State Info ... */
enum { PROCESS_ID, PROCESS_COMMAND = 4, PROCESS_SECONDS = 5, PROCESS_STATEMENT = 7 };

enum status mysql_doing(const struct server_address *address, struct arena *arena,
                        const char **out_text, struct error *err)
{
    CLEANUP(session_close) MYSQL *session = NULL;
    CLEANUP(result_free) MYSQL_RES *result = NULL;
    MYSQL_ROW row = NULL;
    double longest = -1;
    enum status status = own_session_open(address, &session, err);

    *out_text = "";
    if (status == STATUS_OK)
        status = ask(session, "looking at sessions", "SHOW FULL PROCESSLIST", &result, err);
    while (status == STATUS_OK && (row = mysql_fetch_row(result)) != NULL) {
        double seconds = row[PROCESS_SECONDS] != NULL ? strtod(row[PROCESS_SECONDS], NULL) : 0;
        bool is_ours = strtoul(row[PROCESS_ID], NULL, 10) == mysql_thread_id(session);
        bool is_at_work = text_equals(row[PROCESS_COMMAND], "Query") ||
                          text_equals(row[PROCESS_COMMAND], "Execute");

        if (!is_ours && is_at_work && row[PROCESS_STATEMENT] != NULL && seconds > longest) {
            longest = seconds;
            *out_text = server_doing_line(arena, row[PROCESS_STATEMENT], seconds);
        }
    }
    return status;
}

/* ---- files -------------------------------------------------------------------------- */

enum status mysql_tidy(const struct server_plan *plan, const struct mysql_litter *litter,
                       struct error *err)
{
    enum status status = server_closed_check(plan->data_dir, MYSQL_PID_FILE, err);

    for (; status == STATUS_OK && litter->under != NULL; litter++)
        status = server_files_remove(plan->data_dir, litter->under, litter->pattern, NULL, err);
    return status;
}
