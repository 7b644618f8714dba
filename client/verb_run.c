#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/follow.h"
#include "client/local.h"
#include "client/report_read.h"
#include "client/submission.h"
#include "client/suite_file.h"
#include "client/verb_common.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/limits.h"
#include "shared/base/random.h"

/* Each life of a local coordinator leaves one run open at most. */
#define ORPHANS_MAX 100

struct run_command {
    struct connection_options connection;
    const char *file;
    const char *revision;
    const char *key;
    struct option_list filters;
    struct option_list only;
    int64_t failed_of;
    const char *order;
    const char *start_at;
    int64_t workers;
    int64_t retries;
    int64_t fail_fast;
    int64_t timeout_ms;
    int64_t wait_agents_ms;
    int64_t patience_ms;
    const char *junit;
    const char *json;
    struct option_list labels;
    struct option_list requirements;
    bool detach;
    bool debug_sql;
    bool allow_empty;
};

/* clang-format off */
#define AT(member) .offset = offsetof(struct run_command, member)
static const struct option_row rows[] = {
    {.name = "file", .letter = 'f', .kind = OPTION_TEXT, AT(file), .env = "MUSTER_FILE", .value = "FILE",
     .otherwise = "muster.yml", .help = "the suite file"},
    CONNECTION_ROWS(struct run_command),
    {.name = "filter", .kind = OPTION_LIST, AT(filters), .value = "GLOB",
     .help = "run only tests whose id matches"},
    {.name = "only", .kind = OPTION_LIST, AT(only), .value = "ID", .help = "run only the test with exactly this id"},
    {.name = "failed-of", .kind = OPTION_INT, AT(failed_of), .value = "RUN", .min = 1, .max = INT64_MAX,
     .help = "run only the tests that failed in that run"},
    {.name = "order", .kind = OPTION_TEXT, AT(order), .value = "ORDER", .otherwise = "history",
     .help = "history (longest first), listed, reverse, or shuffle[:SEED]"},
    {.name = "start-at", .kind = OPTION_TEXT, AT(start_at), .value = "ID",
     .help = "leave out what comes before this test in the order"},
    {.name = "workers", .letter = 'w', .kind = OPTION_INT, AT(workers), .env = "MUSTER_WORKERS", .value = "N",
     .max = 100000, .help = "at most so many workers at once (0: as many as there are)"},
    {.name = "retries", .kind = OPTION_INT, AT(retries), .value = "N", .otherwise = "-1", .min = -1, .max = 100,
     .help = "retries of a failed test (-1: as the suite file says)"},
    {.name = "fail-fast", .kind = OPTION_MAYBE_INT, AT(fail_fast), .value = "N", .min = 1, .max = 1000000,
     .help = "end the run after N failures (1 without a number)"},
    {.name = "timeout", .kind = OPTION_DURATION, AT(timeout_ms), .value = "TIME",
     .help = "end the run after this time"},
    {.name = "wait-agents", .kind = OPTION_DURATION, AT(wait_agents_ms), .value = "TIME", .otherwise = "5m",
     .help = "end the run when no agent could serve it for so long"},
    {.name = "patience", .kind = OPTION_DURATION, AT(patience_ms), .env = "MUSTER_PATIENCE", .value = "TIME",
     .otherwise = "1m", .help = "how long a coordinator may be away before it is gone for good"},
    {.name = "junit", .kind = OPTION_TEXT, AT(junit), .value = "FILE", .help = "write the JUnit report there"},
    {.name = "json", .kind = OPTION_TEXT, AT(json), .value = "FILE", .help = "write the JSON report there"},
    {.name = "label", .kind = OPTION_LIST, AT(labels), .value = "NAME=TEXT",
     .help = "shown with the run (branch, commit, url)"},
    {.name = "require", .kind = OPTION_LIST, AT(requirements), .value = "NAME=TEXT",
     .help = "only agents with this label serve the run"},
    {.name = "rev", .kind = OPTION_TEXT, AT(revision), .value = "REVISION",
     .help = "with a git source: this revision instead of HEAD"},
    {.name = "key", .kind = OPTION_TEXT, AT(key), .env = "MUSTER_RUN_KEY", .value = "TEXT",
     .help = "a second submission with the same key joins the same run"},
    {.name = "detach", .kind = OPTION_FLAG, AT(detach), .help = "submit, print the run's number, do not wait"},
    {.name = "debug-sql", .kind = OPTION_FLAG, AT(debug_sql), .help = "keep the last SQL of failed tests"},
    {.name = "allow-empty", .kind = OPTION_FLAG, AT(allow_empty), .help = "a run without tests is a success"},
};
/* clang-format on */

