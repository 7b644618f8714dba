/* Building the templates of a run:
 *
 *   directory made -> servers opened -> set-up commands -> servers closed -> sealed, hashed
 *        (thread)     (one after the other; server_template.c)               -> renamed into place
 *
 * Everything that is a file happens in WORK_DIR/building/run-N, which becomes
 * WORK_DIR/templates/run-N when it is whole. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/databases/server_template.h"
#include "agent/databases/template.h"
#include "shared/base/file.h"

/* ---- what a run's suite says ---------------------------------------------------------- */

static void template_init(struct run_templates *run, struct database_template *template,
                          const struct suite_database *said)
{
    struct arena *arena = &run->arena;

    template->said = said;
    template->is_mirror = said->mirror != NULL && said->mirror[0] != '\0';
    template->name = said->name != NULL ? said->name : "";
    template->ops = database_ops_find(said->engine);
    const char *suffix = template->ops != NULL ? template->ops->suffix : "";
    /* A mirror's own set-up is thrown away with tmp. */
    template->building = arena_printf(arena, "%s/%s%s%s", run->building_dir,
                                      template->is_mirror ? "tmp/" : "", said->alias, suffix);
    template->building_facts = arena_printf(arena, "%s/%s%s.facts.json", run->building_dir,
                                            template->is_mirror ? "tmp/" : "", said->alias);
    template->path = arena_printf(arena, "%s/%s%s", run->dir, said->alias, suffix);
    template->facts = arena_printf(arena, "%s/%s.facts.json", run->dir, said->alias);
}

struct run_templates *templates_find(const struct databases *databases, int64_t run)
{
    struct run_templates *at = databases->runs;

    while (at != NULL && (at->run != run || at->is_forgotten))
        at = at->next;
    return at;
}

struct run_templates *templates_of(struct databases *databases, const struct template_plan *plan)
{
    struct run_templates *run = templates_find(databases, plan->run);

    if (run != NULL)
        return run;
    run = mem_zalloc(sizeof(*run));
    run->databases = databases;
    run->run = plan->run;
    run->suite = plan->suite;
    run->options = plan->options;
    arena_init(&run->arena);
    run->tree_dir = arena_strdup(&run->arena, plan->tree_dir);
    run->building_dir =
        arena_printf(&run->arena, "%s/building/run-%" PRId64, databases->work_dir, plan->run);
    run->dir =
        arena_printf(&run->arena, "%s/templates/run-%" PRId64, databases->work_dir, plan->run);
    run->template_count = plan->suite->databases_count;
    run->templates = arena_array(&run->arena, run->template_count + 1, sizeof(*run->templates));
    for (size_t i = 0; i < run->template_count; i++)
        template_init(run, &run->templates[i], &plan->suite->databases[i]);
    run->next = databases->runs;
    databases->runs = run;
    return run;
}

const struct database_template *template_of(const struct run_templates *run, const char *alias)
{
    for (size_t i = 0; i < run->template_count; i++)
        if (strcmp(run->templates[i].said->alias, alias) == 0)
            return run->templates[i].is_mirror && strcmp(run->templates[i].said->mirror, alias) != 0
                       ? template_of(run, run->templates[i].said->mirror)
                       : &run->templates[i];
    return NULL;
}

void databases_know(struct databases *databases, const struct template_plan *plan)
{
    (void)templates_of(databases, plan);
}

/* ---- leaving ---------------------------------------------------------------------------- */

static void directories_remove(struct run_templates *run)
{
    struct lease_book *book = run->databases->book;

    /* What stays has its record, and goes at the next start. */
    if (file_remove_tree(run->building_dir, NULL) == STATUS_OK && run->building_record != 0)
        lease_book_remove(book, run->building_record);
    if (file_remove_tree(run->dir, NULL) == STATUS_OK && run->record != 0)
        lease_book_remove(book, run->record);
    run->building_record = run->record = 0;
    for (size_t i = 0; i < run->server_count; i++)
        server_template_remove(&run->servers[i]);
}

static void remove_work(uv_work_t *work)
{
    directories_remove(work->data);
}

