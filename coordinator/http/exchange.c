#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "coordinator/http/door.h"
#include "coordinator/http/guard.h"
#include "coordinator/http/route.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"

/* Headers, and the pieces in which a body comes. */
#define CONNECTION_MEMORY_BYTES ((size_t)32 * 1024)

static const char *header_of(struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* ---- a request begins ---------------------------------------------------- */

static struct visitor *visitor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    CHECK(info != NULL && info->socket_context != NULL);
    return info->socket_context;
}

/* MHD has read a request line.  What is returned is every later callback's *con_cls. */
static void *on_target(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct server *server = context;
    struct exchange *exchange = mem_zalloc(sizeof(*exchange));
    struct visitor *visitor = visitor_of(connection);

    server->steps++;
    exchange->server = server;
    exchange->visitor = visitor;
    exchange->connection = connection;
    exchange->raw_target = mem_strdup(uri);
    arena_init(&exchange->call.arena);
    buffer_init(&exchange->body, 0);
    buffer_init(&exchange->answer.body, 0);

    /* The first head's time runs from the connection's beginning. */
    if (visitor->has_asked)
        visitor->deadline_ms = clock_monotonic_ms() + server->settings.header_ms;
    visitor->has_asked = true;
    server->counts.exchanges++;
    return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct server *server = context;
    struct exchange *exchange = *con_cls;

    (void)connection;
    (void)code;
    server->steps++;
    if (exchange == NULL)
        return;
    CHECK(exchange->state != EXCHANGE_ASKED);
    exchange->visitor->deadline_ms = clock_monotonic_ms() + server->settings.keep_alive_ms;
    server->counts.exchanges--;
    server->counts.body_bytes -= (int64_t)exchange->body.len;
    buffer_release(&exchange->body);
    buffer_release(&exchange->answer.body);
    arena_release(&exchange->call.arena);
    free(exchange->raw_target);
    free(exchange);
    *con_cls = NULL;
}

/* ---- the head is judged -------------------------------------------------- */

static bool is_json(const char *content_type)
{
    static const char wanted[] = "application/json";
    size_t len = sizeof(wanted) - 1;

    return content_type != NULL && strncasecmp(content_type, wanted, len) == 0 &&
           (content_type[len] == '\0' || strchr("; \t", content_type[len]) != NULL);
}

static enum status judge(struct exchange *exchange, const char *method, int64_t length,
                         struct error *err)
{
    struct access_claim claim = {
        .authorization = header_of(exchange, MHD_HTTP_HEADER_AUTHORIZATION),
        .host = header_of(exchange, MHD_HTTP_HEADER_HOST),
        .origin = header_of(exchange, MHD_HTTP_HEADER_ORIGIN),
    };
    enum status status =
        target_parse(exchange->raw_target, &exchange->call.arena, &exchange->target, err);

    if (status == STATUS_OK)
        status = route_find(exchange, method, err);
    if (status != STATUS_OK)
        return status;

    const struct route *route = exchange->route;
    status = access_check(exchange->server->access, &claim, route->rights, err);
    if (status != STATUS_OK)
        return status;
    if (exchange->server->is_leaving)
        return error_set(err, STATUS_STOPPING, "%s", status_text(STATUS_STOPPING));
    if (route->body_bytes_max != 0 && !is_json(header_of(exchange, MHD_HTTP_HEADER_CONTENT_TYPE)))
        return error_set(err, STATUS_MEDIA_TYPE, "Content-Type must be application/json");
    if (length > (int64_t)route->body_bytes_max)
        return error_set(err, STATUS_TOO_BIG, "the body is longer than %zu bytes",
                         route->body_bytes_max);
    return STATUS_OK;
}

static enum MHD_Result take_head(struct exchange *exchange, const char *method, const char *version)
{
    struct guard_verdict verdict = guard_check(exchange->connection, method, version);
    struct error err;

    if (verdict.status != STATUS_OK) {
        exchange->answer.closes = true;
        answer_problem(exchange, verdict.status, verdict.why);
        exchange->answer.http = verdict.http;
        return answer_queue(exchange);
    }
    if (judge(exchange, method, verdict.length, &err) != STATUS_OK) {
        /* A body that nobody reads must not be taken for the next request. */
        exchange->answer.closes = verdict.has_body || exchange->server->is_leaving;
        answer_problem(exchange, err.status, err.text);
        return answer_queue(exchange);
    }
    exchange->state = EXCHANGE_BODY;
    exchange->body_since_ms = clock_monotonic_ms();
    exchange->visitor->deadline_ms = exchange->body_since_ms + exchange->server->settings.body_ms;
    buffer_init(&exchange->body, exchange->route->body_bytes_max);
    return MHD_YES;
}

/* ---- the body ------------------------------------------------------------ */

static void drop_body(struct exchange *exchange, enum status status)
{
    exchange->server->counts.body_bytes -= (int64_t)exchange->body.len;
    buffer_release(&exchange->body);
    exchange->body_status = status;
}

/* What is too long is read to its end, else the client would not hear why; but not for
 * ever. */
