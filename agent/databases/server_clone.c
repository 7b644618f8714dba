#include "agent/databases/server_clone.h"

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

/* An overlay takes what its server writes when it starts and what the tests change; in the worst
 * case all of the template. */
#define OVERLAY_GROWTH_BYTES ((int64_t)64 * 1024 * 1024)

enum clone_state { CLONE_MAKING, CLONE_READY, CLONE_HANDING, CLONE_USED, CLONE_DROPPING };

struct server_clone {
    struct databases *databases;
    struct server_clone *next, *previous;
    struct server_template *server;
    enum clone_state state;
    struct arena arena;
    const char *room;     /* data/, or upper/ and scratch/, in memory or on disk */
    const char *data_dir; /* where its server sees it */
    const char *tmp_dir;
    const char *socket_dir; /* holds data/ too where that is a mount point */
    bool is_overlay, is_in_memory;
    int64_t reserved_bytes;
    const struct address *address; /* while it is handed out */
    struct program *program;
    char *died;
    databases_done *done;
    void *context;
    enum status status; /* why making failed, while what was made is removed */
    char *text;
};

/* ---- where ---------------------------------------------------------------------------- */

static void place_leave(struct server_clone *clone)
{
    clone->databases->memory_bytes_used -= clone->reserved_bytes;
    clone->reserved_bytes = 0;
}

/* In memory while the budget and the machine have room; else on disk. */
static void place_choose(struct server_clone *clone)
{
    struct databases *databases = clone->databases;
    int64_t wanted = clone->server->allocated_bytes + OVERLAY_GROWTH_BYTES;
    const char *place = databases->server_dir;

    clone->is_in_memory = databases->memory_dir != NULL &&
                          databases->memory_bytes_used + wanted <= databases->memory_bytes_max &&
                          copy_bytes_free(databases->memory_dir) >= wanted;
    if (clone->is_in_memory) {
        clone->reserved_bytes = wanted;
        databases->memory_bytes_used += wanted;
        place = databases->memory_dir;
    }
    int64_t number = ++databases->clone_next;
    clone->is_overlay = databases->can_overlay;
    clone->room = arena_printf(&clone->arena, "%s/%sserver-%" PRId64, place,
                               clone->is_in_memory ? "" : "clones/", number);
    clone->tmp_dir = arena_printf(&clone->arena, "%s/tmp", clone->room);
    clone->socket_dir = arena_printf(&clone->arena, "%s/c%" PRId64, databases->run_dir, number);
    clone->data_dir =
        arena_printf(&clone->arena, "%s/data", clone->is_overlay ? clone->socket_dir : clone->room);
}

/* ---- making (thread) --------------------------------------------------------------------- */

static enum status directory_make(const struct server_clone *clone, const char *path,
                                  struct error *err)
{
    const struct server_identity *identity = &clone->databases->identity;

    if (mkdir(path, 0700) != 0 ||
        (identity->drop && chown(path, identity->uid, identity->gid) != 0))
        return error_set_errno(err, "cannot make '%s'", path);
    return STATUS_OK;
}

static enum status overlay_make(const struct server_clone *clone, struct error *err)
{
    CLEANUP(mem_freep) char *upper = mem_printf("%s/upper", clone->room);
    CLEANUP(mem_freep) char *scratch = mem_printf("%s/scratch", clone->room);
    enum status status = directory_make(clone, upper, err);

    if (status == STATUS_OK)
        status = directory_make(clone, scratch, err);
    return status == STATUS_OK ? directory_make(clone, clone->data_dir, err) : status;
}

static enum status copy_make(const struct server_clone *clone, const char *data, struct error *err)
{
    const struct databases *databases = clone->databases;
    const struct tree_options options = {
        .means = clone->is_in_memory ? databases->memory_means : databases->server_means,
        .threads = TREE_THREADS_MAX,
        .give = databases->identity.drop,
        .uid = databases->identity.uid,
        .gid = databases->identity.gid,
    };

    return tree_copy(data, clone->data_dir, &options, err);
}

static enum status template_check(const struct server_template *server, const char *data,
                                  struct error *err)
{
    char print[HASH_HEX_SIZE];
    enum status status = tree_print(data, print, err);

    if (status == STATUS_OK && strcmp(print, server->print) != 0)
        status = error_set(err, STATUS_CONFLICT,
                           "the template of the %s databases was touched since it was built",
                           server->engine->name);
    return status;
}

static enum status room_make(void *context, struct error *err)
{
    const struct server_clone *clone = context;
    CLEANUP(mem_freep) char *data = mem_printf("%s/data", clone->server->dir);
    enum status status = template_check(clone->server, data, err);

    if (status == STATUS_OK)
        status = file_make_directories(clone->room, 0755, err);
    if (status == STATUS_OK)
        status = directory_make(clone, clone->socket_dir, err);
    if (status == STATUS_OK)
        status = directory_make(clone, clone->tmp_dir, err);
    if (status != STATUS_OK)
        return status;
    return clone->is_overlay ? overlay_make(clone, err) : copy_make(clone, data, err);
}

/* ---- the end -------------------------------------------------------------------------------- */

static enum status room_remove(void *context, struct error *err)
{
    const struct server_clone *clone = context;
    enum status status = file_remove_tree(clone->room, err);

    return status == STATUS_OK ? file_remove_tree(clone->socket_dir, err) : status;
}

static void clone_release(struct server_clone *clone)
{
    place_leave(clone);
    arena_release(&clone->arena);
    free(clone->died);
    free(clone->text);
    free(clone);
}

static void clone_free(struct server_clone *clone)
{
    if (clone->previous != NULL)
        clone->previous->next = clone->next;
    else
        clone->databases->clones = clone->next;
    if (clone->next != NULL)
        clone->next->previous = clone->previous;
    clone_release(clone);
}

