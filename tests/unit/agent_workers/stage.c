#include "tests/unit/agent_workers/stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/file.h"

/* Longer than any of the module's own bounds; a test that needs it has failed. */
#define STAGE_WAIT_MS 30000

static void on_input(void *context, const struct input *input)
{
    struct stage *stage = context;
    struct heard *heard = &stage->heard[stage->heard_count];
    const struct output *output = input->message != NULL ? input->message->output : input->output;

    if (stage->heard_count == HEARD_MAX)
        return;
    stage->heard_count++;
    *heard = (struct heard){.kind = input->kind, .slot = input->slot};
    heard->was_clean = input->was_clean;
    if (input->message != NULL) {
        heard->say = input->message->say;
        heard->n = input->message->n;
    }
    if (input->text != NULL)
        (void)snprintf(heard->text, sizeof(heard->text), "%s", input->text);
    if (output != NULL) {
        heard->has_output = true;
        heard->total_bytes = output->total_bytes;
        (void)snprintf(heard->head, sizeof(heard->head), "%s", output->head);
        (void)snprintf(heard->tail, sizeof(heard->tail), "%s", output->tail);
    }
}

static void on_late(uv_timer_t *timer)
{
    struct stage *stage = timer->data;

    stage->is_late = true;
}

void stage_open(struct stage *stage)
{
    struct error err;

    memset(stage, 0, sizeof(*stage));
    (void)snprintf(stage->dir, sizeof(stage->dir), "/tmp/muster-stage-XXXXXX");
    cr_assert_not_null(mkdtemp(stage->dir));
    cr_assert_eq(uv_loop_init(&stage->loop), 0);
    (void)uv_timer_init(&stage->loop, &stage->guard);
    stage->guard.data = stage;
    cr_assert_eq(lease_book_open(stage->dir, &stage->book, &err), STATUS_OK, "%s", err.text);
    struct workers_settings settings = {
        .loop = &stage->loop,
        .book = stage->book,
        .work_dir = stage->dir,
        .helper_path = HELPER_PATH,
        .drivers_dir = "/nonexistent",
        .on_input = on_input,
        .context = stage,
    };
    cr_assert_eq(workers_new(&settings, &stage->workers, &err), STATUS_OK, "%s", err.text);
}

void stage_close(struct stage *stage)
{
    struct error err;

    workers_free(stage->workers);
    cr_assert_eq(lease_book_count(stage->book), 0, "records are left");
    lease_book_free(stage->book);
    uv_close((uv_handle_t *)&stage->guard, NULL);
    while (uv_run(&stage->loop, UV_RUN_DEFAULT) != 0)
        continue;
    cr_assert_eq(uv_loop_close(&stage->loop), 0, "handles are left");
    cr_assert_eq(file_remove_tree(stage->dir, &err), STATUS_OK, "%s", err.text);
}

/* A driver's arguments are templates: every $ of the script's own is doubled. */
static void dollars_double(const char *script, char *out_script)
{
    for (; *script != '\0'; script++) {
        *out_script++ = *script;
        if (*script == '$')
            *out_script++ = '$';
    }
    *out_script = '\0';
}

void stage_start(struct stage *stage, const char *script, const struct suite_limits *limits)
{
    char doubled[16384];
    const char *driver[] = {"/bin/sh", "-c", doubled};
    struct suite_limits copy = limits != NULL ? *limits : (struct suite_limits){0};
    struct suite suite = {.name = "stage",
                          .driver = SUITE_DRIVER_COMMAND,
                          .driver_command = driver,
                          .driver_command_count = 3,
                          .limits = &copy};
    struct worker_plan plan = {.slot = 1,
                               .run = 1,
                               .worker = "stage.1.1.1",
                               .mode = WORKER_RUN,
                               .tree_dir = stage->dir,
                               .suite = &suite};

    cr_assert_lt(2 * strlen(script), sizeof(doubled));
    dollars_double(script, doubled);
    workers_start(stage->workers, &plan);
}

bool stage_turn(struct stage *stage)
{
    if (!uv_is_active((uv_handle_t *)&stage->guard))
        (void)uv_timer_start(&stage->guard, on_late, STAGE_WAIT_MS, 0);
    (void)uv_run(&stage->loop, UV_RUN_ONCE);
    return !stage->is_late;
}

static const struct heard *wait_for(struct stage *stage, enum input_kind kind, bool any,
                                    enum worker_say say, int64_t n)
{
    const struct heard *found = NULL;

    for (size_t at = 0; found == NULL;) {
        for (; at < stage->heard_count && found == NULL; at++) {
            const struct heard *heard = &stage->heard[at];
            if (heard->kind == kind && (any || (heard->say == say && heard->n == n)))
                found = heard;
        }
        if (found == NULL && !stage_turn(stage))
            break;
    }
    (void)uv_timer_stop(&stage->guard);
    return found;
}

const struct heard *stage_wait(struct stage *stage, enum input_kind kind)
{
    return wait_for(stage, kind, true, SAY_BYE, 0);
}

const struct heard *stage_wait_said(struct stage *stage, enum worker_say say, int64_t n)
{
    return wait_for(stage, INPUT_WORKER_SAID, false, say, n);
}
