/* The client's rules, against a server on loopback. */

#include <criterion/criterion.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/http/http_client.h"
#include "tests/support/stub_server.h"

static struct stub_server *server;
static struct http_client *client;

static struct http_client *client_for(const char *url, const char *token)
{
    struct http_client_settings settings = {.url = url, .token = token, .user_agent = "test"};
    struct http_client *made = NULL;
    struct error err;

    cr_assert_eq(http_client_new(&settings, &made, &err), STATUS_OK, "%s", err.text);
    return made;
}

static void world_make(void)
{
    server = stub_server_start();
    client = client_for(stub_server_url(server), "secret");
}

static void world_remove(void)
{
    http_client_free(client);
    stub_server_stop(server);
}

TestSuite(http_call, .init = world_make, .fini = world_remove, .timeout = 30);

static enum status call(const struct http_request *request, struct buffer *reply, struct error *err)
{
    struct http_request timed = *request;

    if (timed.timeout_ms == 0)
        timed.timeout_ms = 10000;
    buffer_init(reply, 1 << 20);
    *err = (struct error){.text = ""};
    return http_call(client, &timed, reply, err);
}

Test(http_call, carries_token_and_body_and_brings_the_answer)
{
    struct buffer reply;
    struct error err;
    struct stub_request asked;

    stub_server_add(server, (struct stub_rule){"POST /v1/runs", 200, "application/json", "{}", 0});
    cr_assert_eq(call(&(struct http_request){.path = "/v1/runs", .body = "[1]", .body_len = 3},
                      &reply, &err),
                 STATUS_OK, "%s", err.text);

    asked = stub_server_request(server, 0);
    cr_assert_str_eq(reply.at, "{}");
    cr_assert_str_eq(asked.line, "POST /v1/runs");
    cr_assert_str_eq(asked.body, "[1]");
    cr_assert_str_eq(asked.authorization, "Bearer secret");
    cr_assert_str_eq(asked.content_type, "application/json");
    buffer_release(&reply);
}

Test(http_call, tells_what_kind_of_answer_it_got)
{
    static const struct {
        int http;
        enum status status;
        const char *type, *body, *text;
    } cases[] = {
        {404, STATUS_NOT_FOUND, "application/problem+json",
         "{\"type\":\"urn:muster:problem:not_found\",\"title\":\"no such object\",\"status\":404,"
         "\"detail\":\"no run '7'\",\"name\":\"not_found\",\"retryable\":false}",
         "no run '7'"},
        {503, STATUS_UNAVAILABLE, "application/problem+json",
         "{\"type\":\"urn:muster:problem:new\",\"title\":\"of a later version\",\"status\":503,"
         "\"detail\":\"\",\"name\":\"of_a_later_version\",\"retryable\":true}",
         "of a later version"},
        {503, STATUS_UNAVAILABLE, "application/problem+json", "{\"type\":", "HTTP status 503"},
        {502, STATUS_UNAVAILABLE, "text/html", "<html>bad gateway", "HTTP status 502"},
        {200, STATUS_UNAVAILABLE, "text/html", "<html>please log in", "not application/json"},
        {200, STATUS_UNAVAILABLE, NULL, "{}", "not application/json"},
        {302, STATUS_UNAVAILABLE, "application/json", "{}", "HTTP status 302"},
        {200, STATUS_OK, "application/json; charset=utf-8", "{}", ""},
        {204, STATUS_OK, NULL, "", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer reply;
        struct error err;

        stub_server_add(
            server, (struct stub_rule){"GET /x", cases[i].http, cases[i].type, cases[i].body, 1});
        cr_assert_eq(call(&(struct http_request){.path = "/x"}, &reply, &err), cases[i].status,
                     "case %zu: %s", i, err.text);
        cr_assert_not_null(strstr(err.text, cases[i].text), "case %zu: %s", i, err.text);
        buffer_release(&reply);
    }
}

Test(http_call, accepts_another_type_when_it_is_asked_for)
{
    struct buffer reply;
    struct error err;

    stub_server_add(server, (struct stub_rule){"GET /junit", 200, "application/xml", "<x/>", 0});
    cr_assert_eq(
        call(&(struct http_request){.path = "/junit", .accept = "application/xml"}, &reply, &err),
        STATUS_OK);
    cr_assert_str_eq(reply.at, "<x/>");
    buffer_release(&reply);
}

Test(http_call, stops_at_the_bound_of_the_answer)
{
    struct buffer reply;
    struct error err;

    stub_server_add(server,
                    (struct stub_rule){"GET /x", 200, "application/json", "[1,2,3,4,5,6,7]", 0});
    cr_assert_eq(call(&(struct http_request){.path = "/x", .reply_bytes_max = 8}, &reply, &err),
                 STATUS_TOO_BIG);
    buffer_release(&reply);
}

Test(http_call, gives_up_when_the_time_is_over)
{
    struct buffer reply;
    struct error err;

    stub_server_add(server, (struct stub_rule){"GET /x", 0, NULL, NULL, 0});
    cr_assert_eq(call(&(struct http_request){.path = "/x", .timeout_ms = 200}, &reply, &err),
                 STATUS_UNAVAILABLE);
    buffer_release(&reply);
}

Test(http_call, says_when_nobody_listens)
{
    struct http_client *lonely = client_for("http://127.0.0.1:1", NULL);
    struct buffer reply;
    struct error err;

    buffer_init(&reply, 100);
    cr_assert_eq(
        http_call(lonely, &(struct http_request){.path = "/x", .timeout_ms = 5000}, &reply, &err),
        STATUS_UNAVAILABLE);
    cr_assert_not_null(strstr(err.text, "connect"), "%s", err.text);
    http_client_free(lonely);
}

Test(http_client, refuses_addresses_that_would_be_unsafe_or_senseless)
{
    static const struct {
        const char *url, *token;
        bool allows_plain;
        enum status status;
    } cases[] = {
        {"http://127.0.0.1:8080", "t", false, STATUS_OK},
        {"http://localhost:8080/", "t", false, STATUS_OK},
        {"http://[::1]:8080", "t", false, STATUS_OK},
        {"https://example.org", "t", false, STATUS_OK},
        {"https://example.org/muster/", "t", false, STATUS_OK},
        {"http://example.org", NULL, false, STATUS_OK},
        {"http://example.org", "t", true, STATUS_OK},
        {"http://example.org", "t", false, STATUS_INVALID},
        {"http://127.0.0.1.example.org", "t", false, STATUS_INVALID},
        {"http://localhost.example.org", "t", false, STATUS_INVALID},
        {"ftp://example.org", NULL, false, STATUS_INVALID},
        {"example.org:80", NULL, false, STATUS_INVALID},
        {"https://user:pass@example.org", NULL, false, STATUS_INVALID},
        {"https://example.org/?x=1", NULL, false, STATUS_INVALID},
        {"https://example.org", "t\r\nX: y", false, STATUS_INVALID},
        {"", NULL, false, STATUS_INVALID},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_client_settings settings = {.url = cases[i].url,
                                                .token = cases[i].token,
                                                .user_agent = "test",
                                                .allows_plain = cases[i].allows_plain};
        struct http_client *made = NULL;

        cr_assert_eq(http_client_new(&settings, &made, NULL), cases[i].status, "%s", cases[i].url);
        http_client_free(made);
    }
}

Test(http_client, escapes_what_a_path_cannot_hold)
{
    struct buffer path;

    buffer_init(&path, 100);
    http_add_path_part(&path, "a/b c\xc3\xa9.~_-9");
    cr_assert_str_eq(path.at, "a%2Fb%20c%C3%A9.~_-9");
    buffer_release(&path);
}
