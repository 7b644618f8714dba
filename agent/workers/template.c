#include "agent/workers/template.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/text.h"

/* Longest name between the braces: "db.", an alias or a variable's name, and a field. */
#define NAME_MAX_BYTES 512

const char *template_database_url(const struct worker_database *database, struct arena *arena)
{
    return database->memory ? "sqlite://:memory:"
                            : arena_printf(arena, "%s:///%s", database->engine, database->path);
}

static const char *number(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%" PRId64, value);
}

/* clang-format off */
static const char *value_slot(const struct template_context *context, struct arena *arena)  { return number(arena, context->slot); }
static const char *value_run(const struct template_context *context, struct arena *arena)   { return number(arena, context->run); }
static const char *value_seed(const struct template_context *context, struct arena *arena)  { return number(arena, context->seed); }
static const char *value_dir(const struct template_context *context, struct arena *arena)   { (void)arena; return context->dir; }
static const char *value_tmp(const struct template_context *context, struct arena *arena)   { (void)arena; return context->dir_tmp; }
static const char *value_token(const struct template_context *context, struct arena *arena)
{
    return arena_printf(arena, "%" PRId64 "_%" PRId64, context->run, context->slot);
}

static const struct {
    const char *name;
    const char *(*value)(const struct template_context *context, struct arena *arena);
} simple[] = {
    {"slot",    value_slot},
    {"token",   value_token},
    {"seed",    value_seed},
    {"run.id",  value_run},
    {"dir",     value_dir},
    {"dir.tmp", value_tmp},
};
/* clang-format on */

static enum status database_value(const struct template_context *context, const char *name,
                                  struct arena *arena, const char **out_value, struct error *err)
{
    const char *field = strrchr(name, '.');
    size_t alias_len = field != NULL ? (size_t)(field - name) : 0;
    const struct worker_database *found = NULL;

    if (alias_len == 0)
        return error_set(err, STATUS_INVALID, "'${db.%s}' needs an alias and a field", name);
    for (size_t i = 0; i < context->database_count && found == NULL; i++)
        if (strlen(context->databases[i].alias) == alias_len &&
            strncmp(context->databases[i].alias, name, alias_len) == 0)
            found = &context->databases[i];
    if (found == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no database '%.*s' for '${db.%s}'", (int)alias_len,
                         name, name);
    if (strcmp(field, ".path") == 0)
        *out_value = found->memory ? ":memory:" : found->path;
    else if (strcmp(field, ".url") == 0)
        *out_value = template_database_url(found, arena);
    else if (strcmp(field, ".name") == 0)
        *out_value = found->name;
    else
        return error_set(err, STATUS_INVALID, "a %s database has no '%s'; it has path, url, name",
                         found->engine, field + 1);
    return STATUS_OK;
}

static enum status variable_value(const struct template_context *context, const char *name,
                                  const char **out_value, struct error *err)
{
    size_t len = strlen(name);

    /* The last one of a name is the one that counts. */
    for (size_t i = context->environment_count; i > 0; i--) {
        const char *entry = context->environment[i - 1];
        if (strncmp(entry, name, len) == 0 && entry[len] == '=') {
            *out_value = entry + len + 1;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_NOT_FOUND, "no variable '%s' for '${env.%s}'", name, name);
}

static enum status name_value(const struct template_context *context, const char *name,
                              struct arena *arena, const char **out_value, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(simple); i++)
        if (strcmp(name, simple[i].name) == 0) {
            *out_value = simple[i].value(context, arena);
            return STATUS_OK;
        }
    if (strncmp(name, "db.", 3) == 0)
        return database_value(context, name + 3, arena, out_value, err);
    if (strncmp(name, "env.", 4) == 0)
        return variable_value(context, name + 4, out_value, err);
    return error_set(err, STATUS_INVALID, "unknown name '${%s}'", name);
}

/* Takes what begins with '$' at *text. */
static enum status dollar_expand(const struct template_context *context, const char **text,
                                 struct arena *arena, struct buffer *buffer, struct error *err)
{
    const char *at = *text + 1;
    const char *end = *at == '{' ? strchr(at, '}') : NULL;
    const char *value = NULL;

    if (*at == '$') {
        *text = at + 1;
        (void)buffer_add_char(buffer, '$');
        return STATUS_OK;
    }
    if (end == NULL || end - at > NAME_MAX_BYTES)
        return error_set(err, STATUS_INVALID, "'%.40s': '${name}' or '$$' is wanted", *text);

    const char *name = arena_strndup(arena, at + 1, (size_t)(end - at) - 1);
    enum status status = name_value(context, name, arena, &value, err);
    if (status != STATUS_OK)
        return status;
    (void)buffer_add_text(buffer, value);
    *text = end + 1;
    return STATUS_OK;
}

enum status template_expand(const struct template_context *context, const char *text,
                            struct arena *arena, const char **out_text, struct error *err)
{
    struct buffer buffer;
    enum status status = STATUS_OK;

    buffer_init(&buffer, TEMPLATE_BYTES_MAX);
    while (status == STATUS_OK && *text != '\0') {
        size_t plain = strcspn(text, "$");
        (void)buffer_add(&buffer, text, plain);
        text += plain;
        if (*text == '$')
            status = dollar_expand(context, &text, arena, &buffer, err);
    }
    if (status == STATUS_OK && buffer.has_overflowed)
        status = error_set(err, STATUS_TOO_BIG, "longer than %zu bytes", TEMPLATE_BYTES_MAX);
    if (status == STATUS_OK)
        *out_text = arena_strndup(arena, buffer.len > 0 ? buffer.at : "", buffer.len);
    buffer_release(&buffer);
    return status;
}
