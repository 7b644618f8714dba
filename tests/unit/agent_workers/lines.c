/* The lines of the worker protocol: what is understood, what is ignored, what is refused. */

#include <criterion/criterion.h>
#include <string.h>

#include "agent/workers/lines.h"
#include "shared/base/limits.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

TestSuite(worker_lines, .init = setup, .fini = teardown);

static enum status decode(const char *line, struct worker_message *message, bool *known,
                          struct error *err)
{
    return worker_line_decode(line, strlen(line), &arena, message, known, err);
}

Test(worker_lines, an_end_carries_everything_that_a_report_needs)
{
    struct worker_message message;
    struct error err;
    bool known = false;

    cr_assert_eq(decode("{\"say\": \"end\", \"id\": \"a.B.c\", \"n\": 7, \"outcome\": \"failed\","
                        " \"duration_us\": 12, \"message\": \"m\", \"details\": \"d\", \"file\":"
                        " \"f.py\", \"line\": 3, \"dirty\": [\"default\"], \"subtests\": 2,"
                        " \"later\": 1}",
                        &message, &known, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert(known);
    cr_assert_eq(message.say, SAY_END);
    cr_assert_eq(message.n, 7);
    cr_assert_eq(message.outcome, OUTCOME_FAILED);
    cr_assert_eq(message.duration_us, 12);
    cr_assert_eq(message.line, 3);
    cr_assert_eq(message.dirty_count, 1);
    cr_assert_str_eq(message.dirty[0], "default");
    cr_assert_eq(message.subtests, 2);
}

Test(worker_lines, ready_names_driver_and_framework_for_people)
{
    struct worker_message message;
    struct error err;
    bool known = false;

    cr_assert_eq(decode("{\"say\":\"ready\",\"protocol\":1,\"driver\":\"django\",\"version\":"
                        "\"1\",\"framework\":\"Django 4.2\"}",
                        &message, &known, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert_str_eq(message.text, "driver django 1, Django 4.2");
}

Test(worker_lines, a_test_that_the_driver_does_not_know_is_no_verdict)
{
    struct worker_message message;
    struct error err;
    bool known = false;

    cr_assert_eq(decode("{\"say\":\"end\",\"id\":\"x\",\"n\":1,\"outcome\":\"unknown\"}", &message,
                        &known, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert(message.is_unknown);
}

Test(worker_lines, what_a_later_driver_says_is_ignored)
{
    struct worker_message message;
    struct error err;
    bool known = true;

    cr_assert_eq(decode("{\"say\":\"progress\",\"percent\":\"many\"}", &message, &known, &err),
                 STATUS_OK);
    cr_assert_not(known);
}

Test(worker_lines, texts_longer_than_a_report_holds_are_cut_between_characters)
{
    struct worker_message message;
    struct error err;
    bool known = false;
    char line[8192] = "{\"say\":\"end\",\"id\":\"x\",\"n\":1,\"outcome\":\"error\",\"message\":\"a";

    for (int i = 0; i < 1000; i++)
        (void)strncat(line, "\xc3\xa4", sizeof(line) - strlen(line) - 1);
    (void)strncat(line, "\"}", sizeof(line) - strlen(line) - 1);
    cr_assert_eq(decode(line, &message, &known, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(strlen(message.message), ATTEMPT_MESSAGE_BYTES - 1);
}

Test(worker_lines, numbers_larger_than_a_report_holds_are_cut)
{
    struct worker_message message;
    struct error err;
    bool known = false;

    cr_assert_eq(decode("{\"say\": \"end\", \"id\": \"a\", \"n\": 1, \"outcome\": \"failed\","
                        " \"line\": 4294967296, \"subtests\": 9223372036854775807}",
                        &message, &known, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert_eq(message.line, INT32_MAX);
    cr_assert_eq(message.subtests, INT32_MAX);
}

Test(worker_lines, what_breaks_the_protocol_is_refused_with_its_field)
{
    static const struct {
        const char *line;
        const char *part;
    } cases[] = {
        {"", ""},
        {"hello", ""},
        {"[]", ""},
        {"{}", "say"},
        {"{\"say\": 3}", "say"},
        {"{\"say\":\"start\",\"n\":1}", "id"},
        {"{\"say\":\"start\",\"id\":\"x\"}", "n"},
        {"{\"say\":\"end\",\"id\":\"x\",\"n\":1}", "outcome"},
        {"{\"say\":\"end\",\"id\":\"x\",\"n\":1,\"outcome\":\"pased\"}", "outcome"},
        {"{\"say\":\"end\",\"id\":\"x\",\"n\":1,\"outcome\":\"crashed\"}", "outcome"},
        {"{\"say\":\"end\",\"id\":\"x\",\"outcome\":\"passed\"}", "n"},
        {"{\"say\":\"end\",\"id\":\"x\",\"n\":-1,\"outcome\":\"passed\"}", "n"},
        {"{\"say\":\"ready\",\"protocol\":2}", "protocol"},
        {"{\"say\":\"note\",\"value\":\"v\"}", "name"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct worker_message message;
        struct error err;
        bool known = false;
        cr_assert_neq(decode(cases[i].line, &message, &known, &err), STATUS_OK, "%s",
                      cases[i].line);
        cr_assert_not_null(strstr(err.text, cases[i].part), "'%s': %s", cases[i].line, err.text);
    }
}

Test(worker_lines, an_order_is_one_line)
{
    static const struct {
        struct worker_order order;
        const char *line;
    } cases[] = {
        {{.order = DO_COLLECT}, "{\"do\":\"collect\"}\n"},
        {{DO_RUN, "a.\"b\"", 3, false},
         "{\"do\":\"run\",\"id\":\"a.\\\"b\\\"\",\"more\":false,\"n\":3}\n"},
        {{.order = DO_QUIT}, "{\"do\":\"quit\"}\n"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer line;
        struct error err;
        buffer_init(&line, WORKER_LINE_BYTES_MAX);
        cr_assert_eq(worker_order_encode(&cases[i].order, &line, &err), STATUS_OK, "%s", err.text);
        cr_assert_str_eq(line.at, cases[i].line);
        buffer_release(&line);
    }
}

Test(worker_lines, databases_and_strings_are_bare_lists)
{
    const struct worker_database database = {.alias = "default",
                                             .engine = "sqlite",
                                             .name = "muster",
                                             .path = "/c/d.sqlite3",
                                             .image = "",
                                             .facts = "/f.json",
                                             .mirror = ""};
    const char *const strings[] = {"a b", "\n"};
    struct buffer text;
    struct error err;

    buffer_init(&text, 4096);
    cr_assert_eq(worker_databases_encode(&database, 1, &text, &err), STATUS_OK, "%s", err.text);
    cr_assert_str_eq(text.at, "[{\"alias\":\"default\",\"engine\":\"sqlite\",\"facts\":\"/f.json\","
                              "\"memory\":false,\"name\":\"muster\",\"path\":\"/c/d.sqlite3\"}]");
    buffer_clear(&text);
    const struct worker_database server = {.alias = "default",
                                           .engine = "mysql",
                                           .name = "muster",
                                           .path = "",
                                           .host = "127.0.0.1",
                                           .port = 40001,
                                           .socket = "/s/mysqld.sock",
                                           .user = "muster",
                                           .password = "p\"w"};
    cr_assert_eq(worker_databases_encode(&server, 1, &text, &err), STATUS_OK, "%s", err.text);
    cr_assert_str_eq(text.at,
                     "[{\"alias\":\"default\",\"engine\":\"mysql\",\"host\":\"127.0.0.1\","
                     "\"memory\":false,\"name\":\"muster\",\"password\":\"p\\\"w\",\"port\":40001,"
                     "\"socket\":\"/s/mysqld.sock\",\"user\":\"muster\"}]");
    buffer_clear(&text);
    cr_assert_eq(worker_strings_encode(strings, 2, &text, &err), STATUS_OK);
    cr_assert_str_eq(text.at, "[\"a b\",\"\\n\"]");
    buffer_clear(&text);
    cr_assert_eq(worker_strings_encode(NULL, 0, &text, &err), STATUS_OK);
    cr_assert_str_eq(text.at, "[]");
    buffer_release(&text);
}