static const struct option_table table = {
    .program = "muster run",
    .operands = "[PATH|ID]...",
    .summary = "Runs a suite and waits for its answer.",
    .description = "Reads the suite file, submits the run, shows failures at once and the "
                   "progress, and ends with "
                   "a line that accounts for every test.  What is named on the command line is "
                   "handed to the driver: it "
                   "collects only that.\n\n"
                   "Without a coordinator it starts one and one agent on this machine for this "
                   "run; history, images "
                   "and runs last in the user's state and cache directories.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .epilogue = "Exit status:\n"
                "    0  all passed (a flaky test is said so)\n"
                "    1  tests failed\n"
                "    2  usage or suite file, or a filter that matches nothing\n"
                "    3  infrastructure only\n"
                "    4  nothing collected or selected\n"
                "  124  the run's time limit\n"
                "  130  interrupted",
};

static const struct {
    const char *name;
    enum run_order order;
} orders[] = {
    {"history", ORDER_HISTORY},
    {"listed", ORDER_LISTED},
    {"reverse", ORDER_REVERSE},
    {"shuffle", ORDER_SHUFFLE},
};

static enum status read_order(const char *text, struct run_options *options, struct error *err)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    const char *names[COUNT_OF(orders)];

    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        names[i] = orders[i].name;
        if (strlen(names[i]) != len || strncmp(names[i], text, len) != 0)
            continue;
        options->order = orders[i].order;
        if (colon == NULL && options->order == ORDER_SHUFFLE)
            options->seed = (int64_t)(random_u64() % 1000000);
        if (colon == NULL || (options->order == ORDER_SHUFFLE &&
                              text_to_int64(colon + 1, 0, INT64_MAX, &options->seed)))
            return STATUS_OK;
        return error_set(err, STATUS_INVALID, "--order: the seed '%s' is no whole number",
                         colon + 1);
    }
    const char *near = text_nearest(text, names, COUNT_OF(names));
    return error_set(err, STATUS_INVALID,
                     "--order: '%s' is not one of history, listed, reverse, shuffle[:SEED]%s%s%s",
                     text, near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'?" : "");
}

/* "NAME=TEXT" to labels. */
static enum status read_labels(const struct option_list *list, const char *option,
                               struct arena *arena, struct label **out_labels, size_t *out_count,
                               struct error *err)
{
    struct label *labels = arena_array(arena, list->count, sizeof(*labels));

    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->at[i], '=');
        if (equals == NULL || equals == list->at[i])
            return error_set(err, STATUS_INVALID, "%s: '%s' is not NAME=TEXT", option, list->at[i]);
        labels[i].name = arena_strndup(arena, list->at[i], (size_t)(equals - list->at[i]));
        labels[i].value = equals + 1;
    }
    *out_labels = labels;
    *out_count = list->count;
    return STATUS_OK;
}

static enum status fill_options(const struct run_command *command,
                                const struct option_list *operands, struct run_options *options,
                                struct error *err)
{
    *options = (struct run_options){
        .selection = operands->at,
        .selection_count = operands->count,
        .filters = command->filters.at,
        .filters_count = command->filters.count,
        .only = command->only.at,
        .only_count = command->only.count,
        .start_at = command->start_at != NULL ? command->start_at : "",
        .workers = command->workers,
        .fail_fast = command->fail_fast,
        .wait_agents_ms = command->wait_agents_ms,
        .detached = command->detach,
        .debug_sql = command->debug_sql,
    };
    return read_order(command->order, options, err);
}

static enum status fill_submission(const struct run_command *command, struct arena *arena,
                                   struct suite *suite, struct run_options *options,
                                   struct run_submission *out_submission, struct error *err)
{
    char *key = arena_alloc(arena, 33);

