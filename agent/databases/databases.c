#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/databases/server_clone.h"
#include "agent/databases/server_template.h"
#include "agent/databases/template.h"
#include "agent/workers/child.h"
#include "shared/base/buffer.h"
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

/* Servers run as this user where the agent is root. */
#define SERVER_ACCOUNT    "nobody"
#define SERVER_ACCOUNT_ID 65534 /* what the kernel calls whom it does not know */
#define ACCOUNT_BYTES     1024  /* an entry of the password file */

/* A line of the log. */
#define SERVERS_TEXT_MAX ((size_t)512)

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

/* ---- places of servers ------------------------------------------------------------------ */

/* Servers refuse to be root; this user is everywhere, and owns nothing. */
static void identity_choose(struct databases *databases)
{
    char room[ACCOUNT_BYTES];
    struct passwd account = {.pw_uid = SERVER_ACCOUNT_ID, .pw_gid = SERVER_ACCOUNT_ID};
    struct passwd *found = NULL;

    if (geteuid() != 0)
        return;
    if (getpwnam_r(SERVER_ACCOUNT, &account, room, sizeof(room), &found) != 0 || found == NULL)
        account.pw_uid = account.pw_gid = SERVER_ACCOUNT_ID;
    databases->identity = (struct server_identity){true, account.pw_uid, account.pw_gid};
}

/* May everyone walk to it?  A home directory of root's is closed. */
static bool is_reachable(const char *path)
{
    CLEANUP(mem_freep) char *part = mem_strdup(path);

    for (char *slash = part + strlen(part); slash != NULL; slash = strrchr(part, '/')) {
        struct stat info;
        *slash = '\0';
        if (part[0] != '\0' && (stat(part, &info) != 0 || (info.st_mode & S_IXOTH) == 0))
            return false;
    }
    return true;
}

static enum status server_places_make(struct databases *databases, struct error *err)
{
    static const char *const names[] = {"bases", "building", "templates", "clones"};
    bool is_apart = databases->identity.drop && !is_reachable(databases->work_dir);
    char unique[17];
    enum status status = STATUS_OK;

    random_hex(unique, 8);
    databases->run_dir = mem_printf("/tmp/muster-%s", unique);
    databases->server_dir =
        is_apart ? mem_printf("/var/tmp/muster-%s", unique) : mem_strdup(databases->work_dir);
    if (is_apart)
        status = directory_make(databases, databases->server_dir, &databases->server_record, err);
    for (size_t i = 0; status == STATUS_OK && i < COUNT_OF(names); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", databases->server_dir, names[i]);
        status = file_make_directories(path, 0755, err);
        if (status == STATUS_OK && databases->identity.drop && chmod(path, 0711) != 0)
            status = error_set_errno(err, "cannot open '%s' to servers", path);
    }
    if (status == STATUS_OK && is_apart && chmod(databases->server_dir, 0711) != 0)
        status = error_set_errno(err, "cannot open '%s' to servers", databases->server_dir);
    if (status == STATUS_OK)
        status = directory_make(databases, databases->run_dir, &databases->run_record, err);
    if (status == STATUS_OK && chmod(databases->run_dir, 0755) != 0)
        status = error_set_errno(err, "cannot open '%s' to servers", databases->run_dir);
    if (status == STATUS_OK && databases->memory_dir != NULL && databases->identity.drop &&
        chmod(databases->memory_dir, 0711) != 0)
        status = error_set_errno(err, "cannot open '%s' to servers", databases->memory_dir);
    if (status == STATUS_OK)
        status = copy_means_try(databases->server_dir, databases->server_dir,
                                &databases->server_means, err);
    return status;
}

static void servers_say(struct databases *databases)
{
    struct buffer text;

    buffer_init(&text, SERVERS_TEXT_MAX);
    for (size_t i = 0; i < databases->servers.count; i++) {
        const struct server_install *install = &databases->servers.at[i];
        CLEANUP(mem_freep)
        char *one = mem_printf("%s%s %d.%d", i > 0 ? ", " : "", install->engine->name,
                               install->version.major, install->version.minor);
        (void)buffer_add_text(&text, one);
    }
    databases->servers_text = mem_printf("%.*s", (int)text.len, text.len > 0 ? text.at : "");
    if (text.len == 0) {
        free(databases->servers_text);
        databases->servers_text = mem_strdup("none");
    }
    buffer_release(&text);
}

static enum status servers_new(struct databases *databases,
                               const struct databases_settings *settings, struct error *err)
{
    identity_choose(databases);
    enum status status = server_places_make(databases, err);
    if (status == STATUS_OK)
        status = servers_find(settings->server_dirs, settings->server_dir_count,
                              &databases->servers, err);
    if (status == STATUS_OK)
        servers_say(databases);
    databases->can_overlay = workers_children(databases->workers)->isolation.can_overlay;
    return status;
}

/* ---- all ------------------------------------------------------------------------------------ */

enum status databases_new(const struct databases_settings *settings,
                          struct databases **out_databases, struct error *err)
{
    struct databases *databases = mem_zalloc(sizeof(*databases));
    CLEANUP(mem_freep) char *templates_dir = mem_printf("%s/templates", settings->work_dir);

    databases->loop = settings->loop;
    databases->workers = settings->workers;
    databases->book = settings->book;
    databases->work_dir = mem_strdup(settings->work_dir);
    databases->drivers_dir = mem_strdup(settings->drivers_dir);
    databases->clones_dir = mem_printf("%s/clones", settings->work_dir);
    databases->must_hash = !workers_hide_templates(settings->workers);

    enum status status = places_clear(databases, err);
    if (status == STATUS_OK)
        status = directory_make(databases, databases->clones_dir, &databases->clones_record, err);
    if (status == STATUS_OK)
        status = copy_means_try(templates_dir, databases->clones_dir, &databases->disk_means, err);
    if (status == STATUS_OK) {
        memory_try(databases, templates_dir);
        means_say(databases);
        status = servers_new(databases, settings, err);
    }
    if (status != STATUS_OK) {
        databases_free(databases);
        return status;
    }
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
        for (size_t i = 0; i < run->server_count; i++) {
            server_template_remove(&run->servers[i]);
            address_free(run->servers[i].address);
        }
        free(run->waiters);
        arena_release(&run->arena);
        free(run);
    }
}

void databases_stop(struct databases *databases)
{
    databases->is_closing = true;
}

void databases_free(struct databases *databases)
{
    if (databases == NULL)
        return;
    databases_stop(databases);
    while (databases->work_count > 0 || databases->program_count > 0)
        (void)uv_run(databases->loop, UV_RUN_ONCE);
    slots_release(databases);
    server_clones_release(databases);
    runs_release(databases);
    place_remove(databases, databases->clones_dir, databases->clones_record);
    place_remove(databases, databases->memory_dir, databases->memory_record);
    place_remove(databases, databases->run_dir, databases->run_record);
    place_remove(databases, databases->server_dir, databases->server_record);
    server_list_release(&databases->servers);
    free(databases->server_dir);
    free(databases->run_dir);
    free(databases->servers_text);
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

const char *databases_servers(const struct databases *databases)
{
    return databases->servers_text;
}

const char *databases_why_copied(const struct databases *databases)
{
    const struct isolation *isolation = &workers_children(databases->workers)->isolation;

    return databases->can_overlay ? NULL : isolation->overlay_why;
}
