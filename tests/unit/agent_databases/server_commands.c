/* How servers are started, which options a suite may give, and the line about what they do. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/databases/server_common.h"
#include "shared/base/file.h"

static const struct server_engine *const engines[] = {&server_postgresql, &server_mariadb,
                                                      &server_mysql};

/* ---- options ------------------------------------------------------------------------- */

static enum status check(const struct server_engine *engine, const char *name, const char *value,
                         struct error *err)
{
    const struct suite_option option = {.name = name, .value = value};

    return engine->options_check(&option, 1, err);
}

Test(server_options, what_is_musters_own_is_refused_with_the_reason)
{
    static const struct {
        const struct server_engine *engine;
        const char *name, *value, *text;
    } cases[] = {
        {&server_postgresql, "port", "1", "options.port: " WHY_ADDRESS},
        {&server_postgresql, "Port", "1", "options.Port: " WHY_ADDRESS},
        {&server_postgresql, "listen_addresses", "*", "options.listen_addresses: " WHY_ADDRESS},
        {&server_postgresql, "data_directory", "x", "options.data_directory: " WHY_PLACE},
        {&server_postgresql, "archive_command", "x", "options.archive_command: " WHY_BEYOND},
        {&server_postgresql, "log_min_messages", "panic", "options.log_min_messages: " WHY_LOG},
        {&server_mariadb, "datadir", "x", "options.datadir: " WHY_PLACE},
        {&server_mariadb, "loose_datadir", "x", "options.loose_datadir: " WHY_PLACE},
        {&server_mariadb, "datad", "x", "options.datad: " WHY_PLACE},
        {&server_mariadb, "skip_networking", "0", "options.skip_networking: " WHY_ADDRESS},
        {&server_mysql, "skip_grant_tables", "1", "options.skip_grant_tables: " WHY_START},
        {&server_mysql, "mysqlx", "1", "options.mysqlx: " WHY_ADDRESS},
        {&server_mysql, "init_file", "x", "options.init_file: " WHY_BEYOND},
        {&server_mysql, "log_bin", "/var/x",
         "options.log_bin: '/var/x' is a path; a clone must not reach what is not its own"},
        {&server_postgresql, "ssl_cert_file", "x/../../y",
         "options.ssl_cert_file: 'x/../../y' is a path; a clone must not reach what is not its "
         "own"},
        {&server_mysql, "a b", "", "options: 'a b' is no name (letters, digits, '_', '.')"},
        {&server_postgresql, "", "", "options: '' is no name (letters, digits, '_', '.')"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;

        cr_assert_eq(check(cases[i].engine, cases[i].name, cases[i].value, &err), STATUS_INVALID,
                     "%s", cases[i].name);
        cr_assert_str_eq(err.text, cases[i].text);
    }
}

Test(server_options, what_a_suite_may_choose_is_allowed)
{
    static const struct {
        const struct server_engine *engine;
        const char *name, *value;
        bool is_baked;
    } cases[] = {
        {&server_postgresql, "jit", "on", false},
        {&server_postgresql, "shared_preload_libraries", "pg_stat_statements", false},
        {&server_postgresql, "pg_stat_statements.track", "all", false},
        {&server_postgresql, "locale", "de_DE.UTF-8", true},
        {&server_mariadb, "lower_case_table_names", "1", true},
        {&server_mariadb, "innodb_doublewrite", "1", false},
        {&server_mysql, "sql_mode", "ANSI", false},
        {&server_mysql, "log_bin", "1", false},
        {&server_mysql, "innodb_page_size", "64k", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;

        cr_assert_eq(check(cases[i].engine, cases[i].name, cases[i].value, &err), STATUS_OK, "%s",
                     err.text);
        cr_assert_eq(cases[i].engine->is_baked(cases[i].name), cases[i].is_baked, "%s",
                     cases[i].name);
    }
}

Test(server_options, engines_have_names_and_sqlite_is_none)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++)
        cr_assert_eq(server_engine_find(engines[i]->name), engines[i]);
    cr_assert_null(server_engine_find("sqlite"));
}

