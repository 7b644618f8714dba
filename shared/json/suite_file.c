/* The suite file: a table of keys for each map in it, and a reader for each kind of value.
 *
 *     {"timeouts", read_timeouts}             a key, and who reads it
 *     {"test", read_duration, OFFSET(...)}    a value of a common kind, and where it goes
 *     {"services", .not_built = "..."}        a key of the reference that waits for a release
 *
 * The sugar is undone here: `retries: 2`, `driver: [my-driver]`, `prepare: [[make]]`. */

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/messages_json.h"
#include "shared/json/reader.h"
#include "shared/json/suite_check.h"
#include "shared/json/suite_json.h"

/* Defaults of the reference. */
#define MINUTE_MS        INT64_C(60000)
#define TEST_MS          (10 * MINUTE_MS)
#define READY_MS         (5 * MINUTE_MS)
#define PREPARE_MS       (20 * MINUTE_MS)
#define SETUP_MS         (120 * MINUTE_MS)
#define GRACE_MS         INT64_C(10000)
#define RETRIES_PERCENT  5
#define CRASHES          2
#define PROCESSES        4096
#define OUTPUT_BYTES     (INT64_C(1) << 20)
#define KEYS_PER_MAP_MAX 32

struct key;

typedef enum status key_read(const struct reader *reader, const struct place *place, json_t *json,
                             const struct key *key, void *target);

struct key {
    const char *name;
    key_read *read;        /* NULL: not built yet */
    const char *not_built; /* what the key is for */
    size_t offset;         /* where a value of a common kind goes in the target */
    size_t count_offset;   /* of lists */
    int64_t min, max;      /* bounds as in struct field */
    const struct enum_names *names;
};

struct keys {
    const struct key *at;
    size_t count;
};

#define KEYS(table)                                                                                \
    {                                                                                              \
        (table), COUNT_OF(table)                                                                   \
    }

/* The suite as far as it is read; what waits until all of it is. */
struct suite_file {
    struct suite suite; /* first: the target of most keys is the suite */
    bool has_driver;
    json_t *databases;
};

static void put(void *target, size_t offset, const void *value, size_t bytes)
{
    (void)memcpy((char *)target + offset, value, bytes);
}

/* ---- maps ----------------------------------------------------------------- */

static enum status unknown_key(const struct reader *reader, const struct place *place,
                               const struct keys *keys)
{
    const char *names[KEYS_PER_MAP_MAX];

    CHECK(keys->count <= COUNT_OF(names));
    for (size_t i = 0; i < keys->count; i++)
        names[i] = keys->at[i].name;
    return READER_FAIL(reader, place, STATUS_INVALID, "unknown key%s",
                       reader_did_you_mean(reader, place->name, names, keys->count));
}

static enum status read_key(const struct reader *reader, const struct place *place, json_t *json,
                            const struct keys *keys, void *target)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->at[i];

        if (strcmp(key->name, place->name) != 0)
            continue;
        if (key->read == NULL)
            return READER_FAIL(reader, place, STATUS_INVALID, "is not built yet (%s)",
                               key->not_built);
        return key->read(reader, place, json, key, target);
    }
    return unknown_key(reader, place, keys);
}

static enum status read_map(const struct reader *reader, const struct place *place, json_t *json,
                            const struct keys *keys, void *target)
{
    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "a map", json);
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct place inner = {.outer = place, .name = json_object_iter_key(at)};
        enum status status = read_key(reader, &inner, json_object_iter_value(at), keys, target);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status missing(const struct reader *reader, const struct place *place, const char *name)
{
    struct place inner = {.outer = place, .name = name};

    return READER_FAIL(reader, &inner, STATUS_INVALID, "is missing");
}

/* Names of variables and databases; what else they must be, suite_check says. */
static enum status check_name(const struct reader *reader, const struct place *place)
{
    if (place->name[0] == '\0')
        return READER_FAIL(reader, place, STATUS_INVALID, "the name must not be empty");
    if (strlen(place->name) > NAME_BYTES_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "the name is longer than %d bytes",
                           NAME_BYTES_MAX);
    return STATUS_OK;
}

/* ---- values of common kinds ------------------------------------------------ */

static enum status key_text(const struct reader *reader, const struct place *place, json_t *json,
                            const struct key *key, void *target)
{
    const char *text = NULL;
    enum status status = reader_text(reader, place, key->min, key->max, json, &text);

    put(target, key->offset, &text, sizeof(text));
    return status;
}

