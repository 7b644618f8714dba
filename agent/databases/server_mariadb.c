/* MariaDB, from 10.4 on.
 *
 * Tables keep files of their own (the server's default).  One big ibdata1 would make copies quicker
 * (126 ms instead of 190 for 1,782 tables), but the usual clone is an overlay, where a file that is
 * opened for writing is copied whole: 82 ms against 120, and half of the memory. */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/databases/mysql_family.h"

static const char *const program_names[] = {"mariadbd", "mysqld", NULL};
static const char *const program_globs[] = {
    "/usr/sbin/mariadbd",
    "/usr/libexec/mariadbd",
    "/usr/bin/mariadbd",
    "/usr/local/sbin/mariadbd",
    "/usr/local/libexec/mariadbd",
    "/usr/local/bin/mariadbd",
    "/usr/local/mysql/bin/mariadbd",
    "/usr/local/mariadb*/bin/mariadbd",
    "/opt/mariadb*/bin/mariadbd",
    "/usr/sbin/mysqld",
    "/usr/libexec/mysqld",
    NULL,
};

/* "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)" */
static enum status version_read(const char *printed, struct server_version *out_version,
                                struct error *err)
{
    const char *at = strstr(printed, " Ver ");

    if (at == NULL || strstr(printed, "MariaDB") == NULL ||
        !server_version_scan(at + strlen(" Ver "), out_version))
        return error_set(err, STATUS_NOT_FOUND, "no MariaDB: '%.100s'", printed);
    return STATUS_OK;
}

/* For making the directory as for serving it: sizes of files must agree. */
static const char *const file_settings[] = {
    "--innodb-log-file-size=4M",
    /* Copied whole into every overlay at the server's start: as small as it may be.  (It grows by
     * 64 MB at a time otherwise, and even an empty directory's first 5 MB are soon full.) */
    "--innodb-data-file-path=ibdata1:5M:autoextend",
    "--innodb-autoextend-increment=1",
    /* Lost with the machine, and that is right: a clone is thrown away. */
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    /* The kernel has few contexts for all servers of a machine (fs.aio-max-nr). */
    "--innodb-use-native-aio=0",
    "--innodb-buffer-pool-size=16M",
    NULL,
};

/* `loose`: a version that lacks the setting does without. */
static const char *const serve_settings[] = {
    "--sync-frm=0",
    "--skip-log-bin",
    "--innodb-log-buffer-size=2M",
    "--innodb-temp-data-file-path=ibtmp1:5M:autoextend",
    "--innodb-buffer-pool-dump-at-shutdown=0",
    "--innodb-buffer-pool-load-at-startup=0",
    "--loose-innodb-purge-threads=1",
    "--loose-innodb-read-io-threads=1",
    "--loose-innodb-write-io-threads=1",
    "--loose-aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--performance-schema=0",
    /* The same on every machine.  The collation is the one that the server gives utf8mb4, so that
     * CREATE DATABASE ... CHARACTER SET utf8mb4, as frameworks say it, means the same. */
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    NULL,
};

/* Tables made with bigger pages do not fit into the small first file. */
static void file_settings_add(struct server_arguments *arguments, const struct server_plan *plan)
{
    bool has_pages = false;

    for (size_t i = 0; i < plan->option_count; i++)
        has_pages |= strcmp(plan->options[i].name, "innodb_page_size") == 0;
    for (const char *const *setting = file_settings; *setting != NULL; setting++) {
        if (!has_pages || strstr(*setting, "data-file-path") == NULL)
            server_arguments_add(arguments, *setting);
    }
}

/* Its name changed with 10.5; archives have it in scripts/. */
static const char *install_script(const struct server_plan *plan, struct arena *arena)
{
    const struct server_version *version = &plan->install->version;
    bool is_old = version->major == 10 && version->minor < 5;
    const char *name = is_old ? "mysql_install_db" : "mariadb-install-db";
    const char *beside = arena_printf(arena, "%s/%s", plan->install->bin_dir, name);
    const char *archive = arena_printf(arena, "%s/../scripts/%s", plan->install->bin_dir, name);

    return access(beside, X_OK) != 0 && access(archive, X_OK) == 0 ? archive : beside;
}

/* Debian's and Red Hat's know their own places; others are told. */
static void basedir_add(struct server_arguments *arguments, const struct server_plan *plan)
{
    const char *bin = plan->install->bin_dir;
    size_t len = strlen(bin);

    if (strcmp(bin, "/usr/bin") != 0 && len > strlen("/bin") &&
        strcmp(bin + len - strlen("/bin"), "/bin") == 0)
        server_arguments_add(arguments, arena_printf(arguments->arena, "--basedir=%.*s",
                                                     (int)(len - strlen("/bin")), bin));
}

static void initialise(const struct server_plan *plan, struct arena *arena,
                       struct server_command **out_commands, size_t *out_count)
{
    static const char *const script_arguments[] = {"--auth-root-authentication-method=normal",
                                                   "--skip-test-db", "--skip-name-resolve", NULL};
    struct server_arguments script;
    struct server_arguments zones;

    mysql_arguments_begin(&script, arena, install_script(plan, arena), plan->data_dir);
    basedir_add(&script, plan);
    server_arguments_add_all(&script, script_arguments);
    file_settings_add(&script, plan);
    mysql_arguments_options(&script, plan, true);

    mysql_arguments_begin(&zones, arena, plan->install->program, plan->data_dir);
    server_arguments_add(&zones, "--bootstrap");
    file_settings_add(&zones, plan);
    mysql_arguments_options(&zones, plan, true);

    *out_count = 2;
    *out_commands = arena_array(arena, *out_count, sizeof(**out_commands));
    (*out_commands)[0].argv = script.at;
    (*out_commands)[1].argv = mysql_zones_pipe(
        arena, arena_printf(arena, "%s/mariadb-tzinfo-to-sql", plan->install->bin_dir), &zones);
}

static void argv(const struct server_plan *plan, struct arena *arena,
                 struct server_command *out_command)
{
    struct server_arguments arguments;

    mysql_arguments_begin(&arguments, arena, plan->install->program, plan->data_dir);
    mysql_arguments_listen(&arguments, plan);
    file_settings_add(&arguments, plan);
    server_arguments_add_all(&arguments, serve_settings);
    mysql_arguments_options(&arguments, plan, false);
    out_command->argv = arguments.at;
}

/* Aria begins a new log when a cleanly closed one is gone; the old one, 17 MB after the time zones,
 * would be copied into every overlay. */
static const struct mysql_litter litter[] = {
    {"", "ibtmp1"}, {"", "ib_buffer_pool"}, {"", "ddl_recovery*.log"}, {"", "aria_log.????????"},
    {NULL, NULL},
};

static enum status tidy(const struct server_plan *plan, struct error *err)
{
    return mysql_tidy(plan, litter, err);
}

const struct server_engine server_mariadb = {
    .name = "mariadb",
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
    .hand_out = mysql_hand_out,
    .doing = mysql_doing,
};
