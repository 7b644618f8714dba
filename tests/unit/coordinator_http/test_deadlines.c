/* Whoever dawdles is cut off, and nobody else notices. */

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/unit/coordinator_http/door.h"

#define SHORT_MS 200

static struct door door;

static void open_door(void)
{
    const struct server_settings settings = {.header_ms = SHORT_MS,
                                             .body_ms = SHORT_MS,
                                             .response_ms = SHORT_MS,
                                             .keep_alive_ms = SHORT_MS};

    door_open(&door, &settings);
}
static void close_door(void)
{
    door_close(&door);
}

TestSuite(deadlines, .init = open_door, .fini = close_door);

#define POST_HEAD "POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

/* Says `start`, then `more` again and again until the server closes the connection; the
 * wait between two is for the server's end, not for time. */
static bool is_cut(const char *start, const char *more)
{
    int64_t until_ms = clock_monotonic_ms() + WIRE_PATIENCE_MS;
    struct timeval breath = {.tv_usec = (suseconds_t)SHORT_MS * 1000 / 10};
    int fd = wire_open(door.port);
    bool is_over = false;

    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &breath, sizeof(breath)) == 0);
    wire_say(fd, start);
    while (!is_over && clock_monotonic_ms() < until_ms) {
        wire_say(fd, more);
        is_over = wire_read_to_end(fd, &door.answer);
    }
    (void)close(fd);
    return is_over;
}

Test(deadlines, a_slow_request_is_cut_wherever_it_dawdles)
{
    static const struct {
        const char *what;
        const char *start;
        const char *more;
    } cases[] = {
        {"nothing at all", "", ""},
        {"blank lines before the request", "\r\n", "\r\n"},
        {"the request line", "GET /", "a"},
        {"the path of a long poll", "GET /v1/agents/", "a"},
        {"a header's name", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX", "x"},
        {"headers", "GET /livez HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n"},
        {"a body", POST_HEAD "Content-Length: 1000000\r\n\r\n", " "},
        {"a chunk", POST_HEAD "Transfer-Encoding: chunked\r\n\r\n10000\r\n", " "},
        {"a chunk's extension", POST_HEAD "Transfer-Encoding: chunked\r\n\r\n1;a", "a"},
        {"many chunks", POST_HEAD "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
        {"the next request", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "G"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect(is_cut(cases[i].start, cases[i].more), "%s was let to dawdle", cases[i].what);
    cr_assert_eq(fake_engine_count(door.engine, COMMAND_SUBMIT), 0);
    cr_assert_eq(wire_get(door.port, "/livez", &door.answer), 200);
}

/* More than the sockets' buffers hold; so the server has to wait for its reader. */
#define UNREAD_REQUESTS 20000

Test(deadlines, a_client_that_does_not_read_is_cut)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int small = 4096;
    int fd = wire_open(door.port);

    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
    for (int i = 0; i < UNREAD_REQUESTS; i++)
        wire_say(fd, request);
    door_await_metric(&door, "muster_http_connections", 1);
    (void)close(fd);
}

Test(deadlines, a_parked_long_poll_outlives_them)
{
    int waiting = wire_open(door.port);
    int idle = wire_open(door.port);

    wire_say(waiting, "GET /v1/agents/a1/wait?incarnation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    fake_engine_await_parked(door.engine, 1);
    for (int i = 0; i < 3; i++) { /* three deadlines later */
        cr_assert(wire_read_to_end(idle, &door.answer));
        (void)close(idle);
        idle = wire_open(door.port);
    }
    (void)close(idle);

    fake_engine_wake(door.engine);
    cr_assert_eq(wire_read_answer(waiting, &door.answer), 204);
    (void)close(waiting);
}

static int64_t processor_ms(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Longer than MHD's buffer, in which it then turns round and round. */
#define EXTENSION_BYTES ((size_t)100000)

Test(deadlines, an_endless_chunk_extension_does_not_burn_the_processor)
{
    const struct server_settings settings = {.body_ms = (int64_t)10 * SHORT_MS};
    CLEANUP(mem_freep) char *extension = mem_alloc(EXTENSION_BYTES);
    int fd;

    door_close(&door);
    door_open(&door, &settings);
    (void)memset(extension, 'a', EXTENSION_BYTES);
    fd = wire_open(door.port);
    wire_say(fd, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n1;");
    wire_send(fd, extension, EXTENSION_BYTES);
    int64_t before_ms = processor_ms();
    cr_assert(wire_read_to_end(fd, &door.answer));

    cr_assert_lt(processor_ms() - before_ms, settings.body_ms / 4);
    (void)close(fd);
}

#define TRICKLERS 200

Test(deadlines, many_dawdlers_are_all_cut_and_others_are_served)
{
    int fds[TRICKLERS];

    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_open(door.port);
        wire_say(fds[i], "GET /livez HTTP/1.1\r\nHost");
    }
    cr_assert_eq(wire_get(door.port, "/livez", &door.answer), 200);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        cr_assert(wire_read_to_end(fds[i], &door.answer));
        (void)close(fds[i]);
    }
    cr_assert_eq(wire_get(door.port, "/livez", &door.answer), 200);
}
