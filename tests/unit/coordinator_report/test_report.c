#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/report/report.h"
#include "shared/base/memory.h"

static struct run_counts counts;
static struct run_view run = {.run = 1,
                              .key = "k",
                              .name = "suite",
                              .state = RUN_ENDED,
                              .end = RUN_END_DONE,
                              .reason = "",
                              .counts = &counts};

static struct attempt_view attempt(enum outcome outcome)
{
    return (struct attempt_view){.seq = 1,
                                 .test = 1,
                                 .id = "t",
                                 .attempt = 1,
                                 .outcome = outcome,
                                 .counted = true,
                                 .why_not = "",
                                 .agent = "a",
                                 .worker = "w",
                                 .message = "",
                                 .details = "",
                                 .file = ""};
}

static struct test_view test_of(enum verdict verdict, struct attempt_view *of)
{
    return (struct test_view){.test = 1,
                              .id = "t",
                              .group = "",
                              .file = "",
                              .verdict = verdict,
                              .reason = "",
                              .attempts = of,
                              .attempts_count = of != NULL};
}

Test(report, every_verdict_has_its_element)
{
    static const struct {
        enum verdict verdict;
        enum outcome outcome; /* LOST: no attempt */
        enum run_end end;
        const char *sums;
        const char *element;
    } cases[] = {
        {VERDICT_PASSED, OUTCOME_PASSED, RUN_END_DONE, "failures=\"0\" errors=\"0\"", "/>"},
        {VERDICT_PASSED, OUTCOME_XFAIL, RUN_END_DONE, "failures=\"0\" errors=\"0\"", "/>"},
        {VERDICT_FAILED, OUTCOME_FAILED, RUN_END_DONE, "failures=\"1\" errors=\"0\"", "<failure"},
        {VERDICT_FAILED, OUTCOME_XPASS, RUN_END_DONE, "failures=\"1\" errors=\"0\"", "<failure"},
        {VERDICT_ERROR, OUTCOME_ERROR, RUN_END_DONE, "failures=\"0\" errors=\"1\"", "<error"},
        {VERDICT_CRASHED, OUTCOME_CRASHED, RUN_END_DONE, "failures=\"0\" errors=\"1\"",
         "<error type=\"crashed\""},
        {VERDICT_TIMED_OUT, OUTCOME_TIMED_OUT, RUN_END_DONE, "failures=\"0\" errors=\"1\"",
         "<error type=\"timed-out\""},
        {VERDICT_SKIPPED, OUTCOME_SKIPPED, RUN_END_DONE,
         "failures=\"0\" errors=\"0\" skipped=\"1\"", "<skipped"},
        {VERDICT_NOT_RUN, OUTCOME_LOST, RUN_END_FAIL_FAST,
         "failures=\"0\" errors=\"0\" skipped=\"1\"", "<skipped message=\"not run\""},
        {VERDICT_NOT_RUN, OUTCOME_LOST, RUN_END_INFRASTRUCTURE, "failures=\"0\" errors=\"1\"",
         "<error type=\"not-run\""},
        {VERDICT_NOT_RUN, OUTCOME_LOST, RUN_END_TIME_LIMIT, "failures=\"0\" errors=\"1\"",
         "<error type=\"not-run\""},
        {VERDICT_NOT_RUN, OUTCOME_LOST, RUN_END_NO_AGENT, "failures=\"0\" errors=\"1\"",
         "<error type=\"not-run\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct attempt_view one = attempt(cases[i].outcome);
        struct test_view test =
            test_of(cases[i].verdict, cases[i].outcome == OUTCOME_LOST ? NULL : &one);
        struct run_report report = {.format = 1, .run = &run, .tests = &test, .tests_count = 1};
        struct buffer text;
        struct error err;

        run.end = cases[i].end;
        buffer_init(&text, 65536);
        cr_assert_eq(report_render(REPORT_JUNIT, &report, &text, &err), STATUS_OK);
        cr_expect_not_null(strstr(text.at, cases[i].sums), "%zu: %s", i, text.at);
        const char *found = strstr(text.at, "<testcase");
        cr_assert_not_null(found);
        cr_expect_not_null(strstr(found, cases[i].element), "%zu: %s", i, text.at);
        buffer_release(&text);
    }
}

Test(report, what_is_missing_is_unaccounted)
{
    struct attempt_view one = attempt(OUTCOME_PASSED);
    struct test_view test = test_of(VERDICT_PASSED, &one);
    struct run_report report = {.format = 1, .run = &run, .tests = &test, .tests_count = 1};
    struct buffer text;
    struct error err;

    counts.collected = 3;
    buffer_init(&text, 65536);
    cr_assert_eq(report_render(REPORT_TEXT, &report, &text, &err), STATUS_OK);
    cr_assert_not_null(strstr(text.at, "collected 3 = 1 passed, 2 unaccounted\n"), "%s", text.at);
    buffer_release(&text);
}

Test(report, one_past_its_bound_is_too_big_in_every_format)
{
    struct attempt_view one = attempt(OUTCOME_FAILED);
    struct test_view test = test_of(VERDICT_FAILED, &one);
    struct run_report report = {.format = 1, .run = &run, .tests = &test, .tests_count = 1};

    for (enum report_format format = 0; format < REPORT_FORMAT_COUNT; format++)
        for (size_t bytes_max = 0; bytes_max < 200; bytes_max++) {
            struct buffer text;
            struct error err;

            buffer_init(&text, bytes_max);
            cr_expect_eq(report_render(format, &report, &text, &err), STATUS_TOO_BIG, "%s in %zu",
                         report_format_name(format), bytes_max);
            buffer_release(&text);
        }
}

Test(report, formats_are_found_by_their_names)
{
    for (enum report_format format = 0; format < REPORT_FORMAT_COUNT; format++)
        cr_expect_eq(report_format_of(report_format_name(format)), format);
    cr_expect_eq(report_format_of("pdf"), REPORT_FORMAT_COUNT);
    cr_expect_eq(report_format_of(""), REPORT_FORMAT_COUNT);
}