/* What could not be removed goes with the directories around it. */
static void on_removed(void *context, enum status status, const char *text)
{
    struct server_clone *clone = context;
    struct databases *databases = clone->databases;
    struct run_templates *run = clone->server->run;

    (void)status;
    (void)text;
    if (databases->is_closing)
        return;
    if (clone->done != NULL)
        clone->done(clone->context, clone->status, clone->text);
    clone_free(clone);
    templates_leave(run);
}

static void remove_begin(struct server_clone *clone)
{
    offload(clone->databases, room_remove, on_removed, clone);
}

void server_clone_drop(struct server_clone *clone)
{
    if (clone == NULL)
        return;
    CHECK(clone->state == CLONE_READY || clone->state == CLONE_USED);
    clone->state = CLONE_DROPPING;
    clone->done = NULL;
    if (clone->program != NULL)
        program_stop(clone->program, true);
    else
        remove_begin(clone);
}

static void making_failed(struct server_clone *clone, enum status status, const char *text)
{
    clone->state = CLONE_DROPPING;
    clone->status = status;
    clone->text = mem_strdup(text);
    if (clone->program != NULL)
        program_stop(clone->program, true);
    else
        remove_begin(clone);
}

/* ---- the server --------------------------------------------------------------------------------
 */

static void on_served(void *context)
{
    struct server_clone *clone = context;

    clone->state = CLONE_READY;
    clone->done(clone->context, STATUS_OK, "");
}

static void on_gone(void *context, bool is_clean, const char *text)
{
    struct server_clone *clone = context;

    (void)is_clean;
    clone->program = NULL;
    if (clone->state == CLONE_DROPPING) {
        remove_begin(clone);
    } else if (clone->state == CLONE_MAKING) {
        CLEANUP(mem_freep)
        char *said =
            mem_printf("the %s server of a clone ended: %s", clone->server->engine->name, text);
        making_failed(clone, STATUS_UNAVAILABLE, said);
    } else {
        clone->died = mem_strdup(text);
    }
}

static void serve(struct server_clone *clone)
{
    static const struct program_events events = {on_served, on_gone};
    const struct server_template *server = clone->server;
    const struct server_plan serving = {
        .install = server->install,
        .data_dir = clone->data_dir,
        .socket_dir = clone->socket_dir,
        .options = server->options,
        .option_count = server->option_count,
    };
    const struct child_overlay overlay = {
        .lower = arena_printf(&clone->arena, "%s/data", server->dir),
        .upper = arena_printf(&clone->arena, "%s/upper", clone->room),
        .scratch = arena_printf(&clone->arena, "%s/scratch", clone->room),
        .at = clone->data_dir,
    };
    struct server_command command = {NULL};

    server->engine->argv(&serving, &clone->arena, &command);
    struct program_plan plan = {.argv = command.argv,
                                .directory = "/",
                                .tmp_dir = clone->tmp_dir,
                                .overlay = clone->is_overlay ? &overlay : NULL,
                                .ready_text = server->engine->ready_text};
    clone->program = program_start(clone->databases, &plan, &events, clone);
}

static void on_room_made(void *context, enum status status, const char *text)
{
    struct server_clone *clone = context;

    if (clone->databases->is_closing)
        return;
    if (status != STATUS_OK)
        making_failed(clone, status, text);
    else
        serve(clone);
}

struct server_clone *server_clone_make(struct server_template *server, databases_done *done,
                                       void *context)
{
    struct server_clone *clone = mem_zalloc(sizeof(*clone));

    clone->databases = server->run->databases;
    clone->server = server;
    clone->done = done;
    clone->context = context;
    arena_init(&clone->arena);
    clone->next = clone->databases->clones;
    if (clone->next != NULL)
        clone->next->previous = clone;
    clone->databases->clones = clone;
    server->run->users++;
    place_choose(clone);
    offload(clone->databases, room_make, on_room_made, clone);
    return clone;
}

/* ---- handing out
 * ------------------------------------------------------------------------------------ */

static enum status hand_out_work(void *context, struct error *err)
{
    const struct server_clone *clone = context;
    const struct server_template *server = clone->server;
    const struct server_address address = {.socket_dir = clone->socket_dir, .password = ""};
    CLEANUP(mem_freep) const char **names = mem_alloc(server->database_count * sizeof(*names));

    for (size_t i = 0; i < server->database_count; i++)
        names[i] = server->databases[i]->name;
    enum status status = server->engine->hand_out(&address, names, server->database_count,
                                                  address_password(clone->address), err);
    /* Not before it has a password of its own. */
    if (status == STATUS_OK && chmod(clone->socket_dir, 0755) != 0)
        status = error_set_errno(err, "cannot open '%s' to workers", clone->socket_dir);
    return status == STATUS_OK ? address_aim(clone->address, clone->socket_dir, err) : status;
}

static void on_handed_out(void *context, enum status status, const char *text)
{
    struct server_clone *clone = context;

    if (clone->databases->is_closing)
        return;
    clone->state = CLONE_USED;
    clone->done(clone->context, status, clone->died != NULL ? clone->died : text);
}

void server_clone_hand_out(struct server_clone *clone, const struct address *address,
                           databases_done *done, void *context)
{
    CHECK(clone->state == CLONE_READY);
    clone->state = CLONE_HANDING;
    clone->address = address;
    clone->done = done;
    clone->context = context;
    offload(clone->databases, hand_out_work, on_handed_out, clone);
}

const char *server_clone_died(const struct server_clone *clone)
{
    return clone->died;
}

void server_clones_release(struct databases *databases)
{
    while (databases->clones != NULL) {
        struct server_clone *clone = databases->clones;

        databases->clones = clone->next;
        clone_release(clone);
    }
}
