#include "agent/host/leases.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/host/lease_record.h"
#include "agent/host/mount.h"
#include "agent/host/process.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

struct lease_book {
    pthread_mutex_t lock;
    char *dir;
    int64_t next_id;
};

/* A record found on disk. */
struct found {
    int64_t id;
    struct lease_record record;
};

struct found_list {
    struct found *at;
    size_t count;
    size_t cap;
};

static void found_list_release(struct found_list *list)
{
    free(list->at);
}

static void buffer_cleanup(struct buffer *buffer)
{
    buffer_release(buffer);
}

void lease_book_path(const struct lease_book *book, int64_t id, char out_path[LEASE_PATH_SIZE])
{
    (void)snprintf(out_path, LEASE_PATH_SIZE, "%s/%" PRId64, book->dir, id);
}

/* ---- reading the directory ------------------------------------------------------ */

/* Calls back for each file that has a number as its name. */
static enum status book_walk(struct lease_book *book, void (*each)(void *context, int64_t id),
                             void *context, struct error *err)
{
    DIR *dir = opendir(book->dir);
    const struct dirent *entry = NULL;
    int64_t id = 0;

    if (dir == NULL)
        return error_set_errno(err, "cannot read '%s'", book->dir);
    while ((entry = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
        if (text_to_int64(entry->d_name, 1, INT64_MAX - 1, &id))
            each(context, id);
    (void)closedir(dir);
    return STATUS_OK;
}

static void id_note(void *context, int64_t id)
{
    int64_t *next = context;

    if (id >= *next)
        *next = id + 1;
}

static void id_count(void *context, int64_t id)
{
    (void)id;
    (*(size_t *)context)++;
}

size_t lease_book_count(struct lease_book *book)
{
    size_t count = 0;

    return book_walk(book, id_count, &count, NULL) == STATUS_OK ? count : 0;
}

/* ---- opening -------------------------------------------------------------------- */

enum status lease_book_open(const char *work_dir, struct lease_book **out_book, struct error *err)
{
    struct lease_book *book = mem_zalloc(sizeof(*book));

    CHECK(work_dir[0] == '/');
    book->dir = mem_printf("%s/leases", work_dir);
    book->next_id = 1;
    (void)pthread_mutex_init(&book->lock, NULL);

    enum status status = file_make_directories(book->dir, 0700, err);
    if (status == STATUS_OK)
        status = book_walk(book, id_note, &book->next_id, err);
    if (status != STATUS_OK) {
        lease_book_free(book);
        return status;
    }
    *out_book = book;
    return STATUS_OK;
}

void lease_book_free(struct lease_book *book)
{
    if (book == NULL)
        return;
    (void)pthread_mutex_destroy(&book->lock);
    free(book->dir);
    free(book);
}

/* ---- writing -------------------------------------------------------------------- */

enum status lease_book_add(struct lease_book *book, enum lease_record_kind kind, const char *what,
                           int64_t *out_id, struct error *err)
{
    struct lease_record record;
    char path[LEASE_PATH_SIZE];
    enum status status = lease_record_init(&record, kind, what, err);

    if (status != STATUS_OK)
        return status;
    (void)pthread_mutex_lock(&book->lock);
    int64_t id = book->next_id++;
    (void)pthread_mutex_unlock(&book->lock);

    lease_book_path(book, id, path);
    status = lease_record_write(path, &record, err);
    if (status == STATUS_OK)
        *out_id = id;
    return status;
}

void lease_book_remove(struct lease_book *book, int64_t id)
{
    char path[LEASE_PATH_SIZE];

    lease_book_path(book, id, path);
    (void)unlink(path); /* a record too many is swept at the next start */
}

/* ---- sweeping ------------------------------------------------------------------- */

struct sweep {
    struct lease_book *book;
    struct found_list list;
};

static void record_find(void *context, int64_t id)
{
    struct sweep *sweep = context;
    struct found found = {.id = id};
    CLEANUP(buffer_cleanup) struct buffer text;
    char path[LEASE_PATH_SIZE];

    buffer_init(&text, LEASE_RECORD_BYTES_MAX);
    lease_book_path(sweep->book, id, path);
    if (file_read(path, &text, NULL) != STATUS_OK)
        return;
    /* A record is there whole or not at all: one that cannot be read names nothing that was made.
     */
    if (lease_record_decode(text.at, text.len, &found.record, NULL) != STATUS_OK) {
        lease_book_remove(sweep->book, id);
        return;
    }
    VEC_PUSH(sweep->list.at, sweep->list.count, sweep->list.cap) = found;
}

static enum status file_remove(const char *path, struct error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set_errno(err, "cannot remove '%s'", path);
    return STATUS_OK;
}

/* Processes come first and together, see processes_sweep. */
static enum status (*const kind_remove[LEASE_RECORD_KIND_COUNT])(const char *what,
                                                                 struct error *err) = {
    [LEASE_RECORD_MOUNT] = mount_remove,
    [LEASE_RECORD_FILE] = file_remove,
    [LEASE_RECORD_DIRECTORY] = file_remove_tree,
};

static enum status processes_sweep(const struct sweep *sweep, struct error *err)
{
    CLEANUP(mem_freep)
    struct lease_record *records = mem_zalloc((sweep->list.count + 1) * sizeof(*records));
    size_t count = 0;

    for (size_t i = 0; i < sweep->list.count; i++)
        if (sweep->list.at[i].record.kind == LEASE_RECORD_PROCESS)
            records[count++] = sweep->list.at[i].record;
    return count > 0 ? process_kill_recorded(records, count, err) : STATUS_OK;
}

/* Removes the things of one kind; returns the first failure. */
static enum status kind_sweep(struct sweep *sweep, enum lease_record_kind kind, struct error *err)
{
    enum status first = STATUS_OK;

    for (size_t i = 0; i < sweep->list.count; i++) {
        const struct found *found = &sweep->list.at[i];
        if (found->record.kind != kind)
            continue;
        enum status status =
            kind_remove[kind] == NULL
                ? STATUS_OK
                : kind_remove[kind](found->record.what, first == STATUS_OK ? err : NULL);
        if (status == STATUS_OK)
            lease_book_remove(sweep->book, found->id);
        else if (first == STATUS_OK)
            first = status;
    }
    return first;
}

enum status lease_book_sweep(struct lease_book *book, struct error *err)
{
    static const enum lease_record_kind order[] = {LEASE_RECORD_PROCESS, LEASE_RECORD_MOUNT,
                                                   LEASE_RECORD_FILE, LEASE_RECORD_DIRECTORY};
    struct sweep sweep = {.book = book, .list = {NULL, 0, 0}};
    enum status status = book_walk(book, record_find, &sweep, err);

    /* While a process lives it may use what the other records name: all keep theirs. */
    if (status == STATUS_OK)
        status = processes_sweep(&sweep, err);
    if (status == STATUS_OK)
        for (size_t i = 0; i < COUNT_OF(order); i++) {
            enum status one = kind_sweep(&sweep, order[i], status == STATUS_OK ? err : NULL);
            status = status == STATUS_OK ? one : status;
        }
    found_list_release(&sweep.list);
    return status;
}
