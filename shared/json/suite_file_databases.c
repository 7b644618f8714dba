/* databases: a map by alias. */

#include "shared/json/suite_file.h"

#include <string.h>

#include "shared/base/limits.h"
#include "shared/json/suite_json.h"

/* Defaults that depend on the driver are filled in when the whole file is read. */
struct database_target {
    struct suite_database database;
    bool has_setup;
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

#define DATABASE_AT(member) AT(struct database_target, database.member)

/* clang-format off */
static const struct key database_keys[] = {
    {"engine",  key_text, DATABASE_AT(engine),  .min = 1, .max = NAME_BYTES_MAX},
    {"name",    key_text, DATABASE_AT(name),    .min = 1, .max = NAME_BYTES_MAX},
    {"setup",   .read = read_setup},
    {"fresh",   key_enum, DATABASE_AT(fresh),   .names = &suite_fresh_names},
    {"memory",  key_bool, DATABASE_AT(memory)},
    {"mirror",  key_text, DATABASE_AT(mirror),  .min = 1, .max = NAME_BYTES_MAX},
    {"version",     .not_built = "a database server of that version"},
    {"fingerprint", .not_built = "the image is named by a hash that the driver computes"},
    {"incremental", .not_built = "starting from a nearer image"},
    {"check",       .not_built = "a command that refuses a stale image"},
    {"options",     .not_built = "variables of the database server"},
    {"attach",      .not_built = "a given database server"},
    {"keep",        .not_built = "freezing the clone of a failure"},
};
/* clang-format on */

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
                     .mirror = ""},
    };
    enum status status = keys_read(reader, place, json, &keys, &entry);

    if (status != STATUS_OK)
        return status;
    if (entry.database.mirror[0] != '\0' && json_object_size(json) != 1) {
        struct place mirror = {.outer = place, .name = "mirror"};

        return READER_FAIL(reader, &mirror, STATUS_INVALID,
                           "stands alone: a mirror is the other database");
    }
    if (entry.database.mirror[0] == '\0' && entry.database.engine[0] == '\0')
        return keys_missing(reader, place, "engine");
    if (!entry.has_setup)
        entry.database.setup = driver == SUITE_DRIVER_DJANGO ? SUITE_SETUP_AUTO : SUITE_SETUP_NONE;
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
