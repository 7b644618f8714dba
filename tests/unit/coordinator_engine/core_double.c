/* A core with three rules, to see what the engine does with one:
 *
 *     SUBMIT                     a run, always
 *     SYNC with events or slots  one fact; without either none
 *     IMAGE_CLAIM                "wait" while there is no run, then a lease and a fact
 *     news                       for everybody, while there is a run
 *
 * It insists on being told the last_seq of each run it is made of.
 * A view's last_seq is how many runs this core knows. */

#include <stdlib.h>

#include "coordinator/core/core.h"

struct core {
    int64_t next_run, runs, told_last_seqs, claims;
};

struct core *core_new(const struct core_settings *settings)
{
    struct core *core = mem_zalloc(sizeof(*core));

    core->next_run = settings->next_run;
    return core;
}

void core_free(struct core *core)
{
    free(core);
}

void core_apply(struct core *core, const struct fact *fact)
{
    if (fact->kind == FACT_RUN_SUBMITTED)
        core->runs++;
}

void core_give_last_seq(struct core *core, int64_t run, int64_t last_seq)
{
    CHECK(run > 0 && last_seq > 0);
    core->told_last_seqs++;
}

void core_restart(struct core *core, struct instant instant)
{
    CHECK(core->told_last_seqs == core->runs);
    (void)instant;
}

void core_give_history(struct core *core, int64_t run, const struct history *history)
{
    (void)core;
    (void)run;
    (void)history;
}

size_t core_runs_without_history(const struct core *core, int64_t *out_runs,
                                 const char **out_suite_names, size_t max)
{
    (void)core;
    (void)out_runs;
    (void)out_suite_names;
    (void)max;
    return 0;
}

static void decide(struct core *core, struct fact_list *facts, struct fact fact)
{
    VEC_PUSH(facts->at, facts->count, facts->cap) = fact;
    core_apply(core, &fact);
}

static void submit(struct core *core, const struct command *command, struct fact_list *facts,
                   struct reply *out_reply)
{
    struct fact_run_submitted *body = arena_alloc(&facts->arena, sizeof(*body));

    *body = (struct fact_run_submitted){.run = core->next_run++, .submission = command->submission};
    decide(core, facts,
           (struct fact){.kind = FACT_RUN_SUBMITTED, .run = body->run, .run_submitted = body});
    out_reply->run_created.run = body->run;
}

static void sync_agent(struct core *core, const struct command *command, struct fact_list *facts,
                       struct reply *out_reply)
{
    const struct sync_request *sync = command->sync;
    struct fact_agent_synced *body = arena_alloc(&facts->arena, sizeof(*body));

    out_reply->sync_response = (struct sync_response){.next_sync_ms = 1};
    if (sync->events_count == 0 && sync->slots_count == 0)
        return;
    *body = (struct fact_agent_synced){.agent = sync->agent, .sync_no = sync->sync_no};
    decide(core, facts, (struct fact){.kind = FACT_AGENT_SYNCED, .agent_synced = body});
}

static void claim(struct core *core, const struct command *command, struct fact_list *facts,
                  struct reply *out_reply)
{
    struct fact_image_claimed *body = arena_alloc(&facts->arena, sizeof(*body));

    out_reply->image_answer = (struct image_answer){.state = IMAGE_WAIT, .doing = "waiting"};
    if (core->runs == 0)
        return;
    *body = (struct fact_image_claimed){.trust = command->image_claim->trust,
                                        .fingerprint = command->fingerprint,
                                        .lease = LEASE_TOKEN(1, ++core->claims),
                                        .agent = command->image_claim->agent,
                                        .incarnation = 1,
                                        .run = 1};
    decide(core, facts, (struct fact){.kind = FACT_IMAGE_CLAIMED, .image_claimed = body});
    out_reply->image_answer = (struct image_answer){.state = IMAGE_BUILD, .lease = body->lease};
}

enum status core_handle(struct core *core, struct instant instant, const struct command *command,
                        struct fact_list *facts, struct arena *arena, struct reply *out_reply,
                        struct error *err)
{
    (void)instant;
    (void)arena;
    if (command->kind == COMMAND_SUBMIT)
        submit(core, command, facts, out_reply);
    else if (command->kind == COMMAND_SYNC)
        sync_agent(core, command, facts, out_reply);
    else if (command->kind == COMMAND_IMAGE_CLAIM)
        claim(core, command, facts, out_reply);
    else if (command->kind == COMMAND_VIEW)
        out_reply->run_view = (struct run_view){.last_seq = core->runs};
    else
        return error_set(err, STATUS_NOT_FOUND, "the double knows no such thing");
    return STATUS_OK;
}

int64_t core_next_deadline_ms(const struct core *core)
{
    (void)core;
    return INT64_MAX;
}

bool core_has_news(const struct core *core, const char *agent, int64_t incarnation)
{
    (void)agent;
    (void)incarnation;
    return core->runs > 0;
}

bool core_image_has_news(const struct core *core, const char *fingerprint,
                         const struct image_claim *claim)
{
    (void)fingerprint;
    (void)claim;
    return core->runs > 0;
}