/* ---- commands ------------------------------------------------------------------------- */

static const struct suite_option options[] = {
    {.name = "locale", .value = "de_DE.UTF-8"},
    {.name = "lower_case_table_names", .value = "1"},
    {.name = "sql_mode", .value = "ANSI"},
};

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

TestSuite(server_commands, .init = setup, .fini = teardown);

static const char *joined(char **argv)
{
    const char *text = "";

    for (; *argv != NULL; argv++)
        text = arena_printf(&arena, "%s%s%s", text, *text != '\0' ? "\n" : "", *argv);
    return text;
}

static struct server_plan plan_of(const struct server_install *install, const size_t *which)
{
    return (struct server_plan){.install = install,
                                .data_dir = "/d",
                                .socket_dir = "/s",
                                .options = &options[*which],
                                .option_count = 1};
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* What matters of the arguments; the whole list would only repeat the tables. */
Test(server_commands, a_server_listens_to_its_socket_and_the_suite_has_the_last_word)
{
    static const struct {
        const struct server_engine *engine;
        const char *begin, *socket, *no_tcp, *unsafe;
        size_t option;
        const char *end;
    } cases[] = {
        {&server_postgresql, "/x/server\n-D\n/d\n", "\nunix_socket_directories=/s\n",
         "\nlisten_addresses=\n", "\nfsync=off\n", 2, "\n-c\nsql_mode=ANSI"},
        {&server_postgresql, "/x/server\n-D\n/d\n", "\nunix_socket_directories=/s\n",
         "\nlisten_addresses=\n", "\nfsync=off\n", 0, "\nlog_checkpoints=off"},
        {&server_mariadb, "/x/server\n--no-defaults\n--datadir=/d\n", "\n--socket=/s/mysql.sock\n",
         "\n--skip-networking\n", "\n--innodb-doublewrite=0\n", 1, "\n--lower_case_table_names=1"},
        {&server_mysql, "/x/server\n--no-defaults\n--datadir=/d\n", "\n--socket=/s/mysql.sock\n",
         "\n--skip-networking\n", "\n--innodb-doublewrite=0\n", 2, "\n--sql_mode=ANSI"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct server_install install = {.engine = cases[i].engine,
                                               .program = "/x/server",
                                               .bin_dir = "/x",
                                               .version = {15, 0, 0}};
        const struct server_plan plan = plan_of(&install, &cases[i].option);
        struct server_command command;

        cases[i].engine->argv(&plan, &arena, &command);
        const char *text = joined(command.argv);

        cr_assert_eq(strncmp(text, cases[i].begin, strlen(cases[i].begin)), 0, "%s", text);
        cr_assert_not_null(strstr(text, cases[i].socket), "%s", text);
        cr_assert_not_null(strstr(text, cases[i].no_tcp), "%s", text);
        cr_assert_not_null(strstr(text, cases[i].unsafe), "%s", text);
        cr_assert(ends_with(text, cases[i].end), "%s", text);
    }
}

Test(server_commands, a_setting_is_left_out_where_the_version_has_none)
{
    struct server_install install = {
        .engine = &server_postgresql, .program = "/x", .bin_dir = "/", .version = {11, 0, 0}};
    const size_t which = 2;
    const struct server_plan plan = plan_of(&install, &which);
    struct server_command command;

    server_postgresql.argv(&plan, &arena, &command);
    cr_assert_null(strstr(joined(command.argv), "wal_recycle"));
    install.version.major = 12;
    server_postgresql.argv(&plan, &arena, &command);
    cr_assert_not_null(strstr(joined(command.argv), "wal_recycle=off"));
}

Test(server_commands, a_directory_is_made_with_the_options_that_are_baked_into_it)
{
    static const struct {
        const struct server_engine *engine;
        size_t option, count;
        const char *begin, *end;
    } cases[] = {
        {&server_postgresql, 0, 1,
         "/bin/sh\n-c\nprintf '%s\\n' \"$0\" | \"$@\"\nmuster\n/x/initdb\n",
         "\n--locale=de_DE.UTF-8"},
        {&server_postgresql, 2, 1, "/bin/sh\n", "\n--no-sync"},
        {&server_mariadb, 1, 2, "/x/mariadb-install-db\n--no-defaults\n--datadir=/d\n",
         "\n--lower_case_table_names=1"},
        {&server_mariadb, 2, 2, "/x/mariadb-install-db\n--no-defaults\n--datadir=/d\n",
         "\n--innodb-buffer-pool-size=16M"},
        {&server_mysql, 1, 1, "/bin/sh\n", "\n--lower_case_table_names=1"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct server_install install = {.engine = cases[i].engine,
                                               .program = "/x/server",
                                               .bin_dir = "/x",
                                               .version = {15, 0, 0}};
        const struct server_plan plan = plan_of(&install, &cases[i].option);
        struct server_command *commands = NULL;
        size_t count = 0;

        cases[i].engine->initialise(&plan, &arena, &commands, &count);
        const char *text = joined(commands[0].argv);

        cr_assert_eq(count, cases[i].count);
        cr_assert_eq(strncmp(text, cases[i].begin, strlen(cases[i].begin)), 0, "%s", text);
        cr_assert(ends_with(text, cases[i].end), "%s", text);
    }
}

Test(server_commands, arguments_grow_with_the_suites_options)
{
    struct server_arguments arguments;

    server_arguments_init(&arguments, &arena);
    for (int i = 0; i < 200; i++)
        server_arguments_add(&arguments, arena_printf(&arena, "%d", i));
    cr_assert_eq(arguments.count, 200);
    cr_assert_str_eq(arguments.at[0], "0");
    cr_assert_str_eq(arguments.at[199], "199");
    cr_assert_null(arguments.at[200]);
}

/* ---- what it does ---------------------------------------------------------------------- */

#define TEN "0123456789"

Test(server_commands, a_statement_becomes_one_short_line)
{
    static const struct {
        const char *statement;
        double seconds;
        const char *line;
    } cases[] = {
        {"", 3, ""},
        {" \n\t", 3, ""},
        {"CREATE TABLE x", 3.14, "CREATE TABLE x 3.1 s"},
        {"  SELECT\n\n  1 \n", -1, "SELECT 1 0.0 s"},
        {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "x", 0,
         TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN " 0.0 s"},
        {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345678\xc3\xa4", 0,
         TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345678 0.0 s"},
        {"SELECT '\xff'", 0, "SELECT '\xef\xbf\xbd' 0.0 s"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert_str_eq(server_doing_line(&arena, cases[i].statement, cases[i].seconds),
                         cases[i].line);
}

/* ---- closed directories ------------------------------------------------------------------ */

Test(server_commands, a_directory_of_a_server_that_was_not_shut_down_is_no_template)
{
    const struct server_install install = {.engine = &server_mariadb};
    char dir[] = "/tmp/muster-tidy-XXXXXX";
    struct error err;

    cr_assert_not_null(mkdtemp(dir));
    const struct server_plan plan = {.install = &install, .data_dir = dir, .socket_dir = dir};
    CLEANUP(mem_freep) char *log = mem_printf("%s/ddl_recovery.log", dir);
    CLEANUP(mem_freep) char *pid = mem_printf("%s/muster.pid", dir);
    CLEANUP(mem_freep) char *data = mem_printf("%s/ibdata1", dir);

    cr_assert_eq(file_write_atomic(log, "", 0, 0600, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(data, "", 0, 0600, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(pid, "1", 1, 0600, &err), STATUS_OK);
    cr_assert_eq(server_mariadb.tidy(&plan, &err), STATUS_CONFLICT);
    cr_assert(file_exists(log));

    cr_assert_eq(remove(pid), 0);
    cr_assert_eq(server_mariadb.tidy(&plan, &err), STATUS_OK, "%s", err.text);
    cr_assert_not(file_exists(log));
    cr_assert(file_exists(data));
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}
