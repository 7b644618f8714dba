/* What servers print about themselves, which ranges they fit, and which of them is chosen. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/databases/server_engine.h"
#include "shared/base/file.h"

static const struct server_engine *const engines[] = {&server_postgresql, &server_mariadb,
                                                      &server_mysql};

Test(server_versions, every_engine_knows_its_own_words)
{
    static const struct {
        const char *printed;
        const char *engine;
        struct server_version version;
    } cases[] = {
        {"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "postgresql", {15, 18, 0}},
        {"postgres (PostgreSQL) 9.6.24", "postgresql", {9, 6, 24}},
        {"postgres (PostgreSQL) 17beta1", "postgresql", {17, 0, 0}},
        {"postgres (PostgreSQL) 18devel", "postgresql", {18, 0, 0}},
        {"mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)",
         "mariadb",
         {10, 11, 14}},
        {"mysqld  Ver 10.3.39-MariaDB-0+deb10u2 for debian-linux-gnu on x86_64 (Debian 10)",
         "mariadb",
         {10, 3, 39}},
        {"/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))", "mysql", {9, 7, 4}},
        {"mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
         "mysql",
         {8, 0, 36}},
        {"/usr/sbin/mysqld  Ver 8.0.36-28 for Linux on x86_64 (Percona Server (GPL), Release 28)",
         "mysql",
         {8, 0, 36}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t j = 0; j < COUNT_OF(engines); j++) {
            struct server_version version = {0};
            struct error err;
            enum status status = engines[j]->version_read(cases[i].printed, &version, &err);

            cr_assert_eq(status,
                         strcmp(engines[j]->name, cases[i].engine) == 0 ? STATUS_OK
                                                                        : STATUS_NOT_FOUND,
                         "%s: %s", engines[j]->name, cases[i].printed);
            if (status == STATUS_OK)
                cr_assert(version.major == cases[i].version.major &&
                              version.minor == cases[i].version.minor &&
                              version.patch == cases[i].version.patch,
                          "%s", cases[i].printed);
        }
    }
}

Test(server_versions, words_of_others_are_nobodys)
{
    static const char *const printed[] = {"mysql from 11.4.2-MariaDB, client 15.2 for Linux",
                                          "mysqld  Ver x", "psql (PostgreSQL 15.18)",
                                          "postgres (PostgreSQL) ", ""};

    for (size_t i = 0; i < COUNT_OF(printed); i++) {
        for (size_t j = 0; j < COUNT_OF(engines); j++) {
            struct server_version version;

            cr_assert_eq(engines[j]->version_read(printed[i], &version, NULL), STATUS_NOT_FOUND,
                         "%s: '%s'", engines[j]->name, printed[i]);
        }
    }
}

Test(server_versions, a_range_is_any_or_a_beginning_or_a_least)
{
    static const struct {
        struct server_version version;
        const char *range;
        bool fits;
    } cases[] = {
        {{15, 18, 0}, "", true},         {{15, 18, 0}, "15", true},
        {{15, 18, 0}, "15.18", true},    {{15, 18, 0}, "15.1", false},
        {{15, 18, 0}, "1", false},       {{15, 18, 0}, "16", false},
        {{10, 11, 4}, "10.11", true},    {{10, 11, 4}, "10.11.4", true},
        {{10, 11, 4}, "10.11.3", false}, {{10, 11, 4}, "10.1", false},
        {{8, 0, 36}, "8.0", true},       {{8, 4, 1}, "8.0", false},
        {{8, 0, 36}, ">=8", true},       {{9, 7, 4}, ">=8", true},
        {{9, 7, 4}, ">=9.7.5", false},   {{10, 11, 4}, ">=9.12", true},
        {{5, 7, 44}, ">=8", false},      {{8, 0, 0}, ">=", false},
        {{8, 0, 0}, "latest", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert_eq(server_version_fits(&cases[i].version, cases[i].range), cases[i].fits,
                     "%d.%d.%d and '%s'", cases[i].version.major, cases[i].version.minor,
                     cases[i].version.patch, cases[i].range);
}

/* ---- choosing ---------------------------------------------------------------------- */

static struct server_install installed[] = {
    {.engine = &server_mariadb, .program = "/m", .version = {10, 11, 14}},
    {.engine = &server_postgresql, .program = "/p16", .version = {16, 2, 0}},
    {.engine = &server_postgresql, .program = "/p15", .version = {15, 18, 0}},
};
static const struct server_list list = {.at = installed, .count = COUNT_OF(installed)};

