/* The wire between an agent and a server on loopback that says what the test wants. */

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

#include "agent/sync/link.h"
#include "shared/base/memory.h"
#include "tests/support/stub_server.h"

static struct stub_server *server;
static struct http_client *client;
static uv_loop_t loop;
static struct link *wire;

static struct {
    size_t synced, failed, nudged, work;
    enum status status;
    char text[ERROR_TEXT_MAX];
    int64_t acknowledged;
    int64_t run;
    char suite[64];
} seen;

static void on_input(void *context, const struct input *input)
{
    (void)context;
    if (input->kind == INPUT_SYNCED) {
        seen.synced++;
        seen.acknowledged = input->response->acknowledged;
    } else if (input->kind == INPUT_SYNC_FAILED) {
        seen.failed++;
        seen.status = input->status;
        (void)strncpy(seen.text, input->text, sizeof(seen.text) - 1);
    } else {
        cr_assert_eq(input->kind, INPUT_NUDGED);
        seen.nudged++;
    }
}

static void on_work(void *context, enum status status, const struct run_work *work,
                    const char *text)
{
    (void)context;
    (void)strncpy(seen.text, text, sizeof(seen.text) - 1);
    seen.work++;
    seen.status = status;
    seen.run = work != NULL ? work->run : 0;
    if (work != NULL)
        (void)strncpy(seen.suite, work->suite->name, sizeof(seen.suite) - 1);
}

static void world_make(void)
{
    struct http_client_settings settings = {.user_agent = "test"};
    struct link_settings link = {
        .loop = &loop, .agent = "a-1", .incarnation = 3, .on_input = on_input};
    struct error err;

    server = stub_server_start();
    settings.url = stub_server_url(server);
    cr_assert_eq(http_client_new(&settings, &client, &err), STATUS_OK);
    cr_assert_eq(uv_loop_init(&loop), 0);
    link.client = client;
    wire = link_new(&link);
}

static void world_remove(void)
{
    link_free(wire);
    cr_assert_eq(uv_loop_close(&loop), 0);
    http_client_free(client);
    stub_server_stop(server);
}

TestSuite(link, .init = world_make, .fini = world_remove, .timeout = 60);

static struct sync_request request_of(int64_t number)
{
    return (struct sync_request){
        .protocol = 1, .agent = "a-1", .incarnation = 3, .sync_no = number, .doing = ""};
}

static void wait_for(const size_t *count, size_t wanted)
{
    while (*count < wanted)
        (void)uv_run(&loop, UV_RUN_ONCE);
}

#define GOOD_ANSWER "{\"acknowledged\":5,\"next_sync_ms\":5000,\"may_wait\":true}"

Test(link, a_sync_is_posted_and_its_answer_reported)
{
    struct sync_request request = request_of(1);

    stub_server_add(server, (struct stub_rule){"POST /v1/agents/a-1/sync", 200, "application/json",
                                               GOOD_ANSWER, 0});
    link_sync(wire, &request);
    cr_assert_eq(seen.synced, 0);
    wait_for(&seen.synced, 1);

    cr_assert_eq(seen.acknowledged, 5);
    cr_assert_not_null(strstr(stub_server_request(server, 0).body, "\"sync_no\":1"));
}

Test(link, one_connection_carries_many_syncs)
{
    stub_server_add(server, (struct stub_rule){"POST /v1/agents/a-1/sync", 200, "application/json",
                                               GOOD_ANSWER, 0});
    for (size_t i = 1; i <= 50; i++) {
        struct sync_request request = request_of((int64_t)i);

        link_sync(wire, &request);
        wait_for(&seen.synced, i);
    }
    cr_assert_eq(stub_server_count(server), 50);
}

