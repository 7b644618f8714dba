#include "agent/runs/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/runs/step_stamp.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

/* How often a directory that another agent prepares is tried. */
#define LOCK_AGAIN_MS 200

/* What a step printed last, as far as a problem's text has room for it. */
#define TAIL_SHOWN_BYTES 600

#define STEP_TEXT_BYTES 120

struct prepare {
    struct prepare_plan plan;
    prepare_done *done;
    void *context;
    uv_timer_t timer;
    uv_work_t work;
    int lock_fd; /* -1 none */
    size_t step;
    char steps[HASH_HEX_SIZE]; /* what held_tree_prepared is compared with */
    char hash[HASH_HEX_SIZE];  /* of the step                              */
    bool is_done;              /* the step, by its stamp                   */
    char *tmp_dir;
    enum status status;
    struct error error;
};

static void step_hash_start(struct prepare *prepare);

static const struct suite_prepare *step_now(const struct prepare *prepare)
{
    return &prepare->plan.suite->prepare[prepare->step];
}

static const char *dir_of(const struct prepare *prepare)
{
    return held_tree_dir(prepare->plan.tree);
}

static void steps_hash(struct prepare *prepare)
{
    const struct suite *suite = prepare->plan.suite;
    struct hash hash;

    hash_init(&hash);
    for (size_t i = 0; i < suite->prepare_count; i++) {
        for (size_t j = 0; j < suite->prepare[i].run_count; j++)
            hash_add_text(&hash, suite->prepare[i].run[j]);
        hash_add_text(&hash, "");
    }
    hash_final(&hash, prepare->steps);
}

/* ---- the end -------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct prepare *prepare = handle->data;
    /* What stays, the next start removes with all that lies there. */
    enum status removed = file_remove_tree(prepare->tmp_dir, NULL);

    if (prepare->lock_fd >= 0)
        (void)close(prepare->lock_fd);
    (void)removed;
    if (prepare->status == STATUS_OK)
        held_tree_set_prepared(prepare->plan.tree, prepare->steps);
    prepare->done(prepare->context, prepare->status,
                  prepare->status == STATUS_OK ? "" : prepare->error.text);
    mem_freep(&prepare->tmp_dir);
    free(prepare);
}

static void finish(struct prepare *prepare, enum status status)
{
    prepare->status = status;
    uv_close((uv_handle_t *)&prepare->timer, on_closed);
}

/* "prepare step 2 'ci/prepare.sh --fast': WHY" */
static void fail_step(struct prepare *prepare, enum status status, const char *why)
{
    const struct suite_prepare *step = step_now(prepare);
    struct buffer words;

    buffer_init(&words, STEP_TEXT_BYTES);
    for (size_t i = 0; i < step->run_count; i++)
        (void)buffer_printf(&words, "%s%s", i > 0 ? " " : "", step->run[i]);
    finish(prepare, error_set(&prepare->error, status, "prepare step %zu '%s': %s",
                              prepare->step + 1, words.at, why));
    buffer_release(&words);
}

/* ---- a step runs ------------------------------------------------------------------ */

static void step_next(struct prepare *prepare)
{
    prepare->step++;
    if (prepare->step < prepare->plan.suite->prepare_count)
        step_hash_start(prepare);
    else
        finish(prepare, STATUS_OK);
}

static void on_step_ran(void *context, enum status status, const char *text, const char *tail)
{
    struct prepare *prepare = context;
    struct error why;
    size_t len = strlen(tail);
    size_t from = len > TAIL_SHOWN_BYTES ? len - TAIL_SHOWN_BYTES : 0;

    if (status != STATUS_OK) {
        while ((tail[from] & 0xC0) == 0x80) /* not inside a character */
            from++;
        (void)error_set(&why, status, "%s%s%s", text, len > 0 ? "; it printed last: " : "",
                        tail + from);
        fail_step(prepare, status, why.text);
        return;
    }
    status = step_stamp_write(prepare->plan.work_dir, dir_of(prepare), step_now(prepare),
                              prepare->hash, &why);
    if (status != STATUS_OK)
        fail_step(prepare, status, why.text);
    else
        step_next(prepare);
}

