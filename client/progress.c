#include "client/progress.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/base/text.h"

/* Failures named again at the end; the reports hold all. */
#define SUMMARY_FAILURES_MAX 20

/* Different problems told at the end. */
#define SUMMARY_PROBLEMS_MAX 3

/* An estimate knows what tests took in earlier runs, not that one hangs in this: "about 0.0 s"
 * would stand there for as long as it does. */
#define ESTIMATE_MS_MIN 1000

/* Ids in the command that runs the failures again; past it the run's number does. */
#define RERUN_IDS_MAX 10

static const char *const state_words[] = {
    [RUN_COLLECTING] = "collecting", [RUN_RUNNING] = "running", [RUN_ENDED] = "ended"};

static const char *const outcome_words[] = {
    [OUTCOME_PASSED] = "passed",   [OUTCOME_FAILED] = "FAILED",
    [OUTCOME_ERROR] = "ERROR",     [OUTCOME_SKIPPED] = "skipped",
    [OUTCOME_XFAIL] = "xfail",     [OUTCOME_XPASS] = "UNEXPECTED PASS",
    [OUTCOME_CRASHED] = "CRASHED", [OUTCOME_TIMED_OUT] = "TIMED OUT",
    [OUTCOME_LOST] = "lost",
};

void progress_init(struct progress *progress, FILE *out, int64_t now_ms)
{
    *progress =
        (struct progress){.started_ms = now_ms, .line_due_ms = now_ms, .shown_state = RUN_ENDED};
    terminal_init(&progress->terminal, out);
}

void progress_clear(struct progress *progress)
{
    if (progress->has_line)
        (void)fputs("\r\x1b[K", progress->terminal.out);
    progress->has_line = false;
    (void)fflush(progress->terminal.out);
}

void progress_say(struct progress *progress, const char *text)
{
    progress_clear(progress);
    terminal_print_foreign(&progress->terminal, text, 0);
    (void)fflush(progress->terminal.out);
}

static int64_t decided_count(const struct run_counts *counts)
{
    return counts->passed + counts->failed + counts->error + counts->skipped + counts->flaky +
           counts->crashed + counts->timed_out + counts->not_run;
}

static int64_t bad_count(const struct run_counts *counts)
{
    return counts->failed + counts->error + counts->crashed + counts->timed_out;
}

/* The line without colour; answers its length in bytes. */
static int compose_line(const struct run_view *view, int64_t elapsed_ms, char *line, size_t room)
{
    const struct run_counts *counts = view->counts;
    char elapsed[TERMINAL_DURATION_SIZE];
    char left[TERMINAL_DURATION_SIZE] = "";

    terminal_duration(elapsed_ms, elapsed);
    if (view->estimate_ms >= ESTIMATE_MS_MIN)
        terminal_duration(view->estimate_ms, left);
    if (view->state == RUN_COLLECTING)
        return snprintf(line, room, "[%s] collecting: %" PRId64 " tests so far, %" PRId64 " agents",
                        elapsed, counts->collected, view->agents);
    return snprintf(line, room,
                    "[%s] %" PRId64 "/%" PRId64 "  passed %" PRId64 "  failed %" PRId64
                    "  skipped %" PRId64 "  flaky %" PRId64 "  slots %" PRId64 "/%" PRId64 "%s%s",
                    elapsed, decided_count(counts), counts->collected, counts->passed,
                    bad_count(counts), counts->skipped, counts->flaky, view->slots_busy,
                    view->slots, *left != '\0' ? "  about " : "", *left != '\0' ? left : "");
}

/* The test that runs longest, where the line has room for it. */
static const struct running_test *longest_running(const struct run_view *view)
{
    const struct running_test *longest = NULL;

    for (size_t i = 0; i < view->running_count; i++)
        if (longest == NULL || view->running[i].running_ms > longest->running_ms)
            longest = &view->running[i];
    return longest;
}