static void run_free(struct run_templates *run)
{
    struct run_templates **at = &run->databases->runs;

    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    for (size_t i = 0; i < run->server_count; i++)
        address_free(run->servers[i].address);
    free(run->waiters);
    arena_release(&run->arena);
    free(run);
}

static void remove_after(uv_work_t *work, int status)
{
    struct run_templates *run = work->data;

    (void)status;
    run->databases->work_count--;
    run_free(run);
}

static void work_start(struct run_templates *run, uv_work_cb work, uv_after_work_cb after)
{
    run->work.data = run;
    run->databases->work_count++;
    CHECK(uv_queue_work(run->databases->loop, &run->work, work, after) == 0);
}

void templates_leave(struct run_templates *run)
{
    CHECK(run->users > 0);
    run->users--;
    if (run->is_forgotten && run->users == 0)
        work_start(run, remove_work, remove_after);
}

void databases_forget_run(struct databases *databases, int64_t run)
{
    struct run_templates *templates = templates_find(databases, run);

    if (templates == NULL)
        return;
    templates->is_forgotten = true;
    templates->users++;
    templates_leave(templates);
}

/* ---- the end of a build -------------------------------------------------------------------- */

static void build_end(struct run_templates *run, enum status status, const char *text)
{
    struct waiter *waiters = run->waiters;
    size_t count = run->waiter_count;
    char *kept = mem_strdup(text);

    run->state = status == STATUS_OK ? TEMPLATES_BUILT : TEMPLATES_KNOWN;
    run->waiters = NULL;
    run->waiter_count = run->waiter_cap = 0;
    for (size_t i = 0; i < count && !run->databases->is_closing; i++)
        waiters[i].done(waiters[i].context, status, kept);
    free(waiters);
    free(kept);
    templates_leave(run);
}

/* ---- sealing (thread) ------------------------------------------------------------------------ */

static bool has_setup(const struct run_templates *run, const struct suite_database *said)
{
    return said->setup == SUITE_SETUP_COMMAND ||
           (said->setup == SUITE_SETUP_AUTO && run->suite->driver == SUITE_DRIVER_DJANGO);
}

static bool is_file(const struct database_template *template)
{
    return !template->is_mirror && template->ops != NULL;
}

/* SQLite leaves a file without a byte where something connected and made nothing. */
static bool is_blank(const char *path)
{
    struct stat file;

    return stat(path, &file) != 0 || file.st_size == 0;
}

static enum status file_seal(struct database_template *template, struct error *err)
{
    enum status status = STATUS_OK;

    if (is_blank(template->building) && template->said->setup == SUITE_SETUP_COMMAND)
        return error_set(err, STATUS_INVALID, "set-up made no %s '%s'; does it read ${db.%s.path}?",
                         file_exists(template->building) ? "table in database" : "database",
                         template->said->alias, template->said->alias);
    if (is_blank(template->building))
        status = template->ops->make_empty(template->building, err);
    if (status == STATUS_OK)
        status = template->ops->seal(template->building, &template->seal, err);
    if (status == STATUS_OK)
        status = hash_file(template->building, template->hash, err);
    if (status == STATUS_OK && chmod(template->building, 0444) != 0)
        status = error_set_errno(err, "cannot protect '%s'", template->building);
    return status;
}

static enum status template_seal(struct database_template *template, struct error *err)
{
    enum status status = is_file(template) ? file_seal(template, err) : STATUS_OK;

    /* An alias of Django's may rightly be empty beside others: seen together in tables_check. */
    if (status == STATUS_OK && template->said->setup == SUITE_SETUP_COMMAND &&
        template->seal.tables == 0)
        status = error_set(
            err, STATUS_INVALID, "set-up made no table in database '%s'; does it read ${db.%s.%s}?",
            template->said->alias, template->said->alias, is_file(template) ? "path" : "url");
    template->has_facts = file_exists(template->building_facts);
    if (status == STATUS_OK && template->has_facts && chmod(template->building_facts, 0444) != 0)
        status = error_set_errno(err, "cannot protect '%s'", template->building_facts);
    return status;
}

