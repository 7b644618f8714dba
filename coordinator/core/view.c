#include "coordinator/core/state.h"
#include "coordinator/core/submission.h"

/* What people see of runs and agents.  All is copied: a view outlives the lap. */

/* ---- what a run waits for ------------------------------------------------------ */

static bool some_agent_has(const struct core *core, const struct label *wanted)
{
    struct run probe = {0};
    struct run_submission submission = {.requirements = (struct label[]){*wanted},
                                        .requirements_count = 1};

    probe.submission = &submission;
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next)
        if (agent->is_live && run_matches(&probe, agent))
            return true;
    return false;
}

static bool is_any_live(const struct core *core)
{
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next)
        if (agent->is_live)
            return true;
    return false;
}

/* Nobody serves it: why. */
static const char *unserved_reason(const struct run *run, struct arena *arena)
{
    const struct run_submission *submission = run->submission;

    if (!is_any_live(run->core))
        return "no agent has connected";
    if (run->excluded_agents > 0)
        return arena_strdup(arena, run->last_problem);
    for (size_t i = 0; i < submission->requirements_count; i++)
        if (!some_agent_has(run->core, &submission->requirements[i]))
            return arena_printf(arena, "no agent has the label %s=%s",
                                submission->requirements[i].name,
                                submission->requirements[i].value);
    if (submission->requirements_count > 0)
        return "no agent that takes work has all the labels that the run requires";
    return "every agent is leaving";
}

const char *view_waiting_reason(const struct run *run, struct arena *arena)
{
    if (run->state == RUN_ENDED)
        return arena_strdup(arena, run->reason);
    if (run->leases_count > 0) {
        if (run->collect != NULL)
            return arena_printf(arena, "agent '%s' lists the tests%s%s", run->collect->agent->name,
                                run->collect->agent->doing[0] != '\0' ? ": " : "",
                                run->collect->agent->doing);
        return "";
    }
    if (run->serving_agents == 0)
        return unserved_reason(run, arena);
    return "waiting for a free slot";
}

/* ---- a run --------------------------------------------------------------------- */

static int64_t estimate_ms(const struct run *run)
{
    int64_t mean_us = run_mean_us(run);
    int64_t left_us = load_us(&run->queue.load, mean_us) + load_us(&run->leased, mean_us);
    int64_t slots = run->serving_slots > run->slots_busy ? run->serving_slots : run->slots_busy;
    int64_t workers = run->submission->options->workers;
    bool is_guess = run->seen_count == 0 && run->queue.load.unknown + run->leased.unknown > 0;

    if (run->state != RUN_RUNNING || slots == 0 || is_guess)
        return -1;
    if (workers > 0 && workers < slots)
        slots = workers;
    return left_us / slots / 1000;
}

static void add_running(const struct run *run, struct arena *arena, struct run_view *view)
{
    const struct lease *lease = NULL;

    view->running = arena_array(arena, run->leases_count, sizeof(*view->running));
    DL_FOREACH2(run->leases, lease, run_next)
    {
        const struct test *test = run_test(run, lease->running);

        if (test == NULL || test->lease != lease)
            continue;
        view->running[view->running_count++] = (struct running_test){
            .test = lease->running,
            .id = arena_strdup(arena, test->id),
            .agent = arena_strdup(arena, lease->agent->name),
            .slot = lease->slot,
            .running_ms = lease->running_ms + run->core->now_ms - lease->heard_ms,
        };
    }
}

void view_run(const struct run *run, struct arena *arena, struct run_view *out_view)
{
    const struct run_submission *submission = run->submission;

    *out_view = (struct run_view){
        .run = run->number,
        .key = arena_strdup(arena, submission->key),
        .name = arena_strdup(arena, submission->suite->name),
        .state = run->state,
        .end = run->end,
        .reason = view_waiting_reason(run, arena),
        .exit_status = run->exit_status,
        .counts = arena_alloc(arena, sizeof(struct run_counts)),
        .agents = run->state == RUN_ENDED ? 0 : run->serving_agents,
        .slots_busy = run->slots_busy,
        .slots = run->state == RUN_ENDED ? 0 : run->serving_slots,
        .estimate_ms = estimate_ms(run),
        .submitted_ms = run->submitted_ms,
        .ended_ms = run->ended_ms,
        .last_seq = run->last_seq,
        .labels = labels_copy(submission->labels, submission->labels_count, arena),
        .labels_count = submission->labels_count,
    };
    *out_view->counts = run->counts;
    add_running(run, arena, out_view);
}