    random_hex(key, 16);
    if (command->retries >= 0)
        suite->retries->test = command->retries;
    if (command->timeout_ms > 0)
        suite->timeouts->run_ms = command->timeout_ms;
    *out_submission = (struct run_submission){
        .protocol = PROTOCOL_VERSION,
        .key = command->key != NULL ? command->key : key,
        .suite = suite,
        .options = options,
    };
    enum status status = read_labels(&command->labels, "--label", arena, &out_submission->labels,
                                     &out_submission->labels_count, err);
    if (status == STATUS_OK)
        status =
            read_labels(&command->requirements, "--require", arena, &out_submission->requirements,
                        &out_submission->requirements_count, err);
    return status;
}

/* Where the run happens: a coordinator that was named, or one of our own. */
struct place {
    struct local *local;
    struct api *api;
};

static void place_release(struct place *place)
{
    api_free(place->api);
    local_stop(place->local);
}

/* A client that was killed leaves its run open, and nobody else can be waiting for it: a
 * coordinator of our own serves us alone. */
static enum status orphans_cancel(struct api *api, struct error *err)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct run_list list = {0};
    enum status status = api_runs(api, ORPHANS_MAX, &arena, &list, err);

    for (size_t i = 0; i < list.runs_count && status == STATUS_OK; i++) {
        struct run_view view = {0};

        if (list.runs[i].state != RUN_ENDED)
            status = api_cancel(api, list.runs[i].run, "its client has gone", &arena, &view, err);
    }
    return status;
}

static enum status place_open(const struct run_command *command, const char *dir,
                              struct place *out_place, struct error *err)
{
    struct api_settings settings = {command->connection.coordinator, command->connection.token_file,
                                    command->connection.insecure, command->patience_ms};

    if (settings.url == NULL) {
        const struct local_settings local = {.project_dir = dir, .workers = command->workers};
        enum status status = local_start(&local, &out_place->local, err);
        if (status != STATUS_OK)
            return status;
        const char *why = local_why_temporary(out_place->local);
        if (why != NULL)
            (void)fprintf(stderr, "muster: %s; this run has a temporary state without history\n",
                          why);
        settings.url = local_url(out_place->local);
        settings.token_file = local_token_file(out_place->local);
    }
    enum status status = api_new(&settings, &out_place->api, err);
    if (status == STATUS_OK && out_place->local != NULL)
        status = orphans_cancel(out_place->api, err);
    return status;
}

static enum status save_report(struct api *api, int64_t run, const char *format, const char *path,
                               struct error *err)
{
    CLEANUP(buffer_release) struct buffer bytes;

    buffer_init(&bytes, REPORT_BYTES_MAX);
    if (path == NULL)
        return STATUS_OK;
    enum status status = api_report(api, run, format, &bytes, err);
    if (status == STATUS_OK)
        status = file_write_atomic(path, bytes.at, bytes.len, 0644, err);
    if (status == STATUS_OK)
        (void)fprintf(stderr, "saved %s\n", path);
    return status;
}

/* The command line that a person pastes: what they typed, less what chose the tests. */
static const char *rerun_prefix(const struct run_command *command, struct arena *arena)
{
    const char *text = "muster run";

    if (strcmp(command->file, "muster.yml") != 0)
        text = arena_printf(arena, "%s -f '%s'", text, command->file);
    text = arena_printf(arena, "%s%s", text, verb_connection_text(&command->connection, arena));
    if (command->revision != NULL)
        text = arena_printf(arena, "%s --rev '%s'", text, command->revision);
    for (size_t i = 0; i < command->requirements.count; i++)
        text = arena_printf(arena, "%s --require '%s'", text, command->requirements.at[i]);
    return text;
}

/* How to look at the run afterwards; "" where nothing of it lasts, or it is not in this directory.
 */
static const char *show_command(const struct run_command *command, const struct place *place,
                                struct arena *arena)
{
    CLEANUP(mem_freep) char *here = realpath(".", NULL);

    if (place->local != NULL && (local_why_temporary(place->local) != NULL || here == NULL ||
                                 strcmp(local_project_dir(place->local), here) != 0))
        return "";
    return arena_printf(arena, "muster show%s", verb_connection_text(&command->connection, arena));
}

