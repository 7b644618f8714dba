#include "client/api.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/follow.h"
#include "shared/base/clock.h"
#include "shared/base/limits.h"
#include "shared/base/version.h"
#include "shared/http/http_client.h"
#include "shared/http/token_file.h"
#include "shared/json/messages_json.h"

/* One exchange; a report of a large run takes its time. */
#define CALL_MS   ((int64_t)10 * 1000)
#define REPORT_MS ((int64_t)120 * 1000)

/* Between two tries: doubled from the first to the last. */
#define BACKOFF_MS_MIN 100
#define BACKOFF_MS_MAX 2000

/* A user learns after this that we wait. */
#define QUIET_MS 3000

struct api {
    struct http_client *http;
    char *url;
    bool has_token;
    int64_t patience_ms;
};

enum status api_new(const struct api_settings *settings, struct api **out_api, struct error *err)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct http_client_settings http = {.url = settings->url,
                                        .user_agent = "muster/" MUSTER_VERSION,
                                        .allows_plain = settings->insecure};
    struct http_client *client = NULL;

    enum status status = STATUS_OK;
    if (settings->token_file != NULL)
        status = token_file_read(settings->token_file, "submit", &arena, &http.token, err);
    if (status != STATUS_OK)
        return status;
    status = http_client_new(&http, &client, err);
    if (status != STATUS_OK)
        return status;

    struct api *api = mem_zalloc(sizeof(*api));
    api->http = client;
    api->url = mem_strdup(settings->url);
    api->has_token = http.token != NULL;
    api->patience_ms = settings->patience_ms;
    *out_api = api;
    return STATUS_OK;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    http_client_free(api->http);
    free(api->url);
    free(api);
}

/* Repeats the exchange while its failure may pass. */
static enum status call(struct api *api, const struct http_request *request, struct buffer *reply,
                        struct error *err)
{
    int64_t start_ms = clock_monotonic_ms();
    int backoff_ms = BACKOFF_MS_MIN;
    bool has_spoken = false;

    for (;;) {
        buffer_clear(reply);
        enum status status = http_call(api->http, request, reply, err);
        int64_t waited_ms = clock_monotonic_ms() - start_ms;

        if (status == STATUS_UNAUTHORISED && !api->has_token)
            return error_set(err, status,
                             "the coordinator wants a token; give --token-file FILE or set "
                             "MUSTER_TOKEN_FILE");
        if (status == STATUS_OK || !status_is_retryable(status))
            return status;
        if (follow_interrupts() > 1)
            return status;
        if (waited_ms + backoff_ms > api->patience_ms)
            return error_wrap(err, STATUS_UNAVAILABLE,
                              "the coordinator does not answer; giving up");
        if (waited_ms > QUIET_MS && !has_spoken) {
            (void)fprintf(stderr, "muster: waiting for the coordinator at %s (%s)\n", api->url,
                          err->text);
            has_spoken = true;
        }
        (void)poll(NULL, 0, backoff_ms);
        backoff_ms = backoff_ms * 2 < BACKOFF_MS_MAX ? backoff_ms * 2 : BACKOFF_MS_MAX;
    }
}

static enum status call_document(struct api *api, const char *path,
                                 const struct shape *request_shape, const void *request,
                                 const struct shape *reply_shape, struct arena *arena,
                                 void *out_reply, struct error *err)
{
    CLEANUP(buffer_release) struct buffer body;
    CLEANUP(buffer_release) struct buffer reply;
    struct http_request exchange = {.path = path, .timeout_ms = CALL_MS};
    enum status status = STATUS_OK;

    buffer_init(&body, BODY_BYTES_MAX);
    buffer_init(&reply, REPLY_BYTES_MAX);
    if (request_shape != NULL) {
        status = codec_encode(request_shape, request, &body, err);
        exchange.body = body.at;
        exchange.body_len = body.len;
    }
    if (status == STATUS_OK)
        status = call(api, &exchange, &reply, err);
    if (status == STATUS_OK)
        status = codec_decode(reply_shape, reply.at, reply.len, CODEC_OPEN, arena, out_reply, err);
    return status;
}

enum status api_submit(struct api *api, const struct run_submission *submission,
                       struct arena *arena, struct run_created *out_created, struct error *err)
{
    return call_document(api, "/v1/runs", &run_submission_shape, submission, &run_created_shape,
                         arena, out_created, err);
}

static const char *run_path(struct arena *arena, int64_t run, const char *rest)
{
    return arena_printf(arena, "/v1/runs/%" PRId64 "%s", run, rest);
}

enum status api_attend(struct api *api, int64_t run, const struct attend_request *request,
                       struct arena *arena, struct run_view *out_view, struct error *err)
{
    return call_document(api, run_path(arena, run, "/attend"), &attend_request_shape, request,
                         &run_view_shape, arena, out_view, err);
}

enum status api_cancel(struct api *api, int64_t run, const char *reason, struct arena *arena,
                       struct run_view *out_view, struct error *err)
{
    const struct cancel_request request = {reason};

    return call_document(api, run_path(arena, run, "/cancel"), &cancel_request_shape, &request,
                         &run_view_shape, arena, out_view, err);
}

enum status api_run(struct api *api, int64_t run, struct arena *arena, struct run_view *out_view,
                    struct error *err)
{
    return call_document(api, run_path(arena, run, ""), NULL, NULL, &run_view_shape, arena,
                         out_view, err);
}

enum status api_runs(struct api *api, int64_t limit, struct arena *arena, struct run_list *out_list,
                     struct error *err)
{
    return call_document(api, arena_printf(arena, "/v1/runs?limit=%" PRId64, limit), NULL, NULL,
                         &run_list_shape, arena, out_list, err);
}

enum status api_agents(struct api *api, struct arena *arena, struct agent_list *out_list,
                       struct error *err)
{
    return call_document(api, "/v1/agents", NULL, NULL, &agent_list_shape, arena, out_list, err);
}

enum status api_attempts(struct api *api, int64_t run, int64_t after, struct arena *arena,
                         struct attempt_page *out_page, struct error *err)
{
    const char *rest = arena_printf(arena, "/attempts?after=%" PRId64 "&limit=500", after);

    return call_document(api, run_path(arena, run, rest), NULL, NULL, &attempt_page_shape, arena,
                         out_page, err);
}

enum status api_report(struct api *api, int64_t run, const char *format, struct buffer *out_bytes,
                       struct error *err)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const char *rest = arena_printf(&arena, "/report?format=%s", format);
    const struct http_request exchange = {
        .path = run_path(&arena, run, rest),
        .accept = strcmp(format, "json") == 0    ? "application/json"
                  : strcmp(format, "junit") == 0 ? "application/xml"
                                                 : "text/plain",
        .timeout_ms = REPORT_MS,
    };

    return call(api, &exchange, out_bytes, err);
}
