#include "tests/simulation/shadow.h"

#include <stdlib.h>
#include <string.h>

#include "tests/simulation/toy_suite.h"

struct shadow *shadow_new(struct world *world)
{
    struct shadow *shadow = mem_zalloc(sizeof(*shadow));

    shadow->world = world;
    shadow->execution_cap = 1024;
    shadow->executions = mem_zalloc(shadow->execution_cap * sizeof(*shadow->executions));
    arena_init(&shadow->arena);
    return shadow;
}

void shadow_free(struct shadow *shadow)
{
    if (shadow == NULL)
        return;
    for (int i = 0; i <= RUNS_MAX; i++)
        free(shadow->runs[i].tests);
    free(shadow->leases);
    free(shadow->executions);
    arena_release(&shadow->arena);
    free(shadow);
}

/* ---- executions ------------------------------------------------------------------------ */

static size_t place_of(const struct execution *table, size_t cap, const char *worker, int64_t order)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)order;

    for (const char *at = worker; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    size_t place = (hash ^ (hash >> 29)) & (cap - 1);

    while (table[place].worker != NULL &&
           (table[place].order != order || strcmp(table[place].worker, worker) != 0))
        place = (place + 1) & (cap - 1);
    return place;
}

static void grow_executions(struct shadow *shadow)
{
    size_t cap = shadow->execution_cap * 2;
    struct execution *larger = mem_zalloc(cap * sizeof(*larger));

    for (size_t i = 0; i < shadow->execution_cap; i++) {
        const struct execution *old = &shadow->executions[i];

        if (old->worker != NULL)
            larger[place_of(larger, cap, old->worker, old->order)] = *old;
    }
    free(shadow->executions);
    shadow->executions = larger;
    shadow->execution_cap = cap;
}

struct execution *shadow_execution(struct shadow *shadow, const char *worker, int64_t order)
{
    struct execution *found =
        &shadow->executions[place_of(shadow->executions, shadow->execution_cap, worker, order)];

    return found->worker != NULL ? found : NULL;
}

void shadow_execution_begins(struct shadow *shadow, const char *worker, int64_t order, int64_t run,
                             int test)
{
    if (2 * shadow->execution_count >= shadow->execution_cap)
        grow_executions(shadow);
    size_t place = place_of(shadow->executions, shadow->execution_cap, worker, order);

    if (shadow->executions[place].worker != NULL)
        world_fail(shadow->world, "two workers are called '%s'", worker);
    shadow->executions[place] = (struct execution){
        .worker = arena_strdup(&shadow->arena, worker), .order = order, .run = run, .test = test};
    shadow->execution_count++;
    shadow->world->execution_count++;
}

void shadow_execution_ends(struct shadow *shadow, const char *worker, int64_t order,
                           enum outcome outcome)
{
    struct execution *execution = shadow_execution(shadow, worker, order);

    CHECK(execution != NULL);
    execution->has_ended = true;
    execution->outcome = outcome;
}

/* ---- finding ---------------------------------------------------------------------------- */

struct shadow_lease *shadow_lease(struct shadow *shadow, int64_t token)
{
    size_t low = 0;
    size_t high = shadow->lease_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (shadow->leases[middle].token < token)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < shadow->lease_count && shadow->leases[low].token == token)
        return &shadow->leases[low];
    return NULL;
}

struct shadow_test *shadow_test(struct shadow_run *run, int64_t number)
{
    while (run->count < (size_t)number)
        VEC_PUSH(run->tests, run->count, run->cap) = (struct shadow_test){.id = ""};
    return &run->tests[number - 1];
}

bool shadow_is_all_over(const struct shadow *shadow)
{
    for (int i = 0; i < shadow->world->run_count; i++) {
        int64_t number = shadow->world->suites[i]->run;

        if (number == 0 || !shadow->runs[number].has_ended)
            return false;
    }
    return true;
}

/* ---- facts ------------------------------------------------------------------------------ */

static void mix(struct world *world, int64_t value)
{
    world->history = (world->history ^ (uint64_t)value) * UINT64_C(1099511628211);
    world->history ^= world->history >> 31;
}

static struct shadow_agent *agent_of(struct shadow *shadow, const char *name)
{
    for (size_t i = 0; i < shadow->agent_count; i++)
        if (strcmp(shadow->agents[i].name, name) == 0)
            return &shadow->agents[i];
    CHECK(shadow->agent_count < AGENTS_MAX);
    shadow->agents[shadow->agent_count] =
        (struct shadow_agent){.name = arena_strdup(&shadow->arena, name)};
    return &shadow->agents[shadow->agent_count++];
}

static void take_joined(struct shadow *shadow, const struct fact_agent_joined *joined)
{
    struct shadow_agent *agent = agent_of(shadow, joined->agent);

    if (joined->incarnation < agent->incarnation)
        world_fail(shadow->world, "%s joins with incarnation %lld after %lld", agent->name,
                   (long long)joined->incarnation, (long long)agent->incarnation);
    agent->incarnation = joined->incarnation;
    agent->is_live = true;
}

static void take_gone(struct shadow *shadow, const struct fact_agent_gone *gone)
{
    struct shadow_agent *agent = agent_of(shadow, gone->agent);

    agent->is_live = false;
    shadow->world->sights.gone_agents++;
}

