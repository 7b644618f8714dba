#ifndef CLIENT_TERMINAL_H
#define CLIENT_TERMINAL_H

/* Where the client talks: colour, width, and text from tests made harmless.
 *
 * NO_COLOR (any value) turns colour off; CLICOLOR_FORCE and FORCE_COLOR (not "0") turn it on where
 * there is no terminal; TERM=dumb is no terminal.  Data goes to stdout, talk to stderr. */

#include <stdbool.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_CYAN, COLOUR_DIM };

struct terminal {
    FILE *out;
    bool is_live; /* a line may be rewritten in place */
    bool has_colour;
    int columns;
};

void terminal_init(struct terminal *terminal, FILE *out);

/* Looks at the width again: a person may have changed it. */
void terminal_measure(struct terminal *terminal);

/* The sequence that starts a colour, and the one that ends it; "" without colour. */
const char *terminal_start(const struct terminal *terminal, enum colour colour);
const char *terminal_end(const struct terminal *terminal);

/* Every control character becomes '?', so no test can write to the user's terminal. */
void terminal_make_harmless(char *text);

/* Prints text from outside, made harmless line by line, each indented; ends with a newline. */
void terminal_print_foreign(const struct terminal *terminal, const char *text, int indent);

/* Duration for people: "0.4 s", "12 s", "3 min 05 s". */
#define TERMINAL_DURATION_SIZE 32
void terminal_duration(long long ms, char out_text[TERMINAL_DURATION_SIZE]);

#endif
