#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cli/options.h"

struct values {
    bool loud;
    const char *name;
    int64_t count;
    int64_t wait_ms;
    int64_t stop;
    struct option_list words;
};

static const struct option_row rows[] = {
    {.name = "loud",
     .letter = 'l',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct values, loud),
     .help = "speak up"},
    {.name = "name",
     .letter = 'n',
     .kind = OPTION_TEXT,
     .offset = offsetof(struct values, name),
     .env = "OPTIONS_TEST_NAME",
     .value = "TEXT",
     .otherwise = "nobody",
     .help = "who"},
    {.name = "count",
     .kind = OPTION_INT,
     .offset = offsetof(struct values, count),
     .value = "N",
     .min = 1,
     .max = 9,
     .help = "how many"},
    {.name = "wait",
     .kind = OPTION_DURATION,
     .offset = offsetof(struct values, wait_ms),
     .value = "TIME",
     .otherwise = "5m",
     .help = "how long"},
    {.name = "stop",
     .kind = OPTION_MAYBE_INT,
     .offset = offsetof(struct values, stop),
     .value = "N",
     .min = 1,
     .max = 99,
     .help = "stop after"},
    {.name = "word",
     .kind = OPTION_LIST,
     .offset = offsetof(struct values, words),
     .value = "WORD",
     .help = "a word"},
};

static const struct option_table table = {
    .program = "test verb",
    .operands = "[FILE]...",
    .summary = "Does nothing.",
    .description = "First.\n\nSecond.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static enum status parse(struct values *values, struct option_list *operands,
                         enum option_wish *wish, struct error *err, const char *const *words)
{
    static struct arena arena;
    char *argv[16] = {0};
    int argc = 0;

    *values = (struct values){0};
    argv[argc++] = arena_strdup(&arena, "verb");
    for (; *words != NULL; words++)
        argv[argc++] = arena_strdup(&arena, *words);
    return options_parse(&table, argc, argv, &arena, values, operands, wish, err);
}

#define PARSE(...) parse(&values, &operands, &wish, &err, (const char *const[]){__VA_ARGS__, NULL})

#define GIVEN                                                                                      \
    struct values values;                                                                          \
    struct option_list operands;                                                                   \
    enum option_wish wish;                                                                         \
    struct error err

Test(options, values_come_in_every_usual_form)
{
    GIVEN;

    cr_assert_eq(PARSE("-l", "--name=x", "--count", "3", "a", "-nother", "--word", "1", "--word=2",
                       "--", "-l"),
                 STATUS_OK);
    cr_assert(values.loud);
    cr_assert_str_eq(values.name, "other");
    cr_assert_eq(values.count, 3);
    cr_assert_eq(values.words.count, 2);
    cr_assert_str_eq(values.words.at[1], "2");
    cr_assert_eq(operands.count, 2);
    cr_assert_str_eq(operands.at[1], "-l");
    cr_assert_eq(wish, WISH_RUN);
}

Test(options, defaults_give_way_to_the_environment_and_that_to_the_command_line)
{
    GIVEN;

    cr_assert_eq(PARSE("a"), STATUS_OK);
    cr_assert_str_eq(values.name, "nobody");
    cr_assert_eq(values.wait_ms, 300000);
    cr_assert_eq(setenv("OPTIONS_TEST_NAME", "somebody", 1), 0);
    cr_assert_eq(PARSE("a"), STATUS_OK);
    cr_assert_str_eq(values.name, "somebody");
    cr_assert_eq(PARSE("--name", "me"), STATUS_OK);
    cr_assert_str_eq(values.name, "me");
}

Test(options, a_number_that_may_be_left_out_takes_no_word_of_others)
{
    GIVEN;

    cr_assert_eq(PARSE("--stop", "5"), STATUS_OK);
    cr_assert_eq(values.stop, 1);
    cr_assert_eq(operands.count, 1);
    cr_assert_eq(PARSE("--stop=5"), STATUS_OK);
    cr_assert_eq(values.stop, 5);
}

Test(options, what_is_wrong_is_named)
{
    static const struct {
        const char *words[3];
        const char *text;
    } cases[] = {
        {{"--lood"}, "unknown option '--lood'; did you mean '--loud'?"},
        {{"--elephant"}, "unknown option '--elephant'; see 'test verb --help'"},
        {{"-x"}, "unknown option '-x'; see 'test verb --help'"},
        {{"--count", "10"}, "--count: '10' is no whole number from 1 to 9"},
        {{"--wait", "5"}, "--wait: '5' is no duration such as 30s or 5m"},
        {{"--name"}, "option '--name' needs a value: TEXT"},
        {{"--loud=1"}, "option '--loud' takes no value"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        GIVEN;
        cr_assert_eq(parse(&values, &operands, &wish, &err, cases[i].words), STATUS_INVALID);
        cr_assert_str_eq(err.text, cases[i].text);
    }
}

static void print_and_expect(void (*print)(const struct option_table *, FILE *), const char *part)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    print(&table, out);
    cr_assert_eq(fclose(out), 0);
    cr_assert_not_null(strstr(text, part), "%s", text);
    free(text);
}

Test(options, help_and_manual_page_come_from_the_rows)
{
    GIVEN;

    cr_assert_eq(PARSE("--help"), STATUS_OK);
    cr_assert_eq(wish, WISH_HELP);
    print_and_expect(options_print_help,
                     "  -n, --name TEXT         who (default nobody) [OPTIONS_TEST_NAME]\n");
    print_and_expect(options_print_man, ".It Fl -stop Ns Op = Ns Ar N\n");
    print_and_expect(options_print_man, "\nHow many.\n");
    print_and_expect(options_print_man, "First.\n.Pp\nSecond.\n");
}
