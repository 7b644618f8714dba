#include "client/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "shared/base/limits.h"

struct reading {
    const char *name;
    yaml_parser_t parser;
    struct arena *arena;
    struct yaml_tree *tree;
    struct error *err;
};

static enum status refuse(struct reading *reading, const yaml_mark_t *mark, const char *text)
{
    return error_set(reading->err, STATUS_INVALID, "%s:%zu: %s", reading->name, mark->line + 1,
                     text);
}

static enum status next_event(struct reading *reading, yaml_event_t *out_event)
{
    if (yaml_parser_parse(&reading->parser, out_event) != 0)
        return STATUS_OK;
    return error_set(reading->err, STATUS_INVALID, "%s:%zu: this is not YAML: %s", reading->name,
                     reading->parser.problem_mark.line + 1,
                     reading->parser.problem != NULL ? reading->parser.problem : "unreadable");
}

static void note_place(struct reading *reading, const char *path, const yaml_mark_t *mark)
{
    struct yaml_tree *tree = reading->tree;

    VEC_PUSH(tree->places, tree->place_count, tree->place_cap) =
        (struct yaml_place){path, (int)mark->line + 1};
}

static enum status read_value(struct reading *reading, const yaml_event_t *event, const char *path,
                              int depth, json_t **out_value);

static enum status read_scalar(struct reading *reading, const yaml_event_t *event,
                               json_t **out_value)
{
    *out_value = json_stringn((const char *)event->data.scalar.value, event->data.scalar.length);
    if (*out_value == NULL ||
        strlen((const char *)event->data.scalar.value) != event->data.scalar.length) {
        json_decref(*out_value);
        *out_value = NULL;
        return refuse(reading, &event->start_mark, "a NUL byte or bytes that are not UTF-8");
    }
    return STATUS_OK;
}

static enum status read_list(struct reading *reading, const char *path, int depth,
                             json_t **out_value)
{
    json_t *list = json_array();
    enum status status = STATUS_OK;
    yaml_event_t event;

    for (size_t i = 0; (status = next_event(reading, &event)) == STATUS_OK; i++) {
        json_t *item = NULL;
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT;

        if (!is_end)
            status = read_value(reading, &event, arena_printf(reading->arena, "%s[%zu]", path, i),
                                depth, &item);
        yaml_event_delete(&event);
        if (is_end || status != STATUS_OK)
            break;
        (void)json_array_append_new(list, item); /* a fresh list takes any value */
    }
    if (status == STATUS_OK)
        *out_value = list;
    else
        json_decref(list);
    return status;
}

/* Reads one "key: value" whose key event is given. */
static enum status read_member(struct reading *reading, const yaml_event_t *key_event,
                               const char *path, int depth, json_t *object)
{
    if (key_event->type != YAML_SCALAR_EVENT)
        return refuse(reading, &key_event->start_mark, "a key must be a plain word");

    const char *key = (const char *)key_event->data.scalar.value;
    const char *inner = *path == '\0' ? arena_strdup(reading->arena, key)
                                      : arena_printf(reading->arena, "%s.%s", path, key);
    if (json_object_get(object, key) != NULL)
        return error_set(reading->err, STATUS_INVALID, "%s:%zu: %s: the key is there twice",
                         reading->name, key_event->start_mark.line + 1, inner);
    note_place(reading, inner, &key_event->start_mark);

    yaml_event_t event;
    json_t *value = NULL;
    enum status status = next_event(reading, &event);
    if (status != STATUS_OK)
        return status;
    status = read_value(reading, &event, inner, depth, &value);
    yaml_event_delete(&event);
    if (status == STATUS_OK && json_object_set_new(object, key, value) != 0)
        status = refuse(reading, &key_event->start_mark, "a key that is not UTF-8");
    return status;
}

