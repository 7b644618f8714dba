#include "coordinator/core/core.h"

#include "coordinator/core/state.h"
#include "coordinator/core/submission.h"

struct core *core_new(const struct core_settings *settings)
{
    struct core *core = mem_zalloc(sizeof(*core));

    CHECK(settings->epoch > 0 && settings->next_run > 0);
    core->pool = mem_strdup(settings->pool);
    core->epoch = settings->epoch;
    core->next_run = settings->next_run;
    core->fleet_version = 1;
    core->agents_bound_ms = INT64_MAX;
    return core;
}

static void free_leases(struct core *core)
{
    struct lease *lease = core->leases;

    HASH_CLEAR(hh, core->leases);
    while (lease != NULL) {
        struct lease *next = lease->hh.next;

        lease->run->leases = NULL;
        lease->agent->leases = NULL;
        free(lease->items);
        free(lease);
        lease = next;
    }
}

void core_free(struct core *core)
{
    struct run *run = NULL;
    struct run *next_run = NULL;
    struct agent *agent = NULL;
    struct agent *next_agent = NULL;

    if (core == NULL)
        return;
    free_leases(core);
    HASH_ITER(hh, core->runs, run, next_run)
    run_free(core, run);
    HASH_ITER(hh, core->agents, agent, next_agent)
    agent_free(core, agent);
    images_free(core);
    free(core->pool);
    free(core);
}

/* ---- facts -------------------------------------------------------------------- */

static void apply_to_run(struct run *run, const struct fact *fact)
{
    run->last_seq++;
    switch (fact->kind) {
    case FACT_TESTS_COLLECTED:
        run_apply_collected(run, fact->tests_collected);
        break;
    case FACT_RUN_PLANNED:
        run_apply_planned(run, fact->run_planned);
        break;
    case FACT_TEST_ADDED:
        run_apply_added(run, fact->test_added);
        break;
    case FACT_LEASE_GRANTED:
        run_apply_granted(run, fact->lease_granted);
        break;
    case FACT_TESTS_RETURNED:
        run_apply_returned(run, fact->tests_returned);
        break;
    case FACT_ATTEMPT_RECORDED:
        run_apply_attempt(run, fact->attempt_recorded);
        break;
    case FACT_NOTE_RECORDED:
        run_apply_note(run, fact->note_recorded);
        break;
    case FACT_PROBLEM_RECORDED:
        run_apply_problem(run, fact->problem_recorded);
        break;
    case FACT_LEASE_ENDED:
        run_apply_lease_ended(run, fact->lease_ended);
        break;
    case FACT_RUN_ENDED:
        run_apply_ended(run, fact->run_ended);
        images_forget_run(run->core, run->number);
        break;
    case FACT_AGENT_JOINED:
    case FACT_AGENT_SYNCED:
    case FACT_AGENT_GONE:
    case FACT_RUN_SUBMITTED:
    case FACT_IMAGE_CLAIMED:
    case FACT_IMAGE_DONE:
    case FACT_IMAGE_FAILED:
    case FACT_IMAGE_RELEASED:
    case FACT_IMAGE_DROPPED:
    case FACT_KIND_COUNT:
        UNREACHABLE("not a fact of an existing run");
    }
}

void core_apply(struct core *core, const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_AGENT_JOINED:
        agent_apply_joined(core, fact->agent_joined);
        return;
    case FACT_AGENT_SYNCED:
        agent_apply_synced(core, fact->agent_synced);
        return;
    case FACT_AGENT_GONE:
        agent_apply_gone(core, fact->agent_gone);
        return;
    case FACT_RUN_SUBMITTED:
        run_apply_submitted(core, fact->run, fact->run_submitted);
        run_find(core, fact->run)->last_seq = 1;
        return;
    case FACT_IMAGE_CLAIMED:
        image_apply_claimed(core, fact->image_claimed);
        return;
    case FACT_IMAGE_DONE:
        image_apply_done(core, fact->image_done);
        return;
    case FACT_IMAGE_FAILED:
        image_apply_failed(core, fact->image_failed);
        return;
    case FACT_IMAGE_RELEASED:
        image_apply_released(core, fact->image_released);
        return;
    case FACT_IMAGE_DROPPED:
        image_apply_dropped(core, fact->image_dropped);
        return;
    case FACT_TESTS_COLLECTED:
    case FACT_RUN_PLANNED:
    case FACT_TEST_ADDED:
    case FACT_LEASE_GRANTED:
    case FACT_TESTS_RETURNED:
    case FACT_ATTEMPT_RECORDED:
    case FACT_NOTE_RECORDED:
    case FACT_PROBLEM_RECORDED:
    case FACT_LEASE_ENDED:
    case FACT_RUN_ENDED: {
        struct run *run = run_find(core, fact->run);

        CHECK(run != NULL);
        apply_to_run(run, fact);
        return;
    }
    case FACT_KIND_COUNT:
        break;
    }
    UNREACHABLE("a fact is of one of the kinds");
}

