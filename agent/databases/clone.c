/* Clones: private copies of a run's templates for one slot.
 *
 *   template as it was when it was sealed? -> copied beside -> complete? -> old one's leftovers
 * removed -> renamed
 *
 * What is asked of one slot is done in order, one thing at a time. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    enum status status;
    struct error err;
    uv_work_t work;
};

struct slot_clones {
    struct databases *databases;
    int64_t number;
    int64_t run; /* whose clones are there; 0 none */
    char *dir;
    bool is_in_memory;
    int64_t reserved_bytes;
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
        if (!run->templates[i].said->memory)
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
    enum status status = template_check(task->slot->databases, template, err);

    if (status == STATUS_OK && !template->said->memory)
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
        if (run->templates[i].said->mirror == NULL || run->templates[i].said->mirror[0] == '\0')
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

/* ---- the queue of a slot -----------------------------------------------------------------------
 */

static void task_start(struct slot_clones *slot);

static void task_after(uv_work_t *work, int unused)
{
    struct clone_task *task = work->data;
    struct slot_clones *slot = task->slot;
    struct databases *databases = slot->databases;

    (void)unused;
    databases->work_count--;
    slot->tasks = task->next;
    if (task->run == NULL || task->status != STATUS_OK)
        place_leave(slot);
    else
        slot->run = task->run->run;
    if (task->run != NULL)
        templates_leave(task->run);
    if (slot->tasks != NULL)
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
        if (task->is_new_run)
            place_choose(slot, task->run);
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

static void entry_fill(struct slot_clones *slot, const struct run_templates *run, const char *dir,
                       bool is_cloned, size_t index)
{
    const struct database_template *own = &run->templates[index];
    const struct database_template *real = template_of(run, own->said->alias);
    CLEANUP(mem_freep) char *path = clone_path(dir, real != NULL ? real : own);
    CLEANUP(mem_freep) char *facts = facts_path(dir, real != NULL ? real : own);
    bool memory = is_cloned && real != NULL && real->said->memory;

    slot->list[index] = (struct worker_database){
        .alias = arena_strdup(&slot->arena, own->said->alias),
        .engine = arena_strdup(&slot->arena, own->said->engine),
        .name = arena_strdup(&slot->arena, own->said->name != NULL ? own->said->name : ""),
        .path = arena_strdup(&slot->arena, path),
        .memory = memory,
        .image = memory ? arena_strdup(&slot->arena, real->path) : "",
        .facts =
            is_cloned && real != NULL && real->has_facts ? arena_strdup(&slot->arena, facts) : "",
        .mirror = own->said->mirror != NULL ? arena_strdup(&slot->arena, own->said->mirror) : "",
    };
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

void slots_release(struct databases *databases)
{
    for (int64_t number = 1; number <= SLOTS_PER_AGENT_MAX; number++) {
        struct slot_clones *slot = databases->slots[number];
        if (slot == NULL)
            continue;
        CHECK(slot->tasks == NULL);
        arena_release(&slot->arena);
        free(slot->dir);
        free(slot);
    }
}
