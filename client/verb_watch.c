#include <inttypes.h>
#include <stdio.h>

#include "client/follow.h"
#include "client/report_read.h"
#include "client/verb_common.h"

struct watch_options {
    struct connection_options connection;
};

static const struct option_row rows[] = {
    CONNECTION_ROWS(struct watch_options),
};

static const struct option_table table = {
    .program = "muster watch",
    .operands = "RUN",
    .summary = "Shows a run while it goes on.",
    .description =
        "Prints failures as they come and the progress, and ends as `muster run` does: with the "
        "line that accounts for every test, and the run's own exit status.  "
        "A run stays alive while somebody watches it; Ctrl-C leaves it without cancelling.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static enum status summarize(struct api *api, const struct connection_options *connection,
                             int64_t run, struct progress *progress, struct arena *arena,
                             struct error *err)
{
    struct run_report report;
    enum status status = report_read(api, run, arena, &report, err);

    if (status != STATUS_OK)
        return status;
    const char *typed = verb_connection_text(connection, arena);
    const struct progress_commands commands = {arena_printf(arena, "muster run%s", typed),
                                               arena_printf(arena, "muster show%s", typed)};
    progress_summary(progress, &report, &commands);
    return STATUS_OK;
}

static int run_watch(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct watch_options options = {0};
    struct option_list operands;
    struct progress progress;
    struct error err;
    int64_t run = 0;
    int exit = EXIT_PASSED;

    if (!verb_parse(&verb_watch, argc, argv, &arena, &options, &operands, &exit) ||
        !verb_run_number(&verb_watch, &operands, &run, &exit))
        return exit;
    struct api *api = verb_connect(&options.connection, &exit);
    if (api == NULL)
        return exit;
    follow_catch_signals();
    progress_init(&progress, stderr, clock_monotonic_ms());
    const struct follow follow = {.api = api, .run = run, .progress = &progress};
    enum status status = follow_run(&follow, &exit, &err);
    progress_clear(&progress);
    if (status == STATUS_OK && follow_interrupts() == 0)
        status = summarize(api, &options.connection, run, &progress, &arena, &err);
    api_free(api);
    return status == STATUS_OK ? exit : verb_fail(verb_exit_of(status), &err);
}

const struct verb verb_watch = {"watch", &table, run_watch};
