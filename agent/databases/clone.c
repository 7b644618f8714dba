/* Clones: private copies of a run's templates for one slot.
 *
 *   files:    template as it was when it was sealed? -> copied beside -> complete?
 *             -> old one's leftovers removed -> renamed
 *   servers:  a new clone is made (server_clone.c) -> the slot's address leads to it
 *             -> the old one is dropped
 *
 * What is asked of one slot is done in order, one thing at a time. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/databases/server_clone.h"
#include "agent/databases/template.h"
#include "shared/base/file.h"

/* A clone grows while tests write: this much is set aside for each in memory, beside twice its
 * size. */
#define CLONE_GROWTH_BYTES ((int64_t)16 * 1024 * 1024)

struct clone_task {
    struct clone_task *next;
    struct slot_clones *slot;
    struct run_templates *run; /* NULL: drop */
    databases_done *done;
    void *context;
    bool is_new_run;
    size_t server_at;          /* servers: the one that is cloned */
    struct server_clone *made; /* not the slot's yet */
    enum status status;
    struct error err;
    uv_work_t work;
};

struct slot_server {
    struct address *address; /* NULL: not made yet */
    struct server_clone *clone;
};

struct slot_clones {
    struct databases *databases;
    int64_t number;
    int64_t run; /* whose clones are there; 0 none */
    char *dir;
    bool is_in_memory;
    int64_t reserved_bytes;
    struct slot_server *servers; /* as the run's */
    size_t server_count;
    struct clone_task *tasks; /* the first is under way */
    struct arena arena;       /* of the list below      */
    struct worker_database *list;
};

static struct slot_clones *slot_of(struct databases *databases, int64_t number)
{
    CHECK(number >= 1 && number <= SLOTS_PER_AGENT_MAX);
    struct slot_clones *slot = databases->slots[number];

    if (slot == NULL) {
        slot = mem_zalloc(sizeof(*slot));
        slot->databases = databases;
        slot->number = number;
        arena_init(&slot->arena);
        databases->slots[number] = slot;
    }
    return slot;
}

/* ---- where ------------------------------------------------------------------------------ */

static int64_t bytes_wanted(const struct run_templates *run)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < run->template_count; i++)
        if (run->templates[i].ops != NULL && !run->templates[i].said->memory)
            bytes += 2 * run->templates[i].seal.bytes + CLONE_GROWTH_BYTES;
    return bytes;
}

static void place_leave(struct slot_clones *slot)
{
    slot->databases->memory_bytes_used -= slot->reserved_bytes;
    slot->reserved_bytes = 0;
    slot->run = 0;
}

/* In memory while the budget and the machine have room; else on disk.  The address stays until
 * the slot serves another run. */
static void place_choose(struct slot_clones *slot, const struct run_templates *run)
{
    struct databases *databases = slot->databases;
    int64_t wanted = bytes_wanted(run);

    place_leave(slot);
    slot->is_in_memory = databases->memory_dir != NULL &&
                         databases->memory_bytes_used + wanted <= databases->memory_bytes_max &&
                         copy_bytes_free(databases->memory_dir) >= wanted;
    if (slot->is_in_memory) {
        slot->reserved_bytes = wanted;
        databases->memory_bytes_used += wanted;
    }
    free(slot->dir);
    slot->dir = mem_printf("%s/slot-%" PRId64,
                           slot->is_in_memory ? databases->memory_dir : databases->clones_dir,
                           slot->number);
}

static char *clone_path(const char *dir, const struct database_template *template)
{
    return mem_printf("%s/%s%s", dir, template->said->alias,
                      template->ops != NULL ? template->ops->suffix : "");
}

static char *facts_path(const char *dir, const struct database_template *template)
{
    return mem_printf("%s/%s.facts.json", dir, template->said->alias);
}

/* ---- cloning (thread) ---------------------------------------------------------------------- */

