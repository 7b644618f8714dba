#include "agent/workers/workers.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/workers/child.h"
#include "agent/workers/lines.h"
#include "agent/workers/output.h"
#include "agent/workers/room.h"
#include "shared/base/file.h"

/* How long the end of a test waits for its output: a pipe's worth is read in a few ms; a driver
 * that writes no marks costs its first test this much. */
#define OUTPUT_WAIT_MS 500

/* A slot that had a worker once.  Its room stays until workers_drop.
 *
 *   [EMPTY] --start--> [MAKING ROOM] --> [ALIVE] --gone--> [EMPTY] --drop--> (freed) */
enum worker_state { WORKER_EMPTY, WORKER_MAKING, WORKER_ALIVE, WORKER_DROPPING };

struct worker {
    struct workers *workers;
    int64_t slot;
    enum worker_state state;
    struct room room;
    struct child *child; /* ALIVE */
    struct arena plan;   /* argv and environment until the start */
    char **argv;
    char **environment;
    char *tree_dir;
    const char **show;
    size_t show_count;
    struct suite_limits limits;
    bool is_killed; /* while MAKING */
    struct buffer lines;
    struct output_splitter output;
    int64_t running; /* n of the test that runs; 0 none */
    bool marks_lost; /* an end waited in vain, and no mark was ever seen */
    bool is_holding; /* `held` waits for its output */
    bool is_broken;  /* the protocol was: nothing more is read */
    struct arena held_arena;
    struct worker_message held;
    struct error protocol;
    uv_timer_t hold;
    bool has_timer;
};

/* ---- reports --------------------------------------------------------------------- */

static void report(struct worker *worker, struct input *input)
{
    struct workers *workers = worker->workers;

    input->slot = worker->slot;
    if (!workers->is_closing)
        workers->on_input(workers->context, input);
}

/* ---- lines ------------------------------------------------------------------------ */

static void lines_process(struct worker *worker);

static void worker_break(struct worker *worker, const struct error *err)
{
    if (worker->is_broken)
        return;
    worker->is_broken = true;
    (void)error_set(&worker->protocol, STATUS_INVALID, "protocol: %.480s", err->text);
    buffer_clear(&worker->lines);
    child_kill(worker->child, true);
}

static void message_deliver(struct worker *worker, struct worker_message *message,
                            struct arena *arena)
{
    struct input input = {.kind = INPUT_WORKER_SAID, .message = message};

    if (message->say == SAY_START)
        worker->running = message->n;
    if (message->say == SAY_END) {
        message->output = output_take(&worker->output, message->is_extra ? 0 : message->n, arena);
        if (message->n == worker->running)
            worker->running = 0;
    }
    report(worker, &input);
}

static void held_release(struct worker *worker)
{
    struct arena arena = worker->held_arena;
    struct worker_message message = worker->held;

    worker->is_holding = false;
    arena_init(&worker->held_arena);
    (void)uv_timer_stop(&worker->hold);
    message_deliver(worker, &message, &arena);
    arena_release(&arena);
    lines_process(worker);
    if (!worker->is_holding && worker->child != NULL)
        child_pause(worker->child, CHILD_SAYS, false);
}

static void on_hold_over(uv_timer_t *timer)
{
    struct worker *worker = timer->data;

    if (!output_has_marks(&worker->output))
        worker->marks_lost = true;
    held_release(worker);
}

static bool must_wait(struct worker *worker, const struct worker_message *message)
{
    if (message->say != SAY_END || message->is_extra)
        return false;
    if (worker->marks_lost && !output_has_marks(&worker->output))
        return false;
    return !output_is_complete(&worker->output, message->n);
}

static void line_take(struct worker *worker, const char *line, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct worker_message message;
    struct error err;
    bool is_known = false;

    if (worker_line_decode(line, len, &arena, &message, &is_known, &err) != STATUS_OK) {
        worker_break(worker, &err);
    } else if (is_known && must_wait(worker, &message)) {
        worker->is_holding = true;
        worker->held = message;
        worker->held_arena = arena;
        child_pause(worker->child, CHILD_SAYS, true);
        (void)uv_timer_start(&worker->hold, on_hold_over, OUTPUT_WAIT_MS, 0);
        return;
    } else if (is_known) {
        message_deliver(worker, &message, &arena);
    }
    arena_release(&arena);
}

