#include "agent/databases/server_common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/text.h"

const struct server_engine *const server_engines[SERVER_ENGINES] = {
    &server_postgresql,
    &server_mariadb,
    &server_mysql,
};

const struct server_engine *server_engine_find(const char *name)
{
    for (size_t i = 0; i < SERVER_ENGINES; i++) {
        if (strcmp(server_engines[i]->name, name) == 0)
            return server_engines[i];
    }
    return NULL;
}

/* ---- commands ------------------------------------------------------------------ */

/* No engine's own arguments are more; the options of a suite make it grow. */
#define ARGUMENTS_ROOM 64

void server_arguments_init(struct server_arguments *arguments, struct arena *arena)
{
    *arguments = (struct server_arguments){.arena = arena, .room = ARGUMENTS_ROOM};
    arguments->at = arena_array(arena, arguments->room, sizeof(*arguments->at));
}

void server_arguments_add(struct server_arguments *arguments, const char *text)
{
    if (arguments->count + 1 == arguments->room) {
        char **wider = arena_array(arguments->arena, 2 * arguments->room, sizeof(*wider));

        memcpy(wider, arguments->at, arguments->count * sizeof(*wider));
        arguments->at = wider;
        arguments->room *= 2;
    }
    arguments->at[arguments->count++] = arena_strdup(arguments->arena, text);
}

void server_arguments_add_all(struct server_arguments *arguments, const char *const *texts)
{
    for (; *texts != NULL; texts++)
        server_arguments_add(arguments, *texts);
}

/* ---- options of the suite ------------------------------------------------------ */

const struct server_refused *server_refused_find(const struct server_refused *table,
                                                 const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcasecmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

bool server_name_listed(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcasecmp(*names, name) == 0)
            return true;
    }
    return false;
}

#define OPTION_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_."

enum status server_option_check(const struct suite_option *option, struct error *err)
{
    if (option->name[0] == '\0' || strspn(option->name, OPTION_CHARS) != strlen(option->name))
        return error_set(err, STATUS_INVALID,
                         "options: '%.60s' is no name (letters, digits, '_', '.')", option->name);
    if (option->value[0] == '/' || strstr(option->value, "../") != NULL)
        return error_set(err, STATUS_INVALID, "options.%s: '%.100s' is a path; " WHY_BEYOND,
                         option->name, option->value);
    return STATUS_OK;
}

/* ---- words ---------------------------------------------------------------------- */

/* No server counts higher; what follows the number is the builder's own. */
#define VERSION_PART_MAX 9999

bool server_version_scan(const char *text, struct server_version *out_version)
{
    int *parts[] = {&out_version->major, &out_version->minor, &out_version->patch};
    char *end = NULL;

    *out_version = (struct server_version){0};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (*text < '0' || *text > '9')
            return i > 0;
        long part = strtol(text, &end, 10);

        if (part > VERSION_PART_MAX)
            return false;
        *parts[i] = (int)part;
        if (*end != '.')
            return true;
        text = end + 1;
    }
    return true;
}

static bool is_blank(char byte)
{
    return (byte >= '\0' && byte <= ' ') || byte == '\x7f';
}

/* Blanks become one space each, so that the statement is one line; cut between characters. */
static size_t line_make(const char *statement, char out_line[SERVER_DOING_BYTES + 1])
{
    size_t len = 0;

    while (is_blank(*statement) && *statement != '\0')
        statement++;
    for (; *statement != '\0' && len < SERVER_DOING_BYTES; statement++) {
        if (!is_blank(*statement))
            out_line[len++] = *statement;
        else if (out_line[len - 1] != ' ')
            out_line[len++] = ' ';
    }
    len = text_utf8_floor(out_line, len);
    while (len > 0 && out_line[len - 1] == ' ')
        len--;
    out_line[len] = '\0';
    return len;
}

/* A byte that is no UTF-8 becomes U+FFFD. */
#define REPLACEMENT_BYTES 3

const char *server_doing_line(struct arena *arena, const char *statement, double seconds)
{
    char line[SERVER_DOING_BYTES + 1];
    struct buffer clean;
    const char *text = "";

    if (line_make(statement, line) == 0)
        return "";
    buffer_init(&clean, (size_t)REPLACEMENT_BYTES * sizeof(line));
    if (text_add_as_utf8(&clean, line, strlen(line)))
        text = arena_printf(arena, "%s %.1f s", clean.at, seconds > 0 ? seconds : 0);
    buffer_release(&clean);
    return text;
}

/* ---- files of a closed directory ----------------------------------------------- */

enum status server_closed_check(const char *data_dir, const char *pid_file, struct error *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", data_dir, pid_file);

    if (file_exists(path))
        return error_set(err, STATUS_CONFLICT,
                         "the server of '%s' was not shut down cleanly: '%s' is still there",
                         data_dir, pid_file);
    return STATUS_OK;
}

enum status server_files_remove(const char *dir, const char *under, const char *pattern,
                                const char *keep, struct error *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, under);
    DIR *files = opendir(path);
    enum status status = STATUS_OK;
    struct dirent *file = NULL;

    if (files == NULL && errno == ENOENT)
        return STATUS_OK;
    if (files == NULL)
        return error_set_errno(err, "cannot list '%s'", path);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of our own */
    while (status == STATUS_OK && (file = readdir(files)) != NULL) {
        if (fnmatch(pattern, file->d_name, FNM_PERIOD) == 0 &&
            (keep == NULL || strcmp(keep, file->d_name) != 0) &&
            unlinkat(dirfd(files), file->d_name, 0) != 0 && errno != ENOENT)
            status = error_set_errno(err, "cannot remove '%s/%s'", path, file->d_name);
    }
    (void)closedir(files);
    return status;
}
