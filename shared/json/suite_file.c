/* The suite file: a table of keys for each map in it, and a reader for each kind of value.
 * The sugar is undone here: `retries: 2`, `driver: [my-driver]`, `prepare: [[make]]`. */

#include "shared/json/suite_file.h"

#include <string.h>

#include "shared/base/limits.h"
#include "shared/json/suite_check.h"
#include "shared/json/suite_json.h"

/* Defaults of the reference. */
#define MINUTE_MS       INT64_C(60000)
#define TEST_MS         (10 * MINUTE_MS)
#define READY_MS        (5 * MINUTE_MS)
#define PREPARE_MS      (20 * MINUTE_MS)
#define SETUP_MS        (120 * MINUTE_MS)
#define GRACE_MS        INT64_C(10000)
#define RETRIES_PERCENT 5
#define CRASHES         2
#define PROCESSES       4096
#define OUTPUT_BYTES    (INT64_C(1) << 20)

/* clang-format off */
static const struct key suite_keys[] = {
    {"muster",    key_int,   AT(struct suite, muster), .min = 1, .max = 1},
    {"name",      key_text,  AT(struct suite, name),   .min = 1, .max = NAME_BYTES_MAX},
    {"source",    .read = suite_file_source_read},
    {"driver",    .read = suite_file_driver_read},
    {"command",   key_words, WORDS_AT(struct suite, command), .min = 1},
    {"args",      key_words, WORDS_AT(struct suite, args)},
    {"env",       .read = suite_file_env_read},
    {"prepare",   .read = suite_file_prepare_read},
    {"databases", .read = suite_file_databases_keep},
    {"timeouts",  .read = suite_file_timeouts_read},
    {"retries",   .read = suite_file_retries_read},
    {"group",     key_enum,  AT(struct suite, group),  .names = &suite_group_names},
    {"limits",    .read = suite_file_limits_read},
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
    enum status status = keys_read(&reader, NULL, tree, &keys, &file);
    if (status == STATUS_OK && !file.has_driver)
        status = keys_missing(&reader, NULL, "driver");
    if (status == STATUS_OK)
        status = suite_file_databases_read(&reader, &file);
    if (status != STATUS_OK)
        return status;
    set_default_command(&file.suite, arena);
    *out_suite = file.suite;
    return check_whole(&reader, out_suite);
}
