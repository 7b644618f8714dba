#include <string.h>

#include "coordinator/http/door.h"
#include "shared/base/clock.h"
#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/codec.h"
#include "shared/json/messages_json.h"

/* In seconds: a lap and a commit are over by then, and a store that is full or a
 * coordinator that restarts is not asked a thousand times. */
#define RETRY_AFTER_SOON  "1"
#define RETRY_AFTER_LATER "5"

void answer_begin(struct exchange *exchange, int http, const char *content_type)
{
    struct answer *answer = &exchange->answer;

    buffer_release(&answer->body);
    *answer = (struct answer){
        .http = http,
        .content_type = content_type,
        .closes = answer->closes,
        .allow = answer->allow,
    };
    buffer_init(&answer->body, REPLY_BYTES_MAX);
}

static void encode_problem(struct exchange *exchange, enum status status, const char *detail)
{
    struct arena *arena = &exchange->call.arena;
    const char *name = status_wire_name(status);
    struct problem problem = {
        .type = arena_printf(arena, "urn:muster:problem:%s", name),
        .title = status_text(status),
        .status = exchange->answer.http,
        .detail = detail,
        .name = name,
        .retryable = status_is_retryable(status),
    };
    struct error err;

    if (codec_encode(&problem_shape, &problem, &exchange->answer.body, &err) == STATUS_OK)
        return;
    buffer_clear(&exchange->answer.body);
    problem.detail = "";
    CHECK(codec_encode(&problem_shape, &problem, &exchange->answer.body, &err) == STATUS_OK);
}

void answer_problem(struct exchange *exchange, enum status status, const char *detail)
{
    answer_begin(exchange, status_http(status), "application/problem+json");
    exchange->answer.status = status;
    encode_problem(exchange, status, detail);
}

void answer_json(struct exchange *exchange, int http, const struct shape *shape, const void *object)
{
    struct error err;

    answer_begin(exchange, http, "application/json");
    enum status status = codec_encode(shape, object, &exchange->answer.body, &err);
    if (status != STATUS_OK)
        answer_problem(exchange, status, err.text);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value != NULL)
        CHECK(MHD_add_response_header(response, name, value) == MHD_YES);
}

static void add_headers(struct MHD_Response *response, const struct answer *answer)
{
    bool is_soon = answer->status == STATUS_FULL || answer->status == STATUS_TOO_SLOW;

    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (answer->status == STATUS_METHOD)
        add_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    if (answer->status == STATUS_UNAUTHORISED)
        add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"muster\"");
    if (status_is_retryable(answer->status))
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER,
                   is_soon ? RETRY_AFTER_SOON : RETRY_AFTER_LATER);
    if (answer->closes)
        add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

enum MHD_Result answer_queue(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct answer *answer = &exchange->answer;
    size_t len = answer->body.len;
    char *bytes = buffer_detach(&answer->body);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);

    CHECK(response != NULL);
    add_headers(response, answer);
    exchange->state = EXCHANGE_SENT;
    exchange->visitor->deadline_ms = clock_monotonic_ms() + server->settings.response_ms +
                                     (int64_t)len * 1000 / RESPONSE_BYTES_PER_S;
    server->counts.total_answers[answer->http / 100]++;
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, (unsigned)answer->http, response);
    MHD_destroy_response(response);
    return result;
}