static enum status key_bool(const struct reader *reader, const struct place *place, json_t *json,
                            const struct key *key, void *target)
{
    bool value = false;
    enum status status = reader_bool(reader, place, json, &value);

    put(target, key->offset, &value, sizeof(value));
    return status;
}

static enum status key_int(const struct reader *reader, const struct place *place, json_t *json,
                           const struct key *key, void *target)
{
    int64_t number = 0;
    enum status status = reader_int(reader, place, key->min, key->max, json, &number);

    put(target, key->offset, &number, sizeof(number));
    return status;
}

static enum status key_enum(const struct reader *reader, const struct place *place, json_t *json,
                            const struct key *key, void *target)
{
    int value = 0;
    enum status status = reader_enum(reader, place, key->names, json, &value);

    put(target, key->offset, &value, sizeof(value));
    return status;
}

static enum status key_duration(const struct reader *reader, const struct place *place,
                                json_t *json, const struct key *key, void *target)
{
    const char *text = NULL;
    int64_t ms = 0;
    enum status status = reader_text(reader, place, 1, NAME_BYTES_MAX, json, &text);

    if (status != STATUS_OK)
        return status;
    if (!text_to_duration_ms(text, &ms))
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "'%s' is no time such as 500ms, 90s, 10m or 2h",
                           place_shown(text, reader->arena));
    if (ms < 1 || ms > SUITE_TIMEOUT_MS_MAX)
        return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is not in 1ms..30d",
                           place_shown(text, reader->arena));
    put(target, key->offset, &ms, sizeof(ms));
    return STATUS_OK;
}

/* "none" where there may be no bound (min is 0). */
static enum status key_duration_or_none(const struct reader *reader, const struct place *place,
                                        json_t *json, const struct key *key, void *target)
{
    int64_t none = 0;

    if (!json_is_string(json) || strcmp(json_string_value(json), "none") != 0)
        return key_duration(reader, place, json, key, target);
    put(target, key->offset, &none, sizeof(none));
    return STATUS_OK;
}

static enum status key_bytes(const struct reader *reader, const struct place *place, json_t *json,
                             const struct key *key, void *target)
{
    const char *text = NULL;
    int64_t bytes = 0;
    enum status status = reader_text(reader, place, 1, NAME_BYTES_MAX, json, &text);

    if (status != STATUS_OK)
        return status;
    if (key->min == 0 && strcmp(text, "none") == 0) {
        put(target, key->offset, &bytes, sizeof(bytes));
        return STATUS_OK;
    }
    if (!text_to_bytes(text, &bytes))
        return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is no size such as 64KiB or 2GiB",
                           place_shown(text, reader->arena));
    if (bytes < 1 || bytes > key->max)
        return READER_FAIL(reader, place, STATUS_INVALID, "%" PRId64 " is not in 1..%" PRId64,
                           bytes, key->max);
    put(target, key->offset, &bytes, sizeof(bytes));
    return STATUS_OK;
}

/* A list of strings; `min` is the least length of the list and of its elements. */
static enum status key_words(const struct reader *reader, const struct place *place, json_t *json,
                             const struct key *key, void *target)
{
    size_t count = json_array_size(json);

    if (!json_is_array(json))
        return reader_wrong_kind(reader, place, "a list of words", json);
    if ((int64_t)count < key->min)
        return READER_FAIL(reader, place, STATUS_INVALID, "must not be empty");
    if (count > SUITE_WORDS_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d words", SUITE_WORDS_MAX);

    const char **words = arena_array(reader->arena, count, sizeof(*words));
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .index = i};
        enum status status = reader_text(reader, &inner, 0, SUITE_TEXT_BYTES_MAX,
                                         json_array_get(json, i), &words[i]);

        if (status != STATUS_OK)
            return status;
    }
    put(target, key->offset, &words, sizeof(words));
    put(target, key->count_offset, &count, sizeof(count));
    return STATUS_OK;
}

#define AT(type, member)       .offset = offsetof(type, member)
#define WORDS_AT(type, member) AT(type, member), .count_offset = offsetof(type, member##_count)

