#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/databases/template.h"
#include "shared/base/file.h"
#include "shared/base/random.h"

/* Memory that clones may take: a quarter of what is free there, since tests need memory too, and
 * no more than this. */
#define MEMORY_SHARE     4
#define MEMORY_BYTES_MAX ((int64_t)2 * 1024 * 1024 * 1024)

/* Below this it holds no clone of a usual size, as in a container with Docker's 64 MiB. */
#define MEMORY_BYTES_LEAST ((int64_t)48 * 1024 * 1024)

#define MIB ((int64_t)1024 * 1024)

#define MEMORY_PLACE "/dev/shm"

static enum status directory_make(struct databases *databases, const char *path,
                                  int64_t *out_record, struct error *err)
{
    enum status status =
        lease_book_add(databases->book, LEASE_RECORD_DIRECTORY, path, out_record, err);

    return status == STATUS_OK ? file_make_directories(path, 0700, err) : status;
}

/* What lies there was made by an incarnation whose records a power failure took. */
static enum status places_clear(const struct databases *databases, struct error *err)
{
    static const char *const names[] = {"building", "clones", "templates"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", databases->work_dir, names[i]);
        enum status status = file_remove_tree(path, err);
        if (status == STATUS_OK && strcmp(names[i], "clones") != 0)
            status = file_make_directories(path, 0700, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Memory is worth it only where a copy on disk is a real one.  Not having it is no error. */
static void memory_try(struct databases *databases, const char *templates_dir)
{
    char unique[17];

    databases->memory_bytes_max = copy_bytes_free(MEMORY_PLACE) / MEMORY_SHARE;
    if (databases->memory_bytes_max > MEMORY_BYTES_MAX)
        databases->memory_bytes_max = MEMORY_BYTES_MAX;
    if (databases->disk_means == COPY_REFLINK || !copy_is_in_memory(MEMORY_PLACE) ||
        databases->memory_bytes_max < MEMORY_BYTES_LEAST)
        return;
    random_hex(unique, 8);
    databases->memory_dir = mem_printf("%s/muster-%s", MEMORY_PLACE, unique);
    if (directory_make(databases, databases->memory_dir, &databases->memory_record, NULL) ==
            STATUS_OK &&
        copy_means_try(templates_dir, databases->memory_dir, &databases->memory_means, NULL) ==
            STATUS_OK)
        return;
    (void)!file_remove_tree(databases->memory_dir, NULL);
    free(databases->memory_dir);
    databases->memory_dir = NULL;
}

static void means_say(struct databases *databases)
{
    if (databases->memory_dir != NULL)
        (void)snprintf(databases->means_text, sizeof(databases->means_text),
                       "clones in %s, %lld MiB at most; then on disk by %s", databases->memory_dir,
                       (long long)(databases->memory_bytes_max / MIB),
                       copy_means_name(databases->disk_means));
    else
        (void)snprintf(databases->means_text, sizeof(databases->means_text), "clones on disk by %s",
                       copy_means_name(databases->disk_means));
}

enum status databases_new(uv_loop_t *loop, struct workers *workers, struct lease_book *book,
                          const char *work_dir, const char *drivers_dir,
                          struct databases **out_databases, struct error *err)
{
    struct databases *databases = mem_zalloc(sizeof(*databases));
    CLEANUP(mem_freep) char *templates_dir = mem_printf("%s/templates", work_dir);

    databases->loop = loop;
    databases->workers = workers;
    databases->book = book;
    databases->work_dir = mem_strdup(work_dir);
    databases->drivers_dir = mem_strdup(drivers_dir);
    databases->clones_dir = mem_printf("%s/clones", work_dir);
    databases->must_hash = !workers_hide_templates(workers);

    enum status status = places_clear(databases, err);
    if (status == STATUS_OK)
        status = directory_make(databases, databases->clones_dir, &databases->clones_record, err);
    if (status == STATUS_OK)
        status = copy_means_try(templates_dir, databases->clones_dir, &databases->disk_means, err);
    if (status != STATUS_OK) {
        databases_free(databases);
        return status;
    }
    memory_try(databases, templates_dir);
    means_say(databases);
    *out_databases = databases;
    return STATUS_OK;
}

static void place_remove(struct databases *databases, const char *path, int64_t record)
{
    if (path != NULL && record != 0 && file_remove_tree(path, NULL) == STATUS_OK)
        lease_book_remove(databases->book, record);
}

/* A run whose set-up was under way when the workers were freed hears nothing of it any more. */
static void runs_release(struct databases *databases)
{
    while (databases->runs != NULL) {
        struct run_templates *run = databases->runs;
        databases->runs = run->next;
        place_remove(databases, run->building_dir, run->building_record);
        place_remove(databases, run->dir, run->record);
        free(run->waiters);
        arena_release(&run->arena);
        free(run);
    }
}

void databases_free(struct databases *databases)
{
    if (databases == NULL)
        return;
    databases->is_closing = true;
    while (databases->work_count > 0)
        (void)uv_run(databases->loop, UV_RUN_ONCE);
    slots_release(databases);
    runs_release(databases);
    place_remove(databases, databases->clones_dir, databases->clones_record);
    place_remove(databases, databases->memory_dir, databases->memory_record);
    free(databases->work_dir);
    free(databases->drivers_dir);
    free(databases->clones_dir);
    free(databases->memory_dir);
    free(databases);
}

const char *databases_means(const struct databases *databases)
{
    return databases->means_text;
}
