/* muster-agent: runs the tests that a coordinator hands out, on this machine. */

#include <stdio.h>

#include "agent/settings.h"
#include "agent/shell.h"
#include "shared/base/version.h"

enum { EXIT_LEFT = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int wish_fulfil(enum option_wish wish)
{
    if (wish == WISH_HELP)
        options_print_help(&agent_options, stdout);
    else if (wish == WISH_MAN)
        options_print_man(&agent_options, stdout);
    else
        (void)printf("muster-agent %s\n", MUSTER_VERSION);
    return EXIT_LEFT;
}

int main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct agent_settings settings;
    enum option_wish wish = WISH_RUN;
    struct error err;
    enum status status = agent_settings_read(argc, argv, &arena, &settings, &wish, &err);
    int exit_status = EXIT_LEFT;

    if (status != STATUS_OK) {
        (void)fprintf(stderr, "muster-agent: %s\n", err.text);
        exit_status = EXIT_USAGE;
    } else if (wish != WISH_RUN) {
        exit_status = wish_fulfil(wish);
    } else {
        log_start("muster-agent", settings.log_level);
        if (shell_run(&settings, &err) != STATUS_OK) {
            log_error("stopped", "reason=%s", log_quote(err.text));
            exit_status = EXIT_FAILED;
        }
    }
    arena_release(&arena);
    return exit_status;
}
