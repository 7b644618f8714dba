#include <string.h>

#include "coordinator/report/formats.h"

struct verdict_counts report_count(const struct run_report *report)
{
    struct verdict_counts counts = {{0}};

    for (size_t i = 0; i < report->tests_count; i++)
        counts.by_verdict[report->tests[i].verdict]++;
    return counts;
}

bool report_is_failure(enum outcome outcome)
{
    return outcome == OUTCOME_FAILED || outcome == OUTCOME_ERROR || outcome == OUTCOME_XPASS ||
           outcome == OUTCOME_CRASHED || outcome == OUTCOME_TIMED_OUT;
}

/* The verdict that this outcome alone would give. */
static enum verdict verdict_of(enum outcome outcome)
{
    static const enum verdict verdicts[OUTCOME_COUNT] = {
        [OUTCOME_PASSED] = VERDICT_PASSED,   [OUTCOME_FAILED] = VERDICT_FAILED,
        [OUTCOME_ERROR] = VERDICT_ERROR,     [OUTCOME_SKIPPED] = VERDICT_SKIPPED,
        [OUTCOME_XFAIL] = VERDICT_PASSED,    [OUTCOME_XPASS] = VERDICT_FAILED,
        [OUTCOME_CRASHED] = VERDICT_CRASHED, [OUTCOME_TIMED_OUT] = VERDICT_TIMED_OUT,
        [OUTCOME_LOST] = VERDICT_NONE,
    };

    return verdicts[outcome];
}

const struct attempt_view *report_deciding_attempt(const struct test_view *test)
{
    const struct attempt_view *last = NULL;

    for (size_t i = 0; i < test->attempts_count; i++) {
        const struct attempt_view *attempt = &test->attempts[i];

        if (!attempt->counted)
            continue;
        if (verdict_of(attempt->outcome) == test->verdict)
            return attempt;
        last = attempt;
    }
    return last;
}

const struct attempt_view *report_telling_attempt(const struct test_view *test)
{
    for (size_t i = 0; i < test->attempts_count; i++)
        if (test->verdict == VERDICT_FLAKY && test->attempts[i].counted &&
            report_is_failure(test->attempts[i].outcome))
            return &test->attempts[i];
    return report_deciding_attempt(test);
}

size_t report_escape_len(const char *text)
{
    if (text[1] != '[')
        return 1;
    size_t len = 2 + strspn(text + 2, "0123456789;?");
    return text[len] != '\0' ? len + 1 : len;
}

const char *report_message(const struct attempt_view *attempt)
{
    static const char *const words[OUTCOME_COUNT] = {
        [OUTCOME_XFAIL] = "expected failure",
        [OUTCOME_XPASS] = "unexpected success",
        [OUTCOME_CRASHED] = "the worker died while the test ran",
        [OUTCOME_TIMED_OUT] = "killed past its time limit",
        [OUTCOME_LOST] = "lost",
    };

    if (attempt->message[0] != '\0')
        return attempt->message;
    return words[attempt->outcome] != NULL ? words[attempt->outcome] : "";
}

void report_add_seconds(struct buffer *buffer, int64_t duration_us)
{
    int64_t us = duration_us > 0 ? duration_us : 0;

    (void)buffer_printf(buffer, "%lld.%06lld", (long long)(us / 1000000),
                        (long long)(us % 1000000));
}