static enum status finish(const struct run_command *command, const struct place *place, int64_t run,
                          struct progress *progress, struct arena *arena, struct error *err)
{
    struct run_report report;
    enum status status = report_read(place->api, run, arena, &report, err);

    if (status != STATUS_OK)
        return status;
    const struct progress_commands commands = {rerun_prefix(command, arena),
                                               show_command(command, place, arena)};
    progress_summary(progress, &report, &commands);
    status = save_report(place->api, run, "junit", command->junit, err);
    if (status == STATUS_OK)
        status = save_report(place->api, run, "json", command->json, err);
    return status;
}

static int submit_and_follow(const struct run_command *command, const struct place *place,
                             const struct run_submission *submission, struct arena *arena)
{
    struct run_created created = {0};
    struct progress progress;
    struct error err;
    int exit = EXIT_INFRASTRUCTURE;
    enum status status = api_submit(place->api, submission, arena, &created, &err);

    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);
    if (command->detach) {
        (void)printf("%" PRId64 "\n", created.run);
        return EXIT_PASSED;
    }
    progress_init(&progress, stderr, clock_monotonic_ms());
    (void)fprintf(stderr, "run %" PRId64 " of %s%s\n", created.run, submission->suite->name,
                  created.existed ? " (joined: the key was known)" : "");
    if (submission->options->order == ORDER_SHUFFLE)
        (void)fprintf(stderr, "shuffled with the seed %" PRId64 "\n", submission->options->seed);
    const struct follow follow = {.api = place->api,
                                  .run = created.run,
                                  .progress = &progress,
                                  .local = place->local,
                                  .cancels = true};
    status = follow_run(&follow, &exit, &err);
    progress_clear(&progress);
    if (status == STATUS_OK && follow_interrupts() < 2)
        status = finish(command, place, created.run, &progress, arena, &err);
    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);
    return exit == EXIT_NOTHING && command->allow_empty ? EXIT_PASSED : exit;
}

/* Opens the place of the run, and does there what needs it. */
static int run_in_place(const struct run_command *command, const char *dir,
                        struct run_submission *submission, struct arena *arena)
{
    CLEANUP(place_release) struct place place = {NULL, NULL};
    struct error err;
    enum status status = STATUS_OK;

    if (command->detach && command->connection.coordinator == NULL) {
        (void)error_set(&err, STATUS_INVALID,
                        "--detach needs a coordinator that stays: give "
                        "--coordinator URL");
        return verb_fail(EXIT_USAGE, &err);
    }
    follow_catch_signals();
    status = place_open(command, dir, &place, &err);
    if (status == STATUS_OK && command->failed_of > 0) {
        struct run_options *options = submission->options;
        status = report_read_failures(place.api, command->failed_of, arena, &options->only,
                                      &options->only_count, &err);
        if (status == STATUS_OK && options->only_count == 0)
            status = error_set(&err, STATUS_INVALID, "run %" PRId64 " has no failed test",
                               command->failed_of);
    }
    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);
    return submit_and_follow(command, &place, submission, arena);
}

static int run_run(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct run_command command = {0};
    struct option_list operands;
    struct suite suite;
    struct run_options options;
    struct run_submission submission;
    const char *dir = NULL;
    struct error err;
    int exit = EXIT_PASSED;

    if (!verb_parse(&verb_run, argc, argv, &arena, &command, &operands, &exit))
        return exit;
    enum status status = suite_file_read(command.file, &arena, &suite, &err);
    if (status == STATUS_OK)
        status = fill_options(&command, &operands, &options, &err);
    if (status == STATUS_OK)
        status = submission_complete(command.file, command.revision, &arena, &suite, &err);
    if (status == STATUS_OK)
        status = submission_directory(command.file, &arena, &dir, &err);
    if (status == STATUS_OK)
        status = fill_submission(&command, &arena, &suite, &options, &submission, &err);
    if (status != STATUS_OK)
        return verb_fail(EXIT_USAGE, &err);
    if (command.connection.coordinator == NULL && suite.source->kind == SUITE_SOURCE_DIR)
        dir = suite.source->dir;
    return run_in_place(&command, dir, &submission, &arena);
}

const struct verb verb_run = {"run", &table, run_run};
