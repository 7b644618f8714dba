#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/http/door.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"

/* Events taken at once; more wait for the next turn. */
#define EVENTS_MAX 256

/* Connections accepted at once, so that a flood of them does not starve requests. */
#define ACCEPTS_MAX 64

/* Enough for "GET /v1/agents/NAME/wait" with every byte of NAME escaped. */
#define PEEK_BYTES 1024

/* Connections beyond the limit that are told so; the rest are closed without a word. */
#define REFUSED_MAX 128

/* How long one that was sent away may take to read why. */
#define REFUSED_MS 2000

/* A chunk's extension that fills MHD's buffer makes it say "more to do" for ever while it
 * does nothing.  After so many such turns it is asked only now and then, till the reaper
 * cuts the connection; the largest head takes fewer. */
#define FUTILE_RUNS_MAX 32
#define STALL_MS        20

/* Answers that are being sent when the server stops. */
#define LEAVE_MS 2000

/* How often it looks meanwhile whether they are. */
#define LEAVE_INTERVAL_MS 10

/* ---- the mailbox --------------------------------------------------------- */

void mail_post(struct exchange *exchange)
{
    struct server *server = exchange->server;
    uint64_t one = 1;

    CHECK(pthread_mutex_lock(&server->mail_lock) == 0);
    bool was_empty = server->mail_first == NULL;
    exchange->next = NULL;
    if (was_empty)
        server->mail_first = exchange;
    else
        server->mail_last->next = exchange;
    server->mail_last = exchange;
    if (was_empty) /* one wake-up for a whole lap; under the lock, as the server may end then */
        CHECK(write(server->mail_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
    CHECK(pthread_mutex_unlock(&server->mail_lock) == 0);
}

static void read_mail(struct server *server)
{
    uint64_t count;

    CHECK(pthread_mutex_lock(&server->mail_lock) == 0);
    struct exchange *first = server->mail_first;
    server->mail_first = server->mail_last = NULL;
    CHECK(read(server->mail_fd, &count, sizeof(count)) == (ssize_t)sizeof(count) ||
          errno == EAGAIN);
    CHECK(pthread_mutex_unlock(&server->mail_lock) == 0);

    while (first != NULL) {
        struct exchange *next = first->next;

        exchange_return(first);
        first = next;
    }
}

/* ---- visitors ------------------------------------------------------------ */

static void watch_add(struct server *server, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};

    CHECK(epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void watch_drop(struct server *server, int fd)
{
    CHECK(epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0);
}

void visitor_watch(struct visitor *visitor, struct exchange *parked)
{
    CHECK(visitor->parked == NULL);
    visitor->parked = parked;
    visitor->server->counts.waits_parked++;
    watch_add(visitor->server, visitor->fd, EPOLLRDHUP | EPOLLONESHOT, &visitor->watch);
}

void visitor_unwatch(struct visitor *visitor)
{
    if (visitor->parked == NULL)
        return;
    visitor->parked = NULL;
    visitor->has_hung_up = false;
    visitor->server->counts.waits_parked--;
    watch_drop(visitor->server, visitor->fd);
}

static struct visitor *visitor_new(struct server *server, int fd)
{
    struct visitor *visitor = mem_zalloc(sizeof(*visitor));

    *visitor = (struct visitor){
        .watch = {WATCH_VISITOR},
        .server = server,
        .next = server->visitors,
        .fd = fd,
        .phase = VISITOR_ARRIVING,
        .deadline_ms = clock_monotonic_ms() + server->settings.header_ms,
    };
    if (server->visitors != NULL)
        server->visitors->previous = visitor;
    server->visitors = visitor;
    server->counts.connections++;
    return visitor;
}

void visitor_free(struct visitor *visitor)
{
    struct server *server = visitor->server;

    if (visitor->previous != NULL)
        visitor->previous->next = visitor->next;
    else
        server->visitors = visitor->next;
    if (visitor->next != NULL)
        visitor->next->previous = visitor->previous;
    if (visitor->phase == VISITOR_REFUSED)
        server->refused--;
    server->counts.connections--;
    if (visitor->fd >= 0)
        (void)close(visitor->fd);
    free(visitor);
}

/* ---- arriving ------------------------------------------------------------ */

/* A first line of the kind "GET /v1/agents/.../wait..."; when it is not all there the
 * guess is no. */
static bool wants_to_wait(const char *bytes, size_t len)
{
    static const char start[] = "GET /v1/agents/";
    const char *end = memchr(bytes, '\r', len);

    if (end == NULL || len < sizeof(start) - 1 || memcmp(bytes, start, sizeof(start) - 1) != 0)
        return false;
    return memmem(bytes, (size_t)(end - bytes), "/wait", strlen("/wait")) != NULL;
}

static void enter(struct visitor *visitor, enum hall_name name)
{
    struct server *server = visitor->server;
    struct hall *hall = &server->halls[name];
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    int fd = visitor->fd;

    if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0) {
        visitor_free(visitor); /* gone already */
        return;
    }
    visitor->phase = VISITOR_INSIDE;
    visitor->hall = hall;
    server->arriving = visitor;
    enum MHD_Result is_in =
        MHD_add_connection(hall->daemon, fd, (const struct sockaddr *)&peer, peer_len);
    if (is_in != MHD_YES && server->arriving != NULL) {
        visitor->fd = -1; /* MHD has closed it */
        visitor_free(visitor);
    }
    server->arriving = NULL;
    hall->is_due = true;
}

static void send_away(struct visitor *visitor)
{
    static const char words[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                                "Content-Length: 0\r\nConnection: close\r\n\r\n";
    struct server *server = visitor->server;

    server->counts.total_refused++;
    if (server->refused >= REFUSED_MAX) {
        visitor_free(visitor);
        return;
    }
    /* Closing at once would make the kernel throw our words away with the request. */
    visitor->phase = VISITOR_REFUSED;
    visitor->deadline_ms = clock_monotonic_ms() + REFUSED_MS;
    server->refused++;
    (void)send(visitor->fd, words, sizeof(words) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(visitor->fd, SHUT_WR);
    watch_add(server, visitor->fd, EPOLLIN | EPOLLRDHUP, &visitor->watch);
}

/* Looks at the first bytes; false: there are none yet. */
static bool look(struct visitor *visitor, bool is_watched)
{
    char bytes[PEEK_BYTES];
    ssize_t len = recv(visitor->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (is_watched)
        watch_drop(visitor->server, visitor->fd);
    if (len <= 0)
        visitor_free(visitor);
    else
        enter(visitor, wants_to_wait(bytes, (size_t)len) ? HALL_WAITING : HALL_WORK);
    return true;
}

static void welcome(struct server *server, int fd)
{
    bool is_full = server->counts.connections >= (int64_t)server->settings.connections_max;
    struct visitor *visitor = visitor_new(server, fd);

    if (is_full)
        send_away(visitor);
    else if (!look(visitor, false))
        watch_add(server, fd, EPOLLIN, &visitor->watch);
}

static void accept_some(struct server *server)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            welcome(server, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warning("accept_failed", "error=%s", log_quote(strerrordesc_np(errno)));
            watch_drop(server, server->listen_fd);
            server->is_deaf = true;
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else: one that has gone before it was accepted */
    }
}

/* What a visitor that was sent away still says. */
static void hear_out(struct visitor *visitor)
{
    char bytes[4096];
    ssize_t len = recv(visitor->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
        visitor_free(visitor);
}

static void on_visitor(struct visitor *visitor)
{
    struct server *server = visitor->server;

    switch (visitor->phase) {
    case VISITOR_ARRIVING:
        (void)look(visitor, true);
        break;
    case VISITOR_REFUSED:
        hear_out(visitor);
        break;
    case VISITOR_INSIDE: /* the only thing watched for is a hang-up */
        if (visitor->parked == NULL)
            break;
        visitor->has_hung_up = true;
        server->counts.total_hang_ups++;
        engine_withdraw(server->engine, visitor->parked);
        break;
    }
}

/* ---- deadlines ----------------------------------------------------------- */

/* MHD's own time-out starts anew with every byte; these do not. */
static void reap(struct server *server, int64_t now_ms)
{
    struct visitor *next;

    if (server->is_deaf && !server->is_leaving) {
        server->is_deaf = false;
        watch_add(server, server->listen_fd, EPOLLIN, &server->listen_watch);
    }
    for (struct visitor *visitor = server->visitors; visitor != NULL; visitor = next) {
        next = visitor->next;
        /* Again and again: the engine forgets those that it has not parked yet. */
        if (visitor->parked != NULL && (visitor->has_hung_up || server->is_leaving))
            engine_withdraw(server->engine, visitor->parked);
        if (visitor->deadline_ms > now_ms || visitor->is_cut)
            continue;
        if (visitor->phase == VISITOR_INSIDE) {
            visitor->is_cut = true;
            (void)shutdown(visitor->fd, SHUT_RDWR); /* MHD sees the end and closes it */
        } else {
            visitor_free(visitor);
        }
        server->counts.total_cut++;
    }
    server->next_reap_ms = now_ms + server->reap_interval_ms;
}

/* ---- the end ------------------------------------------------------------- */

static void begin_leaving(struct server *server)
{
    struct visitor *next;

    server->is_leaving = true;
    server->reap_interval_ms = LEAVE_INTERVAL_MS;
    server->next_reap_ms = clock_monotonic_ms();
    server->leave_at_ms = server->next_reap_ms + LEAVE_MS;
    if (!server->is_deaf)
        watch_drop(server, server->listen_fd);
    (void)close(server->listen_fd);
    for (struct visitor *visitor = server->visitors; visitor != NULL; visitor = next) {
        next = visitor->next;
        if (visitor->phase != VISITOR_INSIDE)
            visitor_free(visitor);
    }
}

/* Everybody who asked has got the answer, or has had the time to read it. */
static bool has_left(const struct server *server)
{
    if (!server->is_leaving || server->counts.asked > 0)
        return false;
    return server->counts.exchanges == 0 || clock_monotonic_ms() >= server->leave_at_ms;
}

/* ---- the loop ------------------------------------------------------------ */

static void run_halls(struct server *server)
{
    for (size_t i = 0; i < HALL_COUNT; i++) {
        struct hall *hall = &server->halls[i];
        MHD_UNSIGNED_LONG_LONG timeout_ms;

        if (!hall->is_due)
            continue;
        CHECK(MHD_run(hall->daemon) == MHD_YES);
        bool has_more = MHD_get_timeout(hall->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0;
        bool has_stepped = server->steps != hall->seen_steps;

        hall->seen_steps = server->steps;
        hall->futile_runs = has_more && !has_stepped ? hall->futile_runs + 1 : 0;
        hall->is_stalled = hall->futile_runs > FUTILE_RUNS_MAX;
        hall->is_due = has_more && !hall->is_stalled;
    }
}

static int sleep_ms(const struct server *server)
{
    int64_t left_ms = server->next_reap_ms - clock_monotonic_ms();

    for (size_t i = 0; i < HALL_COUNT; i++) {
        if (server->halls[i].is_due)
            return 0;
        if (server->halls[i].is_stalled && left_ms > STALL_MS)
            left_ms = STALL_MS;
    }
    if (server->visitors == NULL && !server->is_deaf && !server->is_leaving)
        return -1;
    return left_ms > 0 ? (int)left_ms : 0;
}

static void on_event(struct server *server, struct watch *watch)
{
    switch (watch->kind) {
    case WATCH_LISTENER:
        accept_some(server);
        break;
    case WATCH_MAIL:
        read_mail(server);
        break;
    case WATCH_HALL:
        ((struct hall *)watch)->is_due = true;
        break;
    case WATCH_VISITOR:
        on_visitor((struct visitor *)watch);
        break;
    }
}

void *loop_main(void *context)
{
    struct server *server = context;
    struct epoll_event events[EVENTS_MAX];

    while (!has_left(server)) {
        int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, sleep_ms(server));

        CHECK(count >= 0 || errno == EINTR);
        if (count == 0) /* a stalled hall's time has come, or it does not matter */
            for (size_t i = 0; i < HALL_COUNT; i++)
                server->halls[i].is_due |= server->halls[i].is_stalled;
        for (int i = 0; i < count; i++)
            on_event(server, events[i].data.ptr);
        if (!server->is_leaving && atomic_load(&server->is_stopping))
            begin_leaving(server);
        run_halls(server);

        int64_t now_ms = clock_monotonic_ms();
        if (now_ms >= server->next_reap_ms)
            reap(server, now_ms);
    }
    return NULL;
}
