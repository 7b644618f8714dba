#include "agent/workers/environment_databases.h"

#include <ctype.h>
#include <string.h>

#include "agent/workers/template.h"
#include "shared/base/text.h"

/* Nobody can connect there: no program of a test machine is tcpmux. */
#define NOWHERE_PORT 1

static struct worker_database promised(const struct suite_database *said, const char *tmp_dir,
                                       struct arena *arena)
{
    return (struct worker_database){
        .alias = said->alias,
        .engine = said->engine,
        .name = said->name,
        .path = arena_printf(arena, "%s/none/%s.sqlite3", tmp_dir, said->alias),
        .mirror = said->mirror,
        .host = "127.0.0.1",
        .port = NOWHERE_PORT,
        .socket = arena_printf(arena, "%s/none/%s.sock", tmp_dir, said->alias),
        .user = "none",
        .password = "none",
    };
}

void environment_databases_choose(const struct worker_plan *plan, enum environment_mode mode,
                                  const char *tmp_dir, struct arena *arena,
                                  const struct worker_database **out_databases, size_t *out_count)
{
    const struct suite *suite = plan->suite;

    *out_databases = plan->databases;
    *out_count = plan->database_count;
    if (mode != ENVIRONMENT_COLLECT || plan->database_count != 0)
        return;

    struct worker_database *list = arena_array(arena, suite->databases_count, sizeof(*list));
    for (size_t i = 0; i < suite->databases_count; i++)
        list[i] = promised(&suite->databases[i], tmp_dir, arena);
    *out_databases = list;
    *out_count = suite->databases_count;
}

/* ---- what existing tools know -------------------------------------------------------- */

static const char *url_variable(struct arena *arena, const char *alias)
{
    char *name = arena_printf(arena, "%s_DATABASE_URL", alias);

    for (char *at = name; *at != '\0'; at++)
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
    return name;
}

/* Variables that the clients of an engine's servers know, and the field that each holds. */
struct tool_variable {
    const char *name;
    const char *field;
};

/* clang-format off */
static const struct tool_variable postgresql_variables[] = {
    {"PGHOST",     "host"},
    {"PGPORT",     "port"},
    {"PGUSER",     "user"},
    {"PGPASSWORD", "password"},
    {"PGDATABASE", "name"},
};

static const struct tool_variable mysql_variables[] = {
    {"MYSQL_HOST",      "host"},
    {"MYSQL_TCP_PORT",  "port"},
    {"MYSQL_UNIX_PORT", "socket"},
    {"MYSQL_USER",      "user"},
    {"MYSQL_PWD",       "password"}, /* of the client programs             */
    {"MYSQL_PASSWORD",  "password"}, /* of containers, and suites for them */
    {"MYSQL_DATABASE",  "name"},
};
/* clang-format on */

/* Any database, for DATABASE_URL. */
static const char *const any_engine[] = {"sqlite", "postgresql", "mysql", "mariadb", NULL};
static const char *const postgresql_engines[] = {"postgresql", NULL};
static const char *const mysql_engines[] = {"mysql", "mariadb", NULL};
static const struct tool_variable url_variables[] = {{"DATABASE_URL", "url"}};

/* Each family has one set of variables, so one database can have them. */
static const struct tool_family {
    const char *const *engines; /* NULL at the end */
    const struct tool_variable *variables;
    size_t count;
} tool_families[] = {
    {any_engine, url_variables, COUNT_OF(url_variables)},
    {postgresql_engines, postgresql_variables, COUNT_OF(postgresql_variables)},
    {mysql_engines, mysql_variables, COUNT_OF(mysql_variables)},
};

static bool is_of_family(const struct worker_database *database, const struct tool_family *family)
{
    for (const char *const *engine = family->engines; *engine != NULL; engine++)
        if (strcmp(*engine, database->engine) == 0)
            return true;
    return false;
}

/* The one called 'default', or the only one; a mirror is none of its own.  NULL: nobody can say. */
static const struct worker_database *family_database(const struct tool_family *family,
                                                     const struct worker_database *databases,
                                                     size_t database_count)
{
    const struct worker_database *only =
        template_database_find(databases, database_count, "default");
    size_t count = 0;

    if (only != NULL && is_of_family(only, family))
        return only;
    for (size_t i = 0; i < database_count; i++) {
        const struct worker_database *database = &databases[i];
        bool is_mirror = database->mirror != NULL && database->mirror[0] != '\0';

        if (is_mirror || !is_of_family(database, family))
            continue;
        only = database;
        count++;
    }
    return count == 1 ? only : NULL;
}

void environment_databases_tell(const struct worker_database *databases, size_t count,
                                struct arena *arena, environment_put *put, void *context)
{
    for (size_t i = 0; i < count; i++) {
        const char *url = template_database_field(
            template_database_find(databases, count, databases[i].alias), "url", arena);
        if (url != NULL)
            put(context, url_variable(arena, databases[i].alias), url);
    }
    for (size_t i = 0; i < COUNT_OF(tool_families); i++) {
        const struct tool_family *family = &tool_families[i];
        const struct worker_database *database = family_database(family, databases, count);

        for (size_t j = 0; j < family->count && database != NULL; j++)
            put(context, family->variables[j].name,
                template_database_field(database, family->variables[j].field, arena));
    }
}
