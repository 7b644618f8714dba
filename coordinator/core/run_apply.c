#include <string.h>

#include "coordinator/core/state.h"
#include "coordinator/core/submission.h"
#include "coordinator/core/verdict.h"
#include "shared/base/limits.h"
#include "shared/base/text.h"

/* What each fact of a run changes.  The same functions serve the decision, the restart (where
 * facts come by kind and not in the order in which they happened, see store_load) and verify. */

void run_apply_submitted(struct core *core, int64_t number, const struct fact_run_submitted *fact)
{
    struct run *run = mem_zalloc(sizeof(*run));

    CHECK(run_find(core, number) == NULL);
    run->number = number;
    run->core = core;
    run->submission = submission_copy(fact->submission, &run->arena);
    run->state = RUN_COLLECTING;
    run->reason = "";
    run->exit_status = -1;
    run->submitted_ms = fact->submitted_ms;
    run->begun_ms = run->attended_ms = core->now_ms;
    run->unserved_since_ms = -1;
    run->fleet_version = -1;
    run->last_problem = mem_strdup("");
    HASH_ADD(hh, core->runs, number, sizeof(run->number), run);
    HASH_ADD_KEYPTR(hh_key, core->runs_by_key, run->submission->key, strlen(run->submission->key),
                    run);
    DL_APPEND(core->open_runs, run);
    core->open_count++;
    if (number >= core->next_run)
        core->next_run = number + 1;
}

/* ---- collecting --------------------------------------------------------------- */

static struct test *add_test(struct run *run, const char *id, const char *group, int64_t phase)
{
    struct test *test = &VEC_PUSH(run->tests, run->tests_count, run->tests_cap);

    *test = (struct test){.id = id, .group = group, .phase = phase, .estimate_us = -1};
    id_table_add(&run->ids, run->tests, (int64_t)run->tests_count);
    return test;
}

static void undo_listing(struct run *run)
{
    CHECK(run->state == RUN_COLLECTING);
    id_table_clear(&run->ids);
    arena_release(&run->listing);
    run->tests_count = 0;
    run->listing_lease = 0;
    run->has_listing_hash = false;
}

void run_apply_collected(struct run *run, const struct fact_tests_collected *fact)
{
    if (run->listing_lease != fact->lease && run->tests_count > 0)
        undo_listing(run);
    CHECK(fact->first == (int64_t)run->tests_count + 1);
    run->listing_lease = fact->lease;
    for (size_t i = 0; i < fact->tests_count; i++) {
        const struct collected_test *listed = &fact->tests[i];
        const struct test *before = run->tests_count > 0 ? &run->tests[run->tests_count - 1] : NULL;
        const char *group = before != NULL && strcmp(before->group, listed->group) == 0
                                ? before->group
                                : arena_strdup(&run->listing, listed->group);

        (void)add_test(run, arena_strdup(&run->listing, listed->id), group, listed->phase);
    }
}

void run_apply_planned(struct run *run, const struct fact_run_planned *fact)
{
    CHECK(run->state == RUN_COLLECTING);
    CHECK(fact->order_count == fact->estimates_us_count);
    run->state = RUN_RUNNING;
    for (size_t i = 0; i < run->tests_count; i++)
        run->tests[i].state = TEST_DESELECTED;
    queue_init(&run->queue, run->tests, fact->order, fact->order_count,
               run->submission->options->order == ORDER_HISTORY);
    run->selected = run->undecided = run->counts.collected = (int64_t)fact->order_count;
    for (size_t i = 0; i < fact->order_count; i++) {
        struct test *test = run_test(run, fact->order[i]);

        CHECK(test->state == TEST_DESELECTED);
        test->estimate_us = fact->estimates_us[i];
        run_move_test(run, test, TEST_QUEUED, NULL);
    }
    arena_release(&run->history_arena);
    run->history = NULL;
}

void run_apply_added(struct run *run, const struct fact_test_added *fact)
{
    CHECK(run->state == RUN_RUNNING && fact->test == (int64_t)run->tests_count + 1);
    struct test *test = add_test(run, arena_strdup(&run->arena, fact->id),
                                 arena_strdup(&run->arena, fact->group), 0);

    test->is_extra = true;
    run->counts.collected++;
    run->undecided++;
}

/* ---- leases ------------------------------------------------------------------- */

