#include "agent/runs/step_stamp.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/sources/source.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

/* Inputs that nest deeper are a loop of mounts. */
#define INPUT_DEPTH_MAX 64

#define LINK_BYTES_MAX       4096
#define OS_RELEASE_BYTES_MAX 65536

static bool step_may_skip(const struct suite_prepare *step)
{
    return step->inputs_count > 0 && step->outputs_count > 0;
}

static char *stamp_path(const char *work_dir, const char *dir, const struct suite_prepare *step)
{
    char hex[HASH_HEX_SIZE];
    struct hash hash;

    hash_init(&hash);
    hash_add_text(&hash, dir);
    for (size_t i = 0; i < step->outputs_count; i++)
        hash_add_text(&hash, step->outputs[i]);
    hash_final(&hash, hex);
    return mem_printf("%s/stamps/%s", work_dir, hex);
}

/* What is built for one platform does not run on another, and a work directory may move
 * from an old distribution to a new one. */
static void hash_platform(struct hash *hash)
{
    struct utsname name;
    struct buffer release;

    if (uname(&name) == 0) {
        hash_add_text(hash, name.sysname);
        hash_add_text(hash, name.machine);
    }
    buffer_init(&release, OS_RELEASE_BYTES_MAX);
    if (file_read("/etc/os-release", &release, NULL) == STATUS_OK)
        hash_add_text(hash, release.at);
    buffer_release(&release);
}

static enum status hash_input(struct hash *hash, const char *path, int depth, struct error *err);

static int name_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status hash_directory(struct hash *hash, const char *path, int depth, struct error *err)
{
    struct dirent **names = NULL;
    enum status status = STATUS_OK;
    int count = scandir(path, &names, NULL, name_compare);

    if (count < 0)
        return error_set_errno(err, "cannot read '%s'", path);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;

        if (status == STATUS_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            CLEANUP(mem_freep) char *below = mem_printf("%s/%s", path, name);

            hash_add_text(hash, name);
            status = hash_input(hash, below, depth - 1, err);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

static enum status hash_input(struct hash *hash, const char *path, int depth, struct error *err)
{
    char hex[HASH_HEX_SIZE];
    char target[LINK_BYTES_MAX] = "";
    struct stat info;
    enum status status = STATUS_OK;

    if (depth == 0 || lstat(path, &info) != 0)
        return error_set(err, STATUS_INVALID, "input '%s' does not exist", path);
    if (S_ISDIR(info.st_mode)) {
        hash_add_text(hash, "directory");
        return hash_directory(hash, path, depth, err);
    }
    if (S_ISLNK(info.st_mode)) {
        (void)!readlink(path, target, sizeof(target) - 1);
        hash_add_text(hash, "link");
        hash_add_text(hash, target);
        return STATUS_OK;
    }
    if (!S_ISREG(info.st_mode))
        return error_set(err, STATUS_INVALID, "input '%s' is neither file nor directory", path);
    status = hash_file(path, hex, err);
    hash_add_text(hash, (info.st_mode & S_IXUSR) != 0 ? "program" : "file");
    hash_add_text(hash, hex);
    return status;
}

enum status step_hash(const char *dir, const struct suite_prepare *step,
                      char out_hex[HASH_HEX_SIZE], struct error *err)
{
    struct hash hash;
    enum status status = STATUS_OK;

    hash_init(&hash);
    hash_add_text(&hash, "muster step 1");
    hash_platform(&hash);
    for (size_t i = 0; i < step->run_count; i++)
        hash_add_text(&hash, step->run[i]);
    hash_add_text(&hash, "");
    for (size_t i = 0; i < step->inputs_count && status == STATUS_OK; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, step->inputs[i]);

        if (!source_path_is_inside(step->inputs[i]))
            return error_set(err, STATUS_INVALID,
                             "input '%s' lies outside of the suite's directory", step->inputs[i]);
        hash_add_text(&hash, step->inputs[i]);
        status = hash_input(&hash, path, INPUT_DEPTH_MAX, err);
    }
    hash_final(&hash, out_hex);
    return status;
}

static const char *missing_output(const char *dir, const struct suite_prepare *step)
{
    for (size_t i = 0; i < step->outputs_count; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, step->outputs[i]);

        if (!file_exists(path))
            return step->outputs[i];
    }
    return NULL;
}

bool step_is_done(const char *work_dir, const char *dir, const struct suite_prepare *step,
                  const char *hash)
{
    CLEANUP(mem_freep) char *path = stamp_path(work_dir, dir, step);
    struct buffer stamp;
    bool is_same = false;

    if (!step_may_skip(step) || missing_output(dir, step) != NULL)
        return false;
    buffer_init(&stamp, HASH_HEX_SIZE);
    is_same = file_read(path, &stamp, NULL) == STATUS_OK && text_equals(stamp.at, hash);
    buffer_release(&stamp);
    return is_same;
}

void step_stamp_remove(const char *work_dir, const char *dir, const struct suite_prepare *step)
{
    CLEANUP(mem_freep) char *path = stamp_path(work_dir, dir, step);

    (void)unlink(path);
}

enum status step_stamp_write(const char *work_dir, const char *dir,
                             const struct suite_prepare *step, const char *hash, struct error *err)
{
    CLEANUP(mem_freep) char *path = stamp_path(work_dir, dir, step);
    CLEANUP(mem_freep) char *stamps = mem_printf("%s/stamps", work_dir);
    const char *missing = missing_output(dir, step);
    enum status status = STATUS_OK;

    if (missing != NULL)
        return error_set(err, STATUS_INVALID, "it ended well but did not make its output '%s'",
                         missing);
    if (!step_may_skip(step))
        return STATUS_OK;
    status = file_make_directories(stamps, 0700, err);
    return status == STATUS_OK ? file_write_atomic(path, hash, strlen(hash), 0600, err) : status;
}
