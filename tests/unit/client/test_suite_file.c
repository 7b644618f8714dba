#include <criterion/criterion.h>
#include <string.h>

#include "client/suite_file.h"

static enum status parse(const char *text, struct suite *suite, struct error *err)
{
    static struct arena arena;

    return suite_file_parse("muster.yml", text, strlen(text), &arena, suite, err);
}

Test(suite_file, a_small_one_gets_every_default)
{
    struct suite suite;
    struct error err;

    cr_assert_eq(parse("driver: django\ndatabases: {default: {engine: sqlite}}\n", &suite, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert_eq(suite.driver, SUITE_DRIVER_DJANGO);
    cr_assert_eq(suite.databases_count, 1);
    cr_assert_str_eq(suite.databases[0].alias, "default");
    cr_assert_eq(suite.timeouts->test_ms, 600000);
    cr_assert_eq(suite.retries->crash, 2);
}

Test(suite_file, scalars_are_typed_by_the_schema_and_not_by_yaml)
{
    struct suite suite;
    struct error err;

    cr_assert_eq(parse("driver: unittest\nname: no\nenv: {VERSION: 8.0, ON: yes}\nretries: 3\n",
                       &suite, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert_str_eq(suite.name, "no");
    cr_assert_eq(suite.retries->test, 3);
    cr_assert_eq(suite.env_count, 2);
}

Test(suite_file, an_error_names_file_line_and_key)
{
    static const struct {
        const char *text;
        const char *start;
        const char *part;
    } cases[] = {
        {"driver: unittest\nretrys: 2\n", "muster.yml:2: ", "did you mean 'retries'"},
        {"driver: unittest\ndatabases:\n  default:\n    engine: sqlite\n    memroy: true\n",
         "muster.yml:5: ", "databases.default.memroy"},
        {"driver: unittest\ntimeouts:\n  test: soon\n", "muster.yml:3: ", "timeouts.test"},
        {"driver: unittest\nprepare:\n  - [a]\n  - {run: [b], output: [c]}\n",
         "muster.yml:4: ", "prepare[1].output"},
        {"driver: unittest\ndriver: django\n", "muster.yml:2: ", "twice"},
        {"driver: &a unittest\n", "muster.yml:1: ", "anchors"},
        {"driver: !!str unittest\n", "muster.yml:1: ", "tags"},
        {"- a\n- b\n", "muster.yml:1: ", "map of keys"},
        {"", "muster.yml:1: ", "empty"},
        {"driver: unittest\n---\ndriver: django\n", "muster.yml:2: ", "second document"},
        {"driver: [unclosed\n", "muster.yml:2: ", "YAML"},
        {"name: x\n", "muster.yml:1: ", "driver"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite suite;
        struct error err;
        cr_assert_eq(parse(cases[i].text, &suite, &err), STATUS_INVALID, "%s", cases[i].text);
        cr_assert_eq(strncmp(err.text, cases[i].start, strlen(cases[i].start)), 0, "%s", err.text);
        cr_assert_not_null(strstr(err.text, cases[i].part), "%s", err.text);
    }
}

Test(suite_file, nesting_has_a_bound)
{
    char text[400];
    struct suite suite;
    struct error err;

    (void)memset(text, '[', sizeof(text));
    (void)memcpy(text, "args: ", 6);
    text[sizeof(text) - 1] = '\0';
    cr_assert_eq(parse(text, &suite, &err), STATUS_INVALID);
    cr_assert_not_null(strstr(err.text, "deep"), "%s", err.text);
}

Test(suite_file, a_missing_file_says_how_to_name_one)
{
    struct arena arena = ARENA_INIT;
    struct suite suite;
    struct error err;

    cr_assert_eq(suite_file_read("/nowhere/muster.yml", &arena, &suite, &err), STATUS_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "-f FILE"));
}
