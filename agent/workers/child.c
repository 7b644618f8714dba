#include "agent/workers/child.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/host/process.h"
#include "shared/base/memory.h"
#include "shared/base/random.h"
#include "shared/base/text.h"

/* Descriptors in the program, and the helper's own. */
#define ORDERS_FD   3
#define SAYS_FD     4
#define TOLD_FD     5
#define STDIO_COUNT 6
#define TOLD_MAX    1024
#define KEY_BYTES   16
#define KEY_SIZE    (2 * KEY_BYTES + 1)
#define OPTIONS_MAX 28
#define KILL_SIGNAL SIGUSR1 /* to the helper: everything, now */

struct child {
    struct child_group *group;
    struct child *next;
    struct child *previous;
    const struct child_events *events;
    void *context;
    char key[KEY_SIZE];
    int64_t record; /* 0 none */
    uv_process_t process;
    uv_timer_t drain;
    uv_timer_t killer;
    uv_pipe_t orders;
    uv_pipe_t streams[CHILD_STREAM_COUNT];
    bool is_open[CHILD_STREAM_COUNT]; /* handle made */
    bool has_ended[CHILD_STREAM_COUNT];
    bool has_orders;
    bool has_process;
    bool has_exited;
    bool is_finishing;
    int64_t exit_status;
    int term_signal;
    int handles;
    char told[TOLD_MAX];
    size_t told_len;
    struct error failure; /* text "" none: before there was a process */
    struct error sweep;   /* text "" none */
    uv_work_t work;
};

static const struct child_events no_events = {NULL, NULL, NULL};

/* ---- the end ------------------------------------------------------------------------ */

static void signal_text(char *out_text, size_t size, int number)
{
    const char *name = sigabbrev_np(number);

    (void)snprintf(out_text, size, name != NULL ? "signal %d (SIG%s)" : "signal %d", number, name);
}

static bool told_number(const struct child *child, const char *name, int64_t *out_number)
{
    size_t len = strlen(name);

    return strncmp(child->told, name, len) == 0 &&
           text_to_int64(child->told + len, 0, INT32_MAX, out_number);
}

/* What the helper told, or what is known without it. */
static void end_report(struct child *child)
{
    char text[ERROR_TEXT_MAX];
    bool was_started = true;
    bool is_clean = false;
    int64_t number = 0;

    child->told[child->told_len] = '\0';
    child->told[strcspn(child->told, "\n")] = '\0';
    if (child->failure.text[0] != '\0') {
        was_started = false;
        (void)snprintf(text, sizeof(text), "%s", child->failure.text);
    } else if (strncmp(child->told, "error ", 6) == 0) {
        was_started = false;
        (void)snprintf(text, sizeof(text), "%.500s", child->told + 6);
    } else if (told_number(child, "exit ", &number)) {
        is_clean = number == 0;
        (void)snprintf(text, sizeof(text), "exit status %d", (int)number);
    } else if (told_number(child, "signal ", &number)) {
        signal_text(text, sizeof(text), (int)number);
    } else if (child->term_signal != 0) {
        signal_text(text, sizeof(text), child->term_signal);
    } else {
        was_started = false;
        (void)snprintf(text, sizeof(text), "muster-spawn ended with status %" PRId64,
                       child->exit_status);
    }
    if (child->events->on_gone != NULL)
        child->events->on_gone(child->context, was_started, is_clean, text);
}

static void child_leave(struct child *child)
{
    struct child_group *group = child->group;

    if (child->previous != NULL)
        child->previous->next = child->next;
    else
        group->first = child->next;
    if (child->next != NULL)
        child->next->previous = child->previous;
    group->count--;
}

static void on_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;

    if (--child->handles > 0)
        return;
    /* What could not be killed keeps its record for the next start. */
    if (child->record != 0 && child->sweep.text[0] == '\0')
        lease_book_remove(child->group->book, child->record);
    child_leave(child);
    end_report(child);
    free(child);
}

static void handles_close(struct child *child)
{
    for (int i = 0; i < CHILD_STREAM_COUNT; i++)
        if (child->is_open[i])
            uv_close((uv_handle_t *)&child->streams[i], on_closed);
    if (child->has_orders)
        uv_close((uv_handle_t *)&child->orders, on_closed);
    if (child->has_process)
        uv_close((uv_handle_t *)&child->process, on_closed);
    uv_close((uv_handle_t *)&child->drain, on_closed);
    uv_close((uv_handle_t *)&child->killer, on_closed);
}

