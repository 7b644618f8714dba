#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "client/terminal.h"

Test(terminal, durations_are_for_people)
{
    static const struct {
        long long ms;
        const char *text;
    } cases[] = {
        {0, "0.0 s"},           {450, "0.4 s"},          {12345, "12 s"},
        {185000, "3 min 05 s"}, {7500000, "2 h 05 min"},
    };
    char text[TERMINAL_DURATION_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        terminal_duration(cases[i].ms, text);
        cr_assert_str_eq(text, cases[i].text);
    }
}

Test(terminal, a_test_cannot_write_to_the_users_terminal)
{
    char text[] = "a\x1b[31mred\x07 \xc2\x9b"
                  "6n \xc3\xa4 \x7f";

    terminal_make_harmless(text);
    cr_assert_str_eq(text, "a?[31mred? ??6n \xc3\xa4 ?");
}

Test(terminal, foreign_text_is_indented_line_by_line)
{
    char *text = NULL;
    size_t len = 0;
    struct terminal terminal = {.out = open_memstream(&text, &len), .columns = 80};

    terminal_print_foreign(&terminal, "one\ntwo\n", 2);
    terminal_print_foreign(&terminal, "", 2);
    cr_assert_eq(fclose(terminal.out), 0);
    cr_assert_str_eq(text, "  one\n  two\n\n");
    free(text);
}

Test(terminal, no_color_wins)
{
    struct terminal terminal;

    cr_assert_eq(setenv("FORCE_COLOR", "1", 1), 0);
    cr_assert_eq(unsetenv("NO_COLOR"), 0);
    terminal_init(&terminal, stderr);
    cr_assert_str_eq(terminal_start(&terminal, COLOUR_RED), "\x1b[31m");
    cr_assert_eq(setenv("NO_COLOR", "1", 1), 0);
    terminal_init(&terminal, stderr);
    cr_assert_str_eq(terminal_start(&terminal, COLOUR_RED), "");
}