static enum status read_map(struct reading *reading, const char *path, int depth,
                            json_t **out_value)
{
    json_t *object = json_object();
    enum status status = STATUS_OK;
    yaml_event_t event;

    while ((status = next_event(reading, &event)) == STATUS_OK) {
        bool is_end = event.type == YAML_MAPPING_END_EVENT;

        if (!is_end)
            status = read_member(reading, &event, path, depth, object);
        yaml_event_delete(&event);
        if (is_end || status != STATUS_OK)
            break;
    }
    if (status == STATUS_OK)
        *out_value = object;
    else
        json_decref(object);
    return status;
}

static bool has_anchor_or_tag(const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
    default:
        return event->type == YAML_ALIAS_EVENT;
    }
}

static enum status read_value(struct reading *reading, const yaml_event_t *event, const char *path,
                              int depth, json_t **out_value)
{
    if (has_anchor_or_tag(event))
        return refuse(reading, &event->start_mark, "anchors, aliases and tags are not used here");
    if (depth >= JSON_DEPTH_MAX)
        return refuse(reading, &event->start_mark, "nested too deeply");
    note_place(reading, path, &event->start_mark);
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(reading, event, out_value);
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return read_list(reading, path, depth + 1, out_value);
    if (event->type == YAML_MAPPING_START_EVENT)
        return read_map(reading, path, depth + 1, out_value);
    return refuse(reading, &event->start_mark, "a value is missing here");
}

/* Skips to the event of this type; anything else than stream and document marks is refused. */
static enum status expect(struct reading *reading, yaml_event_type_t type, const char *otherwise)
{
    yaml_event_t event;
    enum status status = next_event(reading, &event);

    if (status != STATUS_OK)
        return status;
    if (event.type != type)
        status = refuse(reading, &event.start_mark, otherwise);
    yaml_event_delete(&event);
    return status;
}

static enum status read_document(struct reading *reading)
{
    yaml_event_t event;
    enum status status = expect(reading, YAML_STREAM_START_EVENT, "unreadable");

    if (status == STATUS_OK)
        status = expect(reading, YAML_DOCUMENT_START_EVENT,
                        "the file is empty; it needs at least the key 'driver'");
    if (status == STATUS_OK)
        status = next_event(reading, &event);
    if (status != STATUS_OK)
        return status;

    if (event.type != YAML_MAPPING_START_EVENT)
        status = refuse(reading, &event.start_mark,
                        "the file must be a map of keys, as in "
                        "'driver: django'");
    else
        status = read_value(reading, &event, "", 0, &reading->tree->root);
    yaml_event_delete(&event);
    if (status == STATUS_OK)
        status = expect(reading, YAML_DOCUMENT_END_EVENT, "unreadable");
    if (status == STATUS_OK)
        status = expect(reading, YAML_STREAM_END_EVENT, "a second document is not used here");
    return status;
}

enum status yaml_tree_read(const char *name, const char *bytes, size_t len, struct arena *arena,
                           struct yaml_tree *out_tree, struct error *err)
{
    struct yaml_tree tree = {0};
    struct reading reading = {.name = name, .arena = arena, .tree = &tree, .err = err};

    if (yaml_parser_initialize(&reading.parser) == 0)
        return error_set(err, STATUS_INTERNAL, "the YAML library does not start");
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)bytes, len);
    enum status status = read_document(&reading);
    yaml_parser_delete(&reading.parser);
    if (status == STATUS_OK)
        *out_tree = tree;
    else
        yaml_tree_release(&tree);
    return status;
}

void yaml_tree_release(struct yaml_tree *tree)
{
    json_decref(tree->root);
    free(tree->places);
    *tree = (struct yaml_tree){0};
}

/* Cuts the last step off "a.b[3].c" -> "a.b[3]" -> "a.b" -> "a" -> "". */
static void cut_step(char *path)
{
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] != '.' && path[len - 1] != '[')
        len--;
    path[len > 0 ? len - 1 : 0] = '\0';
}

int yaml_tree_line(const struct yaml_tree *tree, const char *path)
{
    CLEANUP(mem_freep) char *partial = mem_strdup(path);

    for (; *partial != '\0'; cut_step(partial))
        for (size_t i = 0; i < tree->place_count; i++)
            if (strcmp(tree->places[i].path, partial) == 0)
                return tree->places[i].line;
    return 1;
}
