#include <stdio.h>
#include <string.h>

#include "client/verb_common.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/limits.h"

struct report_options {
    struct connection_options connection;
    const char *format;
    const char *output;
};

static const struct option_row rows[] = {
    CONNECTION_ROWS(struct report_options),
    {.name = "format",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct report_options, format),
     .value = "junit|json|text",
     .otherwise = "text",
     .help = "which report"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(struct report_options, output),
     .value = "FILE",
     .help = "write it there instead of to the standard output"},
};

static const struct option_table table = {
    .program = "muster report",
    .operands = "RUN",
    .summary = "Prints the report of a run.",
    .description = "junit is the dialect that Jenkins reads; json is described by "
                   "schemas/run_report.schema.json; text is for people.\n\n" VERB_READS_HERE,
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static enum status write_report(const char *path, const struct buffer *bytes, struct error *err)
{
    if (path != NULL)
        return file_write_atomic(path, bytes->at, bytes->len, 0644, err);
    if (fwrite(bytes->at, 1, bytes->len, stdout) != bytes->len || fflush(stdout) != 0)
        return error_set_errno(err, "cannot write to the standard output");
    return STATUS_OK;
}

static int run_report(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buffer_release) struct buffer bytes;
    struct report_options options = {0};
    struct option_list operands;
    struct reading reading;
    struct error err;
    int64_t run = 0;
    int exit = EXIT_PASSED;

    buffer_init(&bytes, REPLY_BYTES_MAX);
    if (!verb_parse(&verb_report, argc, argv, &arena, &options, &operands, &exit) ||
        !verb_run_number(&verb_report, &operands, &run, &exit))
        return exit;
    if (strcmp(options.format, "junit") != 0 && strcmp(options.format, "json") != 0 &&
        strcmp(options.format, "text") != 0) {
        (void)error_set(&err, STATUS_INVALID, "--format: '%s' is not one of junit, json, text",
                        options.format);
        return verb_fail(EXIT_USAGE, &err);
    }
    if (!verb_reading_open(&options.connection, &reading, &exit))
        return exit;
    enum status status = api_report(reading.api, run, options.format, &bytes, &err);
    verb_reading_release(&reading);
    if (status == STATUS_OK)
        status = write_report(options.output, &bytes, &err);
    return status == STATUS_OK ? EXIT_PASSED : verb_fail(verb_exit_of(status), &err);
}

const struct verb verb_report = {"report", &table, run_report};