static enum status tables_check(const struct run_templates *run, struct error *err)
{
    const char *empty = NULL;
    int64_t tables = 0;

    for (size_t i = 0; i < run->template_count; i++) {
        const struct database_template *template = &run->templates[i];
        if (template->is_mirror || template->said->setup != SUITE_SETUP_AUTO ||
            !has_setup(run, template->said))
            continue;
        tables += template->seal.tables;
        empty = template->said->alias;
    }
    if (empty != NULL && tables == 0)
        return error_set(err, STATUS_INVALID, "the driver's set-up made no table in database '%s'",
                         empty);
    return STATUS_OK;
}

static enum status run_publish(struct run_templates *run, struct error *err)
{
    CLEANUP(mem_freep) char *tmp = mem_printf("%s/tmp", run->building_dir);
    enum status status = file_remove_tree(tmp, err);

    if (status == STATUS_OK)
        status = lease_book_add(run->databases->book, LEASE_RECORD_DIRECTORY, run->dir,
                                &run->record, err);
    if (status == STATUS_OK && rename(run->building_dir, run->dir) != 0)
        status = error_set_errno(err, "cannot rename '%s'", run->building_dir);
    for (size_t i = 0; status == STATUS_OK && i < run->template_count; i++)
        if (is_file(&run->templates[i]))
            status = file_print_take(run->templates[i].path, &run->templates[i].print, err);
    if (status == STATUS_OK) {
        lease_book_remove(run->databases->book, run->building_record);
        run->building_record = 0;
    }
    return status;
}

static void seal_work(uv_work_t *work)
{
    struct run_templates *run = work->data;

    run->status = STATUS_OK;
    for (size_t i = 0; run->status == STATUS_OK && i < run->template_count; i++)
        if (!run->templates[i].is_mirror)
            run->status = template_seal(&run->templates[i], &run->err);
    if (run->status == STATUS_OK)
        run->status = tables_check(run, &run->err);
    if (run->status == STATUS_OK)
        run->status = run_publish(run, &run->err);
}

static void build_fail(struct run_templates *run, enum status status, const char *text);

static void seal_after(uv_work_t *work, int status)
{
    struct run_templates *run = work->data;

    (void)status;
    run->databases->work_count--;
    if (run->status == STATUS_OK)
        build_end(run, STATUS_OK, "");
    else
        build_fail(run, run->status, run->err.text);
}

/* ---- the set-up's commands ---------------------------------------------------------------------
 */

static void steps_go_on(struct run_templates *run);
static void servers_open(struct run_templates *run);
static void servers_close(struct run_templates *run);

static void fail_work(uv_work_t *work)
{
    directories_remove(work->data);
}

static void fail_after(uv_work_t *work, int status)
{
    struct run_templates *run = work->data;

    (void)status;
    run->databases->work_count--;
    build_end(run, run->status, run->fail_text);
}

/* Servers first: what they write to cannot go before them. */
static void abandon_go_on(void *context, enum status status, const char *text)
{
    struct run_templates *run = context;

    (void)status;
    (void)text;
    if (run->server_at < run->server_count)
        server_template_abandon(&run->servers[run->server_at++], abandon_go_on, run);
    else
        work_start(run, fail_work, fail_after);
}

static void build_fail(struct run_templates *run, enum status status, const char *text)
{
    run->status = status;
    run->fail_text = arena_strdup(&run->arena, text);
    run->server_at = 0;
    abandon_go_on(run, STATUS_OK, "");
}

static void on_command_done(void *context, enum status status, const char *text, const char *tail)
{
    struct run_templates *run = context;

    if (status == STATUS_OK) {
        run->step++;
        steps_go_on(run);
        return;
    }
    struct arena arena = ARENA_INIT;
    const char *whole = arena_printf(&arena, "set-up of the databases failed: %s%s%s", text,
                                     tail[0] != '\0' ? "\n" : "", tail);
    build_fail(run, status == STATUS_TIMEOUT ? STATUS_TIMEOUT : STATUS_INVALID, whole);
    arena_release(&arena);
}

