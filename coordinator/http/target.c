#include "coordinator/http/target.h"

#include <string.h>

#include "shared/base/text.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Undoes the escapes in place; false for what no name of ours holds. */
static bool decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        int byte = (unsigned char)*from;

        if (byte == '%') {
            int high = hex_value(from[1]);
            int low = high >= 0 ? hex_value(from[2]) : -1;

            if (low < 0)
                return false;
            byte = high * 16 + low;
            from += 2;
        } else if (byte <= ' ' || byte >= 0x7f) {
            return false;
        }
        if (byte < ' ' || byte == 0x7f || byte == '/')
            return false;
        *to++ = (char)byte;
    }
    *to = '\0';
    return text_is_utf8(text, strlen(text));
}

static enum status add_segment(struct target *target, char *segment, struct error *err)
{
    if (target->segments_count == TARGET_SEGMENTS_MAX)
        return error_set(err, STATUS_NOT_FOUND, "no such path");
    if (!decode(segment) || *segment == '\0' || strcmp(segment, ".") == 0 ||
        strcmp(segment, "..") == 0)
        return error_set(err, STATUS_INVALID, "the path has a segment that is no name");
    target->segments[target->segments_count++] = segment;
    return STATUS_OK;
}

static enum status add_argument(struct target *target, char *argument, struct error *err)
{
    char *value = strchr(argument, '=');

    if (value == NULL)
        return error_set(err, STATUS_INVALID, "the query wants name=value");
    *value++ = '\0';
    if (!decode(argument) || !decode(value))
        return error_set(err, STATUS_INVALID, "the query has a broken escape");
    if (target->arguments_count == TARGET_ARGUMENTS_MAX ||
        target_argument(target, argument) != NULL)
        return error_set(err, STATUS_INVALID, "the query has too many arguments, or one twice");
    target->arguments[target->arguments_count++] =
        (struct target_argument){.name = argument, .value = value};
    return STATUS_OK;
}

enum status target_parse(const char *raw, struct arena *arena, struct target *out_target,
                         struct error *err)
{
    enum status status = STATUS_OK;

    *out_target = (struct target){.segments_count = 0};
    if (raw[0] != '/')
        return error_set(err, STATUS_INVALID, "the request target is no path");
    if (strnlen(raw, TARGET_BYTES_MAX + 1) > TARGET_BYTES_MAX)
        return error_set(err, STATUS_INVALID, "the request target is longer than %d bytes",
                         TARGET_BYTES_MAX);

    char *path = arena_strdup(arena, raw + 1);
    char *query = strchr(path, '?');
    if (query != NULL)
        *query++ = '\0';

    char *rest = *path != '\0' ? path : NULL;
    while (rest != NULL && status == STATUS_OK)
        status = add_segment(out_target, strsep(&rest, "/"), err);
    rest = query != NULL && *query != '\0' ? query : NULL;
    while (rest != NULL && status == STATUS_OK)
        status = add_argument(out_target, strsep(&rest, "&"), err);
    return status;
}

const char *target_argument(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->arguments_count; i++)
        if (strcmp(target->arguments[i].name, name) == 0)
            return target->arguments[i].value;
    return NULL;
}
