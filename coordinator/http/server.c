#include "coordinator/http/server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/http/door.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"

/* Descriptors that are not connections: stores, logs, epolls. */
#define DESCRIPTORS_KEPT 64
#define CONNECTIONS_MIN  16

/* Pending connections; the kernel lowers it to its own limit. */
#define BACKLOG 4096

/* A deadline is seen late by at most this, or a quarter of the shortest one. */
#define REAP_INTERVAL_MS     1000
#define REAP_INTERVAL_MS_MIN 10

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

static unsigned connections_possible(unsigned wanted)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY ||
        files.rlim_cur >= (rlim_t)wanted + DESCRIPTORS_KEPT)
        return wanted;
    if (files.rlim_cur <= DESCRIPTORS_KEPT + CONNECTIONS_MIN)
        return CONNECTIONS_MIN;
    return (unsigned)files.rlim_cur - DESCRIPTORS_KEPT;
}

static void take_settings(struct server *server, const struct server_settings *given)
{
    struct server_settings *settings = &server->settings;

    *settings = *given;
    settings->address = given->address != NULL ? given->address : "127.0.0.1";
    settings->header_ms = or_default(given->header_ms, HEADER_MS);
    settings->body_ms = or_default(given->body_ms, BODY_MS);
    settings->response_ms = or_default(given->response_ms, RESPONSE_MS);
    settings->keep_alive_ms = or_default(given->keep_alive_ms, KEEP_ALIVE_MS);
    settings->connections_max = connections_possible(
        given->connections_max != 0 ? given->connections_max : CONNECTIONS_MAX);

    int64_t interval_ms = 4 * (int64_t)REAP_INTERVAL_MS;
    const int64_t deadlines[] = {settings->header_ms, settings->body_ms, settings->response_ms,
                                 settings->keep_alive_ms};
    for (size_t i = 0; i < COUNT_OF(deadlines); i++)
        interval_ms = deadlines[i] < interval_ms ? deadlines[i] : interval_ms;
    interval_ms /= 4;
    server->reap_interval_ms =
        interval_ms > REAP_INTERVAL_MS_MIN ? interval_ms : REAP_INTERVAL_MS_MIN;
}

static enum status open_store_reader(void *context, struct reader **out_reader, struct error *err)
{
    return reader_sqlite_open(context, out_reader, err);
}

/* ---- listening ----------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static enum status bind_and_listen(struct server *server, const struct addrinfo *where,
                                   struct error *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } bound = {.in6 = {.sin6_port = 0}};
    socklen_t bound_len = sizeof(bound);
    int on = 1;

    server->listen_fd =
        socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (server->listen_fd < 0)
        return error_set_errno(err, "cannot make a socket");
    CHECK(setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    if (bind(server->listen_fd, where->ai_addr, where->ai_addrlen) != 0 ||
        listen(server->listen_fd, BACKLOG) != 0) {
        enum status status = errno == EADDRINUSE ? STATUS_CONFLICT : STATUS_IO;

        (void)error_set_errno(err, "cannot listen on '%s' port %u", server->settings.address,
                              server->settings.port);
        if (err != NULL)
            err->status = status;
        return status;
    }
    CHECK(getsockname(server->listen_fd, &bound.any, &bound_len) == 0);
    server->port = ntohs(bound.any.sa_family == AF_INET ? bound.in.sin_port : bound.in6.sin6_port);
    return STATUS_OK;
}

/* Resolves the address and holds it against the tokens; *out_where is freed by freeaddrinfo. */
static enum status find_address(const struct server_settings *settings, const struct access *access,
                                struct addrinfo **out_where, struct error *err)
{
    const char *address = settings->address;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *where = NULL;
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", settings->port);
    if (strcmp(address, "localhost") == 0)
        address = "127.0.0.1";
    int failure = getaddrinfo(address, port, &hints, &where);
    if (failure != 0)
        return error_set(err, STATUS_INVALID, "cannot listen on '%s': %s", address,
                         gai_strerror(failure));

