#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/report_read.h"
#include "client/terminal.h"
#include "client/verb_common.h"

struct show_options {
    struct connection_options connection;
};

static const struct option_row rows[] = {
    CONNECTION_ROWS(struct show_options),
};

static const struct option_table table = {
    .program = "muster show",
    .operands = "RUN [TEST]",
    .summary = "Shows a run, or one of its tests with every attempt.",
    .description =
        "Without TEST: state, counts, notes, problems and the tests that did not pass.  TEST is an "
        "id, or "
        "a glob over ids: each attempt is shown with what it printed, the worker it ran in "
        "and its place in that worker's order.\n\n" VERB_READS_HERE,
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static void print_note(const struct terminal *terminal, const struct note *note)
{
    (void)fputs("  note ", terminal->out);
    CLEANUP(mem_freep) char *text = mem_printf("%s: %s", note->name, note->value);
    terminal_print_foreign(terminal, text, 0);
}

static void print_output(const struct terminal *terminal, const struct output *output)
{
    if (output == NULL || output->total_bytes == 0)
        return;
    (void)fprintf(terminal->out, "    printed %" PRId64 " bytes:\n", output->total_bytes);
    terminal_print_foreign(terminal, output->head, 6);
    if (*output->tail != '\0') {
        (void)fputs("      [...]\n", terminal->out);
        terminal_print_foreign(terminal, output->tail, 6);
    }
}

static void print_attempt(const struct terminal *terminal, const struct attempt_view *attempt)
{
    (void)fprintf(
        terminal->out,
        "  attempt %" PRId64 ": %s%s%s, %" PRId64 " ms, %s, number %" PRId64 " of that worker\n",
        attempt->attempt, report_outcome_name(attempt->outcome),
        attempt->counted ? "" : ", not counted: ", attempt->counted ? "" : attempt->why_not,
        attempt->duration_us / 1000, attempt->worker, attempt->order);
    if (*attempt->file != '\0')
        (void)fprintf(terminal->out, "    at %s:%" PRId64 "\n", attempt->file, attempt->line);
    if (*attempt->message != '\0')
        terminal_print_foreign(terminal, attempt->message, 4);
    if (*attempt->details != '\0')
        terminal_print_foreign(terminal, attempt->details, 4);
    print_output(terminal, attempt->output);
}

static void print_test(const struct terminal *terminal, const struct test_view *test)
{
    (void)fprintf(terminal->out, "%s ", report_verdict_name(test->verdict));
    terminal_print_foreign(terminal, test->id, 0);
    for (size_t i = 0; i < test->notes_count; i++)
        print_note(terminal, &test->notes[i]);
    for (size_t i = 0; i < test->attempts_count; i++)
        print_attempt(terminal, &test->attempts[i]);
}

/* Shows the tests that match; answers whether there were any. */
static bool print_matching(const struct terminal *terminal, const struct run_report *report,
                           const char *pattern)
{
    bool found = false;

    for (size_t i = 0; i < report->tests_count; i++) {
        const struct test_view *test = &report->tests[i];
        if (strcmp(test->id, pattern) != 0 && !text_matches_glob(pattern, test->id))
            continue;
        print_test(terminal, test);
        found = true;
    }
    return found;
}

static int show_tests(const struct terminal *terminal, const struct run_report *report,
                      const char *pattern)
{
    struct error err;

    if (print_matching(terminal, report, pattern))
        return EXIT_PASSED;
    (void)error_set(&err, STATUS_NOT_FOUND, "run %" PRId64 " has no test '%s'", report->run->run,
                    pattern);
    return verb_fail(EXIT_USAGE, &err);
}

static int run_show(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buffer_release) struct buffer text;
    struct show_options options = {0};
    struct option_list operands;
    struct terminal terminal;
    struct run_report report = {0};
    struct reading reading;
    struct error err;
    int64_t run = 0;
    int exit = EXIT_PASSED;

    buffer_init(&text, REPORT_BYTES_MAX);
    if (!verb_parse(&verb_show, argc, argv, &arena, &options, &operands, &exit))
        return exit;
    const char *pattern = operands.count == 2 ? operands.at[1] : NULL;
    operands.count = operands.count == 2 ? 1 : operands.count;
    if (!verb_run_number(&verb_show, &operands, &run, &exit))
        return exit;
    if (!verb_reading_open(&options.connection, &reading, &exit))
        return exit;

    enum status status = pattern == NULL ? api_report(reading.api, run, "text", &text, &err)
                                         : report_read(reading.api, run, &arena, &report, &err);
    verb_reading_release(&reading);
    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);
    terminal_init(&terminal, stdout);
    if (pattern != NULL)
        return show_tests(&terminal, &report, pattern);
    terminal_print_foreign(&terminal, text.at, 0);
    return EXIT_PASSED;
}

const struct verb verb_show = {"show", &table, run_show};
