#include "shared/http/token_file.h"

#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/file.h"

/* A thousand lines of the coordinator's longest tokens. */
#define FILE_BYTES_MAX ((size_t)1024 * 1024)

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t len = strlen(text); len > 0 && strchr(" \t\r", text[len - 1]) != NULL; len--)
        text[len - 1] = '\0';
    return text;
}

/* It goes into a header: nothing invisible may be in it. */
static bool is_visible(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    return *text != '\0';
}

static bool has_right(char *rights, const char *right)
{
    while (rights != NULL)
        if (strcmp(trim(strsep(&rights, ",")), right) == 0)
            return true;
    return false;
}

/* False: the line is neither a token nor a comment.  *out_token stays NULL for a comment. */
static bool line_read(char *line, const char *right, const char **out_token, bool *out_is_wanted)
{
    char *text = trim(line);
    char *colon = strchr(text, ':');

    if (*text == '\0' || *text == '#')
        return true;
    *out_is_wanted = colon == NULL;
    if (colon != NULL) {
        *colon = '\0';
        *out_is_wanted = has_right(text, right);
        text = trim(colon + 1);
    }
    *out_token = text;
    return is_visible(text);
}

static enum status find(const char *path, char *bytes, const char *right, const char **out_token,
                        struct error *err)
{
    for (int number = 1; bytes != NULL; number++) {
        const char *token = NULL;
        bool is_wanted = false;

        if (!line_read(strsep(&bytes, "\n"), right, &token, &is_wanted))
            return error_set(err, STATUS_INVALID,
                             "token file '%s', line %d: a token is of visible characters", path,
                             number);
        if (token != NULL && (is_wanted || *out_token == NULL))
            *out_token = token;
        if (is_wanted)
            return STATUS_OK;
    }
    if (*out_token == NULL)
        return error_set(err, STATUS_INVALID, "token file '%s' holds no token", path);
    return STATUS_OK;
}

enum status token_file_read(const char *path, const char *right, struct arena *arena,
                            const char **out_token, struct error *err)
{
    struct buffer bytes;
    const char *token = NULL;
    enum status status = STATUS_OK;

    buffer_init(&bytes, FILE_BYTES_MAX);
    status = file_read(path, &bytes, err);
    if (status == STATUS_OK && strlen(bytes.at) != bytes.len)
        status = error_set(err, STATUS_INVALID, "token file '%s' is not a text", path);
    else if (status == STATUS_OK)
        status = find(path, bytes.at, right, &token, err);
    if (status == STATUS_OK)
        *out_token = arena_strdup(arena, token);
    explicit_bzero(bytes.at, bytes.len);
    buffer_release(&bytes);
    return status;
}
