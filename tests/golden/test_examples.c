/* Walks schemas/examples with the C decoder.  index.json names for each file its shape, and
 * for an invalid one the field that the error must name:
 *
 *     {"file": "invalid/sync_no_zero.json", "shape": "sync_request", "field": "sync_no"}
 *
 * The shape "suite_file" is the suite file's reader; shapes that begin with "worker_" are
 * lines between agent and driver, decoded in agent/workers, and only the schema checks
 * them here. */

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/file.h"
#include "shared/json/suite_json.h"
#include "tests/golden/shapes.h"

#define EXAMPLES "schemas/examples/"

/* An example is read by people; none comes near it. */
#define EXAMPLE_BYTES_MAX ((size_t)1 << 20)

/* Fewer would mean that the walk looks in the wrong place. */
#define INVALID_LEAST 80
#define VALID_LEAST   20

struct example {
    const char *file;
    const char *shape;
    const char *field; /* NULL: valid */
    struct arena arena;
    struct buffer bytes;
    struct error err;
};

static enum status decode_suite_file(struct example *example, const char **out_path)
{
    struct suite suite;
    json_t *tree = json_loadb(example->bytes.at, example->bytes.len, JSON_REJECT_DUPLICATES, NULL);

    if (tree == NULL)
        return error_set(&example->err, STATUS_INVALID, "no JSON");
    enum status status =
        suite_from_file_json(tree, &example->arena, &suite, out_path, &example->err);
    json_decref(tree);
    return status;
}

static enum status decode(struct example *example, const char **out_path)
{
    const struct known_shape *known = known_shape_find(example->shape);

    *out_path = "";
    if (strcmp(example->shape, "suite_file") == 0)
        return decode_suite_file(example, out_path);
    cr_assert_not_null(known, "%s: no shape %s", example->file, example->shape);

    void *object = arena_alloc(&example->arena, known->shape->size);
    enum status status = codec_decode(known->shape, example->bytes.at, example->bytes.len,
                                      CODEC_OPEN, &example->arena, object, &example->err);
    *out_path = arena_strndup(&example->arena, example->err.text, strcspn(example->err.text, ": "));
    if (status != STATUS_OK)
        return status;

    struct buffer again;
    buffer_init(&again, EXAMPLE_BYTES_MAX);
    cr_assert_eq(codec_encode(known->shape, object, &again, &example->err), STATUS_OK, "%s: %s",
                 example->file, example->err.text);
    buffer_release(&again);
    return STATUS_OK;
}

static void example_check(struct example *example)
{
    char path[1024];
    const char *err_path = "";

    (void)snprintf(path, sizeof(path), EXAMPLES "%s", example->file);
    cr_assert_eq(file_read(path, &example->bytes, &example->err), STATUS_OK, "%s",
                 example->err.text);
    enum status status = decode(example, &err_path);

    if (example->field == NULL) {
        cr_expect_eq(status, STATUS_OK, "%s: %s", example->file, example->err.text);
        return;
    }
    cr_expect_neq(status, STATUS_OK, "%s: is accepted", example->file);
    if (status != STATUS_OK)
        cr_expect_str_eq(err_path, example->field, "%s: '%s' instead of '%s': %s", example->file,
                         err_path, example->field, example->err.text);
}

Test(examples, the_decoder_takes_the_valid_ones_and_names_the_field_of_the_others)
{
    json_t *index = json_load_file(EXAMPLES "index.json", JSON_REJECT_DUPLICATES, NULL);
    size_t invalid = 0;
    size_t valid = 0;

    cr_assert(json_is_array(index));
    for (size_t i = 0; i < json_array_size(index); i++) {
        json_t *entry = json_array_get(index, i);
        struct example example = {
            .file = json_string_value(json_object_get(entry, "file")),
            .shape = json_string_value(json_object_get(entry, "shape")),
            .field = json_string_value(json_object_get(entry, "field")),
            .arena = ARENA_INIT,
        };

        if (strncmp(example.shape, "worker_", strlen("worker_")) == 0)
            continue;
        buffer_init(&example.bytes, EXAMPLE_BYTES_MAX);
        example_check(&example);
        buffer_release(&example.bytes);
        arena_release(&example.arena);
        *(example.field != NULL ? &invalid : &valid) += 1;
    }
    json_decref(index);
    cr_assert_geq(invalid, INVALID_LEAST);
    cr_assert_geq(valid, VALID_LEAST);
}
