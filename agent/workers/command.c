/* Commands that are run to their end: prepare steps, git, set-up.
 *
 *   room made -> [RUNNING] -- gone --> room removed -> done
 *                    '-- time_ms --> SIGTERM -- grace_ms --> SIGKILL to the whole tree -- gone --'
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/workers/child.h"
#include "agent/workers/room.h"
#include "shared/base/text.h"

struct command {
    struct workers *workers;
    struct command *next;
    struct room room;
    struct child *child;
    struct arena arena;
    const char **argv;
    const char **environment;
    const char *cwd;
    int64_t time_ms;
    int64_t grace_ms;
    struct suite_limits limits;
    bool is_late;
    struct buffer tail;
    uv_timer_t timer;
    enum status status;
    const char *text;
    command_done *done;
    void *context;
};

/* Twice what is kept: it is cut when it is full. */
#define TAIL_BYTES ((size_t)2 * COMMAND_TAIL_BYTES_MAX + CHILD_READ_BYTES)

/* ---- the end --------------------------------------------------------------------- */

static void command_free(struct command *command)
{
    struct command **at = &command->workers->commands;

    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    command->workers->work_count--;
    room_release(&command->room);
    buffer_release(&command->tail);
    arena_release(&command->arena);
    free(command);
}

/* The last bytes as UTF-8, from the beginning of a character. */
static const char *tail_text(struct command *command)
{
    struct buffer clean;
    size_t from = 0;

    buffer_init(&clean, 3 * TAIL_BYTES);
    if (command->tail.len > 0)
        CHECK(text_add_as_utf8(&clean, command->tail.at, command->tail.len));
    if (clean.len > COMMAND_TAIL_BYTES_MAX)
        from = clean.len - COMMAND_TAIL_BYTES_MAX;
    while (from > 0 && from < clean.len && ((unsigned char)clean.at[from] & 0xc0) == 0x80)
        from++;
    const char *text =
        arena_strndup(&command->arena, clean.len > 0 ? clean.at + from : "", clean.len - from);
    buffer_release(&clean);
    return text;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct command *command = handle->data;

    if (!command->workers->is_closing)
        command->done(command->context, command->status, command->text, tail_text(command));
    command_free(command);
}

static void on_room_removed(void *context)
{
    struct command *command = context;

    uv_close((uv_handle_t *)&command->timer, on_timer_closed);
}

static void on_gone(void *context, bool was_started, bool is_clean, const char *text)
{
    struct command *command = context;

    command->child = NULL;
    (void)uv_timer_stop(&command->timer);
    command->text = arena_strdup(&command->arena, text);
    if (!was_started)
        command->status = STATUS_UNAVAILABLE;
    else if (command->is_late) {
        command->status = STATUS_TIMEOUT;
        command->text = arena_printf(&command->arena, "killed after %" PRId64 " ms (%s)",
                                     command->time_ms, text);
    } else
        command->status = is_clean ? STATUS_OK : STATUS_IO;
    room_remove(&command->room, on_room_removed, command);
}

static void on_bytes(void *context, enum child_stream stream, const char *bytes, size_t len)
{
    struct command *command = context;

    (void)stream;
    CHECK(buffer_add(&command->tail, bytes, len));
    if (command->tail.len > (size_t)2 * COMMAND_TAIL_BYTES_MAX)
        buffer_drop_front(&command->tail, command->tail.len - COMMAND_TAIL_BYTES_MAX);
}

static const struct child_events command_events = {on_bytes, NULL, on_gone};

/* ---- time ------------------------------------------------------------------------- */

static void on_grace_over(uv_timer_t *timer)
{
    struct command *command = timer->data;

    if (command->child != NULL)
        child_kill(command->child, true);
}

static void on_time_over(uv_timer_t *timer)
{
    struct command *command = timer->data;

    command->is_late = true;
    child_kill(command->child, false);
    (void)uv_timer_start(timer, on_grace_over, (uint64_t)command->grace_ms, 0);
}

/* ---- the start --------------------------------------------------------------------- */

static const char **strings_copy(struct arena *arena, const char *const *strings)
{
    size_t count = 0;

    while (strings[count] != NULL)
        count++;
    const char **copy = arena_array(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, strings[i]);
    return copy;
}

static void plan_copy(struct command *command, const struct command_plan *plan)
{
    struct worker_plan bare = {.tree_dir = plan->cwd};
    char **base = NULL;
    struct error err;

    command->argv = strings_copy(&command->arena, plan->argv);
    command->cwd = arena_strdup(&command->arena, plan->cwd);
    command->time_ms = plan->time_ms;
    command->grace_ms = plan->grace_ms;
    if (plan->limits != NULL)
        command->limits = *plan->limits;
    if (plan->environment == NULL) {
        CHECK(worker_environment_build(&bare, ENVIRONMENT_PREPARE, command->room.path,
                                       &command->arena, &base, &err) == STATUS_OK);
        command->environment = strings_copy(&command->arena, (const char *const *)base);
    } else
        command->environment = strings_copy(&command->arena, plan->environment);
}

static void on_room_made(void *context)
{
    struct command *command = context;

    if (command->workers->is_closing || command->room.status != STATUS_OK) {
        command->status = STATUS_UNAVAILABLE;
        command->text = command->room.err.text;
        on_room_removed(command);
        return;
    }
    struct child_plan plan = {
        .argv = command->argv,
        .environment = command->environment,
        .directory = command->cwd,
        .processes_max = command->limits.processes,
        .memory_bytes_max = command->limits.memory_bytes,
    };
    command->child = child_start(&command->workers->group, &plan, &command_events, command);
    if (command->time_ms > 0)
        (void)uv_timer_start(&command->timer, on_time_over, (uint64_t)command->time_ms, 0);
}

void workers_run_command(struct workers *workers, const struct command_plan *plan,
                         command_done *done, void *context)
{
    struct command *command = mem_zalloc(sizeof(*command));

    command->workers = workers;
    command->done = done;
    command->context = context;
    arena_init(&command->arena);
    buffer_init(&command->tail, TAIL_BYTES);
    room_init(&command->room, workers,
              mem_printf("%s/tmp/command-%" PRId64, workers->work_dir, ++workers->command_next));
    plan_copy(command, plan);
    (void)uv_timer_init(workers->group.loop, &command->timer);
    command->timer.data = command;
    command->next = workers->commands;
    workers->commands = command;
    workers->work_count++; /* until command_free */
    room_make(&command->room, on_room_made, command);
}

void commands_abandon(struct workers *workers)
{
    for (struct command *command = workers->commands; command != NULL; command = command->next)
        if (command->child != NULL)
            child_kill(command->child, true);
}
