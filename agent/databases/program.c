#include "agent/databases/program.h"

#include <stdlib.h>
#include <string.h>

#include "agent/databases/template.h"
#include "shared/base/text.h"

/* Twice what is kept: it is cut when it is full. */
#define TAIL_BYTES ((size_t)2 * PROGRAM_TAIL_BYTES_MAX + CHILD_READ_BYTES)

struct program {
    struct databases *databases;
    struct child *child;
    const struct program_events *events;
    void *context;
    char *ready_text;
    struct buffer tail;
    uv_timer_t timer;
    bool is_ready, is_late, is_stopping;
    bool is_clean;
    char *text;
};

/* ---- the end ------------------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *handle)
{
    struct program *program = handle->data;
    struct databases *databases = program->databases;

    databases->program_count--;
    if (!databases->is_closing)
        program->events->on_gone(program->context, program->is_clean, program->text);
    buffer_release(&program->tail);
    free(program->ready_text);
    free(program->text);
    free(program);
}

/* The last whole lines that fit, as UTF-8. */
static char *tail_text(const struct program *program)
{
    struct buffer clean;
    size_t from = 0;

    buffer_init(&clean, 3 * TAIL_BYTES);
    if (program->tail.len > 0)
        CHECK(text_add_as_utf8(&clean, program->tail.at, program->tail.len));
    if (clean.len > PROGRAM_TAIL_BYTES_MAX) {
        from = clean.len - PROGRAM_TAIL_BYTES_MAX;
        while (from < clean.len && clean.at[from - 1] != '\n')
            from++;
    }
    char *text = mem_printf("%.*s", (int)(clean.len - from), clean.len > 0 ? clean.at + from : "");
    buffer_release(&clean);
    return text;
}

static void on_gone(void *context, bool was_started, bool is_clean, const char *text)
{
    struct program *program = context;
    CLEANUP(mem_freep) char *tail = tail_text(program);

    program->child = NULL;
    program->is_clean = was_started && is_clean;
    program->text = mem_printf(
        "%s%s%s%s",
        program->is_late && !program->is_stopping ? "it did not get ready in time; " : "", text,
        tail[0] != '\0' ? "\n" : "", tail);
    uv_close((uv_handle_t *)&program->timer, on_timer_closed);
}

/* ---- what it says ---------------------------------------------------------------------- */

static void ready_look(struct program *program)
{
    if (program->ready_text == NULL || program->is_ready ||
        memmem(program->tail.at, program->tail.len, program->ready_text,
               strlen(program->ready_text)) == NULL)
        return;
    program->is_ready = true;
    (void)uv_timer_stop(&program->timer);
    if (!program->is_stopping)
        program->events->on_ready(program->context);
}

static void on_bytes(void *context, enum child_stream stream, const char *bytes, size_t len)
{
    struct program *program = context;

    (void)stream;
    CHECK(buffer_add(&program->tail, bytes, len));
    ready_look(program);
    if (program->tail.len > (size_t)2 * PROGRAM_TAIL_BYTES_MAX)
        buffer_drop_front(&program->tail, program->tail.len - PROGRAM_TAIL_BYTES_MAX);
}

static const struct child_events events_of_child = {on_bytes, NULL, on_gone};

/* ---- start and stop ----------------------------------------------------------------------- */

static void on_late(uv_timer_t *timer)
{
    struct program *program = timer->data;

    program->is_late = true;
    if (program->child != NULL)
        child_kill(program->child, true);
}

struct program *program_start(struct databases *databases, const struct program_plan *plan,
                              const struct program_events *events, void *context)
{
    /* Servers write for people in English, in which we look for `ready_text`. */
    CLEANUP(mem_freep) char *tmp_dir = mem_printf("TMPDIR=%s", plan->tmp_dir);
    const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                       "HOME=/nonexistent", tmp_dir, NULL};
    const struct server_identity *identity = &databases->identity;
    struct program *program = mem_zalloc(sizeof(*program));
    struct child_plan child = {
        .argv = (const char *const *)plan->argv,
        .environment = environment,
        .directory = plan->directory,
        .overlay = plan->overlay,
        .drop = identity->drop,
        .uid = identity->uid,
        .gid = identity->gid,
        .shows_all = true,
    };

    program->databases = databases;
    program->events = events;
    program->context = context;
    program->ready_text = plan->ready_text != NULL ? mem_strdup(plan->ready_text) : NULL;
    buffer_init(&program->tail, TAIL_BYTES);
    CHECK(uv_timer_init(databases->loop, &program->timer) == 0);
    program->timer.data = program;
    databases->program_count++;
    program->child =
        child_start(workers_children(databases->workers), &child, &events_of_child, program);
    if (plan->ready_text != NULL)
        (void)uv_timer_start(&program->timer, on_late, PROGRAM_READY_MS, 0);
    return program;
}

void program_stop(struct program *program, bool hard)
{
    program->is_stopping = true;
    if (program->child == NULL)
        return;
    child_kill(program->child, hard);
    if (!hard)
        (void)uv_timer_start(&program->timer, on_late, PROGRAM_STOP_MS, 0);
}