void database_on_no_server(struct worker_database *database)
{
    database->host = database->socket = database->user = database->password = "";
    database->port = 0;
}

/* The addresses that the set-up fills; nobody else is ever told of them. */
static struct worker_database *private_databases(const struct run_templates *run,
                                                 struct arena *arena)
{
    struct worker_database *list = arena_array(arena, run->template_count + 1, sizeof(*list));

    for (size_t i = 0; i < run->template_count; i++) {
        const struct database_template *template = &run->templates[i];
        list[i] = (struct worker_database){
            .alias = template->said->alias,
            .engine = template->said->engine,
            .name = template->name,
            .path = template->building,
            .image = "",
            .facts = template->building_facts,
            .mirror = template->is_mirror ? template->said->mirror : "",
        };
        database_on_no_server(&list[i]);
        const struct database_template *real = template_of(run, template->said->alias);
        if (real->server != NULL) {
            list[i].path = "";
            list[i].name = real->name;
            server_template_tell(real->server, &list[i]);
        }
    }
    return list;
}

static bool is_driver_step(const struct run_templates *run)
{
    if (run->step > 0 || run->suite->driver != SUITE_DRIVER_DJANGO)
        return false;
    for (size_t i = 0; i < run->template_count; i++)
        if (!run->templates[i].is_mirror && run->templates[i].said->setup == SUITE_SETUP_AUTO)
            return true;
    return false;
}

/* Step 0 is the driver's, step i+1 the command of database i. */
static bool step_find(struct run_templates *run)
{
    for (; run->step <= run->template_count; run->step++) {
        if (is_driver_step(run))
            return true;
        if (run->step == 0)
            continue;
        const struct suite_database *said = run->templates[run->step - 1].said;
        if (!run->templates[run->step - 1].is_mirror && said->setup == SUITE_SETUP_COMMAND)
            return true;
    }
    return false;
}

static enum status step_start(struct run_templates *run, struct arena *arena, struct error *err)
{
    const char *tmp = arena_printf(arena, "%s/tmp", run->building_dir);
    struct worker_plan worker = {
        .run = run->run,
        .worker = "",
        .tree_dir = run->tree_dir,
        .suite = run->suite,
        .options = run->options,
        .databases = private_databases(run, arena),
        .database_count = run->template_count,
    };
    char **argv = NULL;
    char **environment = NULL;
    size_t count = 0;
    enum status status = STATUS_OK;

    if (run->step == 0) {
        status =
            worker_driver_argv(run->suite, run->databases->drivers_dir, arena, &argv, &count, err);
    } else {
        const struct suite_database *said = run->templates[run->step - 1].said;
        count = said->setup_command_count;
        argv = arena_array(arena, count + 1, sizeof(*argv));
        for (size_t i = 0; i < count; i++)
            argv[i] = arena_strdup(arena, said->setup_command[i]);
    }
    if (status == STATUS_OK && count == 0)
        status = error_set(err, STATUS_INVALID, "a set-up command is empty");
    if (status == STATUS_OK)
        status =
            worker_environment_build(&worker, ENVIRONMENT_SETUP, tmp, arena, &environment, err);
    if (status == STATUS_OK)
        status = worker_arguments_expand(&worker, ENVIRONMENT_SETUP, tmp, (const char *const *)argv,
                                         count, arena, &argv, err);
    if (status != STATUS_OK)
        return status;
    struct command_plan command = {
        .argv = (const char *const *)argv,
        .cwd = run->tree_dir,
        .environment = (const char *const *)environment,
        .time_ms = run->suite->timeouts != NULL ? run->suite->timeouts->setup_ms : 0,
        .grace_ms = run->suite->timeouts != NULL ? run->suite->timeouts->grace_ms : 0,
        .limits = run->suite->limits,
    };
    workers_run_command(run->databases->workers, &command, on_command_done, run);
    return STATUS_OK;
}

