#include "agent/databases/server_template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/databases/offload.h"
#include "agent/databases/program.h"
#include "agent/host/tree.h"
#include "shared/base/file.h"

/* Part of a base's name: raised when bases are made in another way, so that old ones are left. */
#define BASE_FORMAT "muster-base-1"

/* One thing to do on the way from state to state: in a thread, or begun on the loop and ended by
 * step_end. */
struct server_step {
    enum status (*work)(void *context, struct error *err);
    void (*begin)(struct server_template *server);
    bool is_for_base; /* left out when the base is there */
};

static void step_end(void *context, enum status status, const char *text);

/* ---- what the suite says --------------------------------------------------------------- */

static bool options_equal(const struct suite_database *a, const struct suite_database *b)
{
    if (a->options_count != b->options_count)
        return false;
    for (size_t i = 0; i < a->options_count; i++)
        if (strcmp(a->options[i].name, b->options[i].name) != 0 ||
            strcmp(a->options[i].value, b->options[i].value) != 0)
            return false;
    return true;
}

static bool shares(const struct suite_database *a, const struct suite_database *b)
{
    return strcmp(a->engine, b->engine) == 0 && strcmp(a->version, b->version) == 0 &&
           options_equal(a, b);
}

/* Aliases may say the same name, which one server cannot have twice. */
static const char *name_choose(struct run_templates *run, const struct server_template *server,
                               const struct suite_database *said)
{
    const char *name = said->name != NULL && said->name[0] != '\0' ? said->name : run->suite->name;

    for (size_t i = 0; i < server->database_count; i++)
        if (strcmp(server->databases[i]->name, name) == 0)
            return arena_printf(&run->arena, "%s_%s", name, said->alias);
    return name;
}

static enum status server_init(struct run_templates *run, struct server_template *server,
                               const struct suite_database *said, struct error *err)
{
    struct databases *databases = run->databases;
    struct arena *arena = &run->arena;
    size_t number = (size_t)(server - run->servers) + 1;

    server->run = run;
    server->engine = server_engine_find(said->engine);
    server->version = said->version;
    server->options = said->options;
    server->option_count = said->options_count;
    server->databases = arena_array(arena, run->template_count, sizeof(struct database_template *));
    server->building_dir = arena_printf(arena, "%s/building/run-%" PRId64 "-server-%zu",
                                        databases->server_dir, run->run, number);
    server->dir = arena_printf(arena, "%s/templates/run-%" PRId64 "-server-%zu",
                               databases->server_dir, run->run, number);
    server->socket_dir =
        arena_printf(arena, "%s/t%" PRId64 ".%zu", databases->run_dir, run->run, number);
    server->address_dir =
        arena_printf(arena, "%s/b%" PRId64 ".%zu", databases->run_dir, run->run, number);
    enum status status =
        servers_choose(&databases->servers, said->engine, said->version, &server->install, err);
    if (status == STATUS_OK)
        status = server->engine->options_check(said->options, said->options_count, err);
    if (status != STATUS_OK)
        return error_wrap(err, status, arena_printf(arena, "database '%s'", said->alias));
    return STATUS_OK;
}

enum status server_templates_init(struct run_templates *run, struct error *err)
{
    run->server_count = 0;
    run->servers = arena_array(&run->arena, run->template_count + 1, sizeof(*run->servers));
    for (size_t i = 0; i < run->template_count; i++) {
        struct database_template *template = &run->templates[i];
        struct server_template *server = NULL;
        enum status status = STATUS_OK;

        if (template->is_mirror || server_engine_find(template->said->engine) == NULL)
            continue;
        for (size_t j = 0; j < run->server_count && server == NULL; j++)
            if (shares(run->servers[j].databases[0]->said, template->said))
                server = &run->servers[j];
        if (server == NULL) {
            server = &run->servers[run->server_count++];
            status = server_init(run, server, template->said, err);
        }
        if (status != STATUS_OK)
            return status;
        template->name = name_choose(run, server, template->said);
        template->server = server;
        server->databases[server->database_count++] = template;
    }
    return STATUS_OK;
}

/* ---- the base (threads) -------------------------------------------------------------------- */

