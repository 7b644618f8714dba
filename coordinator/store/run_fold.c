#include "coordinator/store/run_fold.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/text.h"

void fold_init(struct run_fold *fold, int64_t run, struct arena *arena)
{
    *fold = (struct run_fold){.arena = arena, .view = arena_alloc(arena, sizeof(*fold->view))};
    fold->view->run = run;
}

void fold_release(struct run_fold *fold)
{
    free(fold->tests);
    free(fold->attempts);
    free(fold->notes);
    free(fold->problems);
}

void run_view_fill(struct run_view *view, const struct fact_run_submitted *submitted,
                   struct arena *arena)
{
    const struct run_submission *submission = submitted->submission;

    *view = (struct run_view){
        .run = submitted->run,
        .key = submission->key,
        .name = submission->suite->name,
        .state = RUN_COLLECTING,
        .reason = "",
        .exit_status = -1,
        .counts = arena_alloc(arena, sizeof(struct run_counts)),
        .estimate_ms = -1,
        .submitted_ms = submitted->submitted_ms,
        .labels = submission->labels,
        .labels_count = submission->labels_count,
    };
}

void counts_add_attempt(struct run_counts *counts, enum attempt_kind kind, enum outcome outcome,
                        const char *why_not)
{
    counts->attempts++;
    if (kind == ATTEMPT_RETRY)
        counts->retries++;
    if (outcome == OUTCOME_LOST)
        counts->lost++;
    if (text_equals(why_not, "late"))
        counts->late++;
}

void counts_add_verdict(struct run_counts *counts, enum verdict verdict, int64_t tests)
{
    const struct {
        enum verdict verdict;
        int64_t *count;
    } rows[] = {
        {VERDICT_PASSED, &counts->passed},       {VERDICT_FAILED, &counts->failed},
        {VERDICT_ERROR, &counts->error},         {VERDICT_SKIPPED, &counts->skipped},
        {VERDICT_FLAKY, &counts->flaky},         {VERDICT_CRASHED, &counts->crashed},
        {VERDICT_TIMED_OUT, &counts->timed_out}, {VERDICT_NOT_RUN, &counts->not_run},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].verdict == verdict)
            *rows[i].count += tests;
}

void attempt_view_fill(struct attempt_view *view, int64_t seq, const struct fact *fact,
                       const char *id)
{
    const struct fact_attempt_recorded *recorded = fact->attempt_recorded;
    const struct attempt_report *report = recorded->report;

    *view = (struct attempt_view){
        .seq = seq,
        .test = report->test,
        .id = id,
        .attempt = report->attempt,
        .kind = recorded->kind,
        .outcome = report->outcome,
        .counted = recorded->counted,
        .why_not = recorded->why_not,
        .verdict = recorded->verdict,
        .duration_us = report->duration_us,
        .started_ms = report->started_ms,
        .agent = recorded->agent,
        .slot = report->slot,
        .worker = report->worker,
        .order = report->order,
        .message = report->message,
        .details = report->details,
        .file = report->file,
        .line = report->line,
        .subtests = report->subtests,
        .output = report->output,
    };
}

/* The test of a number, made with those before it when it is new. */
static struct fold_test *test_at(struct run_fold *fold, int64_t test)
{
    CHECK(test > 0);
    while (fold->tests_count < (size_t)test) {
        struct fold_test *added = &VEC_PUSH(fold->tests, fold->tests_count, fold->tests_cap);

        *added = (struct fold_test){.view = {.test = (int64_t)fold->tests_count,
                                             .id = "",
                                             .group = "",
                                             .file = "",
                                             .reason = ""}};
    }
    return &fold->tests[test - 1];
}

static void add_collected(struct run_fold *fold, const struct fact_tests_collected *page)
{
    fold->collect_lease = page->lease;
    for (size_t i = 0; i < page->tests_count; i++) {
        const struct collected_test *collected = &page->tests[i];
        struct test_view *view = &test_at(fold, page->first + (int64_t)i)->view;

        view->id = collected->id;
        view->group = collected->group;
        view->file = collected->file;
        view->line = collected->line;
    }
}

static void add_plan(struct run_fold *fold, const struct fact_run_planned *planned)
{
    fold->is_planned = true;
    fold->view->state = RUN_RUNNING;
    for (size_t i = 0; i < planned->order_count; i++)
        test_at(fold, planned->order[i])->is_selected = true;
}

static void add_attempt(struct run_fold *fold, int64_t seq, const struct fact *fact)
{
    const struct fact_attempt_recorded *recorded = fact->attempt_recorded;
    const struct attempt_report *report = recorded->report;
    const char *id = report->id;

    counts_add_attempt(&fold->live, recorded->kind, report->outcome, recorded->why_not);
    if (report->test > 0) {
        struct fold_test *test = test_at(fold, report->test);

        id = test->view.id;
        test->attempts++;
        if (recorded->verdict != VERDICT_NONE)
            test->view.verdict = recorded->verdict;
    }
    attempt_view_fill(&VEC_PUSH(fold->attempts, fold->attempts_count, fold->attempts_cap), seq,
                      fact, id);
}

static void add_note(struct run_fold *fold, const struct note *note)
{
    if (note->test > 0)
        test_at(fold, note->test)->notes++;
    VEC_PUSH(fold->notes, fold->notes_count, fold->notes_cap) = *note;
}

