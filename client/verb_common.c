#include "client/verb_common.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/base/version.h"

int verb_fail(int exit, const struct error *err)
{
    (void)fprintf(stderr, "muster: %s\n", err->text);
    return exit;
}

int verb_exit_of(enum status status)
{
    switch ((int)status) {
    case STATUS_INVALID:
    case STATUS_NOT_FOUND:
    case STATUS_UNAUTHORISED:
    case STATUS_FORBIDDEN:
    case STATUS_VERSION:
        return EXIT_USAGE;
    default:
        return EXIT_INFRASTRUCTURE;
    }
}

const char *verb_connection_text(const struct connection_options *options, struct arena *arena)
{
    const char *text = "";

    if (options->coordinator != NULL)
        text = arena_printf(arena, " --coordinator '%s'", options->coordinator);
    if (options->token_file != NULL)
        text = arena_printf(arena, "%s --token-file '%s'", text, options->token_file);
    return options->insecure ? arena_printf(arena, "%s --insecure", text) : text;
}

bool verb_parse(const struct verb *verb, int argc, char *const *argv, struct arena *arena,
                void *target, struct option_list *out_operands, int *out_exit)
{
    enum option_wish wish = WISH_RUN;
    struct error err;

    *out_exit = EXIT_PASSED;
    if (options_parse(verb->options, argc, argv, arena, target, out_operands, &wish, &err) !=
        STATUS_OK) {
        *out_exit = verb_fail(EXIT_USAGE, &err);
        return false;
    }
    if (wish == WISH_HELP)
        options_print_help(verb->options, stdout);
    if (wish == WISH_MAN)
        options_print_man(verb->options, stdout);
    if (wish == WISH_VERSION)
        (void)printf("muster %s\n", MUSTER_VERSION);
    return wish == WISH_RUN;
}

struct api *verb_connect(const struct connection_options *options, int *out_exit)
{
    struct api *api = NULL;
    struct error err;

    if (options->coordinator == NULL) {
        (void)fprintf(stderr, "muster: no coordinator is named; give --coordinator URL or set "
                              "MUSTER_COORDINATOR\n");
        *out_exit = EXIT_USAGE;
        return NULL;
    }
    struct api_settings settings = {options->coordinator, options->token_file, options->insecure,
                                    API_PATIENCE_MS};
    enum status status = api_new(&settings, &api, &err);
    if (status != STATUS_OK) {
        *out_exit = verb_fail(EXIT_USAGE, &err);
        return NULL;
    }
    return api;
}

/* Starts a coordinator on what the runs of this directory left. */
static bool reading_start(struct reading *reading, int *out_exit)
{
    char *dir = realpath(".", NULL);
    const struct local_settings settings = {.project_dir = dir, .reads_only = true};
    struct error err;

    if (dir == NULL) {
        (void)error_set_errno(&err, "cannot read the name of the current directory");
        *out_exit = verb_fail(EXIT_INFRASTRUCTURE, &err);
        return false;
    }
    enum status status = local_start(&settings, &reading->local, &err);
    free(dir);
    if (status == STATUS_OK)
        return true;
    *out_exit = verb_fail(verb_exit_of(status), &err);
    return false;
}

bool verb_reading_open(const struct connection_options *options, struct reading *out_reading,
                       int *out_exit)
{
    struct connection_options connection = *options;

    *out_reading = (struct reading){NULL, NULL};
    if (connection.coordinator == NULL) {
        if (!reading_start(out_reading, out_exit))
            return false;
        connection.coordinator = local_url(out_reading->local);
        connection.token_file = local_token_file(out_reading->local);
    }
    out_reading->api = verb_connect(&connection, out_exit);
    if (out_reading->api != NULL)
        return true;
    verb_reading_release(out_reading);
    return false;
}

void verb_reading_release(struct reading *reading)
{
    api_free(reading->api);
    local_stop(reading->local);
    *reading = (struct reading){NULL, NULL};
}

bool verb_run_number(const struct verb *verb, const struct option_list *operands, int64_t *out_run,
                     int *out_exit)
{
    if (operands->count == 1 && text_to_int64(operands->at[0], 1, INT64_MAX, out_run))
        return true;
    (void)fprintf(stderr, "muster: '%s' needs the number of one run; '%s runs' lists them\n",
                  verb->options->program, "muster");
    *out_exit = EXIT_USAGE;
    return false;
}
