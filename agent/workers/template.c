#include "agent/workers/template.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/text.h"
#include "shared/json/suite_engine.h"

/* Longest name between the braces: "db.", an alias or a variable's name, and a field. */
#define NAME_MAX_BYTES 512

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

/* ---- databases ---------------------------------------------------------------- */

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

/* As a part of a URL: what would end the part, or begin another, is written with a percent sign. */
static const char *url_part(struct arena *arena, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    char *part = arena_alloc(arena, 3 * strlen(text) + 1);
    char *end = part;

    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (strchr(plain, byte) != NULL) {
            *end++ = (char)byte;
            continue;
        }
        *end++ = '%';
        *end++ = hex[byte >> 4];
        *end++ = hex[byte & 15];
    }
    return part;
}

static const char *server_url(const struct worker_database *database, struct arena *arena)
{
    /* Tools that know mysql:// serve MariaDB, too; few know a scheme of its own. */
    const char *scheme = strcmp(database->engine, "mariadb") == 0 ? "mysql" : database->engine;
    const char *user = url_part(arena, text_of(database->user));
    const char *password = url_part(arena, text_of(database->password));

    return arena_printf(arena, "%s://%s%s%s@%s:%" PRId64 "/%s", scheme, user,
                        *password != '\0' ? ":" : "", password, text_of(database->host),
                        database->port, url_part(arena, text_of(database->name)));
}

/* clang-format off */
static const char *field_path(const struct worker_database *database, struct arena *arena)     { (void)arena; return database->memory ? ":memory:" : database->path; }
static const char *field_name(const struct worker_database *database, struct arena *arena)     { (void)arena; return database->name; }
static const char *field_host(const struct worker_database *database, struct arena *arena)     { (void)arena; return database->host; }
static const char *field_port(const struct worker_database *database, struct arena *arena)     { return number(arena, database->port); }
static const char *field_socket(const struct worker_database *database, struct arena *arena)   { (void)arena; return database->socket; }
static const char *field_user(const struct worker_database *database, struct arena *arena)     { (void)arena; return database->user; }
static const char *field_password(const struct worker_database *database, struct arena *arena) { (void)arena; return database->password; }
static const char *field_url(const struct worker_database *database, struct arena *arena)
{
    return database->memory ? "sqlite://:memory:" : arena_printf(arena, "sqlite:///%s", text_of(database->path));
}

static const struct database_field {
    const char *name;
    const char *(*of_file)(const struct worker_database *database, struct arena *arena);
    const char *(*of_server)(const struct worker_database *database, struct arena *arena);
} database_fields[] = {
    {"path",     field_path, NULL},
    {"url",      field_url,  server_url},
    {"name",     field_name, field_name},
    {"host",     NULL,       field_host},
    {"port",     NULL,       field_port},
    {"socket",   NULL,       field_socket},
    {"user",     NULL,       field_user},
    {"password", NULL,       field_password},
};
/* clang-format on */

const char *template_database_field(const struct worker_database *database, const char *field,
                                    struct arena *arena)
{
    const struct suite_engine *engine = suite_engine_find(database->engine);

    for (size_t i = 0; i < COUNT_OF(database_fields) && engine != NULL; i++) {
        const struct database_field *known = &database_fields[i];

        if (strcmp(known->name, field) != 0)
            continue;
        if (engine->is_server)
            return known->of_server != NULL ? text_of(known->of_server(database, arena)) : NULL;
        return known->of_file != NULL ? text_of(known->of_file(database, arena)) : NULL;
    }
    return NULL;
}

const struct worker_database *template_database_find(const struct worker_database *databases,
                                                     size_t count, const char *alias)
{
    const struct worker_database *found = NULL;

    for (size_t i = 0; i < count && found == NULL; i++)
        if (strcmp(databases[i].alias, alias) == 0)
            found = &databases[i];
    if (found == NULL || text_of(found->mirror)[0] == '\0')
        return found;
    for (size_t i = 0; i < count; i++)
        if (strcmp(databases[i].alias, found->mirror) == 0)
            return &databases[i];
    return found;
}

static enum status database_value(const struct template_context *context, const char *name,
                                  struct arena *arena, const char **out_value, struct error *err)
{
    const char *dot = strrchr(name, '.');

    if (dot == NULL || dot == name)
        return error_set(err, STATUS_INVALID, "'${db.%s}' needs an alias and a field", name);

    const char *alias = arena_strndup(arena, name, (size_t)(dot - name));
    const struct worker_database *found =
        template_database_find(context->databases, context->database_count, alias);
    if (found == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no database '%s' for '${db.%s}'", alias, name);
    *out_value = template_database_field(found, dot + 1, arena);
    if (*out_value != NULL)
        return STATUS_OK;

    const struct suite_engine *engine = suite_engine_find(found->engine);
    return error_set(err, STATUS_INVALID, "a %s database has no '%s'; it has %s", found->engine,
                     dot + 1, engine != NULL ? engine->fields : "nothing");
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