Test(server_versions, the_newest_that_fits_is_chosen)
{
    static const struct {
        const char *engine, *version, *program;
    } cases[] = {
        {"postgresql", "", "/p16"},
        {"postgresql", "15", "/p15"},
        {"postgresql", ">=14", "/p16"},
        {"mariadb", "10.11", "/m"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct server_install *install = NULL;
        struct error err;

        cr_assert_eq(servers_choose(&list, cases[i].engine, cases[i].version, &install, &err),
                     STATUS_OK, "%s", err.text);
        cr_assert_str_eq(install->program, cases[i].program);
    }
}

Test(server_versions, what_is_missing_is_said_with_what_is_there)
{
    const struct server_list none = {0};
    const struct server_install *install = NULL;
    struct error err;

    cr_assert_eq(servers_choose(&list, "mysql", ">=8", &install, &err), STATUS_NOT_FOUND);
    cr_assert_str_eq(err.text, "needs mysql >=8; installed here: mariadb 10.11.14, "
                               "postgresql 16.2, postgresql 15.18");
    cr_assert_eq(servers_choose(&none, "mariadb", "", &install, &err), STATUS_NOT_FOUND);
    cr_assert_str_eq(err.text, "needs mariadb; installed here: no database server");
}

/* ---- finding: programs that only print ------------------------------------------------ */

static char dir[64];

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-servers-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(setenv("PATH", "", 1), 0);
}

static void teardown(void)
{
    (void)!file_remove_tree(dir, NULL);
}

TestSuite(servers_find, .init = setup, .fini = teardown, .timeout = 60);

static void program_make(const char *name, const char *body)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    CLEANUP(mem_freep) char *text = mem_printf("#!/bin/sh\n%s\n", body);
    struct error err;

    cr_assert_eq(file_write_atomic(path, text, strlen(text), 0755, &err), STATUS_OK, "%s",
                 err.text);
}

/* Servers of this machine are found too; only those below `dir` count. */
static size_t found_count(const struct server_list *found, const struct server_install **out_first)
{
    size_t count = 0;

    for (size_t i = 0; i < found->count; i++) {
        if (strncmp(found->at[i].program, dir, strlen(dir)) != 0)
            continue;
        if (count++ == 0)
            *out_first = &found->at[i];
    }
    return count;
}

static size_t find(struct server_list *found, const struct server_install **out_first)
{
    const char *const directories[] = {dir};
    struct error err;

    cr_assert_eq(servers_find(directories, 1, found, &err), STATUS_OK, "%s", err.text);
    return found_count(found, out_first);
}

Test(servers_find, a_program_and_links_to_it_are_one_server)
{
    const struct server_install *first = NULL;
    struct server_list found;
    CLEANUP(mem_freep) char *sbin = mem_printf("%s/sbin", dir);
    CLEANUP(mem_freep) char *bin = mem_printf("%s/bin", dir);
    CLEANUP(mem_freep) char *link_path = mem_printf("%s/sbin/mysqld", dir);

    cr_assert_eq(mkdir(sbin, 0755), 0);
    cr_assert_eq(mkdir(bin, 0755), 0);
    program_make("sbin/mariadbd", "echo 'mariadbd  Ver 11.4.2-MariaDB for Linux on x86_64'");
    cr_assert_eq(symlink("mariadbd", link_path), 0);

    cr_assert_eq(find(&found, &first), 1);

    cr_assert_eq(first->engine, &server_mariadb);
    cr_assert_eq(first->version.minor, 4);
    cr_assert_str_eq(first->bin_dir, bin);
    cr_assert_str_eq(first->version_text, "mariadbd  Ver 11.4.2-MariaDB for Linux on x86_64");
    server_list_release(&found);
}

Test(servers_find, a_mysqld_of_mariadb_is_no_mysql)
{
    const struct server_install *first = NULL;
    struct server_list found;

    program_make("mysqld", "echo 'mysqld  Ver 10.3.39-MariaDB for Linux on x86_64'");

    cr_assert_eq(find(&found, &first), 1);

    cr_assert_eq(first->engine, &server_mariadb);
    cr_assert_str_eq(first->bin_dir, dir);
    server_list_release(&found);
}

Test(servers_find, a_directory_without_a_server_is_named)
{
    const char *const directories[] = {dir};
    struct server_list found;
    struct error err;

    program_make("mysqld", "echo hello");
    program_make("postgres", "exit 1");

    cr_assert_eq(servers_find(directories, 1, &found, &err), STATUS_NOT_FOUND);

    cr_assert_not_null(strstr(err.text, dir), "%s", err.text);
}

/* The limit is for a program that hangs; it holds the output open. */
Test(servers_find, a_program_that_does_not_answer_is_left_out)
{
    const struct server_install *first = NULL;
    struct server_list found;

    program_make("mysqld", "exec cat /dev/zero");
    program_make("mariadbd", "sleep 600 & wait");
    program_make("postgres", "echo 'postgres (PostgreSQL) 15.18'");

    cr_assert_eq(find(&found, &first), 1);

    cr_assert_eq(first->engine, &server_postgresql);
    server_list_release(&found);
}
