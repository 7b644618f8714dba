#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/limits.h"
#include "shared/base/memory.h"
#include "tests/unit/coordinator_http/door.h"

static struct door door;

static void open_door(void)
{
    door_open(&door, NULL);
}
static void close_door(void)
{
    door_close(&door);
}

TestSuite(routes, .init = open_door, .fini = close_door);

#define SYNC                                                                                       \
    "{\"protocol\":1,\"agent\":\"a1\",\"incarnation\":1,\"sync_no\":5,\"held\":[],\"events\":[],"  \
    "\"slots\":[]}"
#define SYNC_HOLDING                                                                               \
    "{\"protocol\":1,\"agent\":\"a1\",\"incarnation\":1,\"sync_no\":5,"                            \
    "\"held\":[{\"lease\":4294967297,\"position\":0}],\"events\":[],\"slots\":[]}"

Test(routes, every_row_answers)
{
    static const struct {
        const char *target;
        const char *json; /* NULL: GET */
        int status;
        const char *text; /* stands in the answer */
    } cases[] = {
        {"/livez", NULL, 200, "live"},
        {"/readyz", NULL, 200, "ready"},
        {"/metrics", NULL, 200, "muster_runs_open 3\n"},
        {"/v1/agents", NULL, 200, "\"agents\":[]"},
        {"/v1/runs", NULL, 200, "\"runs\":[{"},
        {"/v1/runs/1", NULL, 200, "\"state\":\"running\""},
        {"/v1/runs/2", NULL, 200, "\"state\":\"ended\""}, /* the engine has forgotten it */
        {"/v1/runs/3", NULL, 404, "\"name\":\"not_found\""},
        {"/v1/runs/2/attempts", NULL, 200, "\"next_after\":9"},
        {"/v1/runs/2/attempts?after=9&limit=3", NULL, 200, "\"attempts\":[]"},
        {"/v1/runs/2/report", NULL, 200, "\"format\":1"},
        {"/v1/runs/2/report?format=junit", NULL, 200, "<testsuites name=\"suite\""},
        {"/v1/runs/2/report?format=text", NULL, 200, "collected 1 = 1 passed, 0 unaccounted"},
        {"/v1/runs/2/report?format=pdf", NULL, 400, "'pdf' is not one of"},
        {"/v1/runs/3/report", NULL, 404, "no run 3"},
        {"/v1/runs/1/work", NULL, 404, "no run 1"},
        {"/v1/runs/2/attempts?after=-1", NULL, 400, "after: '-1' is no number"},
        {"/v1/runs/2/attempts?limit=501", NULL, 400, "limit"},
        {"/v1/runs/x", NULL, 404, "no such path"},
        {"/v1/runs/0", NULL, 404, "no such path"},
        {"/v1/runs/1/", NULL, 400, "segment"},
        {"/v2/runs", NULL, 404, "no such path"},
        {"/", NULL, 404, "no such path"},
        {"/v1/agents/a1/wait", NULL, 400, "incarnation"},
        {"/v1/agents/a1/sync", SYNC, 200, "\"acknowledged\":5"},
        {"/v1/agents/a1/sync", SYNC_HOLDING, 200, "\"acknowledged\":5"},
        {"/v1/agents/other/sync", SYNC, 400, "is not the path's 'other'"},
        {"/v1/agents/a1/sync", "{\"protocol\":1", 400, "\"name\":\"invalid\""},
        {"/v1/agents/a1/sync", "", 400, "\"name\":\"invalid\""},
        {"/v1/runs/1/attend", "{\"client\":\"c\"}", 200, "\"run\":1"},
        {"/v1/runs/1/cancel", "{\"reason\":\"enough\"}", 200, "\"run\":1"},
        {"/v1/runs/9/cancel", "{\"reason\":\"enough\"}", 404, "no run 9"},
        {"/v1/runs", "{}", 400, "\"name\":\"invalid\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = cases[i].json != NULL
                         ? wire_post(door.port, cases[i].target, cases[i].json, &door.answer)
                         : wire_get(door.port, cases[i].target, &door.answer);

        cr_expect_eq(status, cases[i].status, "%s: %d %s", cases[i].target, status, door.answer.at);
        cr_expect_not_null(strstr(door.answer.at, cases[i].text), "%s: %s", cases[i].target,
                           door.answer.at);
    }
}

Test(routes, a_wrong_protocol_is_told_apart)
{
    const char *sync = "{\"protocol\":99,\"agent\":\"a1\",\"incarnation\":1,\"sync_no\":5,"
                       "\"held\":[],\"events\":[],\"slots\":[]}";

    cr_assert_eq(wire_post(door.port, "/v1/agents/a1/sync", sync, &door.answer), 426);
    cr_assert_eq(fake_engine_count(door.engine, COMMAND_SYNC), 0);
}

Test(routes, an_escaped_name_reaches_the_engine_decoded)
{
    const char *sync = "{\"protocol\":1,\"agent\":\"b\xc3\xbcro 1\",\"incarnation\":1,"
                       "\"sync_no\":5,\"held\":[],\"events\":[],\"slots\":[]}";

    cr_assert_eq(wire_post(door.port, "/v1/agents/b%C3%bcro%201/sync", sync, &door.answer), 200);
    cr_assert_str_eq(fake_engine_last_text(door.engine), "b\xc3\xbcro 1");
}

Test(routes, a_method_that_is_not_there_is_told_which_are)
{
    char request[128];

    (void)snprintf(request, sizeof(request), "DELETE /v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_assert_eq(wire_ask(door.port, request, &door.answer), 405);
    cr_assert_not_null(strstr(door.answer.at, "\r\nAllow: POST, GET\r\n"), "%s", door.answer.at);
    cr_assert_not_null(strstr(door.answer.at, "application/problem+json"));
    cr_assert_not_null(
        strstr(door.answer.at, "\"type\":\"urn:muster:problem:method_not_allowed\""));
}

Test(routes, a_post_that_is_not_json_is_refused)
{
    cr_assert_eq(wire_ask(door.port,
                          "POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                          "text/plain\r\nContent-Length: 2\r\n\r\n{}",
                          &door.answer),
                 415);
    cr_assert_eq(fake_engine_count(door.engine, COMMAND_SUBMIT), 0);
}

Test(routes, a_failed_store_says_when_to_try_again)
{
    fake_engine_fail(door.engine, STATUS_STORE_FULL);

    cr_assert_eq(wire_post(door.port, "/v1/agents/a1/sync", SYNC, &door.answer), 507);
    cr_assert_not_null(strstr(door.answer.at, "\r\nRetry-After: 5\r\n"), "%s", door.answer.at);
    cr_assert_not_null(strstr(door.answer.at, "\"retryable\":true"));
}

Test(routes, not_ready_is_not_dead)
{
    fake_engine_set_ready(door.engine, false);

    cr_assert_eq(wire_get(door.port, "/readyz", &door.answer), 503);
    cr_assert_eq(wire_get(door.port, "/livez", &door.answer), 200);
}

Test(routes, a_store_that_cannot_be_read_is_not_ready)
{
    door.readers.is_broken = true;
    cr_assert_eq(wire_get(door.port, "/readyz", &door.answer), 503);
    cr_assert_not_null(strstr(door.answer.at, "the fake store is broken"));

    door.readers.is_broken = false;
    cr_assert_eq(wire_get(door.port, "/readyz", &door.answer), 200);
}

/* Says a body of `len` blanks; announced by its length, or in one chunk. */
static int post_blanks(const char *target, size_t len, bool is_chunked)
{
    CLEANUP(mem_freep)
    char *framing = is_chunked ? mem_printf("Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len)
                               : mem_printf("Content-Length: %zu\r\n\r\n", len);
    CLEANUP(mem_freep)
    char *head = mem_printf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\n%s",
                            target, framing);
    CLEANUP(mem_freep) char *body = mem_alloc(len);
    int fd = wire_open(door.port);

    (void)memset(body, ' ', len);
    wire_say(fd, head);
    wire_send(fd, body, len);
    if (is_chunked)
        wire_say(fd, "\r\n0\r\n\r\n");
    int status = wire_read_answer(fd, &door.answer);
    (void)close(fd);
    return status;
}

Test(routes, a_body_past_its_bound_is_too_big)
{
    cr_expect_eq(post_blanks("/v1/runs", BODY_BYTES_MAX + 1, true), 413);
    cr_expect_eq(post_blanks("/v1/runs", BODY_BYTES_MAX, true), 400);
    cr_expect_eq(post_blanks("/v1/agents/a1/sync", BODY_BYTES_MAX + 1, false), 400);
    cr_expect_eq(post_blanks("/v1/agents/a1/sync", SYNC_BODY_BYTES_MAX + 1, true), 413);
}

Test(routes, an_announced_body_past_its_bound_is_refused_unread)
{
    CLEANUP(mem_freep)
    char *head = mem_printf("POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: %d\r\n\r\n",
                            BODY_BYTES_MAX + 1);

    cr_assert_eq(wire_ask(door.port, head, &door.answer), 413);
    cr_assert_not_null(strstr(door.answer.at, "\r\nConnection: close\r\n"), "%s", door.answer.at);
}

Test(routes, a_connection_serves_many_requests)
{
    const char *request = "GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fd = wire_open(door.port);

    for (int i = 0; i < 3; i++) {
        wire_say(fd, request);
        cr_assert_eq(wire_read_answer(fd, &door.answer), 200);
    }
    cr_assert_eq(fake_engine_count(door.engine, COMMAND_AGENTS), 3);
    (void)close(fd);
}

Test(routes, requests_sent_together_are_all_answered)
{
    const char *request = "GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          "GET /v1/runs/2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    int fd = wire_open(door.port);

    wire_say(fd, request);
    cr_assert(wire_read_to_end(fd, &door.answer));
    cr_assert_eq(wire_count_answers(door.answer.at), 3, "%s", door.answer.at);
    (void)close(fd);
}

Test(routes, head_answers_without_a_body)
{
    int fd = wire_open(door.port);

    wire_say(fd, "HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    cr_assert(wire_read_to_end(fd, &door.answer));
    cr_assert_eq(wire_status(door.answer.at), 200);
    cr_assert_null(strstr(door.answer.at, "live\n"));
    (void)close(fd);
}