/* ---- agents -------------------------------------------------------------------- */

static const char *agent_state(const struct agent *agent)
{
    if (!agent->is_live)
        return agent->gone == GONE_LEFT ? "left" : "lost";
    if (agent->is_draining)
        return "draining";
    return agent->leases != NULL ? "busy" : "idle";
}

static void view_agent(const struct core *core, const struct agent *agent, struct arena *arena,
                       struct agent_view *out_view)
{
    *out_view = (struct agent_view){
        .agent = arena_strdup(arena, agent->name),
        .incarnation = agent->incarnation,
        .state = agent_state(agent),
        .slots = arena_array(arena, agent->slots_count, sizeof(struct slot_report)),
        .slots_count = agent->slots_count,
        .labels = labels_copy(agent->labels, agent->labels_count, arena),
        .labels_count = agent->labels_count,
        .silent_ms = core->now_ms - agent->heard_ms,
        .leases = (int64_t)agent->leases_count,
        .doing = arena_strdup(arena, agent->doing),
    };
    for (size_t i = 0; i < agent->slots_count; i++)
        out_view->slots[i] =
            (struct slot_report){.slot = agent->slots[i].slot,
                                 .run = agent->slots[i].run,
                                 .group = arena_strdup(arena, agent->slots[i].group),
                                 .phase = agent->slots[i].phase};
}

void view_agents(const struct core *core, struct arena *arena, struct agent_list *out_list)
{
    *out_list = (struct agent_list){
        .agents = arena_array(arena, HASH_COUNT(core->agents), sizeof(struct agent_view))};
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next)
        view_agent(core, agent, arena, &out_list->agents[out_list->agents_count++]);
}

/* ---- images -------------------------------------------------------------------- */

static void view_image(const struct core *core, const struct image *image, struct arena *arena,
                       struct image_view *out_view)
{
    static const char *const states[] = {[IMAGE_RECORD_NONE] = "failed",
                                         [IMAGE_RECORD_BUILDING] = "building",
                                         [IMAGE_RECORD_READY] = "ready"};
    const struct image_failure *failure = image->failures;
    bool has_failed = image->state == IMAGE_RECORD_NONE && failure != NULL;

    *out_view = (struct image_view){
        .fingerprint = arena_strdup(arena, image->fingerprint),
        .trust = arena_strdup(arena, image->trust),
        .state = states[image->state],
        .hash = arena_strdup(arena, image->hash),
        .bytes = image->bytes,
        .agent = arena_strdup(arena, has_failed ? failure->agent : image->agent),
        .run = has_failed ? failure->run : image->run,
        .at_ms = has_failed ? failure->at_ms : image->at_ms,
        .needed = image_is_needed(core, image),
    };
}

void view_images(const struct core *core, struct arena *arena, struct image_list *out_list)
{
    *out_list = (struct image_list){
        .images = arena_array(arena, HASH_COUNT(core->images), sizeof(struct image_view))};
    for (const struct image *image = core->images; image != NULL; image = image->hh.next)
        view_image(core, image, arena, &out_list->images[out_list->images_count++]);
}

/* ---- numbers ------------------------------------------------------------------- */

static void count_runs(const struct core *core, struct stats *stats)
{
    for (const struct run *run = core->open_runs; run != NULL; run = run->next) {
        stats->runs_open++;
        stats->runs_collecting += run->state == RUN_COLLECTING;
        stats->tests_queued += (int64_t)queue_count(&run->queue);
        for (const struct lease *it = run->leases; it != NULL; it = it->run_next)
            stats->tests_leased += (int64_t)it->outstanding;
        stats->leases_open += (int64_t)run->leases_count;
        stats->slots_busy += run->slots_busy;
    }
}

void view_stats(const struct core *core, struct stats *out_stats)
{
    *out_stats = core->stats;
    count_runs(core, out_stats);
    for (const struct image *image = core->images; image != NULL; image = image->hh.next) {
        out_stats->images_ready += image->state == IMAGE_RECORD_READY;
        out_stats->images_building += image->state == IMAGE_RECORD_BUILDING;
    }
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next) {
        if (!agent->is_live)
            continue;
        out_stats->agents_known++;
        out_stats->agents_busy += agent->leases != NULL;
        out_stats->agents_idle += agent->leases == NULL;
        out_stats->slots += (int64_t)agent->slots_count;
    }
}
