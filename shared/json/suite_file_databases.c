/* databases: a map by alias. */

#include "shared/json/suite_file.h"

#include <string.h>

#include "shared/base/limits.h"
#include "shared/json/suite_json.h"

/* Defaults that depend on the driver are filled in when the whole file is read. */
struct database_target {
    struct suite_database database;
    bool has_setup;
    bool has_incremental;
};

static enum status read_setup(const struct reader *reader, const struct place *place, json_t *json,
                              const struct key *key, void *target)
{
    static const char *const written[] = {[SUITE_SETUP_AUTO] = "auto", [SUITE_SETUP_NONE] = "none"};
    static const struct enum_names names = {written, COUNT_OF(written)};
    struct database_target *entry = target;
    int setup = SUITE_SETUP_COMMAND;

    (void)key;
    entry->has_setup = true;
    enum status status = json_is_array(json)
                             ? key_words_read(reader, place, json, &entry->database.setup_command,
                                              &entry->database.setup_command_count)
                             : reader_enum(reader, place, &names, json, &setup);
    entry->database.setup = (enum suite_setup)setup;
    return status;
}

static enum status read_options(const struct reader *reader, const struct place *place,
                                json_t *json, const struct key *key, void *target)
{
    struct database_target *entry = target;
    struct suite_database *database = &entry->database;
    size_t count = json_object_size(json);

    (void)key;
    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "a map", json);
    if (count > SUITE_OPTIONS_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d options",
                           SUITE_OPTIONS_MAX);

    database->options = arena_array(reader->arena, count, sizeof(*database->options));
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct place inner = {.outer = place, .name = json_object_iter_key(at)};
        struct suite_option *option = &database->options[database->options_count++];
        enum status status = key_name_check(reader, &inner);

        option->name = arena_strdup(reader->arena, inner.name);
        if (status == STATUS_OK)
            status = reader_text(reader, &inner, 0, SUITE_OPTION_BYTES_MAX,
                                 json_object_iter_value(at), &option->value);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

#define DATABASE_AT(member)       AT(struct database_target, database.member)
#define DATABASE_WORDS_AT(member) WORDS_AT(struct database_target, database.member)

/* 'auto' is the list without an element. */
static enum status read_fingerprint(const struct reader *reader, const struct place *place,
                                    json_t *json, const struct key *key, void *target)
{
    static const struct key patterns = {DATABASE_WORDS_AT(fingerprint), .min = 1, .element_min = 1};

    (void)key;
    if (json_is_string(json) && strcmp(json_string_value(json), "auto") == 0)
        return STATUS_OK;
    if (!json_is_array(json))
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "write auto, or a list of patterns such as [db/*.sql]");
    return key_words(reader, place, json, &patterns, target);
}

static enum status read_incremental(const struct reader *reader, const struct place *place,
                                    json_t *json, const struct key *key, void *target)
{
    struct database_target *entry = target;

    (void)key;
    entry->has_incremental = true;
    return reader_bool(reader, place, json, &entry->database.incremental);
}

/* clang-format off */
static const struct key database_keys[] = {
    {"engine",  key_text,  DATABASE_AT(engine),  .min = 1, .max = NAME_BYTES_MAX},
    {"version", key_text,  DATABASE_AT(version), .min = 1, .max = NAME_BYTES_MAX},
    {"name",    key_text,  DATABASE_AT(name),    .min = 1, .max = NAME_BYTES_MAX},
    {"setup",   .read = read_setup},
    {"fresh",   key_enum,  DATABASE_AT(fresh),   .names = &suite_fresh_names},
    {"memory",  key_bool,  DATABASE_AT(memory)},
    {"mirror",  key_text,  DATABASE_AT(mirror),  .min = 1, .max = NAME_BYTES_MAX},
    {"options", .read = read_options},
    {"attach",  key_text,  DATABASE_AT(attach),  .min = 1, .max = SUITE_ATTACH_BYTES_MAX},
    {"keep",    key_enum,  DATABASE_AT(keep),    .names = &suite_keep_names},
    {"check",   key_words, DATABASE_WORDS_AT(check), .min = 1},
    {"fingerprint", .read = read_fingerprint},
    {"incremental", .read = read_incremental},
};
/* clang-format on */

