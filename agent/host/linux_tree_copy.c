/* A copy in three steps: the list, the directories; then every file, by several threads that take
 * the next one of the list; then, from below, the directories' owners and modes. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/host/tree.h"
#include "agent/host/tree_list.h"
#include "shared/base/file.h"

#define MODE_BITS 07777

/* What all threads of one copy share. */
struct work {
    const struct tree_list *list;
    const struct tree_options *options;
    const char *to;
    int to_fd;
    atomic_size_t next;
    atomic_bool has_failed;
    pthread_mutex_t lock;
    struct error failure; /* the first one, under the lock */
};

struct thread {
    struct work *work;
    struct tree_place from, to;
    pthread_t id;
};

/* ---- one entry ---------------------------------------------------------------- */

/* The owner first: a change of it takes setuid bits away. */
static bool settle(const struct tree_options *options, int fd, mode_t mode)
{
    return (!options->give || fchown(fd, options->uid, options->gid) == 0) &&
           fchmod(fd, mode & MODE_BITS) == 0;
}

static bool file_copy(const struct work *work, const struct tree_entry *entry, int from_dir,
                      int to_dir)
{
    int from = openat(from_dir, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int to = from < 0 ? -1
                      : openat(to_dir, entry->name,
                               O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool copied = to >= 0 && copy_open_file(from, to, entry->state.st_size, work->options->means) &&
                  settle(work->options, to, entry->state.st_mode);
    int saved = errno;

    if (from >= 0)
        (void)close(from);
    if (to >= 0 && close(to) != 0 && copied) { /* some file systems find out only now */
        saved = errno;
        copied = false;
    }
    errno = saved;
    return copied;
}

static bool link_copy(const struct work *work, const struct tree_entry *entry, int from_dir,
                      int to_dir)
{
    const struct tree_options *options = work->options;
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, entry->name, target, sizeof(target) - 1);

    if (len < 0)
        return false;
    target[len] = '\0';
    return symlinkat(target, to_dir, entry->name) == 0 &&
           (!options->give ||
            fchownat(to_dir, entry->name, options->uid, options->gid, AT_SYMLINK_NOFOLLOW) == 0);
}

static bool entry_copy(struct thread *thread, const struct tree_entry *entry)
{
    const struct work *work = thread->work;
    int from = tree_place_open(&thread->from, work->list, work->list->fd, entry);
    int to = from < 0 ? -1 : tree_place_open(&thread->to, work->list, work->to_fd, entry);

    if (to < 0)
        return false;
    return S_ISLNK(entry->state.st_mode) ? link_copy(work, entry, from, to)
                                         : file_copy(work, entry, from, to);
}

/* ---- threads ------------------------------------------------------------------ */

/* errno tells what happened; only the first failure is kept. */
static void work_fail(struct work *work, const char *path)
{
    int number = errno;

    (void)pthread_mutex_lock(&work->lock);
    if (!atomic_exchange(&work->has_failed, true)) {
        errno = number;
        (void)error_set_errno(&work->failure, "cannot copy '%s/%s' to '%s'", work->list->root, path,
                              work->to);
    }
    (void)pthread_mutex_unlock(&work->lock);
}

static void *thread_run(void *argument)
{
    struct thread *thread = argument;
    struct work *work = thread->work;
    size_t at = 0;

    while (!atomic_load(&work->has_failed) &&
           (at = atomic_fetch_add(&work->next, 1)) < work->list->count) {
        const struct tree_entry *entry = &work->list->entries[at];
        if (!S_ISDIR(entry->state.st_mode) && !entry_copy(thread, entry))
            work_fail(work, entry->path);
    }
    tree_place_release(&thread->from);
    tree_place_release(&thread->to);
    return NULL;
}

/* The caller's thread is one of them; where no more can be had, fewer do it. */
static void files_copy(struct work *work, int threads)
{
    struct thread all[TREE_THREADS_MAX];
    int started = 0;
    sigset_t every;
    sigset_t kept;

    for (int i = 0; i < threads; i++)
        all[i] = (struct thread){.work = work, .from = TREE_PLACE_INIT, .to = TREE_PLACE_INIT};
    /* Signals belong to the threads that were there before. */
    (void)sigfillset(&every);
    (void)pthread_sigmask(SIG_SETMASK, &every, &kept);
    while (started < threads - 1 &&
           pthread_create(&all[started].id, NULL, thread_run, &all[started]) == 0)
        started++;
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    (void)thread_run(&all[threads - 1]);
    for (int i = 0; i < started; i++)
        (void)pthread_join(all[i].id, NULL);
}

/* ---- directories -------------------------------------------------------------- */

static enum status kinds_check(const struct tree_list *list, struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        mode_t mode = list->entries[i].state.st_mode;
        if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
            return error_set(err, STATUS_INVALID, "'%s/%s' is no file, directory or symbolic link",
                             list->root, list->entries[i].path);
    }
    return STATUS_OK;
}

