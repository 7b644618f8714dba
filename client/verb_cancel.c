#include <inttypes.h>
#include <stdio.h>

#include "client/verb_common.h"

struct cancel_options {
    struct connection_options connection;
    const char *reason;
};

static const struct option_row rows[] = {
    CONNECTION_ROWS(struct cancel_options),
    {.name = "reason",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct cancel_options, reason),
     .value = "TEXT",
     .otherwise = "cancelled by a user",
     .help = "kept in the run's ledger and shown in its reports"},
};

static const struct option_table table = {
    .program = "muster cancel",
    .operands = "RUN",
    .summary = "Ends a run at once.",
    .description =
        "Workers of the run are killed; tests without a verdict become not-run.  Results that "
        "arrive later are kept as late and never count.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static int run_cancel(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct cancel_options options = {0};
    struct option_list operands;
    struct run_view view = {0};
    struct error err;
    int64_t run = 0;
    int exit = EXIT_PASSED;

    if (!verb_parse(&verb_cancel, argc, argv, &arena, &options, &operands, &exit) ||
        !verb_run_number(&verb_cancel, &operands, &run, &exit))
        return exit;
    struct api *api = verb_connect(&options.connection, &exit);
    if (api == NULL)
        return exit;
    enum status status = api_cancel(api, run, options.reason, &arena, &view, &err);
    api_free(api);
    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);
    (void)printf("run %" PRId64 " has ended: %s\n", run, view.reason);
    return EXIT_PASSED;
}

const struct verb verb_cancel = {"cancel", &table, run_cancel};
