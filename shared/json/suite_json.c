#include "shared/json/suite_json.h"

#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "shared/json/suite_check.h"

static const char *const drivers[] = {[SUITE_DRIVER_DJANGO] = "django",
                                      [SUITE_DRIVER_UNITTEST] = "unittest",
                                      [SUITE_DRIVER_COMMAND] = "command"};
const struct enum_names suite_driver_names = {drivers, COUNT_OF(drivers)};

static const char *const setups[] = {
    [SUITE_SETUP_AUTO] = "auto", [SUITE_SETUP_NONE] = "none", [SUITE_SETUP_COMMAND] = "command"};
const struct enum_names suite_setup_names = {setups, COUNT_OF(setups)};

static const char *const freshes[] = {[SUITE_FRESH_AUTO] = "auto",
                                      [SUITE_FRESH_SLOT] = "slot",
                                      [SUITE_FRESH_BATCH] = "batch",
                                      [SUITE_FRESH_GROUP] = "group",
                                      [SUITE_FRESH_TEST] = "test"};
const struct enum_names suite_fresh_names = {freshes, COUNT_OF(freshes)};

static const char *const keeps[] = {[SUITE_KEEP_NEVER] = "never", [SUITE_KEEP_FAILED] = "failed"};
const struct enum_names suite_keep_names = {keeps, COUNT_OF(keeps)};

static const char *const groups[] = {[SUITE_GROUP_AUTO] = "auto",
                                     [SUITE_GROUP_FILE] = "file",
                                     [SUITE_GROUP_CLASS] = "class",
                                     [SUITE_GROUP_NONE] = "none"};
const struct enum_names suite_group_names = {groups, COUNT_OF(groups)};

static const char *const sources[] = {[SUITE_SOURCE_DIR] = "dir", [SUITE_SOURCE_GIT] = "git"};
static const struct enum_names source_names = {sources, COUNT_OF(sources)};

static const char *const env_froms[] = {
    [SUITE_ENV_TEMPLATE] = "template", [SUITE_ENV_CLIENT] = "client", [SUITE_ENV_AGENT] = "agent"};
static const struct enum_names env_from_names = {env_froms, COUNT_OF(env_froms)};

/* clang-format off */
static const struct field source_fields[] = {
    FIELD_REQUIRED(struct suite_source, kind, FIELD_ENUM, .names = &source_names),
    FIELD_TEXT(struct suite_source, dir,        MESSAGE_PATH_BYTES_MAX),
    FIELD_TEXT(struct suite_source, repository, MESSAGE_PATH_BYTES_MAX),
    FIELD_TEXT(struct suite_source, revision,   NAME_BYTES_MAX),
    FIELD_TEXT(struct suite_source, tree_hash,  NAME_BYTES_MAX),
    FIELD_TEXT(struct suite_source, subdir,     MESSAGE_PATH_BYTES_MAX),
};
/* clang-format on */

static enum status source_check(const void *object, struct error *err)
{
    const struct suite_source *source = object;

    if (source->kind == SUITE_SOURCE_DIR && source->dir[0] == '\0')
        return error_set(err, STATUS_INVALID, "dir: a source of kind 'dir' needs it");
    if (source->kind == SUITE_SOURCE_GIT && source->repository[0] == '\0')
        return error_set(err, STATUS_INVALID, "repository: a source of kind 'git' needs it");
    return STATUS_OK;
}

const struct shape suite_source_shape =
    SHAPE("source", struct suite_source, source_fields, source_check);

/* clang-format off */
static const struct field env_fields[] = {
    FIELD_REQUIRED(struct suite_env, name,     FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct suite_env, from,     FIELD_ENUM, .names = &env_from_names),
    FIELD_TEXT(struct suite_env,     value,    SUITE_TEXT_BYTES_MAX),
    FIELD_OPTIONAL(struct suite_env, fallback, FIELD_STRING, .max = SUITE_TEXT_BYTES_MAX),
    FIELD_OPTIONAL(struct suite_env, secret,   FIELD_BOOL),
};
const struct shape suite_env_shape = SHAPE("variable", struct suite_env, env_fields, NULL);

#define WORDS .max = SUITE_WORDS_MAX, .element_max = SUITE_TEXT_BYTES_MAX

static const struct field prepare_fields[] = {
    FIELD_REQUIRED_LIST(struct suite_prepare, run,     FIELD_STRINGS, .min = 1, WORDS),
    FIELD_OPTIONAL_LIST(struct suite_prepare, inputs,  FIELD_STRINGS, .element_min = 1, WORDS),
    FIELD_OPTIONAL_LIST(struct suite_prepare, outputs, FIELD_STRINGS, .element_min = 1, WORDS),
};
const struct shape suite_prepare_shape =
    SHAPE("prepare", struct suite_prepare, prepare_fields, NULL);

static const struct field option_fields[] = {
    FIELD_REQUIRED(struct suite_option, name,  FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct suite_option, value, FIELD_STRING, .max = SUITE_OPTION_BYTES_MAX),
};
const struct shape suite_option_shape = SHAPE("option", struct suite_option, option_fields, NULL);