/* The step's words and environment with their templates expanded. */
static enum status command_build(struct prepare *prepare, struct arena *arena,
                                 struct command_plan *out_command, struct error *err)
{
    const struct suite_prepare *step = step_now(prepare);
    struct worker_plan about = {.run = prepare->plan.run,
                                .worker = "",
                                .tree_dir = dir_of(prepare),
                                .suite = prepare->plan.suite};
    char **argv = NULL;
    char **environment = NULL;
    enum status status = file_make_directories(prepare->tmp_dir, 0700, err);

    if (status == STATUS_OK)
        status = worker_arguments_expand(&about, ENVIRONMENT_PREPARE, prepare->tmp_dir, step->run,
                                         step->run_count, arena, &argv, err);
    if (status == STATUS_OK)
        status = worker_environment_build(&about, ENVIRONMENT_PREPARE, prepare->tmp_dir, arena,
                                          &environment, err);
    out_command->argv = (const char *const *)argv;
    out_command->environment = (const char *const *)environment;
    return status;
}

static void step_run(struct prepare *prepare)
{
    const struct suite_timeouts *timeouts = prepare->plan.suite->timeouts;
    struct command_plan command = {
        .cwd = dir_of(prepare), .time_ms = timeouts->prepare_ms, .grace_ms = timeouts->grace_ms};
    struct arena arena = ARENA_INIT;
    struct error why;
    enum status status = command_build(prepare, &arena, &command, &why);

    step_stamp_remove(prepare->plan.work_dir, dir_of(prepare), step_now(prepare));
    if (status == STATUS_OK)
        workers_run_command(prepare->plan.workers, &command, on_step_ran, prepare);
    else
        fail_step(prepare, status, why.text);
    arena_release(&arena);
}

/* ---- must it run? ------------------------------------------------------------------ */

/* On a thread of the pool: inputs may be big. */
static void step_look(uv_work_t *work)
{
    struct prepare *prepare = work->data;
    const struct suite_prepare *step = step_now(prepare);

    prepare->status = step_hash(dir_of(prepare), step, prepare->hash, &prepare->error);
    prepare->is_done = prepare->status == STATUS_OK &&
                       step_is_done(prepare->plan.work_dir, dir_of(prepare), step, prepare->hash);
}

static void on_step_looked(uv_work_t *work, int cancelled)
{
    struct prepare *prepare = work->data;
    struct error why = prepare->error;

    (void)cancelled;
    if (prepare->status != STATUS_OK)
        fail_step(prepare, prepare->status, why.text);
    else if (prepare->is_done)
        step_next(prepare);
    else
        step_run(prepare);
}

static void step_hash_start(struct prepare *prepare)
{
    prepare->work.data = prepare;
    CHECK(uv_queue_work(prepare->plan.loop, &prepare->work, step_look, on_step_looked) == 0);
}

/* ---- the directory's lock ------------------------------------------------------------ */

static void on_lock_time(uv_timer_t *timer)
{
    struct prepare *prepare = timer->data;

    if (prepare->lock_fd < 0)
        prepare->lock_fd = open(dir_of(prepare), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (prepare->lock_fd < 0) {
        finish(prepare, error_set_errno(&prepare->error, "cannot open '%s'", dir_of(prepare)));
        return;
    }
    if (flock(prepare->lock_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)uv_timer_start(timer, on_lock_time, LOCK_AGAIN_MS, 0);
        return;
    }
    if (prepare->plan.suite->prepare_count == 0 ||
        text_equals(held_tree_prepared(prepare->plan.tree), prepare->steps))
        finish(prepare, STATUS_OK);
    else
        step_hash_start(prepare);
}

void prepare_start(const struct prepare_plan *plan, prepare_done *done, void *context)
{
    struct prepare *prepare = mem_zalloc(sizeof(*prepare));

    prepare->plan = *plan;
    prepare->done = done;
    prepare->context = context;
    prepare->lock_fd = -1;
    prepare->tmp_dir = mem_printf("%s/prepare/%" PRId64, plan->work_dir, plan->run);
    steps_hash(prepare);
    CHECK(uv_timer_init(plan->loop, &prepare->timer) == 0);
    prepare->timer.data = prepare;
    (void)uv_timer_start(&prepare->timer, on_lock_time, 0, 0);
}
