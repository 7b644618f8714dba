#include "shared/json/suite_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/limits.h"
#include "shared/json/suite_engine.h"

/* A path in one form of the suite ends in an error's text; longer ones are cut. */
#define PATH_TEXT_SIZE 256

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* ---- templates: each word of each command, and the variables -------------- */

struct template_check {
    const struct suite *suite;
    enum suite_template_place place;
    struct error *err;
};

static enum status texts_check(const struct template_check *check, const char *path,
                               const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct error why;
        enum status status = suite_template_check(texts[i], check->place, check->suite, &why);

        if (status != STATUS_OK)
            return error_set(check->err, status, "%s[%zu]: %s", path, i, why.text);
    }
    return STATUS_OK;
}

static enum status commands_check(const struct suite *suite, enum suite_form form,
                                  struct error *err)
{
    struct template_check slot = {suite, SUITE_TEMPLATE_SLOT, err};
    struct template_check tree = {suite, SUITE_TEMPLATE_TREE, err};
    enum status status =
        texts_check(&slot, form == SUITE_FORM_FILE ? "driver" : "driver_command",
                    (const char *const *)suite->driver_command, suite->driver_command_count);

    if (status == STATUS_OK)
        status = texts_check(&slot, "command", (const char *const *)suite->command,
                             suite->command_count);
    if (status == STATUS_OK)
        status = texts_check(&slot, "args", (const char *const *)suite->args, suite->args_count);
    for (size_t i = 0; i < suite->prepare_count && status == STATUS_OK; i++) {
        char path[PATH_TEXT_SIZE];

        (void)snprintf(path, sizeof(path), "prepare[%zu].run", i);
        status = texts_check(&tree, path, (const char *const *)suite->prepare[i].run,
                             suite->prepare[i].run_count);
    }
    return status;
}

static bool is_env_name(const char *name)
{
    return strspn(name, LETTERS "_" DIGITS) == strlen(name) && name[0] != '\0' &&
           strchr(DIGITS, name[0]) == NULL;
}

static enum status env_check(const struct suite *suite, enum suite_form form, struct error *err)
{
    for (size_t i = 0; i < suite->env_count; i++) {
        const struct suite_env *env = &suite->env[i];
        struct error why;

        if (!is_env_name(env->name))
            return error_set(err, STATUS_INVALID,
                             "env.%.*s: is no name of a variable (letters, digits, '_')",
                             SHOWN(env->name, 100));
        if (strncmp(env->name, "MUSTER_", strlen("MUSTER_")) == 0)
            return error_set(err, STATUS_INVALID, "env.%.*s: names with MUSTER_ are Muster's own",
                             SHOWN(env->name, 100));
        if (env->from != SUITE_ENV_TEMPLATE)
            continue;
        if (suite_template_check(env->value, SUITE_TEMPLATE_SLOT, suite, &why) != STATUS_OK)
            return error_set(err, STATUS_INVALID, "env.%s%s: %s", env->name,
                             form == SUITE_FORM_WIRE ? ".value" : "", why.text);
    }
    return STATUS_OK;
}

/* ---- databases ------------------------------------------------------------ */

static const struct suite_database *database_find(const struct suite *suite, const char *alias)
{
    for (size_t i = 0; i < suite->databases_count; i++) {
        if (strcmp(suite->databases[i].alias, alias) == 0)
            return &suite->databases[i];
    }
    return NULL;
}

static enum status mirror_check(const struct suite *suite, const struct suite_database *database,
                                struct error *err)
{
    const struct suite_database *target = database_find(suite, database->mirror);

    if (target == NULL)
        return error_set(err, STATUS_INVALID,
                         "databases.%s.mirror: there is no database '%.*s' here", database->alias,
                         SHOWN(database->mirror, 60));
    if (target == database)
        return error_set(err, STATUS_INVALID, "databases.%s.mirror: a database mirrors another one",
                         database->alias);
    if (target->mirror[0] != '\0')
        return error_set(err, STATUS_INVALID, "databases.%s.mirror: '%.*s' is a mirror itself",
                         database->alias, SHOWN(database->mirror, 60));
    return STATUS_OK;
}

static enum status setup_check(const struct suite *suite, const struct suite_database *database,
                               enum suite_form form, struct error *err)
{
    bool has_command = database->setup_command_count != 0;
    struct template_check slot = {suite, SUITE_TEMPLATE_SLOT, err};
    char path[PATH_TEXT_SIZE];

    if ((database->setup == SUITE_SETUP_COMMAND) != has_command)
        return error_set(err, STATUS_INVALID,
                         "databases.%s.setup_command: stands with setup 'command' only",
                         database->alias);
    if (database->setup == SUITE_SETUP_AUTO && suite->driver == SUITE_DRIVER_UNITTEST)
        return error_set(err, STATUS_INVALID,
                         "databases.%s.setup: 'auto' needs a driver that sets up databases; "
                         "unittest does not",
                         database->alias);
    (void)snprintf(path, sizeof(path), "databases.%s.%s", database->alias,
                   form == SUITE_FORM_FILE ? "setup" : "setup_command");
    return texts_check(&slot, path, (const char *const *)database->setup_command,
                       database->setup_command_count);
}

/* The command that refuses a stale image. */
static enum status image_check(const struct suite *suite, const struct suite_database *database,
                               struct error *err)
{
    struct template_check slot = {suite, SUITE_TEMPLATE_SLOT, err};
    char path[PATH_TEXT_SIZE];

    (void)snprintf(path, sizeof(path), "databases.%s.check", database->alias);
    return texts_check(&slot, path, (const char *const *)database->check, database->check_count);
}

static enum status database_check(const struct suite *suite, const struct suite_database *database,
                                  enum suite_form form, struct error *err)
{
    struct error why;

    if (strspn(database->alias, LETTERS DIGITS "_-") != strlen(database->alias))
        return error_set(err, STATUS_INVALID,
                         "databases.%.*s: an alias has letters, digits, '_' and '-' only",
                         SHOWN(database->alias, 100));
    if (database->mirror[0] != '\0')
        return mirror_check(suite, database, err);

    enum status status = suite_engine_check(database->engine, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "databases.%s.%s", database->alias, why.text);
    if (suite_engine_check_keys(database, &why) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "databases.%s.%s", database->alias, why.text);
    status = setup_check(suite, database, form, err);
    return status == STATUS_OK ? image_check(suite, database, err) : status;
}

/* ---- the whole ------------------------------------------------------------ */

static enum status driver_check(const struct suite *suite, struct error *err)
{
    bool is_command = suite->driver == SUITE_DRIVER_COMMAND;

    if (is_command && suite->driver_command_count == 0)
        return error_set(err, STATUS_INVALID, "driver_command: driver 'command' needs it");
    if (!is_command && suite->driver_command_count != 0)
        return error_set(err, STATUS_INVALID, "driver_command: stands with driver 'command' only");
    return STATUS_OK;
}

enum status suite_check(const struct suite *suite, enum suite_form form, struct error *err)
{
    enum status status = driver_check(suite, err);

    for (size_t i = 0; i < suite->databases_count && status == STATUS_OK; i++)
        status = database_check(suite, &suite->databases[i], form, err);
    if (status == STATUS_OK)
        status = commands_check(suite, form, err);
    return status == STATUS_OK ? env_check(suite, form, err) : status;
}