static enum status template_check(const struct databases *databases,
                                  const struct database_template *template, struct error *err)
{
    struct file_print print;
    char hash[HASH_HEX_SIZE];
    enum status status = file_print_take(template->path, &print, err);

    if (status == STATUS_OK && !file_print_equals(&print, &template->print))
        status = error_set(err, STATUS_CONFLICT,
                           "the template of database '%s' was touched since"
                           " it was built",
                           template->said->alias);
    if (status != STATUS_OK || !databases->must_hash)
        return status;
    status = hash_file(template->path, hash, err);
    if (status == STATUS_OK && strcmp(hash, template->hash) != 0)
        status = error_set(err, STATUS_CONFLICT,
                           "the template of database '%s' was changed since"
                           " it was built",
                           template->said->alias);
    return status;
}

static enum status file_clone(const struct slot_clones *slot,
                              const struct database_template *template, struct error *err)
{
    const struct databases *databases = slot->databases;
    CLEANUP(mem_freep) char *path = clone_path(slot->dir, template);
    CLEANUP(mem_freep) char *beside = mem_printf("%s.new", path);
    enum copy_means means = slot->is_in_memory ? databases->memory_means : databases->disk_means;

    (void)unlink(beside);
    enum status status = copy_file(template->path, beside, 0600, means, err);
    if (status == STATUS_OK)
        status = template->ops->check(beside, &template->seal, err);
    if (status == STATUS_OK) {
        /* A journal of the old clone must never be played into the new one. */
        (void)unlink(path);
        template->ops->remove_beside(path);
        if (rename(beside, path) != 0)
            status = error_set_errno(err, "cannot rename '%s'", beside);
    }
    if (status != STATUS_OK)
        (void)unlink(beside);
    return status;
}

static enum status facts_copy(const struct slot_clones *slot,
                              const struct database_template *template, struct error *err)
{
    CLEANUP(mem_freep) char *path = facts_path(slot->dir, template);

    (void)unlink(path);
    return copy_file(
        template->facts, path, 0600,
        slot->is_in_memory ? slot->databases->memory_means : slot->databases->disk_means, err);
}

static enum status template_clone(const struct clone_task *task,
                                  const struct database_template *template, struct error *err)
{
    bool is_file = template->ops != NULL;
    enum status status = is_file ? template_check(task->slot->databases, template, err) : STATUS_OK;

    if (status == STATUS_OK && is_file && !template->said->memory)
        status = file_clone(task->slot, template, err);
    /* Facts do not change within a run. */
    if (status == STATUS_OK && template->has_facts && task->is_new_run)
        status = facts_copy(task->slot, template, err);
    return status;
}

static void clone_work(uv_work_t *work)
{
    struct clone_task *task = work->data;
    const struct run_templates *run = task->run;

    task->status = STATUS_OK;
    if (task->is_new_run)
        task->status = file_remove_tree(task->slot->dir, &task->err);
    if (task->status == STATUS_OK)
        task->status = file_make_directories(task->slot->dir, 0700, &task->err);
    for (size_t i = 0; task->status == STATUS_OK && i < run->template_count; i++)
        if (!run->templates[i].is_mirror)
            task->status = template_clone(task, &run->templates[i], &task->err);
    /* Some of several may be there: none is better than a mixture. */
    if (task->status != STATUS_OK)
        (void)!file_remove_tree(task->slot->dir, NULL);
}

static void drop_work(uv_work_t *work)
{
    struct clone_task *task = work->data;

    task->status =
        task->slot->dir != NULL ? file_remove_tree(task->slot->dir, &task->err) : STATUS_OK;
}

/* ---- the servers of a slot (loop) ---------------------------------------------------------------
 */

static void servers_drop(struct slot_clones *slot)
{
    for (size_t i = 0; i < slot->server_count; i++) {
        address_free(slot->servers[i].address);
        server_clone_drop(slot->servers[i].clone);
    }
    free(slot->servers);
    slot->servers = NULL;
    slot->server_count = 0;
}

static void task_end(struct clone_task *task);
static void servers_go_on(struct clone_task *task);

static void task_fail(struct clone_task *task, enum status status, const char *text)
{
    task->status = error_set(&task->err, status, "%s", text);
    task_end(task);
}