static void add_problem(struct run_fold *fold, const struct fact_problem_recorded *problem)
{
    fold->live.problems++;
    VEC_PUSH(fold->problems, fold->problems_count, fold->problems_cap) =
        (struct problem_view){.agent = problem->agent,
                              .stage = problem->stage,
                              .text = problem->text,
                              .at_ms = problem->at_ms};
}

static void add_end(struct run_fold *fold, const struct fact_run_ended *ended)
{
    fold->view->state = RUN_ENDED;
    fold->view->end = ended->end;
    fold->view->reason = ended->reason;
    fold->view->exit_status = ended->exit_status;
    fold->view->ended_ms = ended->ended_ms;
    *fold->view->counts = *ended->counts;
}

void fold_add(struct run_fold *fold, int64_t seq, const struct fact *fact)
{
    fold->view->last_seq = seq;
    switch (fact->kind) {
    case FACT_RUN_SUBMITTED:
        fold->submission = fact->run_submitted->submission;
        run_view_fill(fold->view, fact->run_submitted, fold->arena);
        fold->view->last_seq = seq;
        break;
    case FACT_TESTS_COLLECTED:
        add_collected(fold, fact->tests_collected);
        break;
    case FACT_RUN_PLANNED:
        add_plan(fold, fact->run_planned);
        break;
    case FACT_TEST_ADDED: {
        struct fold_test *test = test_at(fold, fact->test_added->test);

        test->is_selected = true;
        test->view.id = fact->test_added->id;
        test->view.group = fact->test_added->group;
        break;
    }
    case FACT_ATTEMPT_RECORDED:
        add_attempt(fold, seq, fact);
        break;
    case FACT_NOTE_RECORDED:
        add_note(fold, fact->note_recorded->note);
        break;
    case FACT_PROBLEM_RECORDED:
        add_problem(fold, fact->problem_recorded);
        break;
    case FACT_LEASE_ENDED: /* a collection that did not become a plan is undone */
        if (!fold->is_planned && fact->lease_ended->lease == fold->collect_lease)
            fold->tests_count = 0;
        break;
    case FACT_RUN_ENDED:
        add_end(fold, fact->run_ended);
        break;
    case FACT_AGENT_JOINED:
    case FACT_AGENT_SYNCED:
    case FACT_AGENT_GONE:
    case FACT_LEASE_GRANTED:
    case FACT_TESTS_RETURNED:
    case FACT_IMAGE_CLAIMED:
    case FACT_IMAGE_DONE:
    case FACT_IMAGE_FAILED:
    case FACT_IMAGE_RELEASED:
    case FACT_IMAGE_DROPPED:
    case FACT_KIND_COUNT:
        break;
    }
}

/* Hands each test its attempts and notes, in order, and the run its own notes. */
static void distribute(struct run_fold *fold, struct run_report *report)
{
    for (size_t i = 0; i < fold->tests_count; i++) {
        struct fold_test *test = &fold->tests[i];

        test->view.attempts =
            arena_array(fold->arena, test->attempts, sizeof(*test->view.attempts));
        test->view.notes = arena_array(fold->arena, test->notes, sizeof(*test->view.notes));
    }
    report->notes = arena_array(fold->arena, fold->notes_count, sizeof(*report->notes));
    for (size_t i = 0; i < fold->attempts_count; i++) {
        const struct attempt_view *attempt = &fold->attempts[i];

        if (attempt->test > 0) {
            struct test_view *view = &fold->tests[attempt->test - 1].view;

            view->attempts[view->attempts_count++] = *attempt;
        }
    }
    for (size_t i = 0; i < fold->notes_count; i++) {
        const struct note *note = &fold->notes[i];

        if (note->test > 0) {
            struct test_view *view = &fold->tests[note->test - 1].view;

            view->notes[view->notes_count++] = *note;
        } else {
            report->notes[report->notes_count++] = *note;
        }
    }
}

/* Only tests that the run selected are its tests; those without a verdict in an ended run did not
 * run. */
static void list_tests(struct run_fold *fold, struct run_report *report)
{
    bool has_ended = fold->view->state == RUN_ENDED;

    report->tests = arena_array(fold->arena, fold->tests_count, sizeof(*report->tests));
    for (size_t i = 0; i < fold->tests_count; i++) {
        struct fold_test *test = &fold->tests[i];

        if (!test->is_selected)
            continue;
        if (has_ended && test->view.verdict == VERDICT_NONE) {
            test->view.verdict = VERDICT_NOT_RUN;
            test->view.reason = fold->view->reason;
        }
        counts_add_verdict(&fold->live, test->view.verdict, 1);
        fold->live.collected++;
        report->tests[report->tests_count++] = test->view;
    }
}

bool fold_finish(struct run_fold *fold, struct run_report *out_report)
{
    *out_report = (struct run_report){.format = 1, .run = fold->view};
    if (fold->submission == NULL)
        return false;
    distribute(fold, out_report);
    list_tests(fold, out_report);
    if (fold->view->state != RUN_ENDED)
        *fold->view->counts = fold->live;
    out_report->problems =
        arena_array(fold->arena, fold->problems_count, sizeof(*out_report->problems));
    out_report->problems_count = fold->problems_count;
    if (fold->problems_count > 0)
        (void)memcpy(out_report->problems, fold->problems,
                     fold->problems_count * sizeof(*fold->problems));
    return true;
}
