#ifndef SHARED_CLI_OPTIONS_H
#define SHARED_CLI_OPTIONS_H

/* The command line of a program or of one of its verbs, as a table.  Parsing, the environment
 * variables, --help and the manual page come from the same rows, so they cannot disagree.
 *
 * Order: default < environment < command line. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

enum option_kind {
    OPTION_FLAG,     /* bool                                                     */
    OPTION_TEXT,     /* const char *                                             */
    OPTION_INT,      /* int64_t in [min, max]                                    */
    OPTION_DURATION, /* int64_t ms: "30s", "5m"                                  */
    OPTION_LIST,     /* struct option_list: may be given several times           */
    OPTION_MAYBE_INT /* int64_t: --name=N, or --name alone for `min`             */
};

struct option_list {
    const char **at;
    size_t count;
    size_t cap;
};

struct option_row {
    const char *name; /* without dashes */
    char letter;      /* 0 none         */
    enum option_kind kind;
    size_t offset;         /* in the target struct                             */
    const char *env;       /* environment variable; NULL none                  */
    const char *value;     /* what stands for the value in the help            */
    const char *otherwise; /* the default as text, parsed like a given value; NULL: 0 */
    int64_t min, max;
    const char *help;
};

struct option_table {
    const char *program;     /* "muster run"                                        */
    const char *operands;    /* "[PATH|ID]..."; NULL: none are taken                */
    const char *summary;     /* one line                                            */
    const char *description; /* paragraphs, separated by an empty line              */
    const struct option_row *rows;
    size_t row_count;
    const char *epilogue; /* exit statuses, examples; may be NULL                 */
};

/* What a command line asks for besides its values. */
enum option_wish { WISH_RUN, WISH_HELP, WISH_VERSION, WISH_MAN };

/* Fills target and the operands (pointers into argv and the environment; lists grow in the arena).
 * --help, --version and --man (the page's source, for the build) end the reading.
 * STATUS_INVALID: the text names the option, with "did you mean". */
enum status options_parse(const struct option_table *table, int argc, char *const *argv,
                          struct arena *arena, void *target, struct option_list *out_operands,
                          enum option_wish *out_wish, struct error *err) MUST_USE;

void options_print_help(const struct option_table *table, FILE *out);

/* A man(7) page in the mdoc language. */
void options_print_man(const struct option_table *table, FILE *out);

#endif