static void on_handed_out(void *context, enum status status, const char *text)
{
    struct clone_task *task = context;
    struct slot_server *server = &task->slot->servers[task->server_at];
    struct server_clone *old = server->clone;

    server->clone = task->made;
    task->made = NULL;
    server_clone_drop(old);
    if (status != STATUS_OK) {
        task_fail(task, status, text);
        return;
    }
    task->server_at++;
    servers_go_on(task);
}

static void on_made(void *context, enum status status, const char *text)
{
    struct clone_task *task = context;

    if (status == STATUS_OK)
        server_clone_hand_out(task->made, task->slot->servers[task->server_at].address,
                              on_handed_out, task);
    else
        task_fail(task, status, text);
}

static enum status slot_address_make(struct clone_task *task, struct slot_server *server)
{
    const struct slot_clones *slot = task->slot;
    struct databases *databases = slot->databases;
    CLEANUP(mem_freep)
    char *dir =
        mem_printf("%s/s%" PRId64 ".%zu", databases->run_dir, slot->number, task->server_at + 1);

    return address_new(databases, task->run->servers[task->server_at].engine, dir, &server->address,
                       &task->err);
}

static void servers_go_on(struct clone_task *task)
{
    struct slot_clones *slot = task->slot;

    if (task->server_at == slot->server_count) {
        task_end(task);
        return;
    }
    struct slot_server *server = &slot->servers[task->server_at];
    if (server->address == NULL && slot_address_make(task, server) != STATUS_OK) {
        task_fail(task, task->err.status, task->err.text);
        return;
    }
    task->made = server_clone_make(&task->run->servers[task->server_at], on_made, task);
}

/* ---- the queue of a slot ------------------------------------------------------------------------
 */

static void task_start(struct slot_clones *slot);

static void task_after(uv_work_t *work, int unused)
{
    struct clone_task *task = work->data;
    struct slot_clones *slot = task->slot;

    (void)unused;
    slot->databases->work_count--;
    if (task->run == NULL || task->status != STATUS_OK || slot->databases->is_closing)
        task_end(task);
    else
        servers_go_on(task);
}

static void task_end(struct clone_task *task)
{
    struct slot_clones *slot = task->slot;
    struct databases *databases = slot->databases;

    slot->tasks = task->next;
    if (task->run == NULL || task->status != STATUS_OK) {
        place_leave(slot);
        if (!databases->is_closing)
            servers_drop(slot);
    } else {
        slot->run = task->run->run;
    }
    if (task->run != NULL && !databases->is_closing)
        templates_leave(task->run);
    if (slot->tasks != NULL && !databases->is_closing)
        task_start(slot);
    if (task->done != NULL && !databases->is_closing)
        task->done(task->context, task->status, task->status == STATUS_OK ? "" : task->err.text);
    free(task);
}

static void refuse_work(uv_work_t *work)
{
    (void)work; /* task->status and ->err say it already */
}

static void task_start(struct slot_clones *slot)
{
    struct clone_task *task = slot->tasks;
    uv_work_cb work = drop_work;

    if (task->run != NULL && task->run->state != TEMPLATES_BUILT) {
        task->status = error_set(&task->err, STATUS_CONFLICT,
                                 "the databases of run %" PRId64 " are not built", task->run->run);
        work = refuse_work;
    } else if (task->run != NULL) {
        task->is_new_run = slot->run != task->run->run;
        if (task->is_new_run) {
            place_choose(slot, task->run);
            servers_drop(slot);
            slot->server_count = task->run->server_count;
            slot->servers = mem_zalloc((slot->server_count + 1) * sizeof(*slot->servers));
        }
        work = clone_work;
    }
    task->work.data = task;
    slot->databases->work_count++;
    CHECK(uv_queue_work(slot->databases->loop, &task->work, work, task_after) == 0);
}

static void task_add(struct slot_clones *slot, struct run_templates *run, databases_done *done,
                     void *context)
{
    struct clone_task *task = mem_zalloc(sizeof(*task));
    struct clone_task **at = &slot->tasks;

    task->slot = slot;
    task->run = run;
    task->done = done;
    task->context = context;
    if (run != NULL)
        run->users++;
    while (*at != NULL)
        at = &(*at)->next;
    *at = task;
    if (slot->tasks == task)
        task_start(slot);
}