static void sweep_work(uv_work_t *work)
{
    struct child *child = work->data;

    if (process_kill_marked(child->key, &child->sweep) == STATUS_OK)
        child->sweep.text[0] = '\0';
}

static void sweep_after(uv_work_t *work, int status)
{
    (void)status;
    handles_close(work->data);
}

static void finish_when_ready(struct child *child)
{
    if (child->is_finishing || !child->has_exited)
        return;
    for (int i = 0; i < CHILD_STREAM_COUNT; i++)
        if (child->is_open[i] && !child->has_ended[i])
            return;
    child->is_finishing = true;
    (void)uv_timer_stop(&child->drain);
    (void)uv_timer_stop(&child->killer);
    /* A helper that told how it ended has reaped everything; one that was killed has not. */
    bool is_swept = memchr(child->told, '\n', child->told_len) != NULL || !child->has_process;
    child->work.data = child;
    if (is_swept || uv_queue_work(child->group->loop, &child->work, sweep_work, sweep_after) != 0)
        handles_close(child);
}

static void stream_end(struct child *child, enum child_stream stream)
{
    if (!child->is_open[stream] || child->has_ended[stream])
        return;
    child->has_ended[stream] = true;
    (void)uv_read_stop((uv_stream_t *)&child->streams[stream]);
    if (stream != CHILD_TOLD && child->events->on_end != NULL)
        child->events->on_end(child->context, stream);
}

/* Output first: a line may wait for it.  What the driver said gets the same time again. */
static void on_drain(uv_timer_t *timer)
{
    struct child *child = timer->data;
    bool was_open = false;

    for (int i = 0; i < CHILD_STREAM_COUNT; i++)
        if (i != CHILD_SAYS && child->is_open[i] && !child->has_ended[i]) {
            was_open = true;
            stream_end(child, (enum child_stream)i);
        }
    if (was_open && child->is_open[CHILD_SAYS] && !child->has_ended[CHILD_SAYS])
        (void)uv_timer_start(timer, on_drain, CHILD_DRAIN_MS, 0);
    else
        stream_end(child, CHILD_SAYS);
    finish_when_ready(child);
}

static void on_helper_exit(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct child *child = process->data;

    child->has_exited = true;
    child->exit_status = exit_status;
    child->term_signal = term_signal;
    (void)uv_timer_start(&child->drain, on_drain, CHILD_DRAIN_MS, 0);
    finish_when_ready(child);
}

/* ---- reading and writing --------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buf)
{
    const struct child *child = handle->data;

    (void)suggested;
    *out_buf = uv_buf_init(child->group->read_buffer, (unsigned)CHILD_READ_BYTES);
}

static void told_add(struct child *child, const char *bytes, size_t len)
{
    size_t room = TOLD_MAX - 1 - child->told_len;
    size_t part = len < room ? len : room;

    memcpy(child->told + child->told_len, bytes, part);
    child->told_len += part;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct child *child = stream->data;
    enum child_stream which = CHILD_STDOUT;

    while (stream != (uv_stream_t *)&child->streams[which])
        which++;
    if (len < 0) {
        stream_end(child, which);
        finish_when_ready(child);
    } else if (len > 0 && which == CHILD_TOLD) {
        told_add(child, buf->base, (size_t)len);
    } else if (len > 0 && child->events->on_bytes != NULL) {
        child->events->on_bytes(child->context, which, buf->base, (size_t)len);
    }
}

void child_pause(struct child *child, enum child_stream stream, bool is_paused)
{
    if (!child->is_open[stream] || child->has_ended[stream])
        return;
    if (is_paused)
        (void)uv_read_stop((uv_stream_t *)&child->streams[stream]);
    else
        (void)uv_read_start((uv_stream_t *)&child->streams[stream], on_alloc, on_read);
}

struct write {
    uv_write_t request;
    char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a driver that is gone says so by the end of its streams */
    free(request->data);
}

bool child_write(struct child *child, const char *bytes, size_t len)
{
    if (!child->has_orders || child->is_finishing)
        return true;
    uv_stream_t *stream = (uv_stream_t *)&child->orders;
    if (uv_stream_get_write_queue_size(stream) + len > CHILD_ORDERS_BYTES_MAX)
        return false;

    struct write *write = mem_alloc(sizeof(*write) + len);
    uv_buf_t buf = uv_buf_init(write->bytes, (unsigned)len);
    memcpy(write->bytes, bytes, len);
    write->request.data = write;
    if (uv_write(&write->request, stream, &buf, 1, on_written) != 0)
        free(write);
    return true;
}

