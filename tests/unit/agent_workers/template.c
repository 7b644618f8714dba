/* ${...} in variables and commands. */

#include <criterion/criterion.h>
#include <string.h>

#include "agent/workers/template.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

TestSuite(worker_template, .init = setup, .fini = teardown);

static const struct worker_database databases[] = {
    {.alias = "default", .engine = "sqlite", .name = "shop", .path = "/c/slot-2/default.sqlite3"},
    {.alias = "fast.one",
     .engine = "sqlite",
     .name = "shop",
     .path = "",
     .memory = true,
     .image = "/t/fast.sqlite3"},
    {.alias = "pg",
     .engine = "postgresql",
     .name = "shop",
     .path = "",
     .host = "127.0.0.1",
     .port = 40001,
     .socket = "/tmp/muster-1/s1",
     .user = "muster",
     .password = "p@ss/w:rd%"},
    {.alias = "maria",
     .engine = "mariadb",
     .name = "shop_\xc3\xa4 x",
     .path = "",
     .host = "127.0.0.1",
     .port = 40002,
     .socket = "/tmp/muster-1/s2/mysqld.sock",
     .user = "mus?ter",
     .password = ""},
    {.alias = "my",
     .engine = "mysql",
     .name = "shop",
     .path = "",
     .host = "127.0.0.1",
     .port = 40003,
     .socket = "/tmp/muster-1/s3/mysqld.sock",
     .user = "muster",
     .password = "Aa0-._~"},
    {.alias = "replica", .engine = "postgresql", .name = "", .path = "", .mirror = "pg"},
    {.alias = "bare", .engine = "mysql"}, /* before the agent knows more */
};

static struct template_context context(void)
{
    static char first[] = "A=1";
    static char path[] = "PATH=/bin";
    static char last[] = "A=2";
    static char *environment[] = {first, path, last};

    return (struct template_context){.slot = 2,
                                     .run = 7,
                                     .seed = 99,
                                     .dir = "/tree",
                                     .dir_tmp = "/tmp/x",
                                     .databases = databases,
                                     .database_count = COUNT_OF(databases),
                                     .environment = environment,
                                     .environment_count = 3};
}

Test(worker_template, every_name_has_its_value)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"${slot}", "2"},
        {"a${token}b", "a7_2b"},
        {"${seed}${run.id}", "997"},
        {"${dir}:${dir.tmp}", "/tree:/tmp/x"},
        {"${db.default.path}", "/c/slot-2/default.sqlite3"},
        {"${db.default.url}", "sqlite:////c/slot-2/default.sqlite3"},
        {"${db.default.name}", "shop"},
        {"${db.fast.one.path}", ":memory:"},
        {"${db.fast.one.url}", "sqlite://:memory:"},
        {"${db.pg.host}:${db.pg.port}", "127.0.0.1:40001"},
        {"${db.pg.socket}", "/tmp/muster-1/s1"},
        {"${db.pg.user}/${db.pg.name}", "muster/shop"},
        {"${db.pg.password}", "p@ss/w:rd%"},
        {"${db.pg.url}", "postgresql://muster:p%40ss%2Fw%3Ard%25@127.0.0.1:40001/shop"},
        {"${db.maria.url}", "mysql://mus%3Fter@127.0.0.1:40002/shop_%C3%A4%20x"},
        {"${db.maria.name}", "shop_\xc3\xa4 x"},
        {"${db.my.url}", "mysql://muster:Aa0-._~@127.0.0.1:40003/shop"},
        {"${db.my.socket}", "/tmp/muster-1/s3/mysqld.sock"},
        {"${db.replica.name}", "shop"},
        {"${db.replica.url}", "postgresql://muster:p%40ss%2Fw%3Ard%25@127.0.0.1:40001/shop"},
        {"${db.bare.host}${db.bare.user}${db.bare.port}", "0"},
        {"${env.PATH}:/x", "/bin:/x"},
        {"${env.A}", "2"},
        {"$$", "$"},
        {"$${slot}", "${slot}"},
        {"$$$${slot}$$", "$${slot}$"},
    };
    struct template_context names = context();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = NULL;
        struct error err;
        cr_assert_eq(template_expand(&names, cases[i][0], &arena, &text, &err), STATUS_OK, "%s: %s",
                     cases[i][0], err.text);
        cr_assert_str_eq(text, cases[i][1]);
    }
}

Test(worker_template, what_has_no_value_is_an_error_that_names_it)
{
    static const char *const cases[][2] = {
        {"$", "$"},
        {"a $b", "$b"},
        {"${", "${"},
        {"${slot", "${slot"},
        {"${}", "${}"},
        {"${slots}", "slots"},
        {"${db.other.path}", "other"},
        {"${db.default.host}", "a sqlite database has no 'host'; it has path, url, name"},
        {"${db.default.password}", "a sqlite database has no 'password'"},
        {"${db.pg.path}",
         "a postgresql database has no 'path'; it has host, port, socket, user, password, name, "
         "url"},
        {"${db.maria.path}", "a mariadb database has no 'path'"},
        {"${db.replica.path}", "a postgresql database has no 'path'"},
        {"${db.my.hosts}", "a mysql database has no 'hosts'"},
        {"${db.path}", "path"},
        {"${db.default}", "default"},
        {"${env.NONE}", "NONE"},
        {"${run.id }", "run.id "},
    };
    struct template_context names = context();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = NULL;
        struct error err;
        cr_assert_neq(template_expand(&names, cases[i][0], &arena, &text, &err), STATUS_OK, "%s",
                      cases[i][0]);
        cr_assert_not_null(strstr(err.text, cases[i][1]), "%s: %s", cases[i][0], err.text);
    }
}