Test(link, whatever_is_no_answer_is_a_failure_with_its_reason)
{
    static const struct {
        struct stub_rule rule;
        enum status status;
        const char *text;
    } cases[] = {
        {{"POST", 200, "text/html", "<html>", 1}, STATUS_UNAVAILABLE, "not a coordinator's"},
        {{"POST", 200, "application/json", "{\"acknowledged\":\"x\"}", 1},
         STATUS_UNAVAILABLE,
         "acknowledged"},
        {{"POST", 200, "application/json", "", 1}, STATUS_UNAVAILABLE, "does not fit"},
        {{"POST", 409, "application/problem+json",
          "{\"type\":\"urn:muster:problem:superseded\",\"title\":\"t\",\"status\":409,"
          "\"detail\":\"a newer one\",\"name\":\"superseded\",\"retryable\":false}",
          1},
         STATUS_SUPERSEDED,
         "a newer one"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sync_request request = request_of(1);

        stub_server_add(server, cases[i].rule);
        link_sync(wire, &request);
        wait_for(&seen.failed, i + 1);
        cr_assert_eq(seen.status, cases[i].status, "case %zu", i);
        cr_assert_not_null(strstr(seen.text, cases[i].text), "case %zu: %s", i, seen.text);
    }
}

Test(link, what_cannot_be_written_fails_later_and_not_at_once)
{
    struct sync_request request = request_of(1);

    request.doing = "\xff";
    link_sync(wire, &request);
    cr_assert_eq(seen.failed, 0);
    wait_for(&seen.failed, 1);
    cr_assert_eq(seen.status, STATUS_INVALID);
}

Test(link, the_long_poll_parks_beside_syncs_and_ends_in_a_nudge)
{
    struct sync_request request = request_of(1);

    stub_server_add(server,
                    (struct stub_rule){"GET /v1/agents/a-1/wait?incarnation=3", 0, NULL, NULL, 0});
    stub_server_add(server, (struct stub_rule){"POST", 200, "application/json", GOOD_ANSWER, 0});
    link_wait(wire);
    link_wait(wire);
    while (stub_server_count(server) < 1)
        (void)uv_run(&loop, UV_RUN_ONCE);
    link_sync(wire, &request);
    wait_for(&seen.synced, 1);
    cr_assert_eq(seen.nudged, 0);

    stub_server_let_go(server, 204);
    wait_for(&seen.nudged, 1);
    cr_assert_eq(stub_server_count(server), 2);
}

Test(link, a_long_poll_that_is_closed_says_nothing)
{
    stub_server_add(server, (struct stub_rule){"GET", 0, NULL, NULL, 1});
    stub_server_add(server, (struct stub_rule){"GET", 204, NULL, NULL, 0});
    link_wait(wire);
    while (stub_server_count(server) < 1)
        (void)uv_run(&loop, UV_RUN_ONCE);
    link_stop_wait(wire);
    link_wait(wire);
    wait_for(&seen.nudged, 1);
    cr_assert_eq(seen.nudged, 1);
}

Test(link, a_long_poll_that_fails_is_not_asked_again_at_once)
{
    uint64_t begin_ms = 0;

    stub_server_add(server, (struct stub_rule){"GET", 500, "text/plain", "no", 0});
    uv_update_time(&loop);
    begin_ms = uv_now(&loop);
    link_wait(wire);
    wait_for(&seen.nudged, 1);
    cr_assert_geq(uv_now(&loop) - begin_ms, LINK_WAIT_FAILED_MS);
}

Test(link, a_runs_work_is_fetched)
{
    struct arena arena = ARENA_INIT;

    stub_server_add(server,
                    (struct stub_rule){"GET /v1/runs/7/work", 200, "application/json",
                                       "{\"run\":7,\"suite\":{\"muster\":1,\"name\":\"shop\","
                                       "\"source\":{\"kind\":\"dir\",\"dir\":\"/x\"},"
                                       "\"driver\":\"unittest\","
                                       "\"timeouts\":{\"test_ms\":1,\"ready_ms\":1,"
                                       "\"prepare_ms\":1,\"setup_ms\":1,\"grace_ms\":1},"
                                       "\"retries\":{\"test\":0,\"run_percent\":5,\"crash\":2},"
                                       "\"limits\":{\"processes\":9,\"output_bytes\":9}},"
                                       "\"options\":{}}",
                                       0});
    link_fetch_work(wire, 7, &arena, on_work, NULL);
    wait_for(&seen.work, 1);
    cr_assert_eq(seen.status, STATUS_OK, "%s", seen.text);
    cr_assert_eq(seen.run, 7);
    cr_assert_str_eq(seen.suite, "shop");
    arena_release(&arena);
}

Test(link, a_fetch_that_is_dropped_says_nothing)
{
    struct arena arena = ARENA_INIT;
    int mine = 0;
    struct sync_request request = request_of(1);

    stub_server_add(server, (struct stub_rule){"GET", 0, NULL, NULL, 0});
    stub_server_add(server, (struct stub_rule){"POST", 200, "application/json", GOOD_ANSWER, 0});
    link_fetch_work(wire, 7, &arena, on_work, &mine);
    link_drop_work(wire, &mine);
    link_sync(wire, &request);
    wait_for(&seen.synced, 1);
    cr_assert_eq(seen.work, 0);
    arena_release(&arena);
}
