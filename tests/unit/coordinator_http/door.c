#include "tests/unit/coordinator_http/door.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#define ANSWER_BYTES_MAX ((size_t)16 << 20)

void door_open(struct door *door, const struct server_settings *settings)
{
    struct server_settings mine = {.address = NULL};
    struct error err = {.text = ""};

    *door = (struct door){.engine = fake_engine_start()};
    buffer_init(&door->answer, ANSWER_BYTES_MAX);
    if (settings != NULL)
        mine = *settings;
    mine.open_reader = fake_reader_open;
    mine.context = &door->readers;
    cr_assert_eq(server_start(&mine, door->engine, &door->server, &err), STATUS_OK, "%s", err.text);
    door->port = server_port(door->server);
}

void door_close(struct door *door)
{
    server_stop(door->server);
    engine_stop(door->engine);
    buffer_release(&door->answer);
    cr_assert_eq(door->readers.opened, door->readers.closed);
}

void door_await_metric(struct door *door, const char *name, long long value)
{
    int64_t until_ms = clock_monotonic_ms() + WIRE_PATIENCE_MS;
    CLEANUP(mem_freep) char *line = mem_printf("\n%s %lld\n", name, value);

    do {
        int status = wire_get(door->port, "/metrics", &door->answer); /* 503: still full */

        if (status == 200 && strstr(door->answer.at, line) != NULL)
            return;
    } while (clock_monotonic_ms() < until_ms);
    cr_assert_fail("never%s%s", line, door->answer.at);
}
