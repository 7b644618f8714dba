#include "client/verb_common.h"

#include <stdio.h>

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