/* Takes whole lines until one has to wait. */
static void lines_process(struct worker *worker)
{
    size_t at = 0;

    while (!worker->is_holding && !worker->is_broken) {
        const char *line = worker->lines.at + at;
        const char *end =
            at < worker->lines.len ? memchr(line, '\n', worker->lines.len - at) : NULL;
        if (end == NULL)
            break;
        at += (size_t)(end - line) + 1;
        line_take(worker, line, (size_t)(end - line));
    }
    if (worker->is_broken)
        return;
    buffer_drop_front(&worker->lines, at);
    if (worker->lines.len >= WORKER_LINE_BYTES_MAX && !worker->is_holding) {
        struct error err;
        (void)error_set(&err, STATUS_TOO_BIG, "a line of more than %zu bytes",
                        WORKER_LINE_BYTES_MAX);
        worker_break(worker, &err);
    }
}

/* ---- the child's events -------------------------------------------------------------- */

static void hold_check(struct worker *worker)
{
    if (worker->is_holding && output_is_complete(&worker->output, worker->held.n))
        held_release(worker);
}

static void on_bytes(void *context, enum child_stream stream, const char *bytes, size_t len)
{
    struct worker *worker = context;

    if (stream != CHILD_SAYS) {
        output_add(&worker->output, stream == CHILD_STDOUT ? OUTPUT_STDOUT : OUTPUT_STDERR, bytes,
                   len);
        hold_check(worker);
        return;
    }
    if (worker->is_broken)
        return;
    /* Less than a line is left over from before, and one read is CHILD_READ_BYTES. */
    CHECK(buffer_add(&worker->lines, bytes, len));
    lines_process(worker);
}

static void on_end(void *context, enum child_stream stream)
{
    struct worker *worker = context;

    if (stream == CHILD_SAYS)
        return;
    output_close(&worker->output, stream == CHILD_STDOUT ? OUTPUT_STDOUT : OUTPUT_STDERR);
    hold_check(worker);
}

static void worker_empty(struct worker *worker)
{
    arena_release(&worker->plan);
    arena_release(&worker->held_arena);
    buffer_release(&worker->lines);
    output_release(&worker->output);
    worker->child = NULL;
    worker->state = WORKER_EMPTY;
}

static void on_gone(void *context, bool was_started, bool is_clean, const char *text)
{
    struct worker *worker = context;
    struct arena arena = ARENA_INIT;
    struct input input = {
        .kind = was_started ? INPUT_WORKER_GONE : INPUT_START_FAILED,
        .text = worker->is_broken ? worker->protocol.text : text,
        .was_clean = is_clean && !worker->is_broken,
        .output = was_started ? output_take(&worker->output, worker->running, &arena) : NULL,
    };

    (void)uv_timer_stop(&worker->hold);
    /* The slot is empty before it is said: the answer may be a new worker. */
    char *kept = mem_strdup(input.text);
    input.text = kept;
    worker_empty(worker);
    report(worker, &input);
    free(kept);
    arena_release(&arena);
}

static const struct child_events worker_events = {on_bytes, on_end, on_gone};

/* ---- starting --------------------------------------------------------------------------- */

static void start_failed(struct worker *worker, const char *text)
{
    struct input input = {.kind = INPUT_START_FAILED, .text = text};

    worker_empty(worker);
    report(worker, &input);
}

static void on_room_made(void *context)
{
    struct worker *worker = context;
    struct workers *workers = worker->workers;

    if (workers->is_closing || worker->is_killed || worker->room.status != STATUS_OK) {
        struct error err = worker->room.err;
        if (worker->room.status == STATUS_OK)
            (void)error_set(&err, STATUS_STOPPING, "killed before it was started");
        start_failed(worker, err.text);
        return;
    }
    if (worker->protocol.text[0] != '\0') { /* the plan had a fault */
        struct error err = worker->protocol;
        start_failed(worker, err.text);
        return;
    }
    struct child_plan plan = {
        .argv = (const char *const *)worker->argv,
        .environment = (const char *const *)worker->environment,
        .directory = worker->tree_dir,
        .has_control = true,
        .processes_max = worker->limits.processes,
        .memory_bytes_max = worker->limits.memory_bytes,
        .show = worker->show,
        .show_count = worker->show_count,
    };
    worker->state = WORKER_ALIVE;
    worker->child = child_start(&workers->group, &plan, &worker_events, worker);
}

