#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "client/progress.h"
#include "shared/base/check.h"

static struct run_counts counts;

static struct run_view view_of(enum run_state state)
{
    return (struct run_view){.run = 7,
                             .key = "",
                             .name = "suite",
                             .state = state,
                             .reason = "",
                             .counts = &counts,
                             .estimate_ms = -1};
}

/* A progress that writes to memory, as on a CI machine. */
static struct progress progress_to(char **text, size_t *len)
{
    struct progress progress;

    progress_init(&progress, stderr, 0);
    progress.terminal = (struct terminal){.out = open_memstream(text, len), .columns = 80};
    return progress;
}

static const struct progress_commands commands = {.run = "muster run", .show = "muster show"};

Test(progress, in_ci_a_line_comes_now_and_then_and_at_each_change)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = progress_to(&text, &len);
    struct run_view view = view_of(RUN_COLLECTING);

    progress_show(&progress, &view, 0);
    progress_show(&progress, &view, 100);
    view.state = RUN_RUNNING;
    progress_show(&progress, &view, 200);
    progress_show(&progress, &view, 200 + PROGRESS_LINE_MS - 1);
    progress_show(&progress, &view, 200 + PROGRESS_LINE_MS);
    cr_assert_eq(fclose(progress.terminal.out), 0);

    int lines = 0;
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    cr_assert_eq(lines, 3, "%s", text);
    cr_assert_eq(strncmp(text, "collecting: ", 12), 0);
    free(text);
}

Test(progress, what_the_run_waits_for_is_said_once)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = progress_to(&text, &len);
    struct run_view view = view_of(RUN_COLLECTING);

    view.reason = "no agent has connected";
    progress_show(&progress, &view, 0);
    progress_show(&progress, &view, 500);
    cr_assert_eq(fclose(progress.terminal.out), 0);

    char *first = strstr(text, "no agent has connected\n");
    cr_assert_not_null(first);
    cr_assert_null(strstr(first + 1, "no agent has connected\n"));
    free(text);
}

Test(progress, a_failure_is_shown_at_once_with_file_and_line)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = progress_to(&text, &len);
    struct attempt_view attempt = {.id = "app.T.test_a",
                                   .attempt = 1,
                                   .outcome = OUTCOME_FAILED,
                                   .counted = true,
                                   .why_not = "",
                                   .verdict = VERDICT_FAILED,
                                   .worker = "a.1.1.1",
                                   .message = "1 != 2",
                                   .details = "",
                                   .file = "app/tests.py",
                                   .line = 12};

    progress_attempt(&progress, &attempt);
    attempt.outcome = OUTCOME_PASSED;
    attempt.verdict = VERDICT_PASSED;
    progress_attempt(&progress, &attempt);
    cr_assert_eq(fclose(progress.terminal.out), 0);
    cr_assert_str_eq(text, "FAILED app.T.test_a\n    at app/tests.py:12\n"
                           "    on a.1.1.1, attempt 1\n    1 != 2\n");
    free(text);
}

Test(progress, the_summary_accounts_for_every_test_and_says_how_to_run_the_failures_again)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = progress_to(&text, &len);
    struct run_view view = view_of(RUN_ENDED);
    struct test_view tests[] = {{.id = "good", .verdict = VERDICT_PASSED, .reason = ""},
                                {.id = "bad", .verdict = VERDICT_ERROR, .reason = ""}};
    struct run_report report = {.run = &view, .tests = tests, .tests_count = 2};

    counts = (struct run_counts){.collected = 2, .passed = 1, .error = 1};
    progress_summary(&progress, &report, &commands);
    cr_assert_eq(fclose(progress.terminal.out), 0);
    cr_assert_not_null(
        strstr(text, "collected 2 = 1 passed + 0 failed + 1 errors, 0 unaccounted\n"), "%s", text);
    cr_assert_not_null(strstr(text, "what a test printed: muster show 7 'bad'\n"
                                    "run the failures again: muster run --only 'bad'\n"),
                       "%s", text);
    free(text);
}

Test(progress, an_id_that_a_shell_would_misread_is_not_pasted)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = progress_to(&text, &len);
    struct run_view view = view_of(RUN_ENDED);
    struct test_view tests[] = {{.id = "it's[`rm`]", .verdict = VERDICT_FAILED, .reason = ""}};
    struct run_report report = {.run = &view, .tests = tests, .tests_count = 1};

    counts = (struct run_counts){.collected = 1, .failed = 1};
    progress_summary(&progress, &report, &commands);
    cr_assert_eq(fclose(progress.terminal.out), 0);
    cr_assert_not_null(strstr(text, "run the failures again: muster run --failed-of 7\n"), "%s",
                       text);
    free(text);
}

Test(progress, a_problem_that_came_again_is_told_once)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = progress_to(&text, &len);
    struct run_view view = view_of(RUN_ENDED);
    struct problem_view problems[] = {{.agent = "a", .stage = "collect", .text = "no Django"},
                                      {.agent = "b", .stage = "collect", .text = "no Django"},
                                      {.agent = "a", .stage = "collect", .text = "no disk"}};
    struct run_report report = {.run = &view, .problems = problems, .problems_count = 3};

    progress_summary(&progress, &report, &commands);
    cr_assert_eq(fclose(progress.terminal.out), 0);
    char *first = strstr(text, "no Django");
    cr_assert_not_null(first);
    cr_assert_null(strstr(first + 1, "no Django"), "%s", text);
    cr_assert_not_null(strstr(text, "no disk"), "%s", text);
    free(text);
}

Test(progress, an_estimate_of_nothing_is_not_shown)
{
    static const struct {
        int64_t estimate_ms;
        bool is_shown;
    } cases[] = {{-1, false}, {0, false}, {999, false}, {90000, true}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *text = NULL;
        size_t len = 0;
        struct progress progress = progress_to(&text, &len);
        struct run_view view = view_of(RUN_RUNNING);

        view.estimate_ms = cases[i].estimate_ms;
        progress_show(&progress, &view, 0);
        cr_assert_eq(fclose(progress.terminal.out), 0);
        cr_expect_eq(strstr(text, "about ") != NULL, cases[i].is_shown, "%s", text);
        free(text);
    }
}