/* What makes one base different from another. */
static void base_key(const struct server_template *server, char out_hex[HASH_HEX_SIZE])
{
    struct hash hash;

    hash_init(&hash);
    hash_add_text(&hash, BASE_FORMAT);
    hash_add_text(&hash, server->engine->name);
    hash_add_text(&hash, server->install->program);
    hash_add_text(&hash, server->install->version_text);
    for (size_t i = 0; i < server->option_count; i++)
        if (server->engine->is_baked(server->options[i].name)) {
            hash_add_text(&hash, server->options[i].name);
            hash_add_text(&hash, server->options[i].value);
        }
    hash_final(&hash, out_hex);
}

static const struct suite_option *baked_options(const struct server_template *server,
                                                size_t *out_count)
{
    struct suite_option *baked =
        arena_array(&server->run->arena, server->option_count + 1, sizeof(*baked));

    *out_count = 0;
    for (size_t i = 0; i < server->option_count; i++)
        if (server->engine->is_baked(server->options[i].name))
            baked[(*out_count)++] = server->options[i];
    return baked;
}

static void serving_set(struct server_template *server, const char *dir,
                        const struct suite_option *options, size_t option_count)
{
    server->tmp_dir = arena_printf(&server->run->arena, "%s/tmp", dir);
    server->serving = (struct server_plan){
        .install = server->install,
        .data_dir = arena_printf(&server->run->arena, "%s/data", dir),
        .socket_dir = server->socket_dir,
        .options = options,
        .option_count = option_count,
    };
}

static enum status directory_make(const struct server_template *server, const char *path,
                                  struct error *err)
{
    const struct server_identity *identity = &server->run->databases->identity;

    if (mkdir(path, 0700) != 0 ||
        (identity->drop && chown(path, identity->uid, identity->gid) != 0))
        return error_set_errno(err, "cannot make '%s'", path);
    return STATUS_OK;
}

/* The server's user makes the data directory's files, ours is what is around it. */
static enum status room_make(struct server_template *server, const char *dir, int64_t *record,
                             struct error *err)
{
    const struct databases *databases = server->run->databases;
    const struct server_identity *identity = &databases->identity;
    enum status status = file_remove_tree(dir, err);

    if (status == STATUS_OK)
        status = file_remove_tree(server->socket_dir, err);
    if (status == STATUS_OK && *record == 0)
        status = lease_book_add(databases->book, LEASE_RECORD_DIRECTORY, dir, record, err);
    if (status == STATUS_OK)
        status = file_make_directories(dir, 0755, err);
    if (status == STATUS_OK)
        status = file_make_directories(server->socket_dir, 0755, err);
    if (status == STATUS_OK && identity->drop &&
        chown(server->socket_dir, identity->uid, identity->gid) != 0)
        status = error_set_errno(err, "cannot give '%s' away", server->socket_dir);
    /* Until the server has a password of the slot's, which is not known to all. */
    if (status == STATUS_OK && chmod(server->socket_dir, 0700) != 0)
        status = error_set_errno(err, "cannot close '%s'", server->socket_dir);
    if (status == STATUS_OK)
        status = directory_make(server, server->tmp_dir, err);
    server->is_handed_out = false;
    return status;
}

static enum status base_find(void *context, struct error *err)
{
    struct server_template *server = context;
    struct databases *databases = server->run->databases;
    char key[HASH_HEX_SIZE];

    (void)err;
    base_key(server, key);
    server->base_dir = arena_printf(&server->run->arena, "%s/bases/%s", databases->server_dir, key);
    server->base_building_dir = arena_printf(&server->run->arena, "%s-base", server->building_dir);
    server->is_base = !file_exists(server->base_dir);
    return STATUS_OK;
}

static enum status base_room(void *context, struct error *err)
{
    struct server_template *server = context;
    size_t count = 0;
    const struct suite_option *options = baked_options(server, &count);

    serving_set(server, server->base_building_dir, options, count);
    enum status status = room_make(server, server->base_building_dir, &server->base_record, err);
    return status == STATUS_OK ? directory_make(server, server->serving.data_dir, err) : status;
}

static enum status base_configure(void *context, struct error *err)
{
    struct server_template *server = context;
    const struct server_identity *identity = &server->run->databases->identity;
    enum status status = server->engine->configure(&server->serving, err);