static enum status plan_take(struct worker *worker, const struct worker_plan *plan,
                             struct error *err)
{
    enum environment_mode mode =
        plan->mode == WORKER_COLLECT ? ENVIRONMENT_COLLECT : ENVIRONMENT_RUN;
    const char *tmp_dir = worker->room.path;
    size_t argc = 0;
    enum status status = worker_driver_argv(plan->suite, worker->workers->drivers_dir,
                                            &worker->plan, &worker->argv, &argc, err);

    if (status == STATUS_OK)
        status =
            worker_environment_build(plan, mode, tmp_dir, &worker->plan, &worker->environment, err);
    if (status == STATUS_OK)
        status = worker_arguments_expand(plan, mode, tmp_dir, (const char *const *)worker->argv,
                                         argc, &worker->plan, &worker->argv, err);
    worker->tree_dir = arena_strdup(&worker->plan, plan->tree_dir);
    worker->show = arena_array(&worker->plan, plan->database_count + 1, sizeof(char *));
    worker->show_count = 0;
    for (size_t i = 0; i < plan->database_count; i++)
        if (plan->mode == WORKER_RUN && plan->databases[i].memory &&
            plan->databases[i].mirror[0] == '\0')
            worker->show[worker->show_count++] =
                arena_strdup(&worker->plan, plan->databases[i].image);
    if (plan->suite->limits != NULL)
        worker->limits = *plan->suite->limits;
    return status;
}

static struct worker *worker_of(struct workers *workers, int64_t slot)
{
    struct worker *worker = workers->slots[slot];

    if (worker != NULL)
        return worker;
    worker = mem_zalloc(sizeof(*worker));
    worker->workers = workers;
    worker->slot = slot;
    room_init(&worker->room, workers, mem_printf("%s/tmp/slot-%" PRId64, workers->work_dir, slot));
    (void)uv_timer_init(workers->group.loop, &worker->hold);
    worker->hold.data = worker;
    workers->slots[slot] = worker;
    return worker;
}

void workers_start(struct workers *workers, const struct worker_plan *plan)
{
    CHECK(plan->slot >= 1 && plan->slot <= SLOTS_PER_AGENT_MAX);
    struct worker *worker = worker_of(workers, plan->slot);
    struct error err;

    CHECK(worker->state == WORKER_EMPTY);
    worker->state = WORKER_MAKING;
    worker->is_killed = worker->is_holding = worker->is_broken = worker->marks_lost = false;
    worker->running = 0;
    worker->limits = (struct suite_limits){0};
    worker->protocol.text[0] = '\0';
    arena_init(&worker->plan);
    arena_init(&worker->held_arena);
    if (plan_take(worker, plan, &err) != STATUS_OK)
        worker->protocol = err;
    buffer_init(&worker->lines, WORKER_LINE_BYTES_MAX + 2 * CHILD_READ_BYTES);
    output_init(&worker->output, worker->limits.output_bytes);
    room_make(&worker->room, on_room_made, worker);
}

/* ---- talking and killing --------------------------------------------------------------- */

static struct worker *worker_at(struct workers *workers, int64_t slot)
{
    return slot >= 1 && slot <= SLOTS_PER_AGENT_MAX ? workers->slots[slot] : NULL;
}

void workers_tell(struct workers *workers, int64_t slot, const struct worker_order *order)
{
    struct worker *worker = worker_at(workers, slot);
    struct buffer line;
    struct error err;

    if (worker == NULL || worker->state != WORKER_ALIVE)
        return;
    buffer_init(&line, WORKER_LINE_BYTES_MAX);
    if (worker_order_encode(order, &line, &err) != STATUS_OK) {
        worker_break(worker, &err);
    } else if (!child_write(worker->child, line.at, line.len)) {
        (void)error_set(&err, STATUS_FULL, "the driver does not read what it is told");
        worker_break(worker, &err);
    }
    buffer_release(&line);
}

void workers_kill(struct workers *workers, int64_t slot, bool hard)
{
    struct worker *worker = worker_at(workers, slot);

    if (worker != NULL && worker->state == WORKER_MAKING)
        worker->is_killed = true;
    else if (worker != NULL && worker->state == WORKER_ALIVE)
        child_kill(worker->child, hard);
}