void desk_decide(struct desk *desk, enum fact_kind kind, int64_t run, const void *body)
{
    struct fact_list *list = desk->facts;

    VEC_PUSH(list->at, list->count, list->cap) =
        (struct fact){.kind = kind, .run = run, .body = body};
    core_apply(desk->core, &list->at[list->count - 1]);
}

void *desk_body(struct desk *desk, size_t bytes)
{
    return arena_alloc(&desk->facts->arena, bytes);
}

/* ---- leases by token ---------------------------------------------------------- */

struct lease *core_lease(const struct core *core, int64_t token)
{
    struct lease *lease = NULL;

    HASH_FIND(hh, core->leases, &token, sizeof(token), lease);
    return lease;
}

struct past_lease *core_past_lease(const struct core *core, int64_t token)
{
    struct past_lease *past = NULL;

    HASH_FIND(hh, core->past_leases, &token, sizeof(token), past);
    return past;
}

void core_remember_lease(struct core *core, struct run *run, int64_t token, enum lease_end end)
{
    if (core_past_lease(core, token) != NULL)
        return;
    struct past_lease *past = arena_alloc(&run->arena, sizeof(*past));

    past->token = token;
    past->run = run;
    past->end = end;
    past->next = run->past_leases;
    run->past_leases = past;
    HASH_ADD(hh, core->past_leases, token, sizeof(past->token), past);
}

int64_t core_next_token(const struct core *core)
{
    return LEASE_TOKEN(core->epoch, core->last_counter + 1);
}

/* ---- restart ------------------------------------------------------------------ */

static void restart_run(struct core *core, struct run *run)
{
    struct run_agent *agent = NULL;
    struct run_agent *next = NULL;

    run->begun_ms = run->attended_ms = core->now_ms;
    run->forgotten_ms = core->now_ms + RUN_ENDED_KEEP_MS;
    run->unserved_since_ms = -1;
    HASH_ITER(hh, run->agents, agent, next)
    agent->problems = 0;
}

void core_give_last_seq(struct core *core, int64_t run, int64_t last_seq)
{
    struct run *known = run_find(core, run);

    CHECK(known != NULL);
    known->last_seq = last_seq;
}

void core_restart(struct core *core, struct instant instant)
{
    core->now_ms = instant.now_ms;
    core->fleet_version++;
    core->agents_bound_ms = instant.now_ms;
    for (struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next)
        agent->heard_ms = instant.now_ms;
    for (struct run *run = core->runs; run != NULL; run = run->hh.next)
        restart_run(core, run);
    for (struct lease *lease = core->leases; lease != NULL; lease = lease->hh.next)
        lease->heard_ms = instant.now_ms;
    images_restart(core);
}

void core_give_history(struct core *core, int64_t run, const struct history *history)
{
    struct run *known = run_find(core, run);

    if (known != NULL && known->state == RUN_COLLECTING)
        run_give_history(known, history);
}

size_t core_runs_without_history(const struct core *core, int64_t *out_runs,
                                 const char **out_suite_names, size_t max)
{
    size_t count = 0;

    for (const struct run *run = core->open_runs; run != NULL; run = run->next) {
        if (run->state != RUN_COLLECTING || run->history != NULL)
            continue;
        if (count < max) {
            out_runs[count] = run->number;
            out_suite_names[count] = run->submission->suite->name;
        }
        count++;
    }
    return count;
}

/* ---- commands ----------------------------------------------------------------- */