static struct lease *lease_new(struct run *run, struct agent *agent,
                               const struct fact_lease_granted *fact)
{
    struct lease *lease = mem_zalloc(sizeof(*lease));

    lease->token = fact->lease;
    lease->kind = fact->kind;
    lease->run = run;
    lease->agent = agent;
    lease->sync_no = fact->sync_no;
    lease->slot = fact->slot;
    lease->heard_ms = run->core->now_ms;
    lease->items_count = fact->tests_count;
    lease->items = mem_alloc(fact->tests_count * sizeof(*lease->items));
    for (size_t i = 0; i < fact->tests_count; i++)
        lease->items[i] = (struct lease_item){fact->tests[i].test, fact->tests[i].kind};
    return lease;
}

static bool has_lease_of_slot(const struct agent *agent, const struct run *run, int64_t slot)
{
    const struct lease *it = NULL;

    DL_FOREACH2(agent->leases, it, agent_next)
    if (it->run == run && it->slot == slot)
        return true;
    return false;
}

static int by_token(const struct lease *a, const struct lease *b)
{
    return (a->token > b->token) - (a->token < b->token);
}

static void lease_link(struct core *core, struct lease *lease)
{
    struct run *run = lease->run;
    struct agent *agent = lease->agent;

    run->slots_busy += !has_lease_of_slot(agent, run, lease->slot);
    HASH_ADD(hh, core->leases, token, sizeof(lease->token), lease);
    DL_INSERT_INORDER2(run->leases, lease, by_token, run_prev, run_next);
    DL_INSERT_INORDER2(agent->leases, lease, by_token, agent_prev, agent_next);
    run->leases_count++;
    agent->leases_count++;
    if (lease->kind == LEASE_COLLECT)
        run->collect = lease;
    agent_note_served(agent, run->number);
}

void run_apply_granted(struct run *run, const struct fact_lease_granted *fact)
{
    struct core *core = run->core;
    struct agent *agent = agent_find(core, fact->agent);

    CHECK(agent != NULL && agent->is_live && agent->incarnation == fact->incarnation);
    CHECK(core_lease(core, fact->lease) == NULL);
    struct lease *lease = lease_new(run, agent, fact);

    lease_link(core, lease);
    for (size_t i = 0; i < lease->items_count; i++) {
        struct test *test = run_test(run, lease->items[i].test);

        CHECK(test != NULL);
        /* On a restart two open leases may name a test that moved on from the older one. */
        if (test->state == TEST_QUEUED ||
            (test->state == TEST_LEASED && test->lease->token < lease->token))
            run_move_test(run, test, TEST_LEASED, lease);
    }
    if (LEASE_EPOCH(fact->lease) == core->epoch && LEASE_COUNTER(fact->lease) > core->last_counter)
        core->last_counter = LEASE_COUNTER(fact->lease);
}

void run_apply_returned(struct run *run, const struct fact_tests_returned *fact)
{
    struct lease *lease = core_lease(run->core, fact->lease);

    CHECK(lease != NULL);
    lease->is_wanted_back = false;
    for (size_t i = 0; i < fact->tests_count; i++) {
        struct test *test = run_test(run, fact->tests[i]);

        CHECK(test != NULL);
        if (test->lease == lease)
            run_move_test(run, test, TEST_QUEUED, NULL);
    }
}

void run_apply_lease_ended(struct run *run, const struct fact_lease_ended *fact)
{
    struct core *core = run->core;
    struct lease *lease = core_lease(core, fact->lease);

    CHECK(core_past_lease(core, fact->lease) == NULL);
    if (lease == NULL) { /* a store loads no more than this of a closed lease */
        core_remember_lease(core, run, fact->lease, fact->end);
        return;
    }
    CHECK(lease->run == run);
    struct agent *agent = lease->agent;

    for (size_t i = lease->first; i < lease->items_count; i++) {
        struct test *test = run_test(run, lease->items[i].test);

        if (test->lease == lease)
            run_move_test(run, test, TEST_QUEUED, NULL);
    }
    CHECK(lease->outstanding == 0);
    if (lease->kind == LEASE_COLLECT) {
        run->collect = NULL;
        if (run->state == RUN_COLLECTING)
            undo_listing(run);
    }
    HASH_DEL(core->leases, lease);
    DL_DELETE2(run->leases, lease, run_prev, run_next);
    DL_DELETE2(agent->leases, lease, agent_prev, agent_next);
    run->leases_count--;
    agent->leases_count--;
    run->slots_busy -= !has_lease_of_slot(agent, run, lease->slot);
    core_remember_lease(core, run, lease->token, fact->end);
    if (fact->end == LEASE_END_REVOKED)
        agent->has_cancel = true;
    free(lease->items);
    free(lease);
}

/* ---- what came of it ---------------------------------------------------------- */

static enum attempt_use use_of(const struct fact_attempt_recorded *fact)
{
    if (fact->counted)
        return ATTEMPT_COUNTED;
    return text_equals(fact->why_not, "lost") ? ATTEMPT_LOST : ATTEMPT_LATE;
}

