#ifndef COORDINATOR_CORE_STATE_H
#define COORDINATOR_CORE_STATE_H

/* All that the core knows, and the desk at which one command is decided.  Shared by the files of
 * this folder.
 *
 *     core.c     the door: new, free, apply, handle, restart
 *     submit.c   a run begins                     sync.c    an agent calls
 *     event.c    what it reports                  attempt.c a test has run
 *     collect.c  the list of tests                plan.c    their order
 *     grant.c    which slot gets what             settle.c  does a run end?
 *     gone.c     agents that are no more          deadline.c what time brings
 *     claim.c    who builds an image, and who takes it
 *     agent.c, image.c, run.c, run_apply.c, lease.c, queue.c, verdict.c   the things themselves
 *     view.c     what people see                  sound.c, digest.c   what the simulation checks */

#include "coordinator/core/agent.h"
#include "coordinator/core/core.h"
#include "coordinator/core/image.h"
#include "coordinator/core/run.h"

struct core {
    char *pool;
    int64_t epoch;
    int64_t next_run;
    int64_t last_counter; /* of tokens of this epoch */

    struct agent *agents; /* by name, gone ones too */
    struct agent *gone;   /* oldest first           */
    size_t gone_count;
    struct run *runs, *runs_by_key; /* open and remembered */
    struct run *open_runs;
    size_t open_count;
    struct run *ended_runs;
    size_t ended_count;
    struct lease *leases; /* open, by token */
    struct past_lease *past_leases;
    struct image *images; /* by key */

    /* Pencil. */
    int64_t now_ms;
    int64_t fleet_version;   /* grows when who can serve what may have changed */
    int64_t agents_bound_ms; /* no agent is lost before                        */
    struct stats stats;      /* the totals                                     */
};

/* One command under way. */
struct desk {
    struct core *core;
    struct instant instant;
    struct fact_list *facts;
    struct arena *arena; /* the reply's */
    int64_t dropped;     /* results of this command that are not stored */
};

/* Appends the fact and applies it.  `body` belongs to the arena of the facts or to the command. */
void desk_decide(struct desk *desk, enum fact_kind kind, int64_t run, const void *body);

/* Memory for a fact's body: zeroed. */
void *desk_body(struct desk *desk, size_t bytes);

struct lease *core_lease(const struct core *core, int64_t token);
struct past_lease *core_past_lease(const struct core *core, int64_t token);
void core_remember_lease(struct core *core, struct run *run, int64_t token, enum lease_end end);
int64_t core_next_token(const struct core *core);

/* ---- deciding, by file -------------------------------------------------------- */

/* submit.c */
enum status submit_handle(struct desk *desk, const struct command *command,
                          struct run_created *out_created, struct error *err) MUST_USE;

/* sync.c */
enum status sync_handle(struct desk *desk, const struct sync_request *request,
                        struct sync_response *out_response, struct error *err) MUST_USE;

/* event.c: takes the events after `acknowledged`, which it moves on; false: there is a gap. */
bool events_take(struct desk *desk, const char *agent, const struct sync_request *request,
                 int64_t *acknowledged);

/* attempt.c */
void attempt_take(struct desk *desk, const char *agent, const struct event *event);
void attempt_record_lost(struct desk *desk, struct lease *lease, struct test *test,
                         const char *message);

/* collect.c */
void collect_take_page(struct desk *desk, struct lease *lease, const struct event *event);
void collect_take_done(struct desk *desk, struct lease *lease, const struct event *event);

/* plan.c: fills the plan of the tests listed so far, in the arena; RUN_END_NONE, or why there is
 * none. */
enum run_end plan_build(const struct run *run, struct arena *arena,
                        struct fact_run_planned *out_plan, const char **out_reason);

/* lease ends: with the fact, nothing else. */
void lease_end_decide(struct desk *desk, struct lease *lease, enum lease_end end);
void problem_decide(struct desk *desk, struct lease *lease, const char *stage, const char *text);

/* gone.c: the agent's leases end, what ran is lost, and then the agent is gone. */
void agent_lose(struct desk *desk, struct agent *agent, enum gone_reason reason);
/* The lease ends without its agent having said so; what ran is lost. */
void lease_lose(struct desk *desk, struct lease *lease, const char *why, bool may_have_run);

/* grant.c */
void grant_to_agent(struct desk *desk, struct agent *agent);
bool grant_is_possible(const struct core *core, const struct agent *agent);
void grant_fill(const struct lease *lease, struct arena *arena, struct lease_grant *out_grant);

/* settle.c: ends what is to end. */
void settle_runs(struct desk *desk);
void run_end_decide(struct desk *desk, struct run *run, enum run_end end, const char *reason);
int64_t run_exit_status(const struct run *run, enum run_end end);

/* deadline.c */
void deadline_tick(struct desk *desk);

/* claim.c */
enum status claim_handle(struct desk *desk, const struct command *command,
                         struct image_answer *out_answer, struct error *err) MUST_USE;
enum status image_done_handle(struct desk *desk, const struct command *command,
                              struct error *err) MUST_USE;
enum status image_failed_handle(struct desk *desk, const struct command *command,
                                struct error *err) MUST_USE;
void image_bad_handle(struct desk *desk, const struct command *command, struct reply *out_reply);
enum status image_drop_handle(struct desk *desk, const struct command *command,
                              struct reply *out_reply, struct error *err) MUST_USE;
/* What the agent was building is for the next one. */
void images_release(struct desk *desk, const struct agent *agent);

/* view.c */
void view_images(const struct core *core, struct arena *arena, struct image_list *out_list);
void view_run(const struct run *run, struct arena *arena, struct run_view *out_view);
void view_agents(const struct core *core, struct arena *arena, struct agent_list *out_list);
void view_stats(const struct core *core, struct stats *out_stats);
const char *view_waiting_reason(const struct run *run, struct arena *arena);

#endif