void databases_clone(struct databases *databases, int64_t run, int64_t slot, databases_done *done,
                     void *context)
{
    struct run_templates *templates = templates_find(databases, run);

    /* The foreman clones what it has built. */
    CHECK(templates != NULL);
    task_add(slot_of(databases, slot), templates, done, context);
}

void databases_drop_slot(struct databases *databases, int64_t slot)
{
    if (databases->slots[slot] != NULL)
        task_add(databases->slots[slot], NULL, NULL, NULL);
}

/* ---- what a worker is told
 * ------------------------------------------------------------------------ */

static void server_tell(const struct slot_clones *slot, const struct run_templates *run,
                        const struct server_template *server, struct worker_database *database)
{
    const struct address *address = slot->servers[server - run->servers].address;

    database->host = "127.0.0.1";
    database->port = address_port(address);
    database->socket = address_socket(address);
    database->user = SERVER_USER;
    database->password = address_password(address);
}

static void entry_fill(struct slot_clones *slot, const struct run_templates *run, const char *dir,
                       bool is_cloned, size_t index)
{
    const struct database_template *own = &run->templates[index];
    const struct database_template *real = template_of(run, own->said->alias);
    CLEANUP(mem_freep) char *path = clone_path(dir, real != NULL ? real : own);
    CLEANUP(mem_freep) char *facts = facts_path(dir, real != NULL ? real : own);
    bool memory = is_cloned && real != NULL && real->said->memory;

    bool is_server = real != NULL && real->ops == NULL;

    slot->list[index] = (struct worker_database){
        .alias = arena_strdup(&slot->arena, own->said->alias),
        .engine = arena_strdup(&slot->arena, own->said->engine),
        .name = arena_strdup(&slot->arena, real != NULL ? real->name : own->name),
        .path = is_server ? "" : arena_strdup(&slot->arena, path),
        .memory = memory,
        .image = memory ? arena_strdup(&slot->arena, real->path) : "",
        .facts =
            is_cloned && real != NULL && real->has_facts ? arena_strdup(&slot->arena, facts) : "",
        .mirror = own->said->mirror != NULL ? arena_strdup(&slot->arena, own->said->mirror) : "",
    };
    database_on_no_server(&slot->list[index]);
    if (is_server && is_cloned)
        server_tell(slot, run, real->server, &slot->list[index]);
}

void databases_of_slot(struct databases *databases, int64_t run, int64_t slot,
                       const struct worker_database **out_array, size_t *out_count)
{
    const struct run_templates *templates = templates_find(databases, run);
    struct slot_clones *clones = slot_of(databases, slot);
    bool is_cloned = templates != NULL && clones->run == run;

    *out_array = NULL;
    *out_count = 0;
    if (templates == NULL)
        return;
    arena_release(&clones->arena);
    arena_init(&clones->arena);
    /* Without clones the files must not be there, whatever the slot served before. */
    const char *dir =
        is_cloned ? clones->dir : arena_printf(&clones->arena, "%s/none", databases->clones_dir);
    clones->list =
        arena_array(&clones->arena, templates->template_count + 1, sizeof(*clones->list));
    for (size_t i = 0; i < templates->template_count; i++)
        entry_fill(clones, templates, dir, is_cloned, i);
    *out_array = clones->list;
    *out_count = templates->template_count;
}

/* Those that wait for a server that has been killed. */
static void tasks_release(struct slot_clones *slot)
{
    while (slot->tasks != NULL) {
        struct clone_task *task = slot->tasks;
        slot->tasks = task->next;
        free(task);
    }
}

void slots_release(struct databases *databases)
{
    for (int64_t number = 1; number <= SLOTS_PER_AGENT_MAX; number++) {
        struct slot_clones *slot = databases->slots[number];
        if (slot == NULL)
            continue;
        tasks_release(slot);
        for (size_t i = 0; i < slot->server_count; i++)
            address_free(slot->servers[i].address);
        free(slot->servers);
        arena_release(&slot->arena);
        free(slot->dir);
        free(slot);
    }
}
