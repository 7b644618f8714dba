#include "shared/json/place.h"

#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/text.h"

/* Of an error's 512 bytes: a path, a value and a proposal must all find room. */
#define PATH_SHOWN_BYTES  200
#define VALUE_SHOWN_BYTES 60

/* Names come from outside (members of a map), so a whole path is bounded too. */
#define PATH_BYTES_MAX ((size_t)64 * 1024)

static void path_add(struct buffer *path, const struct place *place)
{
    if (place == NULL)
        return;
    path_add(path, place->outer);
    if (place->name == NULL) {
        (void)buffer_printf(path, "[%zu]", place->index);
        return;
    }
    if (path->len != 0)
        (void)buffer_add_char(path, '.');
    (void)buffer_add_text(path, place->name);
}

const char *place_path(const struct place *place, struct arena *arena)
{
    struct buffer path;

    buffer_init(&path, PATH_BYTES_MAX);
    path_add(&path, place);
    const char *text = arena_strndup(arena, path.at, path.len);
    buffer_release(&path);
    return text;
}

static const char *clipped(const char *text, size_t bytes_max, struct arena *arena)
{
    if (strlen(text) <= bytes_max)
        return text;

    size_t len = text_utf8_floor(text, bytes_max);
    return arena_printf(arena, "%.*s...", (int)len, text);
}

const char *place_shown(const char *text, struct arena *arena)
{
    return clipped(text, VALUE_SHOWN_BYTES, arena);
}

/* A text that was cut at the error's bound may end inside a sequence. */
static enum status end_whole(struct error *err, enum status status)
{
    if (err != NULL)
        err->text[text_utf8_floor(err->text, strlen(err->text))] = '\0';
    return status;
}

enum status place_fail(const struct place *place, struct arena *arena, const char **out_path,
                       struct error *err, enum status status, const char *text)
{
    const char *path = place_path(place, arena);
    if (out_path != NULL)
        *out_path = path;
    const char *where = path[0] != '\0' ? clipped(path, PATH_SHOWN_BYTES, arena) : "the document";
    return end_whole(err, error_set(err, status, "%s: %s", where, text));
}

enum status place_fail_inside(const struct place *place, struct arena *arena, const char **out_path,
                              struct error *err, enum status status, const char *text)
{
    size_t len = strcspn(text, ": ");
    struct place inner = {.outer = place, .name = arena_strndup(arena, text, len)};
    const char *path = place_path(&inner, arena);

    if (out_path != NULL)
        *out_path = path;
    return end_whole(
        err, error_set(err, status, "%s%s", clipped(path, PATH_SHOWN_BYTES, arena), text + len));
}
