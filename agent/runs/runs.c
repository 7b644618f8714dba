#include "agent/runs/runs.h"

#include <stdlib.h>

#include "agent/runs/prepare.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

enum run_stage {
    RUN_STAGE_FETCHING,
    RUN_STAGE_GETTING,
    RUN_STAGE_PREPARING,
    RUN_STAGE_TREE,
    RUN_STAGE_BUILDING,
    RUN_STAGE_BUILT
};

struct agent_run {
    struct runs *runs;
    struct agent_run *next;
    int64_t number;
    enum run_stage stage;
    bool with_databases; /* what was asked for last                        */
    bool is_forgotten;   /* goes when what is under way for it has ended   */
    bool is_answering;   /* the timer will answer what is there already    */
    struct arena arena;
    const struct run_work *work;
    struct held_tree *tree;
    uv_timer_t timer;
};

struct runs {
    struct runs_settings settings;
    struct agent_run *first;
    size_t open_timers;
    bool is_closing;
};

/* ---- coming and going --------------------------------------------------------------- */

struct runs *runs_new(const struct runs_settings *settings)
{
    struct runs *runs = mem_zalloc(sizeof(*runs));
    CLEANUP(mem_freep) char *left = mem_printf("%s/prepare", settings->work_dir);

    /* What steps of an earlier incarnation left; what stays, the next start tries again. */
    enum status removed = file_remove_tree(left, NULL);

    (void)removed;
    runs->settings = *settings;
    return runs;
}

static struct agent_run *run_find(const struct runs *runs, int64_t number)
{
    for (struct agent_run *run = runs->first; run != NULL; run = run->next) {
        if (run->number == number && !run->is_forgotten)
            return run;
    }
    return NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct agent_run *run = handle->data;

    run->runs->open_timers--;
    free(run);
}

static void run_free(struct agent_run *run)
{
    struct runs *runs = run->runs;
    struct agent_run **at = &runs->first;

    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    link_drop_work(runs->settings.link, run);
    if (run->stage >= RUN_STAGE_TREE)
        databases_forget_run(runs->settings.databases, run->number);
    if (run->tree != NULL)
        sources_put(runs->settings.sources, run->tree);
    arena_release(&run->arena);
    uv_close((uv_handle_t *)&run->timer, on_timer_closed);
}

/* Fetching is cut off; the rest is waited for. */
static bool run_is_under_way(const struct agent_run *run)
{
    return run->stage == RUN_STAGE_GETTING || run->stage == RUN_STAGE_PREPARING ||
           run->stage == RUN_STAGE_BUILDING;
}

static size_t runs_left(const struct runs *runs)
{
    size_t count = 0;

    for (const struct agent_run *run = runs->first; run != NULL; run = run->next)
        count++;
    return count;
}

void runs_forget(struct runs *runs, int64_t number)
{
    struct agent_run *run = run_find(runs, number);

    if (run == NULL)
        return;
    run->is_forgotten = true;
    if (!run_is_under_way(run))
        run_free(run);
}

void runs_free(struct runs *runs)
{
    struct agent_run *next = NULL;

    if (runs == NULL)
        return;
    runs->is_closing = true;
    for (struct agent_run *run = runs->first; run != NULL; run = next) {
        next = run->next;
        if (!run_is_under_way(run))
            run_free(run);
    }
    while (runs->open_timers > runs_left(runs))
        (void)uv_run(runs->settings.loop, UV_RUN_ONCE);
    if (runs->first == NULL)
        free(runs);
}

/* ---- answers --------------------------------------------------------------------------- */

enum suite_fresh suite_strictest_fresh(const struct suite *suite)
{
    static const int strictness[] = {[SUITE_FRESH_SLOT] = 0,
                                     [SUITE_FRESH_AUTO] = 1,
                                     [SUITE_FRESH_BATCH] = 2,
                                     [SUITE_FRESH_GROUP] = 3,
                                     [SUITE_FRESH_TEST] = 4};
    enum suite_fresh strictest = SUITE_FRESH_SLOT;

    for (size_t i = 0; i < suite->databases_count; i++) {
        if (strictness[suite->databases[i].fresh] > strictness[strictest])
            strictest = suite->databases[i].fresh;
    }
    return strictest;
}

static void run_ready(struct agent_run *run)
{
    const struct suite *suite = run->work->suite;
    struct run_terms terms = {.test_ms = suite->timeouts->test_ms,
                              .ready_ms = suite->timeouts->ready_ms,
                              .grace_ms = suite->timeouts->grace_ms,
                              .fresh = suite_strictest_fresh(suite),
                              .has_databases = suite->databases_count > 0};
    struct input input = {.kind = INPUT_RUN_READY, .run = run->number, .terms = &terms};

    run->runs->settings.on_input(run->runs->settings.context, &input);
}

