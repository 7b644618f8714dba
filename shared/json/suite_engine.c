#include "shared/json/suite_engine.h"

#include <string.h>

#include "shared/base/text.h"
#include "shared/json/suite_check.h"

/* "10.11.4": no version of a server has longer parts, or more of them. */
#define VERSION_PARTS_MAX  3
#define VERSION_DIGITS_MAX 4

#define DIGITS       "0123456789"
#define OPTION_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "_."

#define FILE_FIELDS   "path, url, name"
#define SERVER_FIELDS "host, port, socket, user, password, name, url"

/* clang-format off */
static const struct suite_engine engines[] = {
    {"sqlite",     false, FILE_FIELDS,   ""},
    {"postgresql", true,  SERVER_FIELDS, "postgresql, postgres"},
    {"mysql",      true,  SERVER_FIELDS, "mysql"},
    {"mariadb",    true,  SERVER_FIELDS, "mariadb, mysql"},
};
/* clang-format on */

static const char *const later_engines[] = {"oracle", "command"};

/* ---- the engines ------------------------------------------------------------- */

const struct suite_engine *suite_engine_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        if (strcmp(engines[i].name, name) == 0)
            return &engines[i];
    }
    return NULL;
}

/* Is the word one of "one, two"? */
static bool list_has(const char *list, const char *word, size_t len)
{
    while (*list != '\0') {
        size_t here = strcspn(list, ",");

        if (here == len && strncmp(list, word, len) == 0)
            return true;
        list += here;
        list += strspn(list, ", ");
    }
    return false;
}

bool suite_engine_has_field(const struct suite_engine *engine, const char *field)
{
    return list_has(engine->fields, field, strlen(field));
}

static const struct suite_database *database_find(const struct suite *suite, const char *alias)
{
    for (size_t i = 0; i < suite->databases_count; i++) {
        if (strcmp(suite->databases[i].alias, alias) == 0)
            return &suite->databases[i];
    }
    return NULL;
}

const struct suite_engine *suite_engine_of(const struct suite *suite, const char *alias)
{
    const struct suite_database *database = database_find(suite, alias);

    if (database != NULL && database->mirror[0] != '\0')
        database = database_find(suite, database->mirror);
    return database != NULL ? suite_engine_find(database->engine) : NULL;
}

enum status suite_engine_check(const char *name, struct error *err)
{
    const char *names[COUNT_OF(engines)];

    if (suite_engine_find(name) != NULL)
        return STATUS_OK;
    for (size_t i = 0; i < COUNT_OF(later_engines); i++) {
        if (strcmp(name, later_engines[i]) == 0)
            return error_set(err, STATUS_INVALID,
                             "engine: '%s' is not built yet; there are sqlite, postgresql, mysql "
                             "and mariadb",
                             name);
    }
    for (size_t i = 0; i < COUNT_OF(engines); i++)
        names[i] = engines[i].name;

    const char *nearest = text_nearest(name, names, COUNT_OF(names));
    return error_set(err, STATUS_INVALID,
                     "engine: '%.*s' is not one of sqlite, postgresql, mysql, mariadb%s%s%s",
                     SHOWN(name, 60), nearest != NULL ? "; did you mean '" : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

/* ---- the other keys ----------------------------------------------------------- */

/* "15", "8.0", "10.11.4", ">=8". */
static bool is_version(const char *text)
{
    if (strncmp(text, ">=", 2) == 0)
        text += 2;
    for (int part = 0; part < VERSION_PARTS_MAX; part++) {
        size_t digits = strspn(text, DIGITS);

        if (digits == 0 || digits > VERSION_DIGITS_MAX)
            return false;
        text += digits;
        if (*text != '.')
            return *text == '\0';
        text++;
    }
    return false;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            return true;
    }
    return false;
}

static enum status option_check(const struct suite_option *option, struct error *err)
{
    if (option->name[0] == '\0' || strspn(option->name, OPTION_CHARS) != strlen(option->name))
        return error_set(err, STATUS_INVALID,
                         "options: '%.*s' is no name of a server's variable (letters, digits, "
                         "'_', '.')",
                         SHOWN(option->name, 60));
    if (has_control_character(option->value))
        return error_set(err, STATUS_INVALID, "options.%.*s: a value is one line of plain text",
                         SHOWN(option->name, 100));
    if (strstr(option->value, "${") != NULL)
        return error_set(err, STATUS_INVALID,
                         "options.%.*s: templates have no value here: the server is made once "
                         "for all slots",
                         SHOWN(option->name, 100));
    return STATUS_OK;
}

static enum status attach_check(const struct suite_database *database,
                                const struct suite_engine *engine, struct error *err)
{
    const char *colon = strstr(database->attach, "://");

    /* Nothing of the address is shown: it may hold a password. */
    if (colon == NULL ||
        !list_has(engine->schemes, database->attach, (size_t)(colon - database->attach)))
        return error_set(err, STATUS_INVALID,
                         "attach: the address of a %s server starts with one of %s and '://'",
                         engine->name, engine->schemes);
    if (database->version[0] != '\0' || database->options_count != 0)
        return error_set(err, STATUS_INVALID,
                         "attach: a given server has its own version and options");
    return error_set(err, STATUS_INVALID, "attach: is not built yet (a given database server)");
}

static enum status check_file(const struct suite_database *database, struct error *err)
{
    if (database->options_count != 0)
        return error_set(err, STATUS_INVALID, "options: are of a server, and %s has none",
                         database->engine);
    if (database->attach[0] != '\0')
        return error_set(err, STATUS_INVALID, "attach: names a server, and %s has none",
                         database->engine);
    return STATUS_OK;
}

static enum status check_server(const struct suite_database *database,
                                const struct suite_engine *engine, struct error *err)
{
    if (database->memory)
        return error_set(err, STATUS_INVALID, "memory: is for sqlite; a %s server is no file",
                         engine->name);
    if (database->version[0] != '\0' && !is_version(database->version))
        return error_set(err, STATUS_INVALID,
                         "version: '%.*s' is none such as 15, 8.0, 10.11.4 or >=8",
                         SHOWN(database->version, 60));
    for (size_t i = 0; i < database->options_count; i++) {
        enum status status = option_check(&database->options[i], err);

        if (status != STATUS_OK)
            return status;
    }
    return database->attach[0] != '\0' ? attach_check(database, engine, err) : STATUS_OK;
}

enum status suite_engine_check_keys(const struct suite_database *database, struct error *err)
{
    const struct suite_engine *engine = suite_engine_find(database->engine);

    CHECK(engine != NULL);
    enum status status =
        engine->is_server ? check_server(database, engine, err) : check_file(database, err);
    if (status != STATUS_OK)
        return status;
    if (database->keep == SUITE_KEEP_FAILED)
        return error_set(err, STATUS_INVALID,
                         "keep: 'failed' is not built yet (freezing the clone of a failure)");
    return STATUS_OK;
}
