#include <string.h>

#include "coordinator/report/formats.h"
#include "shared/json/messages_json.h"

/* What is said of each test that did not simply pass, worst first. */
static const struct {
    enum verdict verdict;
    const char *word;
} shown[] = {
    {VERDICT_CRASHED, "CRASHED"}, {VERDICT_TIMED_OUT, "TIMED OUT"}, {VERDICT_ERROR, "ERROR"},
    {VERDICT_FAILED, "FAILED"},   {VERDICT_FLAKY, "FLAKY"},
};

/* The sum that must come out. */
static const struct {
    enum verdict verdict;
    const char *word;
} summands[] = {
    {VERDICT_PASSED, "passed"},   {VERDICT_FLAKY, "flaky"},     {VERDICT_FAILED, "failed"},
    {VERDICT_ERROR, "error"},     {VERDICT_CRASHED, "crashed"}, {VERDICT_TIMED_OUT, "timed out"},
    {VERDICT_SKIPPED, "skipped"}, {VERDICT_NOT_RUN, "not run"},
};

/* Text from a test: one that plays with the terminal does not play with the reader's. */
static void add_plain(struct buffer *buffer, const char *text, size_t len)
{
    for (const char *end = text + len; text < end;) {
        if (*text == '\x1b') {
            text += report_escape_len(text);
            continue;
        }
        if ((unsigned char)*text >= ' ' && *text != 0x7f)
            (void)buffer_add_char(buffer, *text);
        text++;
    }
}

static void add_line(struct buffer *buffer, const char *text)
{
    add_plain(buffer, text, strcspn(text, "\n"));
    (void)buffer_add_char(buffer, '\n');
}

static void add_test(struct buffer *buffer, const char *word, const struct test_view *test)
{
    const struct attempt_view *attempt = report_telling_attempt(test);

    (void)buffer_printf(buffer, "%-9s  ", word);
    add_line(buffer, test->id);
    if (attempt == NULL)
        return;
    if (report_message(attempt)[0] != '\0') {
        (void)buffer_add_text(buffer, "           ");
        add_line(buffer, report_message(attempt));
    }
    (void)buffer_printf(buffer, "           attempt %lld of %zu on ", (long long)attempt->attempt,
                        test->attempts_count);
    add_plain(buffer, attempt->agent, strlen(attempt->agent));
    (void)buffer_printf(buffer, " slot %lld, ", (long long)attempt->slot);
    report_add_seconds(buffer, attempt->duration_us);
    (void)buffer_add_text(buffer, " s\n");
}

static void add_tests(struct buffer *buffer, const struct run_report *report)
{
    for (size_t i = 0; i < COUNT_OF(shown); i++)
        for (size_t j = 0; j < report->tests_count; j++)
            if (report->tests[j].verdict == shown[i].verdict)
                add_test(buffer, shown[i].word, &report->tests[j]);
}

static void add_problems(struct buffer *buffer, const struct run_report *report)
{
    for (size_t i = 0; i < report->problems_count; i++) {
        const struct problem_view *problem = &report->problems[i];

        (void)buffer_add_text(buffer, "PROBLEM    ");
        add_plain(buffer, problem->agent, strlen(problem->agent));
        (void)buffer_add_text(buffer, ", ");
        add_plain(buffer, problem->stage, strlen(problem->stage));
        (void)buffer_add_text(buffer, ": ");
        add_line(buffer, problem->text);
    }
}

static void add_sum(struct buffer *buffer, const struct run_report *report)
{
    struct verdict_counts counts = report_count(report);
    int64_t collected = report->run->counts->collected;
    int64_t left = collected;
    const char *between = " = ";

    (void)buffer_printf(buffer, "collected %lld", (long long)collected);
    for (size_t i = 0; i < COUNT_OF(summands); i++) {
        int64_t count = counts.by_verdict[summands[i].verdict];

        left -= count;
        if (count == 0 && summands[i].verdict != VERDICT_PASSED)
            continue;
        (void)buffer_printf(buffer, "%s%lld %s", between, (long long)count, summands[i].word);
        between = " + ";
    }
    if (report->run->state != RUN_ENDED) {
        (void)buffer_printf(buffer, " + %lld undecided",
                            (long long)counts.by_verdict[VERDICT_NONE]);
        left -= counts.by_verdict[VERDICT_NONE];
    }
    (void)buffer_printf(buffer, ", %lld unaccounted\n", (long long)left);
}

enum status report_text_render(const struct run_report *report, struct buffer *buffer,
                               struct error *err)
{
    const struct run_view *run = report->run;
    const struct run_counts *counts = run->counts;

    (void)err;
    (void)buffer_printf(buffer, "run %lld of ", (long long)run->run);
    add_plain(buffer, run->name, strlen(run->name));
    (void)buffer_printf(buffer, ": %s", codec_enum_name(&run_state_names, (int)run->state));
    if (run->state == RUN_ENDED)
        (void)buffer_printf(buffer, " (%s), status %lld",
                            codec_enum_name(&run_end_names, (int)run->end),
                            (long long)run->exit_status);
    (void)buffer_add_char(buffer, '\n');
    if (run->reason[0] != '\0')
        add_line(buffer, run->reason);

    add_tests(buffer, report);
    add_problems(buffer, report);
    add_sum(buffer, report);
    (void)buffer_printf(
        buffer, "%lld attempts: %lld retries, %lld lost, %lld late; %lld problems\n",
        (long long)counts->attempts, (long long)counts->retries, (long long)counts->lost,
        (long long)counts->late, (long long)counts->problems);
    return STATUS_OK;
}