/* ---- killing ---------------------------------------------------------------------------- */

static void on_kill_late(uv_timer_t *timer)
{
    struct child *child = timer->data;

    if (child->has_process && !child->has_exited)
        (void)uv_process_kill(&child->process, SIGKILL);
}

void child_kill(struct child *child, bool hard)
{
    if (!child->has_process || child->has_exited)
        return;
    (void)uv_process_kill(&child->process, hard ? KILL_SIGNAL : SIGTERM);
    if (hard && !uv_is_active((uv_handle_t *)&child->killer))
        (void)uv_timer_start(&child->killer, on_kill_late, CHILD_KILL_MS, 0);
}

void child_abandon(struct child *child)
{
    child->events = &no_events;
}

struct child *child_next(const struct child *child)
{
    return child->next;
}

/* ---- starting ---------------------------------------------------------------------------- */

/* The helper's command line lives as long as the call of uv_spawn. */
static char **command_line(const struct child *child, const struct child_plan *plan,
                           struct arena *arena)
{
    static const struct child_overlay no_overlay = {NULL, NULL, NULL, NULL};
    const struct child_group *group = child->group;
    const struct child_overlay *overlay = plan->overlay != NULL ? plan->overlay : &no_overlay;
    bool hides = group->isolation.can_hide && !plan->shows_all;
    size_t argc = 0;
    size_t at = 0;
    char record[LEASE_PATH_SIZE];

    while (plan->argv[argc] != NULL)
        argc++;
    /* Beside them: the helper, the dashes and the closing NULL. */
    size_t most = OPTIONS_MAX + 2 * plan->show_count + argc + 3;
    char **argv = arena_array(arena, most, sizeof(*argv));
    lease_book_path(group->book, child->record, record);

    argv[at++] = arena_strdup(arena, group->helper_path);
    const char *const options[][2] = {
        {"--record", record},
        {"--key", child->key},
        {"--parent", arena_printf(arena, "%ld", (long)getpid())},
        {"--namespaces", group->isolation.namespaces},
        {"--hide", hides ? group->hide : NULL},
        {"--directory", plan->directory},
        {"--keep", plan->has_control ? "5" : "3"},
        {"--processes", arena_printf(arena, "%" PRId64, plan->processes_max)},
        {"--memory", arena_printf(arena, "%" PRId64, plan->memory_bytes_max)},
        {"--overlay", overlay->lower},
        {"--upper", overlay->upper},
        {"--scratch", overlay->scratch},
        {"--at", overlay->at},
        {"--user", plan->drop ? arena_printf(arena, "%u:%u", plan->uid, plan->gid) : NULL},
    };
    static_assert(2 * COUNT_OF(options) <= OPTIONS_MAX, "the array holds all options");
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (options[i][1] != NULL) {
            argv[at++] = arena_strdup(arena, options[i][0]);
            argv[at++] = arena_strdup(arena, options[i][1]);
        }
    for (size_t i = 0; i < plan->show_count && hides; i++) {
        argv[at++] = arena_strdup(arena, "--show");
        argv[at++] = arena_strdup(arena, plan->show[i]);
    }
    argv[at++] = arena_strdup(arena, "--");
    for (size_t i = 0; i < argc; i++)
        argv[at++] = arena_strdup(arena, plan->argv[i]);
    CHECK(at < most);
    return argv;
}

static char **environment_with_key(const struct child *child, const char *const *environment,
                                   struct arena *arena)
{
    size_t count = 0;

    while (environment[count] != NULL)
        count++;
    char **with = arena_array(arena, count + 2, sizeof(*with));
    with[0] = arena_printf(arena, "MUSTER_LEASE=%s", child->key);
    for (size_t i = 0; i < count; i++)
        with[i + 1] = arena_strdup(arena, environment[i]);
    return with;
}

