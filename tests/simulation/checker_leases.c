/* A lease has one holder, tokens only grow, and what was done under a closed lease never counts. */

#include <string.h>

#include "tests/simulation/shadow.h"
#include "tests/simulation/toy_agent.h"

static bool agent_is_live(const struct shadow *shadow, const char *name, int64_t incarnation)
{
    for (size_t i = 0; i < shadow->agent_count; i++)
        if (strcmp(shadow->agents[i].name, name) == 0)
            return shadow->agents[i].is_live && shadow->agents[i].incarnation == incarnation;
    return false;
}

/* Who had the test before has killed its worker by now, unless its whole machine stands still. */
static void check_nobody_runs(struct shadow *shadow, int64_t run, const char *id)
{
    const struct world *world = shadow->world;

    for (int i = 0; i < world->agent_count; i++) {
        const struct toy_agent *agent = world->agents[i];

        for (int s = 1; s <= agent->slot_count && agent->paused_until_ms < world->now_ms; s++) {
            const struct toy_worker *worker = &agent->slots[s].worker;

            if (worker->is_in_test && worker->suite->run == run &&
                strcmp(worker->suite->tests[worker->order.test].id, id) == 0)
                world_fail(shadow->world, "'%s' is granted while %s still runs it", id,
                           agent->name);
        }
    }
}

static void grant_test(struct shadow *shadow, struct shadow_run *run, int64_t lease,
                       const struct fact_granted *granted)
{
    struct shadow_test *test = shadow_test(run, granted->test);

    if (!test->is_selected)
        world_fail(shadow->world, "test %lld was granted and is not selected",
                   (long long)granted->test);
    if (granted->kind != ATTEMPT_COPY && test->lease != 0)
        world_fail(shadow->world, "test %lld was granted twice", (long long)granted->test);
    if (test->verdict != VERDICT_NONE)
        world_fail(shadow->world, "test %lld was granted after its verdict",
                   (long long)granted->test);
    if (granted->kind != ATTEMPT_COPY)
        check_nobody_runs(shadow, run->number, test->id);
    test->lease = lease;
}

void checker_lease_granted(struct shadow *shadow, int64_t run,
                           const struct fact_lease_granted *granted)
{
    struct shadow_lease lease = {.token = granted->lease,
                                 .run = run,
                                 .kind = granted->kind,
                                 .agent = arena_strdup(&shadow->arena, granted->agent),
                                 .is_open = true};

    if (granted->lease <= shadow->last_token) {
        world_fail(shadow->world, "token %lld was given after %lld", (long long)granted->lease,
                   (long long)shadow->last_token);
        return;
    }
    if (!agent_is_live(shadow, granted->agent, granted->incarnation))
        world_fail(shadow->world, "a lease was given to %s, which is not there", granted->agent);
    shadow->last_token = granted->lease;
    VEC_PUSH(shadow->leases, shadow->lease_count, shadow->lease_cap) = lease;
    for (size_t i = 0; i < granted->tests_count; i++)
        grant_test(shadow, &shadow->runs[run], granted->lease, &granted->tests[i]);
}

static void take_tests_back(struct shadow *shadow, const struct shadow_lease *lease)
{
    struct shadow_run *run = &shadow->runs[lease->run];

    for (size_t i = 0; i < run->count; i++)
        if (run->tests[i].lease == lease->token)
            run->tests[i].lease = 0;
}

void checker_lease_ended(struct shadow *shadow, const struct fact_lease_ended *ended)
{
    struct shadow_lease *lease = shadow_lease(shadow, ended->lease);

    if (lease == NULL || !lease->is_open) {
        world_fail(shadow->world, "lease %lld ended and was not open", (long long)ended->lease);
        return;
    }
    lease->is_open = false;
    lease->closed_reloads = shadow->world->sights.reloads;
    shadow->world->sights.lost_leases += ended->end == LEASE_END_LOST;
    shadow->world->sights.revoked_leases += ended->end == LEASE_END_REVOKED;
    take_tests_back(shadow, lease);
}

void checker_tests_returned(struct shadow *shadow, int64_t run,
                            const struct fact_tests_returned *returned)
{
    for (size_t i = 0; i < returned->tests_count; i++) {
        struct shadow_test *test = shadow_test(&shadow->runs[run], returned->tests[i]);

        if (test->lease != returned->lease)
            world_fail(shadow->world, "test %lld was returned by who did not hold it",
                       (long long)returned->tests[i]);
        test->lease = 0;
    }
}