    /* What we have just written is ours; the server wants all of it. */
    if (status == STATUS_OK && identity->drop)
        status = tree_give(server->serving.data_dir, identity->uid, identity->gid, err);
    return status;
}

static struct server_address address_of(const struct server_template *server)
{
    return (struct server_address){
        .socket_dir = server->socket_dir,
        .password = server->is_handed_out ? address_password(server->address) : "",
    };
}

static enum status base_prepare(void *context, struct error *err)
{
    struct server_template *server = context;
    struct server_address address = address_of(server);

    return server->engine->prepare(&address, err);
}

static enum status close_down(void *context, struct error *err)
{
    struct server_template *server = context;
    struct server_address address = address_of(server);

    return server->engine->close_down(&address, err);
}

/* Another run may have made the same base meanwhile: then that one is used. */
static enum status base_publish(void *context, struct error *err)
{
    struct server_template *server = context;
    struct databases *databases = server->run->databases;
    CLEANUP(mem_freep) char *bases = mem_printf("%s/bases", databases->server_dir);
    enum status status = server->engine->tidy(&server->serving, err);

    if (status == STATUS_OK)
        status = file_remove_tree(server->tmp_dir, err);
    if (status == STATUS_OK)
        status = file_make_directories(bases, 0755, err);
    if (status == STATUS_OK && rename(server->base_building_dir, server->base_dir) != 0 &&
        errno != ENOTEMPTY && errno != EEXIST)
        status = error_set_errno(err, "cannot rename '%s'", server->base_building_dir);
    if (status == STATUS_OK)
        status = file_remove_tree(server->base_building_dir, err);
    if (status == STATUS_OK) {
        lease_book_remove(databases->book, server->base_record);
        server->base_record = 0;
    }
    return status;
}

/* ---- the template (threads) ------------------------------------------------------------------ */

static enum status template_room(void *context, struct error *err)
{
    struct server_template *server = context;
    const struct databases *databases = server->run->databases;
    const struct tree_options options = {
        .means = databases->server_means,
        .threads = TREE_THREADS_MAX,
        .give = databases->identity.drop,
        .uid = databases->identity.uid,
        .gid = databases->identity.gid,
    };
    CLEANUP(mem_freep) char *base = mem_printf("%s/data", server->base_dir);

    serving_set(server, server->building_dir, server->options, server->option_count);
    enum status status = room_make(server, server->building_dir, &server->building_record, err);
    return status == STATUS_OK ? tree_copy(base, server->serving.data_dir, &options, err) : status;
}

static enum status databases_make(void *context, struct error *err)
{
    struct server_template *server = context;
    struct server_address address = address_of(server);
    CLEANUP(mem_freep)
    const char **names = mem_alloc(server->database_count * sizeof(*names));
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < server->database_count; i++) {
        names[i] = server->databases[i]->name;
        status = server->engine->create_database(&address, names[i], err);
    }
    if (status == STATUS_OK)
        status = server->engine->hand_out(&address, names, server->database_count,
                                          address_password(server->address), err);
    server->is_handed_out = status == STATUS_OK;
    if (status == STATUS_OK && chmod(server->socket_dir, 0755) != 0)
        status = error_set_errno(err, "cannot open '%s'", server->socket_dir);
    return status == STATUS_OK ? address_aim(server->address, server->socket_dir, err) : status;
}

static enum status tables_look(void *context, struct error *err)
{
    struct server_template *server = context;
    struct server_address address = address_of(server);

    for (size_t i = 0; i < server->database_count; i++) {
        struct server_facts facts = {0};
        enum status status =
            server->engine->look(&address, server->databases[i]->name, &facts, err);
        if (status != STATUS_OK)
            return status;
        server->databases[i]->seal.tables = facts.tables;
    }
    return STATUS_OK;
}

static enum status template_publish(void *context, struct error *err)
{
    struct server_template *server = context;
    struct databases *databases = server->run->databases;
    CLEANUP(mem_freep) char *data = mem_printf("%s/data", server->dir);
    struct tree_size size = {0};
    enum status status = server->engine->tidy(&server->serving, err);