/* A command where the key takes other forms too. */
static enum status read_words(const struct reader *reader, const struct place *place, json_t *json,
                              const char ***out_words, size_t *out_count)
{
    struct suite_command command = {NULL, 0};
    const struct key key = {WORDS_AT(struct suite_command, argv), .min = 1};
    enum status status = key_words(reader, place, json, &key, &command);
    *out_words = command.argv;
    *out_count = command.argv_count;
    return status;
}

/* ---- source, driver --------------------------------------------------------- */

/* clang-format off */
static const struct key source_keys[] = {
    {"dir", key_text, AT(struct suite_source, dir),        .min = 1, .max = MESSAGE_PATH_BYTES_MAX},
    {"git", key_text, AT(struct suite_source, repository), .min = 1, .max = MESSAGE_PATH_BYTES_MAX},
    {"submodules", .not_built = "git submodules"},
    {"lfs",        .not_built = "git large files"},
};
/* clang-format on */

static enum status read_source(const struct reader *reader, const struct place *place, json_t *json,
                               const struct key *key, void *target)
{
    static const struct keys keys = KEYS(source_keys);
    struct suite *suite = target;

    (void)key;
    if (json_is_string(json) && strcmp(json_string_value(json), "ship") == 0)
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "'ship' is not built yet; write {dir: .} or {git: URL}");
    if (json_is_string(json))
        return READER_FAIL(reader, place, STATUS_INVALID, "write {dir: PATH} or {git: URL}");

    struct suite_source source = {.dir = "", .repository = ""};
    enum status status = read_map(reader, place, json, &keys, &source);
    if (status != STATUS_OK)
        return status;
    if ((source.dir[0] == '\0') == (source.repository[0] == '\0'))
        return READER_FAIL(reader, place, STATUS_INVALID, "needs one of 'dir' and 'git'");
    suite->source->kind = source.dir[0] != '\0' ? SUITE_SOURCE_DIR : SUITE_SOURCE_GIT;
    suite->source->dir = source.dir;
    suite->source->repository = source.repository;
    return STATUS_OK;
}

static enum status read_driver(const struct reader *reader, const struct place *place, json_t *json,
                               const struct key *key, void *target)
{
    /* 'command' is the wire's word for a driver of one's own. */
    static const char *const written[] = {
        [SUITE_DRIVER_DJANGO] = "django", [SUITE_DRIVER_UNITTEST] = "unittest"};
    static const struct enum_names names = {written, COUNT_OF(written)};
    struct suite_file *file = target;
    struct suite *suite = &file->suite;
    int driver = 0;

    (void)key;
    file->has_driver = true;
    if (json_is_array(json)) {
        suite->driver = SUITE_DRIVER_COMMAND;
        return read_words(reader, place, json, &suite->driver_command,
                          &suite->driver_command_count);
    }

    const char *text = json_is_string(json) ? json_string_value(json) : "";
    if (strcmp(text, "pytest") == 0 || strcmp(text, "exec") == 0)
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "'%s' is not built yet; there are django, unittest and [COMMAND]", text);
    enum status status = reader_enum(reader, place, &names, json, &driver);
    suite->driver = (enum suite_driver)driver;
    return status;
}

/* ---- env, prepare ------------------------------------------------------------ */

static const char *const env_froms[] = {[SUITE_ENV_CLIENT] = "client", [SUITE_ENV_AGENT] = "agent"};
static const struct enum_names env_from_names = {env_froms, COUNT_OF(env_froms)};

/* clang-format off */
static const struct key env_keys[] = {
    {"from",    key_enum, AT(struct suite_env, from),     .names = &env_from_names},
    {"secret",  key_bool, AT(struct suite_env, secret)},
    {"default", key_text, AT(struct suite_env, fallback), .max = SUITE_TEXT_BYTES_MAX},
};
/* clang-format on */

static enum status read_variable(const struct reader *reader, const struct place *place,
                                 json_t *json, struct suite_env *env)
{
    static const struct keys keys = KEYS(env_keys);

    *env = (struct suite_env){.name = arena_strdup(reader->arena, place->name), .value = ""};
    if (!json_is_object(json))
        return reader_text(reader, place, 0, SUITE_TEXT_BYTES_MAX, json, &env->value);

    enum status status = read_map(reader, place, json, &keys, env);
    if (status == STATUS_OK && env->from == SUITE_ENV_TEMPLATE)
        return missing(reader, place, "from");
    return status;
}

