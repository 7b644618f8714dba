#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/host/tree.h"
#include "agent/host/tree_list.h"
#include "shared/base/hash.h"

#define READ_BYTES ((size_t)256 * 1024)

/* What st_blocks counts, whatever the file system's block is. */
#define STAT_BLOCK_BYTES 512

static_assert(HASH_HEX_SIZE == 65, "tree.h gives the room for a hash");

enum status tree_measure(const char *path, struct tree_size *out_size, struct error *err)
{
    struct tree_list list;
    enum status status = tree_list_take(&list, path, err);

    if (status != STATUS_OK)
        return status;
    *out_size = (struct tree_size){0, 0, 0};
    for (size_t i = 0; i < list.count; i++) {
        const struct stat *state = &list.entries[i].state;
        if (!S_ISREG(state->st_mode))
            continue;
        out_size->files++;
        out_size->bytes += state->st_size;
        out_size->allocated_bytes += state->st_blocks * (int64_t)STAT_BLOCK_BYTES;
    }
    tree_list_release(&list);
    return STATUS_OK;
}

enum status tree_give(const char *path, uid_t uid, gid_t gid, struct error *err)
{
    struct tree_list list;
    struct tree_place place = TREE_PLACE_INIT;
    enum status status = tree_list_take(&list, path, err);

    if (status != STATUS_OK)
        return status;
    /* From below: who gets a directory finds it finished. */
    for (size_t i = list.count; i-- > 1 && status == STATUS_OK;) {
        const struct tree_entry *entry = &list.entries[i];
        int directory = -1;
        if (entry->state.st_uid == uid && entry->state.st_gid == gid)
            continue;
        directory = tree_place_open(&place, &list, list.fd, entry);
        if (directory < 0 || fchownat(directory, entry->name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
            status = error_set_errno(err, "cannot give '%s/%s' to user %u", path, entry->path, uid);
    }
    if (status == STATUS_OK && fchown(list.fd, uid, gid) != 0)
        status = error_set_errno(err, "cannot give '%s' to user %u", path, uid);
    tree_place_release(&place);
    tree_list_release(&list);
    return status;
}

/* ---- hashes ------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    const struct tree_entry *const *left = a;
    const struct tree_entry *const *right = b;

    return strcmp((*left)->path, (*right)->path); /* as bytes: strcmp compares them unsigned */
}

/* The caller frees it. */
static const struct tree_entry **sorted(const struct tree_list *list)
{
    const struct tree_entry **order = mem_alloc(list->count * sizeof(struct tree_entry *));

    for (size_t i = 0; i < list->count; i++)
        order[i] = &list->entries[i];
    qsort(order, list->count, sizeof(struct tree_entry *), by_path);
    return order;
}

static enum status file_add(struct hash *hash, int directory, const char *name, char *block,
                            struct error *err)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t len = -1;

    while (fd >= 0 && (len = read(fd, block, READ_BYTES)) != 0)
        if (len > 0)
            hash_add(hash, block, (size_t)len);
        else if (errno != EINTR)
            break;
    enum status status =
        fd >= 0 && len == 0 ? STATUS_OK : error_set_errno(err, "cannot read '%s'", name);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static enum status link_add(struct hash *hash, int directory, const char *name, struct error *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(directory, name, target, sizeof(target));

    if (len < 0)
        return error_set_errno(err, "cannot read the link '%s'", name);
    hash_add(hash, target, (size_t)len);
    return STATUS_OK;
}

/* The size stands before the contents, so that no contents look like the next entry. */
static enum status entry_add(struct hash *hash, const struct tree_entry *entry, int directory,
                             char *block, struct error *err)
{
    mode_t mode = entry->state.st_mode;
    bool has_size = S_ISREG(mode) || S_ISLNK(mode);
    char head[64];

    (void)snprintf(head, sizeof(head), "%o %lld", (unsigned)mode,
                   has_size ? (long long)entry->state.st_size : 0LL);
    hash_add_text(hash, entry->path);
    hash_add_text(hash, head);
    if (S_ISREG(mode))
        return file_add(hash, directory, entry->name, block, err);
    return S_ISLNK(mode) ? link_add(hash, directory, entry->name, err) : STATUS_OK;
}

enum status tree_hash(const char *path, char out_hash[65], struct error *err)
{
    struct tree_list list;
    struct tree_place place = TREE_PLACE_INIT;
    struct hash hash;
    enum status status = tree_list_take(&list, path, err);

    if (status != STATUS_OK)
        return status;
    const struct tree_entry **order = sorted(&list);
    char *block = mem_alloc(READ_BYTES);
    hash_init(&hash);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        int directory = tree_place_open(&place, &list, list.fd, order[i]);
        status = directory >= 0
                     ? entry_add(&hash, order[i], directory, block, err)
                     : error_set_errno(err, "cannot open what holds '%s'", order[i]->path);
    }
    hash_final(&hash, out_hash);
    free(block);
    free(order);
    tree_place_release(&place);
    tree_list_release(&list);
    return status == STATUS_OK ? status : error_wrap(err, status, path);
}

enum status tree_print(const char *path, char out_hash[65], struct error *err)
{
    struct tree_list list;
    struct hash hash;
    enum status status = tree_list_take(&list, path, err);

    if (status != STATUS_OK)
        return status;
    const struct tree_entry **order = sorted(&list);
    hash_init(&hash);
    for (size_t i = 0; i < list.count; i++) {
        const struct stat *state = &order[i]->state;
        const int64_t print[] = {
            state->st_mode,         state->st_size,         (int64_t)state->st_ino,
            state->st_mtim.tv_sec,  state->st_mtim.tv_nsec, state->st_ctim.tv_sec,
            state->st_ctim.tv_nsec,
        };
        hash_add_text(&hash, order[i]->path);
        hash_add(&hash, print, sizeof(print));
    }
    hash_final(&hash, out_hash);
    free(order);
    tree_list_release(&list);
    return STATUS_OK;
}
