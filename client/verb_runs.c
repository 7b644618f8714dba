#include <inttypes.h>
#include <stdio.h>

#include "client/terminal.h"
#include "client/verb_common.h"

struct runs_options {
    struct connection_options connection;
    int64_t limit;
};

static const struct option_row rows[] = {
    CONNECTION_ROWS(struct runs_options),
    {.name = "limit",
     .letter = 'n',
     .kind = OPTION_INT,
     .offset = offsetof(struct runs_options, limit),
     .value = "N",
     .otherwise = "20",
     .min = 1,
     .max = 1000,
     .help = "how many runs at the most"},
};

static const struct option_table table = {
    .program = "muster runs",
    .summary = "Lists runs, the newest first.",
    .description = "Prints one line a run: number, state, counts, name and when it was "
                   "submitted.\n\n" VERB_READS_HERE,
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static const char *state_word(const struct run_view *run)
{
    if (run->state != RUN_ENDED)
        return run->state == RUN_COLLECTING ? "collecting" : "running";
    switch (run->exit_status) {
    case EXIT_PASSED:
        return "passed";
    case EXIT_TESTS_FAILED:
        return "failed";
    case EXIT_INFRASTRUCTURE:
        return "broken";
    case EXIT_INTERRUPTED:
        return "cancelled";
    default:
        return "ended";
    }
}

static void print_run(const struct terminal *terminal, const struct run_view *run)
{
    char when[CLOCK_TEXT_SIZE];
    const struct run_counts *counts = run->counts;

    clock_wall_text(run->submitted_ms, when);
    (void)fprintf(terminal->out, "%-6" PRId64 " %-10s %6" PRId64 " tests %5" PRId64 " bad  %s  ",
                  run->run, state_word(run), counts->collected,
                  counts->failed + counts->error + counts->crashed + counts->timed_out, when);
    terminal_print_foreign(terminal, run->name, 0);
}

static int run_runs(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct runs_options options = {0};
    struct option_list operands;
    struct terminal terminal;
    struct run_list list = {0};
    struct reading reading;
    struct error err;
    int exit = EXIT_PASSED;

    if (!verb_parse(&verb_runs, argc, argv, &arena, &options, &operands, &exit))
        return exit;
    if (!verb_reading_open(&options.connection, &reading, &exit))
        return exit;
    enum status status = api_runs(reading.api, options.limit, &arena, &list, &err);
    verb_reading_release(&reading);
    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);

    terminal_init(&terminal, stdout);
    for (size_t i = 0; i < list.runs_count; i++)
        print_run(&terminal, &list.runs[i]);
    return EXIT_PASSED;
}

const struct verb verb_runs = {"runs", &table, run_runs};