static void show_live(struct progress *progress, const struct run_view *view, int64_t now_ms)
{
    char line[512];
    struct terminal *terminal = &progress->terminal;
    const struct running_test *longest = longest_running(view);

    (void)compose_line(view, now_ms - progress->started_ms, line, sizeof(line));
    size_t len = strlen(line);
    if (longest != NULL && (int)len + 20 < terminal->columns)
        (void)snprintf(line + len, sizeof(line) - len, "  %s", longest->id);
    else if (*view->reason != '\0')
        (void)snprintf(line + len, sizeof(line) - len, "  %s", view->reason);
    terminal_make_harmless(line);
    len = text_utf8_floor(line, strlen(line));
    if ((int)len >= terminal->columns)
        len = text_utf8_floor(line, (size_t)terminal->columns - 1);
    (void)fprintf(terminal->out, "\r%s%.*s%s\x1b[K",
                  terminal_start(terminal, bad_count(view->counts) > 0 ? COLOUR_RED : COLOUR_NONE),
                  (int)len, line, terminal_end(terminal));
    (void)fflush(terminal->out);
    progress->has_line = true;
}

void progress_show(struct progress *progress, const struct run_view *view, int64_t now_ms)
{
    if (!text_equals(progress->shown_reason, view->reason) && *view->reason != '\0' &&
        view->state != RUN_ENDED) {
        (void)snprintf(progress->shown_reason, sizeof(progress->shown_reason), "%s", view->reason);
        progress_clear(progress);
        terminal_print_foreign(&progress->terminal, view->reason, 0);
    }
    if (progress->terminal.is_live) {
        terminal_measure(&progress->terminal);
        show_live(progress, view, now_ms);
        return;
    }
    if (view->state == progress->shown_state && now_ms < progress->line_due_ms)
        return;

    char line[512];
    (void)compose_line(view, now_ms - progress->started_ms, line, sizeof(line));
    (void)fprintf(progress->terminal.out, "%s: %s\n", state_words[view->state], line);
    (void)fflush(progress->terminal.out);
    progress->shown_state = view->state;
    progress->line_due_ms = now_ms + PROGRESS_LINE_MS;
}

static bool is_bad_outcome(enum outcome outcome)
{
    return outcome == OUTCOME_FAILED || outcome == OUTCOME_ERROR || outcome == OUTCOME_XPASS ||
           outcome == OUTCOME_CRASHED || outcome == OUTCOME_TIMED_OUT;
}

static void print_attempt_head(const struct terminal *terminal, const struct attempt_view *attempt)
{
    bool runs_again = attempt->verdict == VERDICT_NONE;

    (void)fprintf(terminal->out, "%s%s%s ",
                  terminal_start(terminal, runs_again ? COLOUR_YELLOW : COLOUR_RED),
                  outcome_words[attempt->outcome], terminal_end(terminal));
    terminal_print_foreign(terminal, attempt->id, 0);
    if (*attempt->file != '\0')
        (void)fprintf(terminal->out, "    at %s:%" PRId64 "\n", attempt->file, attempt->line);
    (void)fprintf(terminal->out, "    on %s, attempt %" PRId64 "%s%s\n", attempt->worker,
                  attempt->attempt, runs_again && attempt->counted ? "; it runs again" : "",
                  attempt->counted ? "" : "; not counted");
}

void progress_attempt(struct progress *progress, const struct attempt_view *attempt)
{
    const struct terminal *terminal = &progress->terminal;

    if (attempt->counted && attempt->verdict == VERDICT_FLAKY) {
        progress_clear(progress);
        (void)fprintf(terminal->out, "%sFLAKY%s ", terminal_start(terminal, COLOUR_YELLOW),
                      terminal_end(terminal));
        terminal_print_foreign(terminal, attempt->id, 0);
        return;
    }
    if (!is_bad_outcome(attempt->outcome))
        return;
    progress_clear(progress);
    print_attempt_head(terminal, attempt);
    if (*attempt->message != '\0')
        terminal_print_foreign(terminal, attempt->message, 4);
    (void)fflush(terminal->out);
}

static bool is_bad_verdict(enum verdict verdict)
{
    return verdict == VERDICT_FAILED || verdict == VERDICT_ERROR || verdict == VERDICT_CRASHED ||
           verdict == VERDICT_TIMED_OUT;
}

