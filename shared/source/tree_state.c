#include "shared/source/tree_state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "shared/source/git_call.h"

/* The paths of a tree in which a million files changed. */
#define STATUS_BYTES_MAX ((size_t)128 << 20)

/* A status of a big tree on a cold disk; past it, git hangs. */
#define STATUS_TIMEOUT_MS 120000

#define PATH_BYTES_MAX 4096

struct walk {
    const char *top;    /* the repository's                             */
    const char *prefix; /* of the directory in it: "" or "sub/dir/"     */
    const char *const *except;
    size_t except_count;
    struct hash hash;
    bool is_dirty;
};

static bool path_is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    while (len > 0 && dir[len - 1] == '/')
        len--;
    return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool path_has_part(const char *path, const char *part)
{
    size_t len = strlen(part);

    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, part, len) == 0 && (at[len] == '/' || at[len] == '\0'))
            return true;
    }
    return false;
}

static bool path_counts(const struct walk *walk, const char *path)
{
    size_t len = strlen(path);

    if (path_has_part(path, "__pycache__") || path_has_part(path, ".pytest_cache"))
        return false;
    if (len >= 4 && strcmp(path + len - 4, ".pyc") == 0)
        return false;
    for (size_t i = 0; i < walk->except_count; i++) {
        if (path_is_below(path, walk->except[i]))
            return false;
    }
    return true;
}

static enum status hash_contents(struct hash *hash, const char *path, const struct stat *info,
                                 struct error *err)
{
    char bytes[65536];
    char size[32];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return error_set_errno(err, "cannot read '%s'", path);
    (void)snprintf(size, sizeof(size), "%" PRId64, (int64_t)info->st_size);
    hash_add_text(hash, "file");
    hash_add_text(hash, (info->st_mode & S_IXUSR) != 0 ? "x" : "-");
    hash_add_text(hash, size);
    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        hash_add(hash, bytes, (size_t)got);
    if (got < 0) {
        enum status status = error_set_errno(err, "cannot read '%s'", path);

        (void)close(fd);
        return status;
    }
    (void)close(fd);
    return STATUS_OK;
}

static enum status hash_path(struct hash *hash, const char *path, struct error *err)
{
    struct stat info;

    if (lstat(path, &info) != 0) {
        hash_add_text(hash, "gone");
        return STATUS_OK;
    }
    if (S_ISREG(info.st_mode))
        return hash_contents(hash, path, &info, err);
    if (S_ISLNK(info.st_mode)) {
        char target[PATH_BYTES_MAX] = "";
        ssize_t len = readlink(path, target, sizeof(target) - 1);

        target[len > 0 ? len : 0] = '\0';
        hash_add_text(hash, "link");
        hash_add_text(hash, target);
        return STATUS_OK;
    }
    hash_add_text(hash, S_ISDIR(info.st_mode) ? "directory" : "other");
    return STATUS_OK;
}

/* An entry is "XY PATH"; the path counts from the repository's top. */
static enum status walk_entry(struct walk *walk, const char *entry, struct error *err)
{
    const char *path = strlen(entry) > 3 ? entry + 3 : "";
    size_t prefix_len = strlen(walk->prefix);
    enum status status = STATUS_OK;
    char *full = NULL;

    if (strncmp(path, walk->prefix, prefix_len) != 0 || !path_counts(walk, path + prefix_len))
        return STATUS_OK;
    walk->is_dirty = true;
    hash_add_text(&walk->hash, path + prefix_len);
    full = mem_printf("%s/%s", walk->top, path);
    status = hash_path(&walk->hash, full, err);
    mem_freep(&full);
    return status;
}

static enum status git_line(const char *dir, const char *const *argv, struct buffer *line,
                            struct error *err)
{
    struct git_call call = {
        .dir = dir, .argv = argv, .timeout_ms = STATUS_TIMEOUT_MS, .lock_fd = -1};
    enum status status = git_call(&call, line, err);

    while (line->len > 0 && line->at[line->len - 1] == '\n')
        line->at[--line->len] = '\0';
    return status;
}

static enum status dirt_hash(const char *dir, struct walk *walk, struct error *err)
{
    static const char *const argv[] = {"status",
                                       "--porcelain=v1",
                                       "-z",
                                       "--no-renames",
                                       "--untracked-files=all",
                                       "--ignore-submodules=none",
                                       "--",
                                       ".",
                                       NULL};
    struct git_call call = {
        .dir = dir, .argv = argv, .timeout_ms = STATUS_TIMEOUT_MS, .lock_fd = -1};
    struct buffer listed;
    enum status status = STATUS_OK;

    buffer_init(&listed, STATUS_BYTES_MAX);
    status = git_call(&call, &listed, err);
    hash_init(&walk->hash);
    hash_add_text(&walk->hash, "muster tree 1");
    for (size_t at = 0; status == STATUS_OK && at < listed.len; at += strlen(listed.at + at) + 1)
        status = walk_entry(walk, listed.at + at, err);
    buffer_release(&listed);
    return status;
}

static enum status repository_read(const char *dir, struct walk *walk, struct tree_state *state,
                                   struct error *err)
{
    static const char *const head[] = {"rev-parse", "--verify", "--quiet", "HEAD^{commit}", NULL};
    static const char *const prefix[] = {"rev-parse", "--show-prefix", NULL};
    struct buffer line;
    struct buffer prefix_line;
    enum status status = STATUS_OK;

    buffer_init(&line, PATH_BYTES_MAX);
    buffer_init(&prefix_line, PATH_BYTES_MAX);
    /* A repository before its first commit has no HEAD; all of it is then dirt. */
    if (git_line(dir, head, &line, NULL) == STATUS_OK && line.len < TREE_REVISION_SIZE)
        (void)memcpy(state->revision, line.at, line.len + 1);
    status = git_line(dir, prefix, &prefix_line, err);
    walk->prefix = prefix_line.len > 0 ? prefix_line.at : "";
    if (status == STATUS_OK)
        status = dirt_hash(dir, walk, err);
    if (status == STATUS_OK) {
        hash_final(&walk->hash, state->hash);
        state->is_dirty = walk->is_dirty;
        state->is_repository = true;
    }
    buffer_release(&line);
    buffer_release(&prefix_line);
    return status;
}

enum status tree_state_read(const char *dir, const char *const *except, size_t except_count,
                            struct tree_state *out_state, struct error *err)
{
    static const char *const top[] = {"rev-parse", "--show-toplevel", NULL};
    struct walk walk = {.except = except, .except_count = except_count};
    struct buffer top_line;
    enum status status = STATUS_OK;

    *out_state = (struct tree_state){0};
    buffer_init(&top_line, PATH_BYTES_MAX);
    status = git_line(dir, top, &top_line, err);
    /* STATUS_INVALID: git ran and says that this is no work tree. */
    if (status == STATUS_OK) {
        walk.top = top_line.at;
        status = repository_read(dir, &walk, out_state, err);
    } else if (status == STATUS_INVALID || status == STATUS_NOT_FOUND) {
        status = STATUS_OK;
    }
    buffer_release(&top_line);
    return status;
}