static void steps_go_on(struct run_templates *run)
{
    struct arena arena = ARENA_INIT;
    struct error err;

    if (run->databases->is_closing)
        build_fail(run, STATUS_STOPPING, "the agent stops");
    else if (!step_find(run))
        servers_close(run);
    else if (step_start(run, &arena, &err) != STATUS_OK)
        build_fail(run, err.status, err.text);
    arena_release(&arena);
}

/* ---- servers around the set-up -------------------------------------------------------------- */

static void on_server_opened(void *context, enum status status, const char *text)
{
    struct run_templates *run = context;

    if (status == STATUS_OK)
        servers_open(run);
    else
        build_fail(run, status, text);
}

static void servers_open(struct run_templates *run)
{
    if (run->databases->is_closing)
        build_fail(run, STATUS_STOPPING, "the agent stops");
    else if (run->server_at < run->server_count)
        server_template_open(&run->servers[run->server_at++], on_server_opened, run);
    else {
        run->server_at = 0;
        steps_go_on(run);
    }
}

static void on_server_closed(void *context, enum status status, const char *text)
{
    struct run_templates *run = context;

    if (status == STATUS_OK)
        servers_close(run);
    else
        build_fail(run, status, text);
}

static void servers_close(struct run_templates *run)
{
    if (run->server_at < run->server_count)
        server_template_close(&run->servers[run->server_at++], on_server_closed, run);
    else
        work_start(run, seal_work, seal_after);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static void make_work(uv_work_t *work)
{
    struct run_templates *run = work->data;
    CLEANUP(mem_freep) char *tmp = mem_printf("%s/tmp", run->building_dir);

    directories_remove(run);
    run->status = lease_book_add(run->databases->book, LEASE_RECORD_DIRECTORY, run->building_dir,
                                 &run->building_record, &run->err);
    if (run->status == STATUS_OK)
        run->status = file_make_directories(tmp, 0700, &run->err);
    for (size_t i = 0; run->status == STATUS_OK && i < run->template_count; i++)
        if (!run->templates[i].is_mirror && run->templates[i].ops == NULL &&
            server_engine_find(run->templates[i].said->engine) == NULL)
            run->status = error_set(&run->err, STATUS_INVALID,
                                    "database '%s': engine '%s' is not built yet; there are: "
                                    "sqlite, postgresql, mysql, mariadb",
                                    run->templates[i].said->alias, run->templates[i].said->engine);
        else if (template_of(run, run->templates[i].said->alias) == NULL)
            run->status = error_set(&run->err, STATUS_INVALID,
                                    "database '%s' mirrors '%s', which is not there",
                                    run->templates[i].said->alias, run->templates[i].said->mirror);
}

static void make_after(uv_work_t *work, int status)
{
    struct run_templates *run = work->data;

    (void)status;
    run->databases->work_count--;
    run->step = 0;
    run->server_at = 0;
    if (run->status == STATUS_OK)
        run->status = server_templates_init(run, &run->err);
    if (run->status != STATUS_OK)
        build_fail(run, run->status, run->err.text);
    else
        servers_open(run);
}

static void nothing_work(uv_work_t *work)
{
    (void)work;
}

static void ready_after(uv_work_t *work, int status)
{
    struct run_templates *run = work->data;

    (void)status;
    run->databases->work_count--;
    build_end(run, STATUS_OK, "");
}

void databases_build(struct databases *databases, const struct template_plan *plan,
                     databases_done *done, void *context)
{
    struct run_templates *run = templates_of(databases, plan);

    VEC_PUSH(run->waiters, run->waiter_count, run->waiter_cap) = (struct waiter){done, context};
    if (run->waiter_count > 1)
        return; /* the one before has started it */
    run->users++;
    if (run->state == TEMPLATES_BUILT) {
        work_start(run, nothing_work, ready_after);
        return;
    }
    run->state = TEMPLATES_BUILDING;
    work_start(run, make_work, make_after);
}

const char *databases_hash(const struct databases *databases, int64_t run, const char *alias)
{
    const struct run_templates *templates = templates_find(databases, run);
    const struct database_template *template =
        templates != NULL ? template_of(templates, alias) : NULL;

    return template != NULL && templates->state == TEMPLATES_BUILT ? template->hash : NULL;
}