    if (!access_has_tokens(access) && !is_loopback(where->ai_addr)) {
        freeaddrinfo(where);
        return error_set(err, STATUS_FORBIDDEN,
                         "listening on '%s' needs --token-file FILE: who can submit runs commands",
                         address);
    }
    *out_where = where;
    return STATUS_OK;
}

enum status server_check(const struct server_settings *settings, struct error *err)
{
    struct access *access = NULL;
    struct addrinfo *where = NULL;
    enum status status = access_load(settings->token_file, &access, err);

    if (status != STATUS_OK)
        return status;
    status = find_address(settings, access, &where, err);
    if (status == STATUS_OK)
        freeaddrinfo(where);
    access_free(access);
    return status;
}

static enum status open_listener(struct server *server, struct error *err)
{
    struct addrinfo *where = NULL;
    enum status status = find_address(&server->settings, server->access, &where, err);

    if (status != STATUS_OK)
        return status;
    CHECK(where != NULL);
    status = bind_and_listen(server, where, err);
    freeaddrinfo(where);
    return status;
}

/* ---- parts --------------------------------------------------------------- */

static void watch(struct server *server, int fd, struct watch *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = what}};

    CHECK(epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static enum status open_parts(struct server *server, struct error *err)
{
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->mail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->epoll_fd < 0 || server->mail_fd < 0)
        return error_set_errno(err, "cannot make the event loop");

    for (size_t i = 0; i < HALL_COUNT; i++) {
        struct hall *hall = &server->halls[i];

        hall->daemon = hall_open(server);
        if (hall->daemon == NULL)
            return error_set(err, STATUS_IO, "cannot start the HTTP daemon");
        const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(hall->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        CHECK(info != NULL);
        hall->watch.kind = WATCH_HALL;
        watch(server, info->epoll_fd, &hall->watch);
    }
    server->listen_watch.kind = WATCH_LISTENER;
    watch(server, server->listen_fd, &server->listen_watch);
    server->mail_watch.kind = WATCH_MAIL;
    watch(server, server->mail_fd, &server->mail_watch);
    return STATUS_OK;
}

static void close_parts(struct server *server)
{
    for (size_t i = 0; i < HALL_COUNT; i++)
        if (server->halls[i].daemon != NULL)
            MHD_stop_daemon(server->halls[i].daemon);
    if (server->epoll_fd >= 0)
        (void)close(server->epoll_fd);
    if (server->mail_fd >= 0)
        (void)close(server->mail_fd);
    CHECK(pthread_mutex_destroy(&server->mail_lock) == 0);
    access_free(server->access);
    free(server);
}

enum status server_start(const struct server_settings *settings, struct engine *engine,
                         struct server **out_server, struct error *err)
{
    struct server *server = mem_zalloc(sizeof(*server));

    CHECK(settings->data_dir != NULL || settings->open_reader != NULL);
    *out_server = NULL;
    server->engine = engine;
    server->listen_fd = server->epoll_fd = server->mail_fd = -1;
    CHECK(pthread_mutex_init(&server->mail_lock, NULL) == 0);
    atomic_init(&server->is_stopping, false);
    take_settings(server, settings);

    enum status status = access_load(settings->token_file, &server->access, err);
    if (status == STATUS_OK)
        status = open_listener(server, err);
    if (status == STATUS_OK)
        status = open_parts(server, err);
    if (status != STATUS_OK) {
        if (server->listen_fd >= 0)
            (void)close(server->listen_fd);
        close_parts(server);
        return status;
    }

    if (settings->data_dir != NULL) {
        server->data_dir = mem_strdup(settings->data_dir);
        server->readers = readers_start(open_store_reader, server->data_dir);
    } else {
        server->readers = readers_start(settings->open_reader, settings->context);
    }
    server->next_reap_ms = clock_monotonic_ms();
    CHECK(pthread_create(&server->thread, NULL, loop_main, server) == 0);
    *out_server = server;
    return STATUS_OK;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_stop(struct server *server)
{
    uint64_t one = 1;

    atomic_store(&server->is_stopping, true);
    CHECK(write(server->mail_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
    CHECK(pthread_join(server->thread, NULL) == 0);
    readers_stop(server->readers);
    free(server->data_dir);
    close_parts(server);
}