static void set_database_defaults(struct database_target *entry, enum suite_driver driver)
{
    struct suite_database *database = &entry->database;

    if (!entry->has_setup)
        database->setup = driver == SUITE_DRIVER_DJANGO ? SUITE_SETUP_AUTO : SUITE_SETUP_NONE;
    if (!entry->has_incremental)
        database->incremental = database->setup == SUITE_SETUP_AUTO;
}

/* What only the file can get wrong; the rest is suite_check's. */
static enum status check_database(const struct reader *reader, const struct place *place,
                                  const struct suite_database *database, size_t key_count)
{
    struct place mirror = {.outer = place, .name = "mirror"};
    struct place version = {.outer = place, .name = "version"};

    if (database->mirror[0] != '\0' && key_count != 1)
        return READER_FAIL(reader, &mirror, STATUS_INVALID,
                           "stands alone: a mirror is the other database");
    if (database->mirror[0] == '\0' && database->engine[0] == '\0')
        return keys_missing(reader, place, "engine");
    if (database->version[0] != '\0' && strcmp(database->engine, "sqlite") == 0)
        return READER_FAIL(reader, &version, STATUS_INVALID,
                           "is not built yet for sqlite: the suite's own library opens the file");
    return STATUS_OK;
}

static enum status read_database(const struct reader *reader, const struct place *place,
                                 json_t *json, enum suite_driver driver,
                                 struct suite_database *out_database)
{
    static const struct keys keys = KEYS(database_keys);
    struct database_target entry = {
        .database = {.alias = arena_strdup(reader->arena, place->name),
                     .engine = "",
                     .version = "",
                     .name = "",
                     .mirror = "",
                     .attach = ""},
    };
    enum status status = keys_read(reader, place, json, &keys, &entry);

    if (status == STATUS_OK)
        status = check_database(reader, place, &entry.database, json_object_size(json));
    if (status != STATUS_OK)
        return status;
    set_database_defaults(&entry, driver);
    *out_database = entry.database;
    return STATUS_OK;
}

/* A mirror is served by the server of its target. */
static void mirrors_complete(struct suite *suite)
{
    for (size_t i = 0; i < suite->databases_count; i++) {
        struct suite_database *mirror = &suite->databases[i];

        for (size_t j = 0; j < suite->databases_count && mirror->mirror[0] != '\0'; j++) {
            if (strcmp(suite->databases[j].alias, mirror->mirror) == 0) {
                mirror->engine = suite->databases[j].engine;
                mirror->setup = SUITE_SETUP_NONE;
                mirror->incremental = false;
            }
        }
    }
}

enum status suite_file_databases_read(const struct reader *reader, struct suite_file *file)
{
    struct suite *suite = &file->suite;
    struct place place = {.name = "databases"};
    size_t count = json_object_size(file->databases);

    if (file->databases == NULL)
        return STATUS_OK;
    if (!json_is_object(file->databases))
        return reader_wrong_kind(reader, &place, "a map", file->databases);
    if (count > SUITE_DATABASES_MAX)
        return READER_FAIL(reader, &place, STATUS_TOO_BIG, "more than %d databases",
                           SUITE_DATABASES_MAX);

    suite->databases = arena_array(reader->arena, count, sizeof(*suite->databases));
    for (void *at = json_object_iter(file->databases); at != NULL;
         at = json_object_iter_next(file->databases, at)) {
        struct place inner = {.outer = &place, .name = json_object_iter_key(at)};
        enum status status = key_name_check(reader, &inner);

        if (status == STATUS_OK)
            status = read_database(reader, &inner, json_object_iter_value(at), suite->driver,
                                   &suite->databases[suite->databases_count++]);
        if (status != STATUS_OK)
            return status;
    }
    mirrors_complete(suite);
    return STATUS_OK;
}

enum status suite_file_databases_keep(const struct reader *reader, const struct place *place,
                                      json_t *json, const struct key *key, void *target)
{
    struct suite_file *file = target;

    (void)reader;
    (void)place;
    (void)key;
    file->databases = json;
    return STATUS_OK;
}