/* Makes a pipe; our end becomes the handle, the other's descriptor is returned. */
static int pipe_make(struct child *child, uv_pipe_t *handle, bool we_read, int *out_fd)
{
    uv_file fds[2];
    int ours = we_read ? 0 : 1;
    int failed = uv_pipe(fds, we_read ? UV_NONBLOCK_PIPE : 0, we_read ? 0 : UV_NONBLOCK_PIPE);

    if (failed != 0)
        return failed;
    CHECK(uv_pipe_init(child->group->loop, handle, 0) == 0);
    handle->data = child;
    child->handles++;
    failed = uv_pipe_open(handle, fds[ours]);
    if (failed != 0)
        (void)close(fds[ours]);
    *out_fd = fds[1 - ours];
    return failed;
}

/* `fds` are the program's ends by its numbers; -1 none. */
static int pipes_make(struct child *child, bool has_control, int fds[STDIO_COUNT])
{
    static const int numbers[CHILD_STREAM_COUNT] = {
        [CHILD_STDOUT] = STDOUT_FILENO,
        [CHILD_STDERR] = STDERR_FILENO,
        [CHILD_SAYS] = SAYS_FD,
        [CHILD_TOLD] = TOLD_FD,
    };

    for (int i = 0; i < CHILD_STREAM_COUNT; i++) {
        if (i == CHILD_SAYS && !has_control)
            continue;
        int before = child->handles;
        int failed = pipe_make(child, &child->streams[i], true, &fds[numbers[i]]);
        child->is_open[i] = child->handles > before;
        if (failed != 0)
            return failed;
    }
    if (!has_control)
        return 0;
    int before = child->handles;
    int failed = pipe_make(child, &child->orders, false, &fds[ORDERS_FD]);
    child->has_orders = child->handles > before;
    return failed;
}

static int helper_spawn(struct child *child, const struct child_plan *plan,
                        const int fds[STDIO_COUNT])
{
    struct arena arena = ARENA_INIT;
    uv_stdio_container_t stdio[STDIO_COUNT];
    char **argv = command_line(child, plan, &arena);

    for (int i = 0; i < STDIO_COUNT; i++) {
        stdio[i].flags = fds[i] >= 0 ? UV_INHERIT_FD : UV_IGNORE;
        stdio[i].data.fd = fds[i];
    }
    uv_process_options_t options = {
        .exit_cb = on_helper_exit,
        .file = argv[0],
        .args = argv,
        .env = environment_with_key(child, plan->environment, &arena),
        .stdio_count = STDIO_COUNT,
        .stdio = stdio,
    };
    child->process.data = child;
    int failed = uv_spawn(child->group->loop, &child->process, &options);
    child->has_process = true; /* a handle, also when it failed */
    child->handles++;
    arena_release(&arena);
    return failed;
}

static void on_failed(uv_timer_t *timer)
{
    struct child *child = timer->data;

    handles_close(child);
}

/* on_gone comes from the loop. */
static void fail_later(struct child *child)
{
    child->is_finishing = true;
    (void)uv_timer_start(&child->drain, on_failed, 0, 0);
}

static bool processes_start(struct child *child, const struct child_plan *plan)
{
    int fds[STDIO_COUNT] = {-1, -1, -1, -1, -1, -1};
    int failed = pipes_make(child, plan->has_control, fds);

    if (failed == 0)
        failed = helper_spawn(child, plan, fds);
    for (int i = 0; i < STDIO_COUNT; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    if (failed != 0)
        (void)error_set(&child->failure, STATUS_UNAVAILABLE, "cannot start '%s': %s",
                        child->group->helper_path, uv_strerror(failed));
    for (int i = 0; failed == 0 && i < CHILD_STREAM_COUNT; i++)
        child_pause(child, (enum child_stream)i, false);
    return failed == 0;
}

struct child *child_start(struct child_group *group, const struct child_plan *plan,
                          const struct child_events *events, void *context)
{
    struct child *child = mem_zalloc(sizeof(*child));

    child->group = group;
    child->events = events;
    child->context = context;
    child->next = group->first;
    if (group->first != NULL)
        group->first->previous = child;
    group->first = child;
    group->count++;
    random_hex(child->key, KEY_BYTES);
    (void)uv_timer_init(group->loop, &child->drain);
    (void)uv_timer_init(group->loop, &child->killer);
    child->drain.data = child->killer.data = child;
    child->handles = 2;

    if (lease_book_add(group->book, LEASE_RECORD_PROCESS, child->key, &child->record,
                       &child->failure) != STATUS_OK ||
        !processes_start(child, plan))
        fail_later(child);
    else
        child->failure.text[0] = '\0';
    return child;
}