    if (status == STATUS_OK)
        status = file_remove_tree(server->tmp_dir, err);
    if (status == STATUS_OK)
        status = lease_book_add(databases->book, LEASE_RECORD_DIRECTORY, server->dir,
                                &server->record, err);
    if (status == STATUS_OK && rename(server->building_dir, server->dir) != 0)
        status = error_set_errno(err, "cannot rename '%s'", server->building_dir);
    if (status == STATUS_OK) {
        lease_book_remove(databases->book, server->building_record);
        server->building_record = 0;
        status = tree_print(data, server->print, err);
    }
    if (status == STATUS_OK)
        status = tree_measure(data, &size, err);
    server->allocated_bytes = size.allocated_bytes;
    return status;
}

void server_template_remove(struct server_template *server)
{
    struct lease_book *book = server->run->databases->book;
    struct {
        const char *dir;
        int64_t *record;
    } const rooms[] = {
        {server->base_building_dir, &server->base_record},
        {server->building_dir, &server->building_record},
        {server->dir, &server->record},
    };

    /* What stays has its record, and goes at the next start. */
    for (size_t i = 0; i < COUNT_OF(rooms); i++)
        if (*rooms[i].record != 0 && file_remove_tree(rooms[i].dir, NULL) == STATUS_OK) {
            lease_book_remove(book, *rooms[i].record);
            *rooms[i].record = 0;
        }
    (void)!file_remove_tree(server->socket_dir, NULL);
}

/* ---- programs (loop) ----------------------------------------------------------------------------
 */

static void abandon_go_on(struct server_template *server);

static void on_served(void *context)
{
    step_end(context, STATUS_OK, "");
}

/* Unasked: the step that is under way fails by itself, and says this instead. */
static void on_server_gone(void *context, bool is_clean, const char *text)
{
    struct server_template *server = context;
    const struct server_step *step = &server->steps[server->step];
    bool is_waited_for = step->begin != NULL;
    const char *said =
        arena_printf(&server->run->arena, "the %s server ended: %s", server->engine->name, text);

    server->program = NULL;
    if (!server->is_stopping)
        server->died = arena_strdup(&server->run->arena, said);
    if (server->is_abandoned)
        abandon_go_on(server);
    else if (server->done != NULL && is_waited_for)
        step_end(server, server->is_stopping && is_clean ? STATUS_OK : STATUS_UNAVAILABLE, said);
}

static void serve(struct server_template *server)
{
    static const struct program_events events = {on_served, on_server_gone};
    struct server_command command = {NULL};

    server->engine->argv(&server->serving, &server->run->arena, &command);
    struct program_plan plan = {.argv = command.argv,
                                .directory = "/",
                                .tmp_dir = server->tmp_dir,
                                .ready_text = server->engine->ready_text};
    server->is_stopping = false;
    server->program = program_start(server->run->databases, &plan, &events, server);
}

static void stop(struct server_template *server)
{
    server->is_stopping = true;
    if (server->program != NULL)
        program_stop(server->program, false);
    else
        step_end(server, STATUS_UNAVAILABLE, server->died != NULL ? server->died : "no server");
}

static void command_next(struct server_template *server);

static void on_command_gone(void *context, bool is_clean, const char *text)
{
    struct server_template *server = context;

    server->program = NULL;
    if (is_clean) {
        server->command_at++;
        command_next(server);
        return;
    }
    step_end(server, STATUS_UNAVAILABLE,
             arena_printf(&server->run->arena, "'%s': %s",
                          server->commands[server->command_at].argv[0], text));
}

static void command_next(struct server_template *server)
{
    static const struct program_events events = {NULL, on_command_gone};

    if (server->command_at == server->command_count) {
        step_end(server, STATUS_OK, "");
        return;
    }
    struct program_plan plan = {.argv = server->commands[server->command_at].argv,
                                .directory = "/",
                                .tmp_dir = server->tmp_dir};
    server->program = program_start(server->run->databases, &plan, &events, server);
}

static void base_initialise(struct server_template *server)
{
    server->engine->initialise(&server->serving, &server->run->arena, &server->commands,
                               &server->command_count);
    server->command_at = 0;
    command_next(server);
}

