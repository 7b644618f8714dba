#include "tests/support/stub_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/memory.h"

#define BODY_MAX ((size_t)16 << 20)
#define HELD_MAX 16

struct exchange {
    struct buffer body;
    bool was_held;
};

struct stub_server {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    char url[64];
    struct stub_rule *rules;
    size_t rule_count, rule_cap;
    struct stub_request *requests;
    size_t request_count, request_cap;
    struct MHD_Connection *held[HELD_MAX];
    size_t held_count;
    int let_go_status;
};

static void lock(struct stub_server *server)
{
    CHECK(pthread_mutex_lock(&server->lock) == 0);
}

static void unlock(struct stub_server *server)
{
    CHECK(pthread_mutex_unlock(&server->lock) == 0);
}

static char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

    return mem_strdup(value != NULL ? value : "");
}

static struct stub_rule rule_for(struct stub_server *server, const char *line)
{
    for (size_t i = 0; i < server->rule_count; i++) {
        struct stub_rule *rule = &server->rules[i];

        if (rule->times < 0 || strncmp(line, rule->path, strlen(rule->path)) != 0)
            continue;
        if (rule->times > 0 && --rule->times == 0)
            rule->times = -1;
        return *rule;
    }
    return (struct stub_rule){.status = 404};
}

static enum MHD_Result answer(struct MHD_Connection *connection, const struct stub_rule *rule)
{
    const char *body = rule->body != NULL ? rule->body : "";
    /* MHD does not write into what it is told to copy. */
    union {
        const char *in;
        void *out;
    } bytes = {.in = body};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), bytes.out, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;

    if (rule->type != NULL)
        (void)MHD_add_response_header(response, "Content-Type", rule->type);
    result = MHD_queue_response(connection, (unsigned)rule->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result respond(struct stub_server *server, struct MHD_Connection *connection,
                               struct exchange *exchange, const char *line)
{
    struct stub_rule rule;

    lock(server);
    if (exchange->was_held) {
        rule = (struct stub_rule){.status = server->let_go_status};
    } else {
        VEC_PUSH(server->requests, server->request_count, server->request_cap) =
            (struct stub_request){.line = mem_strdup(line),
                                  .body = mem_strdup(exchange->body.at),
                                  .authorization = header(connection, "Authorization"),
                                  .content_type = header(connection, "Content-Type")};
        rule = rule_for(server, line);
    }
    if (rule.status == 0) {
        CHECK(server->held_count < HELD_MAX);
        exchange->was_held = true;
        server->held[server->held_count++] = connection;
        MHD_suspend_connection(connection);
        unlock(server);
        return MHD_YES;
    }
    unlock(server);
    return answer(connection, &rule);
}

struct begun {
    char *uri;
    struct exchange exchange;
};

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct begun *begun = *state;
    CLEANUP(mem_freep) char *line = NULL;

    (void)url;
    (void)version;
    /* The first call brings the whole address that on_uri kept. */
    if (begun->exchange.body.max == 0) {
        buffer_init(&begun->exchange.body, BODY_MAX);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        (void)buffer_add(&begun->exchange.body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    line = mem_printf("%s %s", method, begun->uri);
    return respond(context, connection, &begun->exchange, line);
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct begun *begun = mem_zalloc(sizeof(*begun));

    (void)context;
    (void)connection;
    begun->uri = mem_strdup(uri);
    return begun;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct begun *begun = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (begun == NULL)
        return;
    if (begun->exchange.body.max > 0)
        buffer_release(&begun->exchange.body);
    mem_freep(&begun->uri);
    mem_freep(&begun);
    *state = NULL;
}

struct stub_server *stub_server_start(void)
{
    struct stub_server *server = mem_zalloc(sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const union MHD_DaemonInfo *info = NULL;

    CHECK(pthread_mutex_init(&server->lock, NULL) == 0);
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
        server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    CHECK(server->daemon != NULL);
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    CHECK(info != NULL);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d", (int)info->port);
    return server;
}

void stub_server_let_go(struct stub_server *server, int status)
{
    lock(server);
    server->let_go_status = status;
    for (size_t i = 0; i < server->held_count; i++)
        MHD_resume_connection(server->held[i]);
    server->held_count = 0;
    unlock(server);
}

void stub_server_stop(struct stub_server *server)
{
    stub_server_let_go(server, 503);
    MHD_stop_daemon(server->daemon);
    for (size_t i = 0; i < server->request_count; i++) {
        mem_freep(&server->requests[i].line);
        mem_freep(&server->requests[i].body);
        mem_freep(&server->requests[i].authorization);
        mem_freep(&server->requests[i].content_type);
    }
    free(server->requests);
    free(server->rules);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *stub_server_url(const struct stub_server *server)
{
    return server->url;
}

void stub_server_add(struct stub_server *server, struct stub_rule rule)
{
    lock(server);
    VEC_PUSH(server->rules, server->rule_count, server->rule_cap) = rule;
    unlock(server);
}

size_t stub_server_count(struct stub_server *server)
{
    size_t count = 0;

    lock(server);
    count = server->request_count;
    unlock(server);
    return count;
}

struct stub_request stub_server_request(struct stub_server *server, size_t n)
{
    struct stub_request request = {0};

    lock(server);
    CHECK(n < server->request_count);
    request = server->requests[n];
    unlock(server);
    return request;
}
