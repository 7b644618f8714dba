#include "agent/spawn/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/check.h"

const char *const namespaces_names[NAMESPACES_COUNT] = {
    [NAMESPACES_NONE] = "none",
    [NAMESPACES_PID] = "pid",
    [NAMESPACES_USER] = "user",
};

static bool number_read(const char *text, int64_t *out_value)
{
    char *end = NULL;

    errno = 0;
    *out_value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out_value >= 0;
}

static bool on_parent(struct spawn_options *options, const char *text)
{
    int64_t pid = 0;

    if (!number_read(text, &pid) || pid > INT32_MAX)
        return false;
    options->parent = (pid_t)pid;
    return true;
}

static bool on_keep(struct spawn_options *options, const char *text)
{
    int64_t fds = 0;

    if (!number_read(text, &fds) || fds < 3 || fds > SPAWN_STATUS_FD)
        return false;
    options->keep_fds = (unsigned)fds;
    return true;
}

static bool on_namespaces(struct spawn_options *options, const char *text)
{
    for (int i = 0; i < NAMESPACES_COUNT; i++)
        if (strcmp(text, namespaces_names[i]) == 0) {
            options->namespaces = (enum namespaces)i;
            return true;
        }
    return false;
}

/* UID:GID, neither of them root's. */
static bool on_user(struct spawn_options *options, const char *text)
{
    char *end = NULL;

    errno = 0;
    long long uid = strtoll(text, &end, 10);
    if (end == text || *end != ':')
        return false;
    const char *group = end + 1;
    long long gid = strtoll(group, &end, 10);
    if (errno != 0 || end == group || *end != '\0' || uid <= 0 || gid <= 0 || uid >= UINT32_MAX ||
        gid >= UINT32_MAX)
        return false;
    options->drop = true;
    options->uid = (uid_t)uid;
    options->gid = (gid_t)gid;
    return true;
}

static bool on_show(struct spawn_options *options, const char *text)
{
    if (options->show_count == SPAWN_SHOW_MAX)
        return false;
    options->show[options->show_count++] = text;
    return true;
}

/* clang-format off */
static bool on_record(struct spawn_options *options, const char *text)    { options->record = text; return true; }
static bool on_key(struct spawn_options *options, const char *text)       { options->key = text; return true; }
static bool on_hide(struct spawn_options *options, const char *text)      { options->hide = text; return true; }
static bool on_directory(struct spawn_options *options, const char *text) { options->directory = text; return true; }
static bool on_probe(struct spawn_options *options, const char *text)     { options->probe = text; return true; }
static bool on_processes(struct spawn_options *options, const char *text) { return number_read(text, &options->processes); }
static bool on_memory(struct spawn_options *options, const char *text)    { return number_read(text, &options->memory_bytes); }
static bool on_overlay(struct spawn_options *options, const char *text)   { options->overlay.lower = text; return true; }
static bool on_upper(struct spawn_options *options, const char *text)     { options->overlay.upper = text; return true; }
static bool on_scratch(struct spawn_options *options, const char *text)   { options->overlay.scratch = text; return true; }
static bool on_at(struct spawn_options *options, const char *text)        { options->overlay.at = text; return true; }

static const struct {
    const char *name;
    bool (*take)(struct spawn_options *options, const char *text);
} table[] = {
    {"--record",     on_record},
    {"--key",        on_key},
    {"--parent",     on_parent},
    {"--namespaces", on_namespaces},
    {"--hide",       on_hide},
    {"--show",       on_show},
    {"--directory",  on_directory},
    {"--processes",  on_processes},
    {"--memory",     on_memory},
    {"--keep",       on_keep},
    {"--overlay",    on_overlay},
    {"--upper",      on_upper},
    {"--scratch",    on_scratch},
    {"--at",         on_at},
    {"--user",       on_user},
    {"--probe",      on_probe},
};
/* clang-format on */

static bool option_take(struct spawn_options *options, const char *name, const char *text)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(name, table[i].name) == 0)
            return text != NULL && table[i].take(options, text);
    return false;
}

/* NULL: they go together. */
static const char *contradiction(const struct spawn_options *options)
{
    if (options->record == NULL || options->key == NULL || options->argv == NULL)
        return "--record, --key and a program are needed";
    if (!overlay_is_whole(&options->overlay))
        return "--overlay, --upper, --scratch and --at are needed together";
    if (options->overlay.lower != NULL && options->namespaces == NAMESPACES_NONE)
        return "--overlay needs --namespaces pid or user";
    if (options->drop && geteuid() != 0)
        return "--user is for root only";
    return NULL;
}

bool spawn_options_read(struct spawn_options *options, int argc, char **argv, const char **out_text)
{
    int at = 1;

    *options = (struct spawn_options){.keep_fds = 3};
    for (; at < argc && strcmp(argv[at], "--") != 0; at += 2)
        if (!option_take(options, argv[at], at + 1 < argc ? argv[at + 1] : NULL)) {
            *out_text = argv[at];
            return false;
        }
    if (options->probe != NULL)
        return true;
    options->argv = at + 1 < argc ? argv + at + 1 : NULL;
    *out_text = contradiction(options);
    return *out_text == NULL;
}
