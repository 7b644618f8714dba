/* source, driver: what is tested, and who speaks the worker protocol. */

#include "shared/json/suite_file.h"

#include <string.h>

#include "shared/json/messages_json.h"

/* clang-format off */
static const struct key source_keys[] = {
    {"dir", key_text, AT(struct suite_source, dir),        .min = 1, .max = MESSAGE_PATH_BYTES_MAX},
    {"git", key_text, AT(struct suite_source, repository), .min = 1, .max = MESSAGE_PATH_BYTES_MAX},
    {"submodules", .not_built = "git submodules"},
    {"lfs",        .not_built = "git large files"},
};
/* clang-format on */

enum status suite_file_source_read(const struct reader *reader, const struct place *place,
                                   json_t *json, const struct key *key, void *target)
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
    enum status status = keys_read(reader, place, json, &keys, &source);
    if (status != STATUS_OK)
        return status;
    if ((source.dir[0] == '\0') == (source.repository[0] == '\0'))
        return READER_FAIL(reader, place, STATUS_INVALID, "needs one of 'dir' and 'git'");
    suite->source->kind = source.dir[0] != '\0' ? SUITE_SOURCE_DIR : SUITE_SOURCE_GIT;
    suite->source->dir = source.dir;
    suite->source->repository = source.repository;
    return STATUS_OK;
}

enum status suite_file_driver_read(const struct reader *reader, const struct place *place,
                                   json_t *json, const struct key *key, void *target)
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
        return key_words_read(reader, place, json, &suite->driver_command,
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
