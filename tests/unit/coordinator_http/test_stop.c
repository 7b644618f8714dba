#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/coordinator_http/door.h"

Test(stop, parked_long_polls_are_answered_first)
{
    struct door door;
    int fds[20];

    door_open(&door, NULL);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_open(door.port);
        wire_say(fds[i],
                 "GET /v1/agents/a1/wait?incarnation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    fake_engine_await_parked(door.engine, COUNT_OF(fds));
    server_stop(door.server);

    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        cr_assert_eq(wire_read_answer(fds[i], &door.answer), 204);
        (void)close(fds[i]);
    }
    engine_stop(door.engine);
    buffer_release(&door.answer);
}

static void *stop_main(void *context)
{
    server_stop(context);
    return NULL;
}

Test(stop, a_request_in_the_engine_is_answered_first)
{
    struct door door;
    pthread_t stopper;
    int fd;

    door_open(&door, NULL);
    fd = wire_open(door.port);
    fake_engine_hold(door.engine, true);
    wire_say(fd, "GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n");
    fake_engine_await_held(door.engine, 1);
    CHECK(pthread_create(&stopper, NULL, stop_main, door.server) == 0);
    fake_engine_hold(door.engine, false);
    CHECK(pthread_join(stopper, NULL) == 0);

    cr_assert_eq(wire_read_answer(fd, &door.answer), 200);
    (void)close(fd);
    engine_stop(door.engine);
    buffer_release(&door.answer);
}

Test(stop, a_long_poll_that_the_engine_has_not_parked_yet_does_not_hold_it_up)
{
    struct door door;
    pthread_t stopper;
    int fd;

    door_open(&door, NULL);
    fd = wire_open(door.port);
    fake_engine_hold(door.engine, true);
    wire_say(fd, "GET /v1/agents/a1/wait?incarnation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    fake_engine_await_held(door.engine, 1);
    CHECK(pthread_create(&stopper, NULL, stop_main, door.server) == 0);
    fake_engine_await_withdrawn(door.engine, 1);
    fake_engine_hold(door.engine, false);
    CHECK(pthread_join(stopper, NULL) == 0);

    cr_assert_eq(wire_read_answer(fd, &door.answer), 204);
    (void)close(fd);
    engine_stop(door.engine);
    buffer_release(&door.answer);
}

Test(stop, idle_connections_do_not_hold_it_up)
{
    struct door door;
    int idle, half;

    door_open(&door, NULL);
    idle = wire_open(door.port);
    half = wire_open(door.port);
    wire_say(half, "GET /livez HTTP/1.1\r\n");
    cr_assert_eq(wire_get(door.port, "/livez", &door.answer), 200);
    door_close(&door);
    (void)close(idle);
    (void)close(half);
}

Test(start, a_port_that_is_taken_is_said)
{
    struct server_settings settings = {.open_reader = fake_reader_open};
    struct server *second = NULL;
    struct error err;
    struct door door;

    door_open(&door, NULL);
    settings.port = door.port;
    cr_assert_eq(server_start(&settings, door.engine, &second, &err), STATUS_CONFLICT);
    cr_assert_not_null(strstr(err.text, "cannot listen on '127.0.0.1' port"), "%s", err.text);
    cr_assert_null(second);
    door_close(&door);
}

Test(start, without_tokens_only_loopback_is_listened_on)
{
    static const struct {
        const char *address;
        enum status status;
    } cases[] = {
        {"0.0.0.0", STATUS_FORBIDDEN},   {"::", STATUS_FORBIDDEN}, {"192.0.2.1", STATUS_FORBIDDEN},
        {"example.org", STATUS_INVALID}, {"127.0.0.1", STATUS_OK}, {"localhost", STATUS_OK},
    };
    struct engine *engine = fake_engine_start();
    struct fake_readers readers = {.opened = 0};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct server_settings settings = {
            .address = cases[i].address, .open_reader = fake_reader_open, .context = &readers};
        struct server *server;
        struct error err = {.text = ""};

        cr_expect_eq(server_start(&settings, engine, &server, &err), cases[i].status, "%s: %s",
                     cases[i].address, err.text);
        if (server != NULL)
            server_stop(server);
    }
    engine_stop(engine);
}