static void take_submitted(struct shadow *shadow, int64_t run,
                           const struct fact_run_submitted *submitted)
{
    struct world *world = shadow->world;

    CHECK(run >= 1 && run <= RUNS_MAX);
    shadow->runs[run].number = run;
    for (int i = 0; i < world->run_count; i++) {
        struct toy_suite *suite = world->suites[i];

        if (strcmp(suite->submission.key, submitted->submission->key) != 0)
            continue;
        if (suite->run != 0)
            world_fail(world, "key '%s' made two runs", suite->submission.key);
        suite->run = run;
    }
}

static void take_collected(struct shadow *shadow, struct shadow_run *run,
                           const struct fact_tests_collected *collected)
{
    for (size_t i = 0; i < collected->tests_count; i++) {
        struct shadow_test *test = shadow_test(run, collected->first + (int64_t)i);

        *test = (struct shadow_test){.id = arena_strdup(&shadow->arena, collected->tests[i].id),
                                     .is_listed = true};
    }
}

static void take_planned(struct shadow *shadow, struct shadow_run *run,
                         const struct fact_run_planned *planned)
{
    const struct toy_suite *suite = world_suite_of_run(shadow->world, run->number);

    if (run->is_planned)
        world_fail(shadow->world, "run %lld is planned twice", (long long)run->number);
    if (planned->collected != suite->test_count || run->count != (size_t)suite->test_count)
        world_fail(shadow->world, "%lld tests were collected, %zu listed, and there are %d",
                   (long long)planned->collected, run->count, suite->test_count);
    run->is_planned = true;
    for (size_t i = 0; i < planned->order_count; i++)
        shadow_test(run, planned->order[i])->is_selected = true;
}

static void take_added(struct shadow *shadow, struct shadow_run *run,
                       const struct fact_test_added *added)
{
    struct shadow_test *test = shadow_test(run, added->test);

    if (test->is_listed || test->is_extra)
        world_fail(shadow->world, "an extra takes the number %lld of another test",
                   (long long)added->test);
    test->id = arena_strdup(&shadow->arena, added->id);
    test->is_extra = true;
    shadow->world->sights.extras++;
}

/* A collection that is broken off is undone. */
static void undo_listing(struct shadow_run *run)
{
    if (!run->is_planned)
        run->count = 0;
}

static void take_of_run(struct shadow *shadow, const struct fact *fact)
{
    struct shadow_run *run = &shadow->runs[fact->run];
    const struct shadow_lease *lease = NULL;

    switch (fact->kind) {
    case FACT_TESTS_COLLECTED:
        take_collected(shadow, run, fact->tests_collected);
        return;
    case FACT_RUN_PLANNED:
        take_planned(shadow, run, fact->run_planned);
        return;
    case FACT_TEST_ADDED:
        take_added(shadow, run, fact->test_added);
        return;
    case FACT_LEASE_GRANTED:
        checker_lease_granted(shadow, fact->run, fact->lease_granted);
        return;
    case FACT_TESTS_RETURNED:
        shadow->world->sights.returned++;
        checker_tests_returned(shadow, fact->run, fact->tests_returned);
        return;
    case FACT_ATTEMPT_RECORDED:
        checker_attempt_recorded(shadow, fact->run, fact->attempt_recorded);
        return;
    case FACT_LEASE_ENDED:
        checker_lease_ended(shadow, fact->lease_ended);
        lease = shadow_lease(shadow, fact->lease_ended->lease);
        if (lease != NULL && lease->kind == LEASE_COLLECT)
            undo_listing(run);
        return;
    case FACT_PROBLEM_RECORDED:
        run->problems++;
        shadow->world->sights.problems++;
        return;
    case FACT_RUN_ENDED:
        checker_run_ended(shadow, fact->run, fact->run_ended);
        return;
    case FACT_NOTE_RECORDED:
    case FACT_RUN_SUBMITTED:
    case FACT_AGENT_JOINED:
    case FACT_AGENT_SYNCED:
    case FACT_AGENT_GONE:
    case FACT_IMAGE_CLAIMED:
    case FACT_IMAGE_DONE:
    case FACT_IMAGE_FAILED:
    case FACT_IMAGE_RELEASED:
    case FACT_IMAGE_DROPPED:
    case FACT_KIND_COUNT:
        return;
    }
}

static void take_fact(struct shadow *shadow, const struct fact *fact)
{
    mix(shadow->world, (int64_t)fact->kind);
    mix(shadow->world, fact->run);
    mix(shadow->world, shadow->world->now_ms);
    shadow->world->fact_count++;
    if (fact->kind == FACT_RUN_SUBMITTED)
        take_submitted(shadow, fact->run, fact->run_submitted);
    else if (fact->run != 0)
        take_of_run(shadow, fact);
    else if (fact->kind == FACT_AGENT_JOINED)
        take_joined(shadow, fact->agent_joined);
    else if (fact->kind == FACT_AGENT_GONE)
        take_gone(shadow, fact->agent_gone);
}

void shadow_take(struct shadow *shadow, const struct store_lap *lap)
{
    for (size_t i = 0; i < lap->fact_count && !shadow->world->has_failed; i++)
        take_fact(shadow, &lap->facts[i]);
}
