#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

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

TestSuite(waits, .init = open_door, .fini = close_door);

#define WAIT "GET /v1/agents/a1/wait?incarnation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"

Test(waits, news_end_a_long_poll_and_its_connection)
{
    int fd = wire_open(door.port);

    wire_say(fd, WAIT);
    fake_engine_await_parked(door.engine, 1);
    fake_engine_wake(door.engine);

    cr_assert(wire_read_to_end(fd, &door.answer));
    cr_assert_eq(wire_status(door.answer.at), 204, "%s", door.answer.at);
    (void)close(fd);
}

Test(waits, a_long_poll_on_a_used_connection_is_answered_too)
{
    int fd = wire_open(door.port);

    wire_say(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_assert_eq(wire_read_answer(fd, &door.answer), 200);
    wire_say(fd, WAIT);
    fake_engine_await_parked(door.engine, 1);
    fake_engine_wake(door.engine);

    cr_assert_eq(wire_read_answer(fd, &door.answer), 204);
    (void)close(fd);
}

Test(waits, a_client_that_hangs_up_is_not_waited_for)
{
    int fds[50];

    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_open(door.port);
        wire_say(fds[i], WAIT);
    }
    fake_engine_await_parked(door.engine, COUNT_OF(fds));
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);

    fake_engine_await_parked(door.engine, 0);
    door_await_metric(&door, "muster_http_hang_ups_total", COUNT_OF(fds));
    door_await_metric(&door, "muster_http_waits_parked", 0);
}

Test(waits, one_that_hangs_up_leaves_the_others_parked)
{
    int gone = wire_open(door.port);
    int there = wire_open(door.port);

    wire_say(gone, WAIT);
    wire_say(there, WAIT);
    fake_engine_await_parked(door.engine, 2);
    (void)close(gone);
    fake_engine_await_parked(door.engine, 1);

    fake_engine_wake(door.engine);
    cr_assert_eq(wire_read_answer(there, &door.answer), 204);
    (void)close(there);
}

Test(waits, a_sync_that_says_wait_ends_its_connection)
{
    static const char request[] =
        "POST /v1/agents/a1/sync HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nContent-Length: 92\r\n\r\n"
        "{\"protocol\":1,\"agent\":\"a1\",\"incarnation\":1,\"sync_no\":5,\"held\":[],"
        "\"events\":[],\"slots\":[]}      ";
    int fd = wire_open(door.port);

    wire_say(fd, request);
    cr_assert(wire_read_to_end(fd, &door.answer));
    cr_assert_eq(wire_status(door.answer.at), 200, "%s", door.answer.at);
    cr_assert_not_null(strstr(door.answer.at, "\"may_wait\":true"));
    (void)close(fd);
}