static void address_make(struct server_template *server)
{
    struct error err;
    enum status status = STATUS_OK;

    if (server->address == NULL)
        status = address_new(server->run->databases, server->engine, server->address_dir,
                             &server->address, &err);
    step_end(server, status, status == STATUS_OK ? "" : err.text);
}

/* ---- step by step
 * ----------------------------------------------------------------------------------- */

static const struct server_step opening[] = {
    {.work = base_find},
    {.work = base_room, .is_for_base = true},
    {.begin = base_initialise, .is_for_base = true},
    {.work = base_configure, .is_for_base = true},
    {.begin = serve, .is_for_base = true},
    {.work = base_prepare, .is_for_base = true},
    {.work = close_down, .is_for_base = true},
    {.begin = stop, .is_for_base = true},
    {.work = base_publish, .is_for_base = true},
    {.work = template_room},
    {.begin = address_make},
    {.begin = serve},
    {.work = databases_make},
    {.work = NULL},
};

static const struct server_step closing[] = {
    {.work = tables_look},      {.work = close_down}, {.begin = stop},
    {.work = template_publish}, {.work = NULL},
};

static void answer(struct server_template *server, enum status status, const char *text)
{
    databases_done *done = server->done;

    server->done = NULL;
    done(server->context, status, text);
}

static void step_begin(struct server_template *server)
{
    const struct server_step *step = &server->steps[server->step];

    while (step->is_for_base && !server->is_base)
        step = &server->steps[++server->step];
    if (step->work != NULL) {
        offload(server->run->databases, step->work, step_end, server);
    } else if (step->begin != NULL) {
        step->begin(server);
    } else {
        server->state = server->steps == opening ? SERVER_OPEN : SERVER_CLOSED;
        if (server->state == SERVER_CLOSED) {
            address_free(server->address);
            server->address = NULL;
        }
        answer(server, STATUS_OK, "");
    }
}

static void step_end(void *context, enum status status, const char *text)
{
    struct server_template *server = context;

    /* What runs has been killed, and nobody waits. */
    if (server->run->databases->is_closing)
        return;
    if (status != STATUS_OK) {
        answer(server, status, server->died != NULL ? server->died : text);
        return;
    }
    server->step++;
    step_begin(server);
}

static void steps_begin(struct server_template *server, const struct server_step *steps,
                        databases_done *done, void *context)
{
    CHECK(server->done == NULL);
    server->done = done;
    server->context = context;
    server->steps = steps;
    server->step = 0;
    step_begin(server);
}

void server_template_open(struct server_template *server, databases_done *done, void *context)
{
    CHECK(server->state == SERVER_KNOWN);
    server->died = NULL;
    steps_begin(server, opening, done, context);
}

void server_template_close(struct server_template *server, databases_done *done, void *context)
{
    CHECK(server->state == SERVER_OPEN);
    steps_begin(server, closing, done, context);
}

/* ---- giving up
 * ------------------------------------------------------------------------------------------ */

static enum status remove_work(void *context, struct error *err)
{
    (void)err;
    server_template_remove(context);
    return STATUS_OK;
}

static void on_removed(void *context, enum status status, const char *text)
{
    struct server_template *server = context;

    (void)status;
    (void)text;
    if (server->run->databases->is_closing)
        return;
    address_free(server->address);
    server->address = NULL;
    server->state = SERVER_KNOWN;
    answer(server, STATUS_OK, "");
}

static void abandon_go_on(struct server_template *server)
{
    server->is_abandoned = false;
    offload(server->run->databases, remove_work, on_removed, server);
}

void server_template_abandon(struct server_template *server, databases_done *done, void *context)
{
    CHECK(server->done == NULL);
    server->done = done;
    server->context = context;
    server->is_stopping = server->is_abandoned = true;
    if (server->program != NULL)
        program_stop(server->program, true);
    else
        abandon_go_on(server);
}

void server_template_tell(const struct server_template *server, struct worker_database *database)
{
    if (server->address == NULL)
        return;
    database->host = "127.0.0.1";
    database->port = address_port(server->address);
    database->socket = address_socket(server->address);
    database->user = SERVER_USER;
    database->password = address_password(server->address);
}
