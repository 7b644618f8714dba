#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/host/tree_list.h"

#define OPEN_STEP (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- places ------------------------------------------------------------------- */

/* Step by step; the last one with `flags`. */
static int directory_open(int root_fd, const char *path, int flags)
{
    char part[NAME_MAX + 1];
    int at = openat(root_fd, ".", *path == '\0' ? flags | OPEN_STEP : O_PATH | OPEN_STEP);

    while (at >= 0 && *path != '\0') {
        size_t len = strcspn(path, "/");
        bool is_last = path[len] == '\0';
        memcpy(part, path, len); /* a name that readdir gave */
        part[len] = '\0';
        path += is_last ? len : len + 1;
        int next = openat(at, part, (is_last ? flags : O_PATH) | OPEN_STEP);
        int saved = errno;
        (void)close(at);
        errno = saved;
        at = next;
    }
    return at;
}

int tree_place_open(struct tree_place *place, const struct tree_list *list, int root_fd,
                    const struct tree_entry *entry)
{
    if (place->fd >= 0 && place->directory == entry->parent)
        return place->fd;
    tree_place_release(place);
    place->directory = entry->parent;
    place->fd = directory_open(root_fd, list->entries[entry->parent].path, O_PATH);
    return place->fd;
}

void tree_place_release(struct tree_place *place)
{
    if (place->fd >= 0)
        (void)close(place->fd);
    place->fd = -1;
}

/* ---- the walk ----------------------------------------------------------------- */

static enum status entry_add(struct tree_list *list, size_t parent, int directory, const char *name,
                             struct error *err)
{
    const char *above = list->entries[parent].path;
    bool in_root = *above == '\0';
    struct tree_entry entry = {.parent = parent};

    if (strlen(list->root) + strlen(above) + strlen(name) + 3 > PATH_MAX)
        return error_set(err, STATUS_TOO_BIG, "a path in '%s' is longer than %d bytes", list->root,
                         PATH_MAX);
    if (fstatat(directory, name, &entry.state, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(err, "cannot look at '%s' in '%s/%s'", name, list->root, above);
    entry.path = in_root ? arena_strdup(&list->arena, name)
                         : arena_printf(&list->arena, "%s/%s", above, name);
    entry.name = in_root ? entry.path : strrchr(entry.path, '/') + 1;
    VEC_PUSH(list->entries, list->count, list->cap) = entry;
    return STATUS_OK;
}

static enum status directory_read(struct tree_list *list, size_t at, DIR *stream, struct error *err)
{
    const struct dirent *found = NULL;
    enum status status = STATUS_OK;

    errno = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own */
    while (status == STATUS_OK && (found = readdir(stream)) != NULL) {
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            status = entry_add(list, at, dirfd(stream), found->d_name, err);
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0)
        status = error_set_errno(err, "cannot read the directory '%s/%s'", list->root,
                                 list->entries[at].path);
    return status;
}

static enum status directory_list(struct tree_list *list, size_t at, struct error *err)
{
    int fd = directory_open(list->fd, list->entries[at].path, O_RDONLY);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

    if (stream == NULL) {
        enum status status = error_set_errno(err, "cannot open the directory '%s/%s'", list->root,
                                             list->entries[at].path);
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    enum status status = directory_read(list, at, stream, err);
    (void)closedir(stream);
    return status;
}

enum status tree_list_take(struct tree_list *list, const char *root, struct error *err)
{
    enum status status = STATUS_OK;
    struct tree_entry top = {.path = "", .name = ""};

    *list = (struct tree_list){.root = root, .arena = ARENA_INIT};
    list->fd = open(root, O_RDONLY | OPEN_STEP);
    if (list->fd < 0 || fstat(list->fd, &top.state) != 0)
        status = error_set_errno(err, "cannot open the directory '%s'", root);
    else
        VEC_PUSH(list->entries, list->count, list->cap) = top;
    /* The list grows while it is walked: what is in a directory comes behind it. */
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++)
        if (S_ISDIR(list->entries[i].state.st_mode))
            status = directory_list(list, i, err);
    if (status != STATUS_OK)
        tree_list_release(list);
    return status;
}

void tree_list_release(struct tree_list *list)
{
    if (list->fd >= 0)
        (void)close(list->fd);
    free(list->entries);
    arena_release(&list->arena);
    *list = (struct tree_list){.fd = -1};
}
