/* timeouts, retries, limits. */

#include "shared/json/suite_file.h"

#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/suite_json.h"

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

enum status suite_file_timeouts_read(const struct reader *reader, const struct place *place,
                                     json_t *json, const struct key *key, void *target)
{
    static const struct keys keys = KEYS(timeouts_keys);
    struct suite *suite = target;

    (void)key;
    return keys_read(reader, place, json, &keys, suite->timeouts);
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
    key_put(target, key->offset, &percent, sizeof(percent));
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

    key_put(target, key->offset, &fails, sizeof(fails));
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

enum status suite_file_retries_read(const struct reader *reader, const struct place *place,
                                    json_t *json, const struct key *key, void *target)
{
    static const struct keys keys = KEYS(retries_keys);
    struct suite *suite = target;

    (void)key;
    if (json_is_string(json) || json_is_number(json))
        return reader_int(reader, place, 0, SUITE_RETRIES_MAX, json, &suite->retries->test);
    return keys_read(reader, place, json, &keys, suite->retries);
}

/* clang-format off */
static const struct key limits_keys[] = {
    {"memory",    key_bytes, AT(struct suite_limits, memory_bytes), .max = INT64_MAX},
    {"processes", key_int,   AT(struct suite_limits, processes), .min = 1, .max = SUITE_PROCESSES_MAX},
    {"output",    key_bytes, AT(struct suite_limits, output_bytes), .min = 1, .max = SUITE_OUTPUT_BYTES_MAX},
};
/* clang-format on */

enum status suite_file_limits_read(const struct reader *reader, const struct place *place,
                                   json_t *json, const struct key *key, void *target)
{
    static const struct keys keys = KEYS(limits_keys);
    struct suite *suite = target;

    (void)key;
    return keys_read(reader, place, json, &keys, suite->limits);
}