static void count_attempt(struct run *run, const struct fact_attempt_recorded *fact)
{
    const struct attempt_report *report = fact->report;

    run->counts.attempts++;
    run->counts.retries += fact->kind == ATTEMPT_RETRY;
    run->counts.lost += report->outcome == OUTCOME_LOST;
    run->counts.late += text_equals(fact->why_not, "late");
    if (!fact->counted)
        return;
    if (outcome_is_failure(report->outcome) && fact->verdict == VERDICT_NONE)
        run->retries_used++;
    run->seen_count++;
    run->seen_us += report->duration_us;
}

static void append_attempt(struct run *run, struct test *test,
                           const struct fact_attempt_recorded *fact)
{
    struct attempt *attempt = arena_alloc(&run->arena, sizeof(*attempt));

    attempt->agent = run_agent_get(run, fact->agent)->name;
    attempt->lease = fact->lease;
    attempt->kind = (uint8_t)fact->kind;
    attempt->outcome = (uint8_t)fact->report->outcome;
    attempt->use = (uint8_t)use_of(fact);
    if (test->last_attempt != NULL)
        test->last_attempt->next = attempt;
    else
        test->attempts = attempt;
    test->last_attempt = attempt;
    test->attempts_count++;
    test->was_lost |= attempt->use == ATTEMPT_LOST;
    test->was_counted |= attempt->use == ATTEMPT_COUNTED;
}

static void trust_agent(struct run *run, const char *name)
{
    struct run_agent *agent = run_agent_get(run, name);

    if (agent->problems >= PROBLEMS_PER_AGENT_MAX)
        run->core->fleet_version++;
    agent->problems = 0;
}

void run_apply_attempt(struct run *run, const struct fact_attempt_recorded *fact)
{
    struct test *test = run_test(run, fact->report->test);

    count_attempt(run, fact);
    if (core_lease(run->core, fact->lease) == NULL)
        core_remember_lease(run->core, run, fact->lease, LEASE_END_DONE);
    if (fact->report->test == 0)
        return; /* a late extra: shown, and no test of its own */
    CHECK(test != NULL);
    append_attempt(run, test, fact);
    if (fact->counted)
        trust_agent(run, fact->agent);
    if (use_of(fact) == ATTEMPT_LATE || test->state == TEST_DECIDED)
        return;
    if (fact->verdict != VERDICT_NONE)
        run_decide_test(run, test, fact->verdict);
    else if (test->state == TEST_QUEUED ||
             (test->state == TEST_LEASED && test->lease->token == fact->lease))
        run_move_test(run, test, TEST_QUEUED, NULL);
}

void run_apply_note(struct run *run, const struct fact_note_recorded *fact)
{
    struct test *test = run_test(run, fact->note->test);

    run->notes++;
    if (test != NULL)
        test->notes++;
}

void run_apply_problem(struct run *run, const struct fact_problem_recorded *fact)
{
    struct run_agent *agent = run_agent_get(run, fact->agent);

    run->counts.problems++;
    agent->problems++;
    if (agent->problems == PROBLEMS_PER_AGENT_MAX)
        run->core->fleet_version++;
    free(run->last_problem);
    run->last_problem = mem_printf("%s on agent '%s': %s", fact->stage, fact->agent, fact->text);
}

/* ---- the end ------------------------------------------------------------------ */

static void forget_oldest(struct core *core)
{
    struct run *oldest = core->ended_runs;

    DL_DELETE(core->ended_runs, oldest);
    core->ended_count--;
    run_free(core, oldest);
}

void run_apply_ended(struct run *run, const struct fact_run_ended *fact)
{
    struct core *core = run->core;

    CHECK(run->state != RUN_ENDED && run->leases == NULL);
    for (size_t i = 0; i < run->tests_count; i++) {
        struct test *test = &run->tests[i];

        if (test->state == TEST_QUEUED || (test->is_extra && test->state == TEST_LISTED))
            run_decide_test(run, test, VERDICT_NOT_RUN);
    }
    run->state = RUN_ENDED;
    run->end = fact->end;
    run->reason = arena_strdup(&run->arena, fact->reason);
    run->exit_status = fact->exit_status;
    run->ended_ms = fact->ended_ms;
    run->forgotten_ms = core->now_ms + RUN_ENDED_KEEP_MS;
    arena_release(&run->history_arena);
    run->history = NULL;
    DL_DELETE(core->open_runs, run);
    core->open_count--;
    if (core->ended_count == RUNS_ENDED_MAX)
        forget_oldest(core);
    DL_APPEND(core->ended_runs, run);
    core->ended_count++;
}