static enum status read_env(const struct reader *reader, const struct place *place, json_t *json,
                            const struct key *key, void *target)
{
    struct suite *suite = target;
    size_t count = json_object_size(json);

    (void)key;
    if (!json_is_object(json))
        return reader_wrong_kind(reader, place, "a map", json);
    if (count > SUITE_ENV_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d variables", SUITE_ENV_MAX);

    suite->env = arena_array(reader->arena, count, sizeof(*suite->env));
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct place inner = {.outer = place, .name = json_object_iter_key(at)};
        enum status status = check_name(reader, &inner);

        if (status == STATUS_OK)
            status = read_variable(reader, &inner, json_object_iter_value(at),
                                   &suite->env[suite->env_count++]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* clang-format off */
static const struct key prepare_keys[] = {
    {"run",     key_words, WORDS_AT(struct suite_prepare, run), .min = 1},
    {"inputs",  key_words, WORDS_AT(struct suite_prepare, inputs)},
    {"outputs", key_words, WORDS_AT(struct suite_prepare, outputs)},
};
/* clang-format on */

/* A command without arguments; more words need a list, since no shell cuts them. */
static enum status read_step_word(const struct reader *reader, const struct place *place,
                                  const json_t *json, struct suite_prepare *step)
{
    step->run = arena_array(reader->arena, 1, sizeof(*step->run));
    step->run_count = 1;
    enum status status = reader_text(reader, place, 1, SUITE_TEXT_BYTES_MAX, json, &step->run[0]);
    if (status == STATUS_OK && strpbrk(step->run[0], " \t\r\n") != NULL)
        return READER_FAIL(reader, place, STATUS_INVALID,
                           "a command is a list of words, such as [make, all]");
    return status;
}

static enum status read_step(const struct reader *reader, const struct place *place, json_t *json,
                             struct suite_prepare *step)
{
    static const struct keys keys = KEYS(prepare_keys);

    if (json_is_array(json))
        return read_words(reader, place, json, &step->run, &step->run_count);
    if (json_is_string(json))
        return read_step_word(reader, place, json, step);

    enum status status = read_map(reader, place, json, &keys, step);
    if (status == STATUS_OK && step->run_count == 0)
        return missing(reader, place, "run");
    return status;
}

static enum status read_prepare(const struct reader *reader, const struct place *place,
                                json_t *json, const struct key *key, void *target)
{
    struct suite *suite = target;
    size_t count = json_array_size(json);

    (void)key;
    if (!json_is_array(json))
        return reader_wrong_kind(reader, place, "a list of steps", json);
    if (count > SUITE_PREPARE_MAX)
        return READER_FAIL(reader, place, STATUS_TOO_BIG, "more than %d steps", SUITE_PREPARE_MAX);

    suite->prepare = arena_array(reader->arena, count, sizeof(*suite->prepare));
    suite->prepare_count = count;
    for (size_t i = 0; i < count; i++) {
        struct place inner = {.outer = place, .index = i};
        enum status status = read_step(reader, &inner, json_array_get(json, i), &suite->prepare[i]);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- databases ---------------------------------------------------------------- */

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
                             ? read_words(reader, place, json, &entry->database.setup_command,
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
    enum status status = read_map(reader, place, json, &keys, &entry);

    if (status != STATUS_OK)
        return status;
    if (entry.database.mirror[0] != '\0' && json_object_size(json) != 1) {
        struct place mirror = {.outer = place, .name = "mirror"};

        return READER_FAIL(reader, &mirror, STATUS_INVALID,
                           "stands alone: a mirror is the other database");
    }
    if (entry.database.mirror[0] == '\0' && entry.database.engine[0] == '\0')
        return missing(reader, place, "engine");
    if (!entry.has_setup)
        entry.database.setup = driver == SUITE_DRIVER_DJANGO ? SUITE_SETUP_AUTO : SUITE_SETUP_NONE;
    *out_database = entry.database;
    return STATUS_OK;
}

static enum status read_databases(const struct reader *reader, struct suite_file *file)
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
        enum status status = check_name(reader, &inner);

        if (status == STATUS_OK)
            status = read_database(reader, &inner, json_object_iter_value(at), suite->driver,
                                   &suite->databases[suite->databases_count++]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* The driver says what the default of `setup` is, wherever it stands in the file. */
static enum status keep_databases(const struct reader *reader, const struct place *place,
                                  json_t *json, const struct key *key, void *target)
{
    struct suite_file *file = target;

    (void)reader;
    (void)place;
    (void)key;
    file->databases = json;
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

/* ---- timeouts, retries, limits -------------------------------------------------- */

/* clang-format off */
static const struct key timeouts_keys[] = {
    {"test",    key_duration,         AT(struct suite_timeouts, test_ms)},
    {"ready",   key_duration,         AT(struct suite_timeouts, ready_ms)},
    {"prepare", key_duration,         AT(struct suite_timeouts, prepare_ms)},
    {"setup",   key_duration,         AT(struct suite_timeouts, setup_ms)},
    {"grace",   key_duration,         AT(struct suite_timeouts, grace_ms)},
    {"run",     key_duration_or_none, AT(struct suite_timeouts, run_ms)},
    {"service", .not_built = "helper servers"},
};
/* clang-format on */

static enum status read_timeouts(const struct reader *reader, const struct place *place,
                                 json_t *json, const struct key *key, void *target)
{
    static const struct keys keys = KEYS(timeouts_keys);
    struct suite *suite = target;

    (void)key;
    return read_map(reader, place, json, &keys, suite->timeouts);
}

/* "5%", "5 %" or 5. */
static enum status key_percent(const struct reader *reader, const struct place *place, json_t *json,
                               const struct key *key, void *target)
{
    const char *text = NULL;
    int64_t percent = 0;
    enum status status = reader_text(reader, place, 1, NAME_BYTES_MAX, json, &text);

    if (status != STATUS_OK)
        return status;

    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + strspn(text + digits, " ");
    if ((strcmp(unit, "%") != 0 && text[digits] != '\0') ||
        !text_to_int64(arena_strndup(reader->arena, text, digits), 0, 100, &percent))
        return READER_FAIL(reader, place, STATUS_INVALID, "'%s' is not in 0%%..100%%",
                           place_shown(text, reader->arena));
    put(target, key->offset, &percent, sizeof(percent));
    return STATUS_OK;
}

static enum status key_flaky(const struct reader *reader, const struct place *place, json_t *json,
                             const struct key *key, void *target)
{
    static const char *const written[] = {"pass", "fail"};
    static const struct enum_names names = {written, COUNT_OF(written)};
    int value = 0;
    enum status status = reader_enum(reader, place, &names, json, &value);
    bool fails = value == 1;

    put(target, key->offset, &fails, sizeof(fails));
    return status;
}

/* clang-format off */
static const struct key retries_keys[] = {
    {"test",  key_int,     AT(struct suite_retries, test), .max = SUITE_RETRIES_MAX},
    {"run",   key_percent, AT(struct suite_retries, run_percent)},
    {"crash", key_int,     AT(struct suite_retries, crash), .min = 1, .max = SUITE_RETRIES_MAX},
    {"flaky", key_flaky,   AT(struct suite_retries, flaky_fails)},
};
/* clang-format on */

static enum status read_retries(const struct reader *reader, const struct place *place,
                                json_t *json, const struct key *key, void *target)
{
    static const struct keys keys = KEYS(retries_keys);
    struct suite *suite = target;

    (void)key;
    if (json_is_string(json) || json_is_number(json))
        return reader_int(reader, place, 0, SUITE_RETRIES_MAX, json, &suite->retries->test);
    return read_map(reader, place, json, &keys, suite->retries);
}

/* clang-format off */
static const struct key limits_keys[] = {
    {"memory",    key_bytes, AT(struct suite_limits, memory_bytes), .max = INT64_MAX},
    {"processes", key_int,   AT(struct suite_limits, processes), .min = 1, .max = SUITE_PROCESSES_MAX},
    {"output",    key_bytes, AT(struct suite_limits, output_bytes), .min = 1, .max = SUITE_OUTPUT_BYTES_MAX},
};
/* clang-format on */

static enum status read_limits(const struct reader *reader, const struct place *place, json_t *json,
                               const struct key *key, void *target)
{
    static const struct keys keys = KEYS(limits_keys);
    struct suite *suite = target;

    (void)key;
    return read_map(reader, place, json, &keys, suite->limits);
}

/* ---- the whole ------------------------------------------------------------------- */

/* clang-format off */
static const struct key suite_keys[] = {
    {"muster",    key_int,   AT(struct suite, muster), .min = 1, .max = 1},
    {"name",      key_text,  AT(struct suite, name),   .min = 1, .max = NAME_BYTES_MAX},
    {"source",    .read = read_source},
    {"driver",    .read = read_driver},
    {"command",   key_words, WORDS_AT(struct suite, command), .min = 1},
    {"args",      key_words, WORDS_AT(struct suite, args)},
    {"env",       .read = read_env},
    {"prepare",   .read = read_prepare},
    {"databases", .read = keep_databases},
    {"timeouts",  .read = read_timeouts},
    {"retries",   .read = read_retries},
    {"group",     key_enum,  AT(struct suite, group),  .names = &suite_group_names},
    {"limits",    .read = read_limits},
    {"tests",      .not_built = "name paths or ids on the command line"},
    {"exec",       .not_built = "the driver for any program"},
    {"services",   .not_built = "helper servers"},
    {"artifacts",  .not_built = "files kept when a worker ends"},
    {"speculate",  .not_built = "copies of late tests"},
    {"exclusive",  .not_built = "tests that run alone"},
    {"semaphores", .not_built = "bounds across machines"},
    {"requires",   .not_built = "labels that an agent must have"},
    {"variants",   .not_built = "overlays of a suite"},
};
/* clang-format on */

static void set_defaults(struct suite *suite, struct arena *arena)
{
    suite->muster = 1;
    suite->name = "";
    suite->source = arena_alloc(arena, sizeof(*suite->source));
    *suite->source = (struct suite_source){
        .dir = ".", .repository = "", .revision = "", .tree_hash = "", .subdir = ""};
    suite->timeouts = arena_alloc(arena, sizeof(*suite->timeouts));
    *suite->timeouts = (struct suite_timeouts){.test_ms = TEST_MS,
                                               .ready_ms = READY_MS,
                                               .prepare_ms = PREPARE_MS,
                                               .setup_ms = SETUP_MS,
                                               .grace_ms = GRACE_MS};
    suite->retries = arena_alloc(arena, sizeof(*suite->retries));
    *suite->retries = (struct suite_retries){.run_percent = RETRIES_PERCENT, .crash = CRASHES};
    suite->limits = arena_alloc(arena, sizeof(*suite->limits));
    *suite->limits = (struct suite_limits){.processes = PROCESSES, .output_bytes = OUTPUT_BYTES};
}

/* How a driver of ours starts its runner; a command of one's own knows by itself. */
static void set_default_command(struct suite *suite, struct arena *arena)
{
    static const char *const words[] = {"python3", "manage.py"};
    size_t count = suite->driver == SUITE_DRIVER_DJANGO ? 2 : 1;

    if (suite->command_count != 0 || suite->driver == SUITE_DRIVER_COMMAND)
        return;
    suite->command = arena_array(arena, count, sizeof(*suite->command));
    for (size_t i = 0; i < count; i++)
        suite->command[i] = arena_strdup(arena, words[i]);
    suite->command_count = count;
}

static enum status check_whole(const struct reader *reader, const struct suite *suite)
{
    struct error why;
    enum status status = suite_check(suite, SUITE_FORM_FILE, &why);

    if (status == STATUS_OK)
        return STATUS_OK;
    return place_fail_inside(NULL, reader->arena, reader->out_path, reader->err, status, why.text);
}

enum status suite_from_file_json(const void *json, struct arena *arena, struct suite *out_suite,
                                 const char **err_path, struct error *err)
{
    static const struct keys keys = KEYS(suite_keys);
    struct reader reader = {.mode = CODEC_TYPED, .arena = arena, .out_path = err_path, .err = err};
    struct suite_file file = {.databases = NULL};
    json_t *tree = NULL;

    (void)memcpy(&tree, &json, sizeof(json)); /* iterators want it writable, and only read */
    set_defaults(&file.suite, arena);
    enum status status = read_map(&reader, NULL, tree, &keys, &file);
    if (status == STATUS_OK && !file.has_driver)
        status = missing(&reader, NULL, "driver");
    if (status == STATUS_OK)
        status = read_databases(&reader, &file);
    if (status != STATUS_OK)
        return status;
    set_default_command(&file.suite, arena);
    mirrors_complete(&file.suite);
    *out_suite = file.suite;
    return check_whole(&reader, out_suite);
}
