/* Prints what the C tables say, as JSON, so that check_schemas.py can hold the schemas to
 * it: every shape with its fields, and the table of statuses. */

#include <inttypes.h>
#include <stdio.h>

#include "shared/base/status.h"
#include "tests/golden/shapes.h"

static const char *const types[] = {
    [FIELD_STRING] = "string",   [FIELD_BOOL] = "bool",     [FIELD_INT] = "int",
    [FIELD_ENUM] = "enum",       [FIELD_OBJECT] = "object", [FIELD_LIST] = "list",
    [FIELD_STRINGS] = "strings", [FIELD_INTS] = "ints",     [FIELD_MAP] = "map",
};

static const char *shape_name(const struct shape *shape)
{
    for (size_t i = 0; i < known_shapes_count; i++) {
        if (known_shapes[i].shape == shape)
            return known_shapes[i].name;
    }
    return "";
}

static void print_field(const struct field *field)
{
    (void)printf("{\"name\":\"%s\",\"type\":\"%s\",\"required\":%s,\"min\":%" PRId64
                 ",\"max\":%" PRId64 ",\"element_min\":%" PRId64 ",\"element_max\":%" PRId64
                 ",\"fallback\":%" PRId64,
                 field->name, types[field->type], field->is_required ? "true" : "false", field->min,
                 field->max, field->element_min, field->element_max, field->fallback);
    if (field->shape != NULL)
        (void)printf(",\"shape\":\"%s\"", shape_name(field->shape));
    if (field->names != NULL) {
        (void)printf(",\"names\":[");
        for (size_t i = 0; i < field->names->count; i++)
            (void)printf("%s\"%s\"", i != 0 ? "," : "", field->names->names[i]);
        (void)printf("]");
    }
    (void)printf("}");
}

int main(void)
{
    (void)printf("{\"shapes\":{");
    for (size_t i = 0; i < known_shapes_count; i++) {
        const struct shape *shape = known_shapes[i].shape;

        (void)printf("%s\"%s\":[", i != 0 ? "," : "", known_shapes[i].name);
        for (size_t j = 0; j < shape->field_count; j++) {
            (void)printf("%s", j != 0 ? "," : "");
            print_field(&shape->fields[j]);
        }
        (void)printf("]");
    }
    (void)printf("},\"text_bytes_max\":%" PRId64 ",\"list_count_max\":%" PRId64 ",\"statuses\":[",
                 TEXT_BYTES_MAX, LIST_COUNT_MAX);
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        (void)printf("%s{\"name\":\"%s\",\"http\":%d}", i != 0 ? "," : "",
                     status_wire_name((enum status)i), status_http((enum status)i));
    (void)printf("]}\n");
    return 0;
}
