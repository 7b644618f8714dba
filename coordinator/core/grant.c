#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/limits.h"

/* Which slot gets what: pull, not plan.  An idle slot gets the next batch of the run that has the
 * fewest slots; a slot whose batch is nearly over gets one more, so that it does not wait for a
 * round trip. */

/* A batch that lasts no longer is nearly over: about two round trips across an ocean and a commit.
 */
#define PREFETCH_US_MAX 1000000

/* A lease that lasts longer is asked to give back what it has not started when others have nothing
 * to do. */
#define STEAL_US_MIN 2000000

/* ---- may this agent have something of this run? ------------------------------- */

/* Is there another host that could take at once what this one failed? */
static bool others_could_retry(const struct run *run, const struct agent *agent)
{
    if (run->serving_agents <= 1)
        return false;
    for (const struct agent *it = run->core->agents; it != NULL; it = it->hh.next)
        if (it != agent && run_is_served_by(run, it) && agent_has_free_slot(it))
            return true;
    return false;
}

static bool retries_itself(const struct run *run, const struct agent *agent)
{
    return run->queue.lanes[LANE_RETRY].count == 0 || !others_could_retry(run, agent);
}

static bool has_room(const struct run *run)
{
    int64_t workers = run->submission->options->workers;

    return workers == 0 || run->slots_busy < workers;
}

static bool run_offers(struct run *run, const struct agent *agent)
{
    if (run->state == RUN_COLLECTING ? run->collect != NULL : queue_count(&run->queue) == 0)
        return false;
    if (!has_room(run) || !run_is_served_by(run, agent))
        return false;
    run_count_fleet(run);
    return run->state == RUN_COLLECTING ||
           queue_offers(&run->queue, run->tests, agent->name, retries_itself(run, agent));
}

bool grant_is_possible(const struct core *core, const struct agent *agent)
{
    if (agent->is_draining || !agent_has_free_slot(agent))
        return false;
    for (struct run *run = core->open_runs; run != NULL; run = run->next)
        if (run_offers(run, agent))
            return true;
    return false;
}

/* ---- granting ----------------------------------------------------------------- */

static struct fact_lease_granted *grant_draft(struct desk *desk, const struct agent *agent,
                                              int64_t slot, enum lease_kind kind)
{
    struct fact_lease_granted *fact = desk_body(desk, sizeof(*fact));

    fact->lease = core_next_token(desk->core);
    fact->kind = kind;
    fact->agent = arena_strdup(&desk->facts->arena, agent->name);
    fact->incarnation = agent->incarnation;
    fact->sync_no = agent->heard_sync_no;
    fact->slot = slot;
    return fact;
}

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct wish wish_of(const struct run *run, const struct agent *agent,
                           const struct agent_slot *slot)
{
    int64_t mean_us = run_mean_us(run);
    int64_t left_us = load_us(&run->queue.load, mean_us);
    int64_t slots = at_least(run->serving_slots, 1);
    int64_t workers = run->submission->options->workers;
    bool is_warm = slot->run == run->number;

    if (workers > 0 && workers < slots)
        slots = workers;
    return (struct wish){
        .agent = agent->name,
        .group = is_warm ? slot->group : "",
        .phase = is_warm ? slot->phase : INT64_MIN,
        .mean_us = mean_us,
        .budget_us = at_least(BATCH_US_MIN, left_us / (BATCH_SHARE * slots)),
        .share_us = at_least(BATCH_US_MIN, left_us / slots),
        .retries_itself = retries_itself(run, agent),
    };
}

static bool grant_batch(struct desk *desk, struct run *run, const struct agent *agent,
                        const struct agent_slot *slot)
{
    int64_t numbers[TESTS_PER_LEASE_MAX];
    struct wish wish = wish_of(run, agent, slot);
    size_t count = queue_choose(&run->queue, run->tests, &wish, numbers, TESTS_PER_LEASE_MAX);

    if (count == 0)
        return false;
    struct fact_lease_granted *fact = grant_draft(desk, agent, slot->slot, LEASE_BATCH);

    fact->tests = arena_array(&desk->facts->arena, count, sizeof(*fact->tests));
    fact->tests_count = count;
    for (size_t i = 0; i < count; i++)
        fact->tests[i] = (struct fact_granted){
            numbers[i], run_test(run, numbers[i])->was_counted ? ATTEMPT_RETRY : ATTEMPT_FIRST};
    desk_decide(desk, FACT_LEASE_GRANTED, run->number, fact);
    return true;
}

