#include "client/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/base/memory.h"

/* What a terminal that does not say its width is taken for. */
#define COLUMNS_DEFAULT 80

static bool is_set(const char *name)
{
    const char *value = getenv(name); // NOLINT(concurrency-mt-unsafe): one thread

    return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

static bool is_terminal(FILE *out)
{
    const char *term = getenv("TERM"); // NOLINT(concurrency-mt-unsafe): one thread

    return isatty(fileno(out)) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

void terminal_measure(struct terminal *terminal)
{
    struct winsize size = {0};

    terminal->columns = ioctl(fileno(terminal->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0
                            ? size.ws_col
                            : COLUMNS_DEFAULT;
}

void terminal_init(struct terminal *terminal, FILE *out)
{
    const char *no_colour = getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe): one thread

    terminal->out = out;
    terminal->is_live = is_terminal(out) && !is_set("CI");
    terminal->has_colour = is_terminal(out) || is_set("CLICOLOR_FORCE") || is_set("FORCE_COLOR");
    if (no_colour != NULL && *no_colour != '\0')
        terminal->has_colour = false;
    terminal_measure(terminal);
}

const char *terminal_start(const struct terminal *terminal, enum colour colour)
{
    static const char *const sequences[] = {
        [COLOUR_NONE] = "",           [COLOUR_RED] = "\x1b[31m",  [COLOUR_GREEN] = "\x1b[32m",
        [COLOUR_YELLOW] = "\x1b[33m", [COLOUR_CYAN] = "\x1b[36m", [COLOUR_DIM] = "\x1b[2m",
    };

    return terminal->has_colour ? sequences[colour] : "";
}

const char *terminal_end(const struct terminal *terminal)
{
    return terminal->has_colour ? "\x1b[0m" : "";
}

void terminal_make_harmless(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        /* C1 controls are U+0080..U+009F: the bytes c2 80 .. c2 9f. */
        bool is_c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

        if (is_c1)
            at[1] = at[0] = '?';
        else if (*at < ' ' || *at == 0x7f)
            *at = '?';
    }
}

void terminal_print_foreign(const struct terminal *terminal, const char *text, int indent)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(text);
    char *rest = copy;
    char *line = NULL;

    if (*copy == '\0')
        (void)fputc('\n', terminal->out);
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (rest == NULL && *line == '\0')
            break; /* the text ended with a newline */
        terminal_make_harmless(line);
        (void)fprintf(terminal->out, "%*s%s\n", indent, "", line);
    }
}

void terminal_duration(long long ms, char out_text[TERMINAL_DURATION_SIZE])
{
    if (ms < 10000)
        (void)snprintf(out_text, TERMINAL_DURATION_SIZE, "%lld.%lld s", ms / 1000, ms % 1000 / 100);
    else if (ms < 120000)
        (void)snprintf(out_text, TERMINAL_DURATION_SIZE, "%lld s", ms / 1000);
    else if (ms < 7200000)
        (void)snprintf(out_text, TERMINAL_DURATION_SIZE, "%lld min %02lld s", ms / 60000,
                       ms / 1000 % 60);
    else
        (void)snprintf(out_text, TERMINAL_DURATION_SIZE, "%lld h %02lld min", ms / 3600000,
                       ms / 60000 % 60);
}