static void print_count_line(const struct terminal *terminal, const struct run_counts *counts)
{
    const struct {
        int64_t count;
        const char *word;
    } parts[] = {
        {counts->failed, "failed"},   {counts->error, "errors"},
        {counts->skipped, "skipped"}, {counts->flaky, "flaky"},
        {counts->crashed, "crashed"}, {counts->timed_out, "timed out"},
        {counts->not_run, "not run"},
    };

    (void)fprintf(terminal->out, "collected %" PRId64 " = %" PRId64 " passed", counts->collected,
                  counts->passed);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].count != 0 || i == 0)
            (void)fprintf(terminal->out, " + %" PRId64 " %s", parts[i].count, parts[i].word);
    (void)fprintf(terminal->out, ", %" PRId64 " unaccounted\n",
                  counts->collected - decided_count(counts));
}

/* Can the id stand between single quotes in a line that is pasted into a shell? */
static bool is_pasteable(const char *id)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(id);

    terminal_make_harmless(copy);
    return strcmp(copy, id) == 0 && strchr(id, '\'') == NULL;
}

static bool can_name_failures(const struct run_report *report)
{
    if (bad_count(report->run->counts) > RERUN_IDS_MAX)
        return false;
    for (size_t i = 0; i < report->tests_count; i++)
        if (is_bad_verdict(report->tests[i].verdict) && !is_pasteable(report->tests[i].id))
            return false;
    return true;
}

/* The first bad test as the example: what it printed is not in the lines above. */
static void print_show(const struct terminal *terminal, const struct run_report *report,
                       const char *show)
{
    for (size_t i = 0; i < report->tests_count && *show != '\0'; i++) {
        const struct test_view *test = &report->tests[i];
        if (!is_bad_verdict(test->verdict) || !is_pasteable(test->id))
            continue;
        (void)fprintf(terminal->out, "what a test printed: %s %" PRId64 " '%s'\n", show,
                      report->run->run, test->id);
        return;
    }
}

static void print_rerun(const struct terminal *terminal, const struct run_report *report,
                        const char *rerun_prefix)
{
    (void)fprintf(terminal->out, "run the failures again: %s", rerun_prefix);
    if (!can_name_failures(report)) {
        (void)fprintf(terminal->out, " --failed-of %" PRId64 "\n", report->run->run);
        return;
    }
    for (size_t i = 0; i < report->tests_count; i++)
        if (is_bad_verdict(report->tests[i].verdict))
            (void)fprintf(terminal->out, " --only '%s'", report->tests[i].id);
    (void)fputc('\n', terminal->out);
}

/* A problem that came again, on whichever agent, is said once. */
static bool is_said_before(const struct run_report *report, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(report->problems[i].text, report->problems[index].text) == 0)
            return true;
    return false;
}

static void print_problems(const struct terminal *terminal, const struct run_report *report)
{
    int shown = 0;

    for (size_t i = 0; i < report->problems_count && shown < SUMMARY_PROBLEMS_MAX; i++) {
        if (is_said_before(report, i))
            continue;
        (void)fprintf(terminal->out, "problem on %s (%s): ", report->problems[i].agent,
                      report->problems[i].stage);
        terminal_print_foreign(terminal, report->problems[i].text, 0);
        shown++;
    }
}

void progress_summary(struct progress *progress, const struct run_report *report,
                      const struct progress_commands *commands)
{
    const struct terminal *terminal = &progress->terminal;
    int64_t bad = bad_count(report->run->counts);
    int64_t shown = 0;

    progress_clear(progress);
    for (size_t i = 0; i < report->tests_count && shown < SUMMARY_FAILURES_MAX; i++) {
        if (!is_bad_verdict(report->tests[i].verdict))
            continue;
        (void)fprintf(terminal->out, "%s ", shown == 0 ? "failures:\n  -" : "  -");
        terminal_print_foreign(terminal, report->tests[i].id, 0);
        shown++;
    }
    if (bad > shown)
        (void)fprintf(terminal->out, "  and %" PRId64 " more: see the report\n", bad - shown);
    print_problems(terminal, report);
    if (*report->run->reason != '\0')
        terminal_print_foreign(terminal, report->run->reason, 0);
    print_count_line(terminal, report->run->counts);
    if (bad > 0) {
        print_show(terminal, report, commands->show);
        print_rerun(terminal, report, commands->run);
    }
    (void)fflush(terminal->out);
}