static bool is_better(const struct run *run, const struct run *best, const struct agent_slot *slot)
{
    if (best == NULL || run->slots_busy != best->slots_busy)
        return best == NULL || run->slots_busy < best->slots_busy;
    return run->number == slot->run;
}

static void fill_slot(struct desk *desk, const struct agent *agent, const struct agent_slot *slot)
{
    struct run *best = NULL;

    for (struct run *run = desk->core->open_runs; run != NULL; run = run->next)
        if (run_offers(run, agent) && is_better(run, best, slot))
            best = run;
    if (best == NULL)
        return;
    if (best->state == RUN_COLLECTING)
        desk_decide(desk, FACT_LEASE_GRANTED, best->number,
                    grant_draft(desk, agent, slot->slot, LEASE_COLLECT));
    else
        (void)grant_batch(desk, best, agent, slot);
}

/* One more for a slot that is nearly through, unless the queue is so short that a free slot
 * elsewhere should have it. */
static void prefetch(struct desk *desk, const struct agent *agent, const struct agent_slot *slot,
                     const struct lease *active)
{
    struct run *run = active->run;
    int64_t mean_us = run_mean_us(run);

    if (active->kind != LEASE_BATCH || run->state != RUN_RUNNING ||
        load_us(&active->load, mean_us) > PREFETCH_US_MAX || !run_is_served_by(run, agent))
        return;
    run_count_fleet(run);
    if (load_us(&run->queue.load, mean_us) >= BATCH_US_MIN * run->serving_slots)
        (void)grant_batch(desk, run, agent, slot);
}

/* ---- stealing ----------------------------------------------------------------- */

/* The lease that would end last, if it is worth it. */
static struct lease *longest_lease(const struct run *run)
{
    struct lease *longest = NULL;
    struct lease *it = NULL;
    int64_t mean_us = run_mean_us(run);

    DL_FOREACH2(run->leases, it, run_next)
    {
        if (it->is_wanted_back)
            return NULL; /* one at a time: what comes back is shared out first */
        if (it->kind == LEASE_BATCH && it->outstanding > 1 && it->was_held &&
            load_us(&it->load, mean_us) >= STEAL_US_MIN &&
            (longest == NULL || load_us(&it->load, mean_us) > load_us(&longest->load, mean_us)))
            longest = it;
    }
    return longest;
}

/* The agent has a slot for which nothing is queued: what others hold and have not begun is wanted
 * back. */
static void steal(struct desk *desk, const struct agent *agent)
{
    for (struct run *run = desk->core->open_runs; run != NULL; run = run->next) {
        struct lease *lease = NULL;

        if (run->state != RUN_RUNNING || queue_count(&run->queue) > 0 ||
            !run_is_served_by(run, agent) || !has_room(run))
            continue;
        lease = longest_lease(run);
        if (lease != NULL)
            lease->is_wanted_back = true;
    }
}

/* ---- the agent's slots -------------------------------------------------------- */

void grant_to_agent(struct desk *desk, struct agent *agent)
{
    if (agent->is_draining)
        return;
    for (size_t i = 0; i < agent->slots_count; i++) {
        struct lease *active = NULL;

        if (agent_slot_leases(agent, agent->slots[i].slot, &active) == 0)
            fill_slot(desk, agent, &agent->slots[i]);
    }
    for (size_t i = 0; i < agent->slots_count; i++) {
        struct lease *active = NULL;

        if (agent_slot_leases(agent, agent->slots[i].slot, &active) == 1)
            prefetch(desk, agent, &agent->slots[i], active);
    }
    if (agent_has_free_slot(agent))
        steal(desk, agent);
}

void grant_fill(const struct lease *lease, struct arena *arena, struct lease_grant *out_grant)
{
    *out_grant = (struct lease_grant){
        .lease = lease->token, .kind = lease->kind, .run = lease->run->number, .slot = lease->slot};
    out_grant->tests = arena_array(arena, lease->outstanding, sizeof(*out_grant->tests));
    for (size_t i = 0; i < lease->items_count; i++) {
        const struct test *test = run_test(lease->run, lease->items[i].test);

        if (test->lease != lease)
            continue;
        out_grant->tests[out_grant->tests_count++] = (struct granted_test){
            .test = lease->items[i].test,
            .id = arena_strdup(arena, test->id),
            .attempt = (int64_t)test->attempts_count + 1,
            .kind = lease->items[i].kind,
            .group = arena_strdup(arena, test->group),
            .phase = test->phase,
        };
    }
}