static void run_failed(struct agent_run *run, const char *stage, const char *text)
{
    struct runs_settings settings = run->runs->settings;
    struct input input = {
        .kind = INPUT_RUN_FAILED, .run = run->number, .stage = stage, .text = text};

    /* A tree that is there stays; anything less is begun anew. */
    if (run->stage < RUN_STAGE_TREE)
        run_free(run);
    settings.on_input(settings.context, &input);
}

/* ---- step by step ------------------------------------------------------------------------ */

static void on_built(void *context, enum status status, const char *text)
{
    struct agent_run *run = context;

    if (run->runs->is_closing)
        return;
    run->stage = status == STATUS_OK ? RUN_STAGE_BUILT : RUN_STAGE_TREE;
    if (run->is_forgotten)
        run_free(run);
    else if (status == STATUS_OK)
        run_ready(run);
    else
        run_failed(run, "set-up", text);
}

static void run_build(struct agent_run *run)
{
    struct template_plan plan = {.run = run->number,
                                 .tree_dir = held_tree_dir(run->tree),
                                 .suite = run->work->suite,
                                 .options = run->work->options};

    run->stage = RUN_STAGE_BUILDING;
    databases_build(run->runs->settings.databases, &plan, on_built, run);
}

/* The tree is there: what else was asked for? */
static void run_go_on(struct agent_run *run)
{
    bool wants_build = run->with_databases && run->stage != RUN_STAGE_BUILT &&
                       run->work->suite->databases_count > 0;

    if (wants_build)
        run_build(run);
    else
        run_ready(run);
}

static void on_prepared(void *context, enum status status, const char *text)
{
    struct agent_run *run = context;

    if (run->runs->is_closing)
        return;
    if (run->is_forgotten) {
        run_free(run);
    } else if (status != STATUS_OK) {
        run_failed(run, "prepare", text);
    } else {
        run->stage = RUN_STAGE_TREE;
        run_go_on(run);
    }
}

static void on_tree(void *context, enum status status, struct held_tree *tree, const char *text)
{
    struct agent_run *run = context;
    struct prepare_plan plan = {.loop = run->runs->settings.loop,
                                .workers = run->runs->settings.workers,
                                .work_dir = run->runs->settings.work_dir,
                                .run = run->number,
                                .tree = tree};

    if (run->runs->is_closing)
        return;
    run->tree = tree;
    if (run->is_forgotten) {
        run_free(run);
    } else if (status != STATUS_OK) {
        run_failed(run, "source", text);
    } else {
        plan.suite = run->work->suite;
        run->stage = RUN_STAGE_PREPARING;
        prepare_start(&plan, on_prepared, run);
    }
}

static void on_work(void *context, enum status status, const struct run_work *work,
                    const char *text)
{
    struct agent_run *run = context;

    if (status != STATUS_OK) {
        run_failed(run, "source", text);
        return;
    }
    run->work = work;
    run->stage = RUN_STAGE_GETTING;
    sources_get(run->runs->settings.sources, work->suite, on_tree, run);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void on_answer_time(uv_timer_t *timer)
{
    struct agent_run *run = timer->data;

    run->is_answering = false;
    run_go_on(run);
}

static struct agent_run *run_begin(struct runs *runs, int64_t number)
{
    struct agent_run *run = mem_zalloc(sizeof(*run));

    run->runs = runs;
    run->number = number;
    run->next = runs->first;
    runs->first = run;
    CHECK(uv_timer_init(runs->settings.loop, &run->timer) == 0);
    run->timer.data = run;
    runs->open_timers++;
    link_fetch_work(runs->settings.link, number, &run->arena, on_work, run);
    return run;
}

void runs_prepare(struct runs *runs, int64_t number, bool with_databases)
{
    struct agent_run *run = run_find(runs, number);

    if (run == NULL) {
        run_begin(runs, number)->with_databases = with_databases;
        return;
    }
    /* While something is under way its end answers for this question too. */
    run->with_databases = run->with_databases || with_databases;
    if ((run->stage == RUN_STAGE_TREE || run->stage == RUN_STAGE_BUILT) && !run->is_answering) {
        run->is_answering = true;
        (void)uv_timer_start(&run->timer, on_answer_time, 0, 0);
    }
}

const struct run_work *runs_work(const struct runs *runs, int64_t number, const char **out_tree_dir)
{
    const struct agent_run *run = run_find(runs, number);

    if (run == NULL || run->stage < RUN_STAGE_TREE)
        return NULL;
    *out_tree_dir = held_tree_dir(run->tree);
    return run->work;
}