/* For now they are open to their maker, whatever they will be. */
static void directories_make(struct work *work)
{
    struct tree_place place = TREE_PLACE_INIT;
    const struct tree_list *list = work->list;

    for (size_t i = 1; i < list->count && !atomic_load(&work->has_failed); i++) {
        const struct tree_entry *entry = &list->entries[i];
        if (!S_ISDIR(entry->state.st_mode))
            continue;
        int above = tree_place_open(&place, list, work->to_fd, entry);
        if (above < 0 || mkdirat(above, entry->name, S_IRWXU) != 0)
            work_fail(work, entry->path);
    }
    tree_place_release(&place);
}

static void directories_settle(struct work *work)
{
    struct tree_place place = TREE_PLACE_INIT;
    const struct tree_list *list = work->list;

    for (size_t i = list->count; i-- > 0 && !atomic_load(&work->has_failed);) {
        const struct tree_entry *entry = &list->entries[i];
        if (!S_ISDIR(entry->state.st_mode))
            continue;
        int above = tree_place_open(&place, list, work->to_fd, entry);
        int fd = above < 0 ? -1
                           : openat(above, i == 0 ? "." : entry->name,
                                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || !settle(work->options, fd, entry->state.st_mode))
            work_fail(work, entry->path);
        if (fd >= 0)
            (void)close(fd);
    }
    tree_place_release(&place);
}

/* ---- the whole ---------------------------------------------------------------- */

static enum status list_copy(const struct tree_list *list, const char *to,
                             const struct tree_options *options, struct error *err)
{
    struct work work = {.list = list, .options = options, .to = to};

    (void)pthread_mutex_init(&work.lock, NULL);
    work.to_fd = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work.to_fd < 0)
        work_fail(&work, "");
    directories_make(&work);
    files_copy(&work, options->threads);
    directories_settle(&work);
    if (work.to_fd >= 0)
        (void)close(work.to_fd);
    (void)pthread_mutex_destroy(&work.lock);
    if (!atomic_load(&work.has_failed))
        return STATUS_OK;
    if (err != NULL)
        *err = work.failure;
    return work.failure.status;
}

enum status tree_copy(const char *from, const char *to, const struct tree_options *options,
                      struct error *err)
{
    struct tree_list list;
    enum status status = STATUS_OK;

    CHECK(options->threads >= 1 && options->threads <= TREE_THREADS_MAX);
    if ((status = tree_list_take(&list, from, err)) != STATUS_OK)
        return status;
    status = kinds_check(&list, err);
    if (status == STATUS_OK && mkdir(to, S_IRWXU) != 0)
        status = error_set_errno(err, "cannot make the directory '%s'", to);
    else if (status == STATUS_OK && (status = list_copy(&list, to, options, err)) != STATUS_OK) {
        struct error rest;
        if (file_remove_tree(to, &rest) != STATUS_OK && err != NULL) {
            size_t len = strlen(err->text);
            (void)snprintf(err->text + len, sizeof(err->text) - len, "; %s", rest.text);
        }
    }
    tree_list_release(&list);
    return status;
}
