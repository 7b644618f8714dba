/* Templates: "$$" is a dollar, "${name}" a value; a dollar before anything else is itself. */

#include <stdbool.h>
#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/suite_check.h"
#include "shared/json/suite_engine.h"

struct template_name {
    const char *name; /* "db.*.url": the star is an alias; "env.*": a variable */
    bool needs_slot;
    bool is_built;
};

static const struct template_name names[] = {
    {"slot", true, true},
    {"token", true, true},
    {"seed", false, true},
    {"run.id", false, true},
    {"dir", false, true},
    {"dir.tmp", false, true},
    {"env.*", false, true},
    {"db.*.url", true, true},
    {"db.*.path", true, true},
    {"db.*.name", true, true},
    {"db.*.host", true, true},
    {"db.*.port", true, true},
    {"db.*.socket", true, true},
    {"db.*.user", true, true},
    {"db.*.password", true, true},
    {"port.*", true, false},
    {"service.*.port", true, false},
    {"service.*.dir", true, false},
    {"tests", false, false},
    {"tests_file", false, false},
    {"results", false, false},
};

static const char *const spellings[] = {
    "slot",      "token",     "seed",        "run.id",    "dir",
    "dir.tmp",   "env.*",     "db.*.url",    "db.*.path", "db.*.name",
    "db.*.host", "db.*.port", "db.*.socket", "db.*.user", "db.*.password",
};

/* The star stands for letters, digits, '_' and '-', at least one of them. */
static bool name_fits(const char *pattern, const char *name, size_t *out_star_len)
{
    const char *star = strchr(pattern, '*');

    *out_star_len = 0;
    if (star == NULL)
        return strcmp(pattern, name) == 0;

    size_t before = (size_t)(star - pattern);
    if (strncmp(pattern, name, before) != 0)
        return false;
    *out_star_len =
        strspn(name + before, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return *out_star_len > 0 && strcmp(star + 1, name + before + *out_star_len) == 0;
}

/* "db.ALIAS.FIELD": the alias is of this suite, and its engine has the field. */
static enum status database_check(const char *name, size_t alias_len, const struct suite *suite,
                                  struct error *err)
{
    const char *alias = name + strlen("db.");
    const char *field = alias + alias_len + 1;

    for (size_t i = 0; i < suite->databases_count; i++) {
        const char *known = suite->databases[i].alias;

        if (strlen(known) != alias_len || strncmp(known, alias, alias_len) != 0)
            continue;
        const struct suite_engine *engine = suite_engine_of(suite, known);
        if (engine == NULL || suite_engine_has_field(engine, field))
            return STATUS_OK;
        return error_set(err, STATUS_INVALID,
                         "'${%s}' is not there: a %s database has no '%s'; it has %s", name,
                         engine->name, field, engine->fields);
    }
    return error_set(err, STATUS_INVALID, "'${%s}' names no database of this suite", name);
}

static enum status name_unknown(const char *name, struct error *err)
{
    const char *nearest = text_nearest(name, spellings, COUNT_OF(spellings));

    if (nearest != NULL)
        return error_set(err, STATUS_INVALID,
                         "'${%s}' is not known in a template; did you mean '${%s}'?", name,
                         nearest);
    return error_set(err, STATUS_INVALID, "'${%s}' is not known in a template", name);
}

static enum status name_check(const char *name, enum suite_template_place place,
                              const struct suite *suite, struct error *err)
{
    size_t star_len = 0;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!name_fits(names[i].name, name, &star_len))
            continue;
        if (!names[i].is_built)
            return error_set(err, STATUS_INVALID, "'${%s}' is not built yet", name);
        if (names[i].needs_slot && place == SUITE_TEMPLATE_TREE)
            return error_set(err, STATUS_INVALID,
                             "'${%s}' has no value here: a tree is prepared once for all slots",
                             name);
        if (strncmp(names[i].name, "db.", 3) == 0)
            return database_check(name, star_len, suite, err);
        return STATUS_OK;
    }
    return name_unknown(name, err);
}

enum status suite_template_check(const char *text, enum suite_template_place place,
                                 const struct suite *suite, struct error *err)
{
    for (const char *at = strchr(text, '$'); at != NULL; at = strchr(at, '$')) {
        if (at[1] != '{') {
            at += at[1] == '$' ? 2 : 1;
            continue;
        }

        char name[NAME_BYTES_MAX + 1] = "";
        size_t len = strcspn(at + 2, "}");
        if (at[2 + len] == '\0')
            return error_set(err, STATUS_INVALID, "'${' without its '}'; '$$' is a plain dollar");
        if (len >= sizeof(name))
            return error_set(err, STATUS_INVALID, "a name of a template that is too long");
        (void)memcpy(name, at + 2, len);
        enum status status = name_check(name, place, suite, err);
        if (status != STATUS_OK)
            return status;
        at += 2 + len + 1;
    }
    return STATUS_OK;
}
