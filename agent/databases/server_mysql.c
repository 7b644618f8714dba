/* MySQL, from 8.0 on: what calls itself MariaDB is not.
 *
 * Passwords are caching_sha2_password, the only way that 9.x has.  A user that the server has not
 * seen since the password was set must show the password itself, over a closed way.  By the agent's
 * port the client takes the way for an open one and the server, at its socket, for a closed one:
 * they do not agree.  A user that it has seen is asked for a proof only, by any way.  So hand_out
 * ends with a connection of its own.  A suite that says FLUSH PRIVILEGES, or makes users, comes by
 * the socket afterwards. */

#include <signal.h>
#include <string.h>

#include "agent/databases/mysql_family.h"

static const char *const program_names[] = {"mysqld", NULL};
static const char *const program_globs[] = {
    "/usr/sbin/mysqld",
    "/usr/libexec/mysqld",
    "/usr/bin/mysqld",
    "/usr/local/sbin/mysqld",
    "/usr/local/libexec/mysqld",
    "/usr/local/bin/mysqld",
    "/usr/local/mysql*/bin/mysqld",
    "/opt/mysql*/bin/mysqld",
    NULL,
};

/* "/usr/sbin/mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)" */
static enum status version_read(const char *printed, struct server_version *out_version,
                                struct error *err)
{
    const char *at = strstr(printed, " Ver ");

    if (at == NULL || strstr(printed, "MariaDB") != NULL || strstr(printed, "mysqld") == NULL ||
        !server_version_scan(at + strlen(" Ver "), out_version))
        return error_set(err, STATUS_NOT_FOUND, "no MySQL: '%.100s'", printed);
    return STATUS_OK;
}

static const char *const file_settings[] = {
    /* Where it is not set, a build's own directory must exist. */
    "--secure-file-priv=NULL",
    "--skip-log-bin",
    "--performance-schema=0",
    /* Lost with the machine, and that is right: a clone is thrown away. */
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    /* The kernel has few contexts for all servers of a machine (fs.aio-max-nr). */
    "--innodb-use-native-aio=0",
    "--loose-innodb-redo-log-capacity=32M",
    NULL,
};

/* `loose`: a version that lacks the setting does without. */
static const char *const serve_settings[] = {
    "--loose-mysqlx=0",
    "--loose-auto-generate-certs=0",
    "--loose-caching-sha2-password-auto-generate-rsa-keys=0",
    "--loose-sha256-password-auto-generate-rsa-keys=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-buffer-size=1M",
    "--innodb-temp-data-file-path=ibtmp1:12M:autoextend",
    "--innodb-buffer-pool-dump-at-shutdown=0",
    "--innodb-buffer-pool-load-at-startup=0",
    "--loose-innodb-purge-threads=1",
    "--loose-innodb-read-io-threads=1",
    "--loose-innodb-write-io-threads=1",
    "--key-buffer-size=1M",
    /* The same on every machine.  The collation is the one that the server gives utf8mb4, so that
     * CREATE DATABASE ... CHARACTER SET utf8mb4, as frameworks say it, means the same. */
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    NULL,
};

/* One command: the zones come in as the first file that it reads. */
static void initialise(const struct server_plan *plan, struct arena *arena,
                       struct server_command **out_commands, size_t *out_count)
{
    struct server_arguments arguments;

    mysql_arguments_begin(&arguments, arena, plan->install->program, plan->data_dir);
    server_arguments_add(&arguments, "--initialize-insecure");
    server_arguments_add(&arguments, "--init-file=/dev/stdin");
    server_arguments_add_all(&arguments, file_settings);
    mysql_arguments_options(&arguments, plan, true);
    *out_commands = arena_alloc(arena, sizeof(**out_commands));
    (*out_commands)->argv = mysql_zones_pipe(
        arena, arena_printf(arena, "%s/mysql_tzinfo_to_sql", plan->install->bin_dir), &arguments);
    *out_count = 1;
}

static void argv(const struct server_plan *plan, struct arena *arena,
                 struct server_command *out_command)
{
    struct server_arguments arguments;

    mysql_arguments_begin(&arguments, arena, plan->install->program, plan->data_dir);
    mysql_arguments_listen(&arguments, plan);
    server_arguments_add_all(&arguments, file_settings);
    server_arguments_add_all(&arguments, serve_settings);
    mysql_arguments_options(&arguments, plan, false);
    out_command->argv = arguments.at;
}

/* auto.cnf: every clone makes a server_uuid of its own. */
static const struct mysql_litter litter[] = {
    {"", "ibtmp1"}, {"", "ib_buffer_pool"},    {"", "auto.cnf"},
    {"", "*.pem"},  {"#innodb_redo", "*_tmp"}, {"#innodb_temp", "*.ibt"},
    {NULL, NULL},
};

static enum status tidy(const struct server_plan *plan, struct error *err)
{
    return mysql_tidy(plan, litter, err);
}

static enum status hand_out(const struct server_address *address, const char *const *names,
                            size_t count, const char *password, struct error *err)
{
    enum status status = mysql_hand_out(address, names, count, password, err);

    return status == STATUS_OK ? mysql_greet(address, password, err) : status;
}

const struct server_engine server_mysql = {
    .name = "mysql",
    .program_names = program_names,
    .program_globs = program_globs,
    .ready_text = MYSQL_READY_TEXT,
    .socket_name = MYSQL_SOCKET_NAME,
    .stop_signal = SIGTERM,
    .drop_signal = SIGKILL,
    .port = MYSQL_PORT,
    .version_read = version_read,
    .options_check = mysql_options_check,
    .is_baked = mysql_is_baked,
    .initialise = initialise,
    .configure = tidy,
    .argv = argv,
    .prepare = mysql_prepare,
    .create_database = mysql_create_database,
    .look = mysql_look,
    .close_down = mysql_close_down,
    .tidy = tidy,
    .hand_out = hand_out,
    .doing = mysql_doing,
};