static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t len)
{
    struct server *server = exchange->server;
    size_t max = exchange->route->body_bytes_max;

    exchange->received_bytes += len;
    exchange->visitor->deadline_ms = exchange->body_since_ms + server->settings.body_ms +
                                     (int64_t)exchange->received_bytes * 1000 / BODY_BYTES_PER_S;
    if (exchange->received_bytes > 2 * max)
        return MHD_NO;
    if (exchange->body_status != STATUS_OK)
        return MHD_YES;
    if (server->counts.body_bytes + (int64_t)len > BODIES_BYTES_MAX)
        drop_body(exchange, STATUS_UNAVAILABLE);
    else if (!buffer_add(&exchange->body, bytes, len))
        drop_body(exchange, STATUS_TOO_BIG);
    else
        server->counts.body_bytes += (int64_t)len;
    return MHD_YES;
}

/* ---- asking -------------------------------------------------------------- */

static void on_engine_done(struct engine_call *call)
{
    mail_post(call->context);
}

static struct exchange *exchange_of(struct reader_job *job)
{
    return (struct exchange *)((char *)job - offsetof(struct exchange, job));
}

static enum status on_read(struct reader_job *job, struct reader *reader, struct error *err)
{
    struct exchange *exchange = exchange_of(job);

    return exchange->route->read(exchange, reader, err);
}

static void on_read_done(struct reader_job *job, enum status status, const struct error *err)
{
    struct exchange *exchange = exchange_of(job);

    if (status != STATUS_OK)
        answer_problem(exchange, status, err->text);
    mail_post(exchange);
}

/* false: the readers have too much to do. */
static bool ask_reader(struct exchange *exchange)
{
    exchange->has_been_read = true;
    exchange->job.run = on_read;
    exchange->job.done = on_read_done;
    if (readers_post(exchange->server->readers, &exchange->job))
        return true;
    answer_problem(exchange, STATUS_FULL, "too many reports are being read");
    return false;
}

static void ask_engine(struct exchange *exchange)
{
    exchange->call.done = on_engine_done;
    exchange->call.context = exchange;
    if (exchange->call.command.kind == COMMAND_WAIT)
        visitor_watch(exchange->visitor, exchange);
    engine_post(exchange->server->engine, &exchange->call);
}

/* Suspends first: the answer may be there before the poster is back. */
static enum MHD_Result dispatch(struct exchange *exchange)
{
    if (exchange->route->desk == DESK_DOOR) {
        exchange->route->tell(exchange);
        return answer_queue(exchange);
    }
    MHD_suspend_connection(exchange->connection);
    exchange->state = EXCHANGE_ASKED;
    exchange->visitor->deadline_ms = NEVER_MS;
    exchange->server->counts.asked++;
    if (exchange->route->desk == DESK_ENGINE)
        ask_engine(exchange);
    else if (!ask_reader(exchange))
        mail_post(exchange);
    return MHD_YES;
}

static enum MHD_Result ask(struct exchange *exchange)
{
    struct error err;
    enum status status = exchange->body_status;

    if (status != STATUS_OK)
        (void)error_set(&err, status, "the body is too long, or too many come at once");
    else if (exchange->route->ask != NULL)
        status = exchange->route->ask(exchange, &err);

    /* What was decoded is in the arena. */
    exchange->server->counts.body_bytes -= (int64_t)exchange->body.len;
    buffer_release(&exchange->body);
    if (status == STATUS_OK)
        return dispatch(exchange);
    answer_problem(exchange, status, err.text);
    return answer_queue(exchange);
}

void exchange_return(struct exchange *exchange)
{
    const struct route *route = exchange->route;
    const struct engine_call *call = &exchange->call;

    visitor_unwatch(exchange->visitor);
    if (exchange->has_been_read) {
        /* The reader's thread has made the answer. */
    } else if (call->status == STATUS_NOT_FOUND && route->read != NULL) {
        if (ask_reader(exchange))
            return;
    } else if (call->status != STATUS_OK) {
        answer_problem(exchange, call->status, call->error.text);
    } else {
        route->tell(exchange);
    }
    exchange->state = EXCHANGE_ANSWERED;
    exchange->server->counts.asked--;
    if (exchange->server->is_leaving)
        exchange->answer.closes = true;
    MHD_resume_connection(exchange->connection);
    exchange->visitor->hall->is_due = true; /* one walk over its suspended for the whole batch */
}

/* ---- libmicrohttpd ------------------------------------------------------- */

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *len, void **con_cls)
{
    struct exchange *exchange = *con_cls;

    (void)context;
    (void)connection;
    (void)url;
    exchange->server->steps++;
    switch (exchange->state) {
    case EXCHANGE_HEAD:
        return take_head(exchange, method, version);
    case EXCHANGE_BODY:
        if (*len == 0)
            return ask(exchange);
        enum MHD_Result result = take_body(exchange, bytes, *len);
        *len = 0;
        return result;
    case EXCHANGE_ANSWERED:
        return answer_queue(exchange);
    case EXCHANGE_ASKED:
    case EXCHANGE_SENT:
        break;
    }
    UNREACHABLE("MHD calls neither for what is suspended nor for what is answered");
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;

    (void)connection;
    server->steps++;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = server->arriving;
        return;
    }
    struct visitor *visitor = *socket_context;
    if (visitor == server->arriving)
        server->arriving = NULL;
    visitor->fd = -1; /* MHD closes it */
    visitor_free(visitor);
}

/* The path is decoded by target.c, after it is split. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

struct MHD_Daemon *hall_open(struct server *server)
{
    const struct server_settings *settings = &server->settings;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        on_request, server, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY_BYTES,
        /* One more than the door lets in, so MHD never leaves anybody hanging. */
        MHD_OPTION_CONNECTION_LIMIT, settings->connections_max + 1,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, settings->connections_per_ip_max, MHD_OPTION_END);
}