/* ---- dropping -------------------------------------------------------------------------- */

static void on_worker_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    struct workers *workers = worker->workers;

    workers->work_count--;
    room_release(&worker->room);
    free(worker);
}

static void worker_free(struct worker *worker)
{
    worker->workers->slots[worker->slot] = NULL;
    worker->workers->work_count++;
    uv_close((uv_handle_t *)&worker->hold, on_worker_closed);
}

static void on_room_removed(void *context)
{
    struct worker *worker = context;
    struct input input = {.kind = INPUT_DROPPED};

    /* What could not be removed has its record: the next start tries again.  The slot is free
     * before it is said, and the memory stays until the loop has closed the timer. */
    worker_free(worker);
    report(worker, &input);
}

void workers_drop(struct workers *workers, int64_t slot)
{
    CHECK(slot >= 1 && slot <= SLOTS_PER_AGENT_MAX);
    struct worker *worker = worker_of(workers, slot);

    CHECK(worker->state == WORKER_EMPTY);
    worker->state = WORKER_DROPPING;
    room_remove(&worker->room, on_room_removed, worker);
}

/* ---- all of them ------------------------------------------------------------------------- */

enum status workers_new(const struct workers_settings *settings, struct workers **out_workers,
                        struct error *err)
{
    struct workers *workers = mem_zalloc(sizeof(*workers));

    CHECK(settings->work_dir[0] == '/');
    workers->work_dir = mem_strdup(settings->work_dir);
    workers->drivers_dir = mem_strdup(settings->drivers_dir);
    workers->helper_path = mem_strdup(settings->helper_path);
    workers->templates_dir = settings->templates_dir != NULL
                                 ? mem_strdup(settings->templates_dir)
                                 : mem_printf("%s/templates", settings->work_dir);
    workers->on_input = settings->on_input;
    workers->context = settings->context;
    workers->group = (struct child_group){
        .loop = settings->loop,
        .book = settings->book,
        .helper_path = workers->helper_path,
        .hide = workers->templates_dir,
        .read_buffer = mem_alloc(CHILD_READ_BYTES),
    };
    /* A driver that has closed its end is told by EPIPE, not by our death. */
    (void)signal(SIGPIPE, SIG_IGN);

    /* What lies there was made by an incarnation whose records a power failure took. */
    CLEANUP(mem_freep) char *tmp = mem_printf("%s/tmp", workers->work_dir);
    enum status status = file_remove_tree(tmp, err);
    if (status == STATUS_OK)
        status = file_make_directories(workers->templates_dir, 0700, err);
    if (status == STATUS_OK)
        status = isolation_probe(workers->helper_path, workers->templates_dir,
                                 &workers->group.isolation, err);
    if (status != STATUS_OK) {
        workers_free(workers);
        return status;
    }
    *out_workers = workers;
    return STATUS_OK;
}

static bool is_busy(const struct workers *workers)
{
    return workers->group.count > 0 || workers->work_count > 0;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    workers->is_closing = true;
    commands_abandon(workers);
    for (struct child *child = workers->group.first; child != NULL; child = child_next(child))
        child_kill(child, true);
    while (is_busy(workers))
        (void)uv_run(workers->group.loop, UV_RUN_ONCE);
    for (int64_t slot = 1; slot <= SLOTS_PER_AGENT_MAX; slot++)
        if (workers->slots[slot] != NULL)
            room_remove(&workers->slots[slot]->room, on_room_removed, workers->slots[slot]);
    while (is_busy(workers))
        (void)uv_run(workers->group.loop, UV_RUN_ONCE);
    free(workers->group.read_buffer);
    free(workers->work_dir);
    free(workers->drivers_dir);
    free(workers->helper_path);
    free(workers->templates_dir);
    free(workers);
}

struct child_group *workers_children(struct workers *workers)
{
    return &workers->group;
}

const char *workers_isolation(const struct workers *workers)
{
    return isolation_text(&workers->group.isolation);
}

bool workers_hide_templates(const struct workers *workers)
{
    return workers->group.isolation.can_hide;
}

size_t workers_alive(const struct workers *workers)
{
    return workers->group.count;
}