static const struct field database_fields[] = {
    FIELD_REQUIRED(struct suite_database, alias,   FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct suite_database, engine,  FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_TEXT(struct suite_database,     version, NAME_BYTES_MAX),
    FIELD_TEXT(struct suite_database,     name,    NAME_BYTES_MAX),
    FIELD_REQUIRED(struct suite_database, setup,   FIELD_ENUM, .names = &suite_setup_names),
    FIELD_OPTIONAL_LIST(struct suite_database, setup_command, FIELD_STRINGS, WORDS),
    FIELD_OPTIONAL(struct suite_database, memory,  FIELD_BOOL),
    FIELD_TEXT(struct suite_database,     mirror,  NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct suite_database, fresh,   FIELD_ENUM, .names = &suite_fresh_names),
    FIELD_OPTIONAL_LIST(struct suite_database, options, FIELD_MAP, .max = SUITE_OPTIONS_MAX,
                        .shape = &suite_option_shape),
    FIELD_TEXT(struct suite_database,     attach,  SUITE_ATTACH_BYTES_MAX),
    FIELD_OPTIONAL(struct suite_database, keep,    FIELD_ENUM, .names = &suite_keep_names),
    FIELD_OPTIONAL_LIST(struct suite_database, fingerprint, FIELD_STRINGS, .element_min = 1, WORDS),
    FIELD_OPTIONAL(struct suite_database, incremental, FIELD_BOOL),
    FIELD_OPTIONAL_LIST(struct suite_database, check, FIELD_STRINGS, WORDS),
};
const struct shape suite_database_shape =
    SHAPE("database", struct suite_database, database_fields, NULL);

#define TIMEOUT(member) \
    FIELD_REQUIRED(struct suite_timeouts, member, FIELD_INT, .min = 1, .max = SUITE_TIMEOUT_MS_MAX)

static const struct field timeouts_fields[] = {
    TIMEOUT(test_ms), TIMEOUT(ready_ms), TIMEOUT(prepare_ms), TIMEOUT(setup_ms), TIMEOUT(grace_ms),
    FIELD_OPTIONAL(struct suite_timeouts, run_ms, FIELD_INT, .max = SUITE_TIMEOUT_MS_MAX),
};
const struct shape suite_timeouts_shape =
    SHAPE("timeouts", struct suite_timeouts, timeouts_fields, NULL);

static const struct field retries_fields[] = {
    FIELD_REQUIRED(struct suite_retries, test,        FIELD_INT, .max = SUITE_RETRIES_MAX),
    FIELD_REQUIRED(struct suite_retries, run_percent, FIELD_INT, .max = 100),
    FIELD_REQUIRED(struct suite_retries, crash,       FIELD_INT, .min = 1, .max = SUITE_RETRIES_MAX),
    FIELD_OPTIONAL(struct suite_retries, flaky_fails, FIELD_BOOL),
};
const struct shape suite_retries_shape =
    SHAPE("retries", struct suite_retries, retries_fields, NULL);

static const struct field limits_fields[] = {
    FIELD_OPTIONAL(struct suite_limits, memory_bytes, FIELD_INT, .max = INT64_MAX),
    FIELD_REQUIRED(struct suite_limits, processes,    FIELD_INT, .min = 1, .max = SUITE_PROCESSES_MAX),
    FIELD_REQUIRED(struct suite_limits, output_bytes, FIELD_INT, .min = 1, .max = SUITE_OUTPUT_BYTES_MAX),
};
const struct shape suite_limits_shape = SHAPE("limits", struct suite_limits, limits_fields, NULL);

static const struct field suite_fields[] = {
    FIELD_REQUIRED(struct suite, muster, FIELD_INT, .min = 1, .max = 1),
    FIELD_REQUIRED(struct suite, name,   FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct suite, source, FIELD_OBJECT, .shape = &suite_source_shape),
    FIELD_REQUIRED(struct suite, driver, FIELD_ENUM, .names = &suite_driver_names),
    FIELD_OPTIONAL_LIST(struct suite, driver_command, FIELD_STRINGS, WORDS),
    FIELD_OPTIONAL_LIST(struct suite, command,   FIELD_STRINGS, WORDS),
    FIELD_OPTIONAL_LIST(struct suite, args,      FIELD_STRINGS, WORDS),
    FIELD_OPTIONAL_LIST(struct suite, env,       FIELD_MAP, .max = SUITE_ENV_MAX, .shape = &suite_env_shape),
    FIELD_OPTIONAL_LIST(struct suite, prepare,   FIELD_LIST, .max = SUITE_PREPARE_MAX,
                        .shape = &suite_prepare_shape),
    FIELD_OPTIONAL_LIST(struct suite, databases, FIELD_MAP, .max = SUITE_DATABASES_MAX,
                        .shape = &suite_database_shape),
    FIELD_REQUIRED(struct suite, timeouts, FIELD_OBJECT, .shape = &suite_timeouts_shape),
    FIELD_REQUIRED(struct suite, retries,  FIELD_OBJECT, .shape = &suite_retries_shape),
    FIELD_OPTIONAL(struct suite, group,    FIELD_ENUM, .names = &suite_group_names),
    FIELD_REQUIRED(struct suite, limits,   FIELD_OBJECT, .shape = &suite_limits_shape),
};
/* clang-format on */

static enum status wire_check(const void *object, struct error *err)
{
    return suite_check(object, SUITE_FORM_WIRE, err);
}

const struct shape suite_shape = SHAPE("suite", struct suite, suite_fields, wire_check);
