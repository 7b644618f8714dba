#include "coordinator/core/run.h"

#include <string.h>

#include "coordinator/core/state.h"
#include "coordinator/core/verdict.h"
#include "shared/base/limits.h"

struct run *run_find(const struct core *core, int64_t number)
{
    struct run *run = NULL;

    HASH_FIND(hh, core->runs, &number, sizeof(number), run);
    return run;
}

struct run *run_find_key(const struct core *core, const char *key)
{
    struct run *run = NULL;

    HASH_FIND(hh_key, core->runs_by_key, key, strlen(key), run);
    return run;
}

static void free_history(struct run *run)
{
    arena_release(&run->history_arena);
    run->history = NULL;
}

static void free_agents(struct run *run)
{
    struct run_agent *agent = run->agents;

    HASH_CLEAR(hh, run->agents);
    while (agent != NULL) {
        struct run_agent *next = agent->hh.next;

        free(agent->name);
        free(agent);
        agent = next;
    }
}

void run_free(struct core *core, struct run *run)
{
    CHECK(run->leases == NULL);
    HASH_DELETE(hh, core->runs, run);
    HASH_DELETE(hh_key, core->runs_by_key, run);
    for (struct past_lease *past = run->past_leases; past != NULL; past = past->next) {
        CHECK(core->past_leases != NULL);
        HASH_DEL(core->past_leases, past);
    }
    free_agents(run);
    free_history(run);
    queue_release(&run->queue);
    id_table_clear(&run->ids);
    arena_release(&run->listing);
    arena_release(&run->arena);
    free(run->last_problem);
    free(run->tests);
    free(run);
}

struct test *run_test(const struct run *run, int64_t number)
{
    return number >= 1 && (size_t)number <= run->tests_count ? &run->tests[number - 1] : NULL;
}

int64_t run_test_number(const struct run *run, const struct test *test)
{
    return (int64_t)(test - run->tests) + 1;
}

static void test_leave(struct run *run, struct test *test)
{
    if (test->state == TEST_QUEUED) {
        queue_remove(&run->queue, test);
    } else if (test->state == TEST_LEASED) {
        CHECK(test->lease->outstanding > 0);
        test->lease->outstanding--;
        load_remove(&test->lease->load, test);
        load_remove(&run->leased, test);
        test->lease = NULL;
    }
}

void run_move_test(struct run *run, struct test *test, enum test_state state, struct lease *lease)
{
    CHECK(test->state != TEST_DECIDED);
    CHECK((state == TEST_LEASED) == (lease != NULL));
    test_leave(run, test);
    test->state = (uint8_t)state;
    if (state == TEST_QUEUED) {
        queue_add(&run->queue, test);
    } else if (state == TEST_LEASED) {
        test->lease = lease;
        lease->outstanding++;
        load_add(&lease->load, test);
        load_add(&run->leased, test);
    }
}

int64_t *run_counts_of(struct run_counts *counts, enum verdict verdict)
{
    int64_t *const counters[VERDICT_COUNT] = {
        [VERDICT_PASSED] = &counts->passed,       [VERDICT_FAILED] = &counts->failed,
        [VERDICT_ERROR] = &counts->error,         [VERDICT_SKIPPED] = &counts->skipped,
        [VERDICT_FLAKY] = &counts->flaky,         [VERDICT_CRASHED] = &counts->crashed,
        [VERDICT_TIMED_OUT] = &counts->timed_out, [VERDICT_NOT_RUN] = &counts->not_run,
    };

    return counters[verdict];
}

void run_decide_test(struct run *run, struct test *test, enum verdict verdict)
{
    CHECK(verdict != VERDICT_NONE);
    run_move_test(run, test, TEST_DECIDED, NULL);
    test->verdict = (uint8_t)verdict;
    (*run_counts_of(&run->counts, verdict))++;
    run->undecided--;
}

struct run_agent *run_agent_get(struct run *run, const char *name)
{
    struct run_agent *agent = NULL;

    HASH_FIND_STR(run->agents, name, agent);
    if (agent != NULL)
        return agent;
    agent = mem_zalloc(sizeof(*agent));
    agent->name = mem_strdup(name);
    HASH_ADD_KEYPTR(hh, run->agents, agent->name, strlen(agent->name), agent);
    return agent;
}

int64_t run_mean_us(const struct run *run)
{
    return run->seen_count > 0 ? run->seen_us / run->seen_count : ESTIMATE_DEFAULT_US;
}

static bool has_label(const struct agent *agent, const struct label *wanted)
{
    for (size_t i = 0; i < agent->labels_count; i++)
        if (strcmp(agent->labels[i].name, wanted->name) == 0 &&
            strcmp(agent->labels[i].value, wanted->value) == 0)
            return true;
    return false;
}

bool run_matches(const struct run *run, const struct agent *agent)
{
    for (size_t i = 0; i < run->submission->requirements_count; i++)
        if (!has_label(agent, &run->submission->requirements[i]))
            return false;
    return true;
}

bool run_excludes(const struct run *run, const struct agent *agent)
{
    struct run_agent *known = NULL;

    HASH_FIND_STR(run->agents, agent->name, known);
    return known != NULL && known->problems >= PROBLEMS_PER_AGENT_MAX;
}

bool run_is_served_by(const struct run *run, const struct agent *agent)
{
    return agent->is_live && !agent->is_draining && run_matches(run, agent) &&
           !run_excludes(run, agent);
}

void run_count_fleet(struct run *run)
{
    const struct core *core = run->core;

    if (run->fleet_version == core->fleet_version)
        return;
    run->fleet_version = core->fleet_version;
    run->serving_agents = run->serving_slots = run->excluded_agents = 0;
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next) {
        if (run_is_served_by(run, agent)) {
            run->serving_agents++;
            run->serving_slots += (int64_t)agent->slots_count;
        } else if (agent->is_live && run_matches(run, agent) && run_excludes(run, agent)) {
            run->excluded_agents++;
        }
    }
}

int64_t run_retries_left(const struct run *run)
{
    int64_t per_cent = run->submission->suite->retries->run_percent;
    int64_t budget = (run->selected * per_cent + 99) / 100;

    if (per_cent > 0 && budget < RUN_RETRIES_MIN)
        budget = RUN_RETRIES_MIN;
    return budget - run->retries_used;
}

void run_give_history(struct run *run, const struct history *history)
{
    free_history(run);
    run->history = arena_alloc(&run->history_arena, sizeof(*run->history));
    if (history == NULL || history->entries_count == 0)
        return;
    run->history->entries =
        arena_array(&run->history_arena, history->entries_count, sizeof(struct history_entry));
    run->history->entries_count = history->entries_count;
    for (size_t i = 0; i < history->entries_count; i++)
        run->history->entries[i] =
            (struct history_entry){.id = arena_strdup(&run->history_arena, history->entries[i].id),
                                   .duration_us = history->entries[i].duration_us};
}
