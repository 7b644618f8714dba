/* The door's threads against each other, without a test framework: Criterion's sandbox and
 * the thread sanitizer want the same addresses.  In any other build it is a small soak. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "coordinator/http/server.h"
#include "tests/unit/coordinator_http/fake_engine.h"
#include "tests/unit/coordinator_http/fake_reader.h"
#include "tests/unit/coordinator_http/wire.h"

#define ROUNDS   3
#define REQUESTS 300
#define WAITS    100

#define ANSWER_BYTES_MAX ((size_t)1 << 20)

struct play {
    uint16_t port;
    struct engine *engine;
    atomic_int wrong;
    atomic_bool is_over;
};

static void *ask(void *context)
{
    static const char *const targets[] = {"/v1/agents", "/v1/runs/2/report", "/metrics", "/readyz",
                                          "/v1/runs/2", "/v1/runs",          "/livez"};
    struct play *play = context;
    struct buffer answer;

    buffer_init(&answer, ANSWER_BYTES_MAX);
    for (int i = 0; i < REQUESTS; i++)
        if (wire_get(play->port, targets[(size_t)i % COUNT_OF(targets)], &answer) != 200)
            atomic_fetch_add(&play->wrong, 1);
    buffer_release(&answer);
    return NULL;
}

static int park(const struct play *play)
{
    int fd = wire_open(play->port);

    wire_say(fd, "GET /v1/agents/a1/wait?incarnation=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return fd;
}

/* Every other one hangs up. */
static void *wait_for_news(void *context)
{
    struct play *play = context;
    struct buffer answer;

    buffer_init(&answer, ANSWER_BYTES_MAX);
    for (int i = 0; i < WAITS; i++) {
        int fd = park(play);

        if (i % 2 == 0 && wire_read_answer(fd, &answer) != 204)
            atomic_fetch_add(&play->wrong, 1);
        (void)close(fd);
    }
    buffer_release(&answer);
    return NULL;
}

static void *wake(void *context)
{
    struct play *play = context;

    while (!atomic_load(&play->is_over))
        fake_engine_wake(play->engine);
    return NULL;
}

static int play_round(void)
{
    struct fake_readers readers = {.opened = 0};
    struct play play = {.engine = fake_engine_start()};
    const struct server_settings settings = {.open_reader = fake_reader_open, .context = &readers};
    void *(*const parts[])(void *) = {ask, ask, wait_for_news, wait_for_news};
    pthread_t threads[COUNT_OF(parts)], waker;
    struct server *server;
    struct error err;

    CHECK(server_start(&settings, play.engine, &server, &err) == STATUS_OK);
    play.port = server_port(server);
    CHECK(pthread_create(&waker, NULL, wake, &play) == 0);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        CHECK(pthread_create(&threads[i], NULL, parts[i], &play) == 0);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    atomic_store(&play.is_over, true);
    CHECK(pthread_join(waker, NULL) == 0);

    int parked = park(&play);
    fake_engine_await_parked(play.engine, 1);
    server_stop(server);
    engine_stop(play.engine);
    (void)close(parked);
    return play.wrong;
}

int main(void)
{
    int wrong = 0;

    for (int i = 0; i < ROUNDS; i++)
        wrong += play_round();
    (void)printf("%d wrong answers\n", wrong);
    return wrong != 0;
}
