/* The suite file's reader with any JSON.  What it accepts must fit the wire and come back
 * equal from it; what it refuses must say where. */

#include <jansson.h>
#include <string.h>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/json/suite_json.h"
#include "tests/fuzz/fuzz.h"

#define ENCODED_BYTES_MAX ((size_t)16 << 20)

static void arrive_equal(struct suite *suite, struct arena *arena)
{
    struct suite arrived;
    struct buffer first;
    struct buffer second;
    struct error err;

    if (suite->name[0] == '\0')
        suite->name = "directory"; /* as the client does */
    buffer_init(&first, ENCODED_BYTES_MAX);
    buffer_init(&second, ENCODED_BYTES_MAX);
    CHECK(codec_encode(&suite_shape, suite, &first, &err) == STATUS_OK);
    CHECK(codec_decode(&suite_shape, first.at, first.len, CODEC_CLOSED, arena, &arrived, &err) ==
          STATUS_OK);
    CHECK(codec_encode(&suite_shape, &arrived, &second, &err) == STATUS_OK);
    CHECK(strcmp(first.at, second.at) == 0);
    buffer_release(&first);
    buffer_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct suite suite;
    struct error err = {STATUS_OK, ""};
    const char *err_path = NULL;
    json_t *tree = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);

    if (tree == NULL)
        return 0;
    if (suite_from_file_json(tree, &arena, &suite, &err_path, &err) == STATUS_OK)
        arrive_equal(&suite, &arena);
    else
        CHECK(err_path != NULL && err.text[0] != '\0' && text_is_utf8(err.text, strlen(err.text)));
    json_decref(tree);
    arena_release(&arena);
    return 0;
}