static enum status find_run(const struct core *core, int64_t number, struct run **out_run,
                            struct error *err)
{
    *out_run = run_find(core, number);
    if (*out_run == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no run '%lld'", (long long)number);
    return STATUS_OK;
}

static enum status on_attend(struct desk *desk, const struct command *command,
                             struct reply *out_reply, struct error *err)
{
    struct run *run = NULL;
    enum status status = find_run(desk->core, command->run, &run, err);

    if (status != STATUS_OK)
        return status;
    /* Leaving renews too: the run ends CLIENT_GONE_MS after its last client left. */
    run->attended_ms = desk->instant.now_ms;
    view_run(run, desk->arena, &out_reply->run_view);
    return STATUS_OK;
}

static enum status on_cancel(struct desk *desk, const struct command *command,
                             struct reply *out_reply, struct error *err)
{
    const char *reason = command->cancel != NULL ? command->cancel->reason : "";
    struct run *run = NULL;
    enum status status = find_run(desk->core, command->run, &run, err);

    if (status != STATUS_OK)
        return status;
    if (run->state != RUN_ENDED)
        run_end_decide(desk, run, RUN_END_CANCELLED,
                       reason[0] != '\0' ? reason : "cancelled by the client");
    view_run(run, desk->arena, &out_reply->run_view);
    return STATUS_OK;
}

static enum status on_view(struct desk *desk, const struct command *command,
                           struct reply *out_reply, struct error *err)
{
    struct run *run = NULL;
    enum status status = find_run(desk->core, command->run, &run, err);

    if (status == STATUS_OK)
        view_run(run, desk->arena, &out_reply->run_view);
    return status;
}

static enum status on_work(struct desk *desk, const struct command *command,
                           struct reply *out_reply, struct error *err)
{
    struct run *run = NULL;
    enum status status = find_run(desk->core, command->run, &run, err);

    if (status != STATUS_OK)
        return status;
    out_reply->run_work =
        (struct run_work){.run = run->number,
                          .suite = suite_copy(run->submission->suite, desk->arena),
                          .options = options_copy(run->submission->options, desk->arena)};
    return STATUS_OK;
}

enum status core_handle(struct core *core, struct instant instant, const struct command *command,
                        struct fact_list *facts, struct arena *arena, struct reply *out_reply,
                        struct error *err)
{
    struct desk desk = {.core = core, .instant = instant, .facts = facts, .arena = arena};

    *out_reply = (struct reply){0};
    core->now_ms = instant.now_ms;
    switch (command->kind) {
    case COMMAND_SUBMIT:
        return submit_handle(&desk, command, &out_reply->run_created, err);
    case COMMAND_SYNC:
        return sync_handle(&desk, command->sync, &out_reply->sync_response, err);
    case COMMAND_ATTEND:
        return on_attend(&desk, command, out_reply, err);
    case COMMAND_CANCEL:
        return on_cancel(&desk, command, out_reply, err);
    case COMMAND_VIEW:
        return on_view(&desk, command, out_reply, err);
    case COMMAND_AGENTS:
        view_agents(core, arena, &out_reply->agent_list);
        return STATUS_OK;
    case COMMAND_WORK:
        return on_work(&desk, command, out_reply, err);
    case COMMAND_STATS:
        view_stats(core, &out_reply->stats);
        return STATUS_OK;
    case COMMAND_IMAGE_CLAIM:
        return claim_handle(&desk, command, &out_reply->image_answer, err);
    case COMMAND_IMAGE_DONE:
        return image_done_handle(&desk, command, err);
    case COMMAND_IMAGE_FAILED:
        return image_failed_handle(&desk, command, err);
    case COMMAND_IMAGE_BAD:
        image_bad_handle(&desk, command, out_reply);
        return STATUS_OK;
    case COMMAND_IMAGE_DROP:
        return image_drop_handle(&desk, command, out_reply, err);
    case COMMAND_IMAGES:
        view_images(core, arena, &out_reply->image_list);
        return STATUS_OK;
    case COMMAND_TICK:
        deadline_tick(&desk);
        return STATUS_OK;
    case COMMAND_WAIT:
        break;
    }
    UNREACHABLE("the engine parks a wait itself");
}
