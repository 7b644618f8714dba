/* The door under many connections at once; libmicrohttpd's own loop stands still when
 * exactly k * 128 of them are ready. */

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "tests/unit/coordinator_http/door.h"

#define CROWD_MAX 512
#define ROUNDS    8

static const int crowds[] = {127, 128, 129, 256, 512};

static void say_to_all(const int *fds, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        wire_say(fds[i], text);
}

static void expect_from_all(struct door *door, const int *fds, int count, int status)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(wire_read_answer(fds[i], &door->answer), status, "%d of %d", i, count);
}

/* While the engine holds its answers all requests become ready together. */
static void play(struct door *door, int count)
{
    static const char request[] = "GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char direct[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fds[CROWD_MAX];

    for (int i = 0; i < count; i++)
        fds[i] = wire_open(door->port);
    for (int round = 0; round < ROUNDS; round++) {
        fake_engine_hold(door->engine, true);
        say_to_all(fds, count, request);
        fake_engine_await_held(door->engine, count);
        fake_engine_hold(door->engine, false);
        expect_from_all(door, fds, count, 200);

        say_to_all(fds, count, direct);
        expect_from_all(door, fds, count, 200);
    }
    for (int i = 0; i < count; i++)
        (void)close(fds[i]);
}

Test(crowd, every_one_of_many_is_answered)
{
    struct door door;

    door_open(&door, NULL);
    for (size_t i = 0; i < COUNT_OF(crowds); i++)
        play(&door, crowds[i]);
    cr_assert_eq(fake_engine_count(door.engine, COMMAND_AGENTS),
                 ROUNDS * (127 + 128 + 129 + 256 + 512));
    door_close(&door);
}

Test(crowd, parked_long_polls_wake_together)
{
    static const char wait[] =
        "GET /v1/agents/a1/wait?incarnation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct door door;
    int fds[CROWD_MAX];

    door_open(&door, NULL);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_open(door.port);
        wire_say(fds[i], wait);
    }
    fake_engine_await_parked(door.engine, CROWD_MAX);
    cr_assert_eq(wire_get(door.port, "/v1/agents", &door.answer), 200);
    fake_engine_wake(door.engine);
    expect_from_all(&door, fds, CROWD_MAX, 204);

    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
    door_close(&door);
}

Test(crowd, one_too_many_is_told_to_come_back)
{
    const struct server_settings settings = {.connections_max = 4};
    struct door door;
    int fds[4];

    door_open(&door, &settings);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_open(door.port);
        wire_say(fds[i], "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        cr_assert_eq(wire_read_answer(fds[i], &door.answer), 200);
    }
    cr_assert_eq(wire_get(door.port, "/livez", &door.answer), 503);
    cr_assert_not_null(strstr(door.answer.at, "\r\nRetry-After: 5\r\n"), "%s", door.answer.at);

    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
    door_await_metric(&door, "muster_http_connections", 1);
    door_close(&door);
}
