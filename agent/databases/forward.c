#include "agent/databases/forward.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

#define BACKLOG    128
#define READ_BYTES ((size_t)64 * 1024)

struct connection;

/* One of a connection's two ends. */
struct end {
    struct connection *connection;
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    bool is_paused; /* the other end is behind */
    bool has_ended; /* it will send no more    */
};

struct connection {
    struct forward *forward;
    struct connection *next, *previous;
    struct end outer, inner; /* the worker's, the server's */
    uv_connect_t connect;
    int open_handles;
    bool is_closing;
};

struct forward {
    uv_loop_t *loop;
    uv_tcp_t listener;
    char *socket_path;
    int port;
    struct connection *connections;
    size_t count;
    bool is_closing, is_listener_closed;
};

static struct end *other(struct end *end)
{
    struct connection *connection = end->connection;

    return end == &connection->outer ? &connection->inner : &connection->outer;
}

/* ---- closing ------------------------------------------------------------------------- */

static void forward_end_when_empty(struct forward *forward)
{
    if (!forward->is_listener_closed || forward->count > 0)
        return;
    free(forward->socket_path);
    free(forward);
}

static void on_end_closed(uv_handle_t *handle)
{
    struct connection *connection = ((struct end *)handle->data)->connection;
    struct forward *forward = connection->forward;

    if (--connection->open_handles > 0)
        return;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        forward->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    forward->count--;
    free(connection);
    forward_end_when_empty(forward);
}

static void connection_close(struct connection *connection)
{
    if (connection->is_closing)
        return;
    connection->is_closing = true;
    uv_close((uv_handle_t *)&connection->outer.handle.stream, on_end_closed);
    uv_close((uv_handle_t *)&connection->inner.handle.stream, on_end_closed);
}

/* ---- relaying --------------------------------------------------------------------------- */

static void end_read(struct end *end);

struct write {
    uv_write_t request;
    struct end *to;
    char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request;
    struct end *to = write->to;
    struct end *from = other(to);

    free(write);
    if (status < 0 && status != UV_ECANCELED)
        connection_close(to->connection);
    else if (status == 0 && from->is_paused &&
             uv_stream_get_write_queue_size(&to->handle.stream) == 0)
        end_read(from);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buf)
{
    struct write *write = mem_alloc(sizeof(*write) + READ_BYTES);

    (void)handle;
    (void)suggested;
    *out_buf = uv_buf_init(write->bytes, (unsigned)READ_BYTES);
}

static struct write *write_of(const uv_buf_t *buf)
{
    return buf->base != NULL ? (struct write *)(void *)(buf->base - offsetof(struct write, bytes))
                             : NULL;
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)status;
    free(request);
}

/* Half-open connections end when both halves have. */
static void end_over(struct end *end)
{
    struct end *to = other(end);

    end->has_ended = true;
    (void)uv_read_stop(&end->handle.stream);
    if (to->has_ended) {
        connection_close(end->connection);
        return;
    }
    uv_shutdown_t *request = mem_alloc(sizeof(*request));
    if (uv_shutdown(request, &to->handle.stream, on_shut) != 0) {
        free(request);
        connection_close(end->connection);
    }
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct end *end = stream->data;
    struct end *to = other(end);
    struct write *write = write_of(buf);

    if (len <= 0) {
        free(write);
        if (len == UV_EOF)
            end_over(end);
        else if (len < 0)
            connection_close(end->connection);
        return;
    }
    uv_buf_t part = uv_buf_init(write->bytes, (unsigned)len);
    write->to = to;
    if (uv_write(&write->request, &to->handle.stream, &part, 1, on_written) != 0) {
        free(write);
        connection_close(end->connection);
    } else if (uv_stream_get_write_queue_size(&to->handle.stream) > FORWARD_BYTES_MAX) {
        end->is_paused = true;
        (void)uv_read_stop(stream);
    }
}

static void end_read(struct end *end)
{
    end->is_paused = false;
    if (!end->connection->is_closing && !end->has_ended &&
        uv_read_start(&end->handle.stream, on_alloc, on_read) != 0)
        connection_close(end->connection);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->data;

    if (status < 0) {
        connection_close(connection);
        return;
    }
    end_read(&connection->outer);
    end_read(&connection->inner);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct forward *forward = listener->data;
    struct connection *connection = NULL;

    if (status < 0)
        return;
    connection = mem_zalloc(sizeof(*connection));
    connection->forward = forward;
    connection->outer.connection = connection->inner.connection = connection;
    CHECK(uv_tcp_init(forward->loop, &connection->outer.handle.tcp) == 0);
    CHECK(uv_pipe_init(forward->loop, &connection->inner.handle.pipe, 0) == 0);
    connection->outer.handle.stream.data = &connection->outer;
    connection->inner.handle.stream.data = &connection->inner;
    connection->connect.data = connection;
    connection->open_handles = 2;
    connection->next = forward->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    forward->connections = connection;
    forward->count++;
    if (uv_accept(listener, &connection->outer.handle.stream) != 0 ||
        forward->count > FORWARD_CONNECTIONS_MAX) {
        connection_close(connection);
        return;
    }
    (void)uv_tcp_nodelay(&connection->outer.handle.tcp, 1);
    uv_pipe_connect(&connection->connect, &connection->inner.handle.pipe, forward->socket_path,
                    on_connected);
}

/* ---- the forward ---------------------------------------------------------------------------- */

static enum status listen_start(struct forward *forward, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int len = sizeof(address);
    int failed = uv_tcp_bind(&forward->listener, (struct sockaddr *)&address, 0);

    if (failed == 0)
        failed = uv_listen((uv_stream_t *)&forward->listener, BACKLOG, on_connection);
    if (failed == 0)
        failed = uv_tcp_getsockname(&forward->listener, (struct sockaddr *)&address, &len);
    if (failed != 0)
        return error_set(err, STATUS_IO, "no port on 127.0.0.1 for a database server: %s",
                         uv_strerror(failed));
    forward->port = ntohs(address.sin_port);
    return STATUS_OK;
}

enum status forward_new(uv_loop_t *loop, const char *socket_path, struct forward **out_forward,
                        struct error *err)
{
    struct forward *forward = mem_zalloc(sizeof(*forward));

    forward->loop = loop;
    forward->socket_path = mem_strdup(socket_path);
    CHECK(uv_tcp_init(loop, &forward->listener) == 0);
    forward->listener.data = forward;
    enum status status = listen_start(forward, err);
    if (status == STATUS_OK)
        *out_forward = forward;
    else
        forward_free(forward);
    return status;
}

int forward_port(const struct forward *forward)
{
    return forward->port;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct forward *forward = handle->data;

    forward->is_listener_closed = true;
    forward_end_when_empty(forward);
}

void forward_free(struct forward *forward)
{
    if (forward == NULL)
        return;
    for (struct connection *at = forward->connections; at != NULL; at = at->next)
        connection_close(at);
    uv_close((uv_handle_t *)&forward->listener, on_listener_closed);
}
