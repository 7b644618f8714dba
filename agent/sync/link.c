#include "agent/sync/link.h"

#include <inttypes.h>
#include <stdlib.h>

#include "agent/sync/transfers.h"
#include "shared/base/limits.h"
#include "shared/json/messages_json.h"

/* A run's suite with a list of a million exact ids would be longer: those are refused on
 * submission. */
#define WORK_BYTES_MAX ((size_t)REPLY_BYTES_MAX)

struct fetch {
    struct link *link;
    struct http_transfer *transfer;
    struct arena *arena;
    link_work_done *done;
    void *context;
    struct fetch *next;
};

struct link {
    struct link_settings settings;
    struct transfers *transfers;
    struct buffer path; /* "/v1/agents/NAME" */
    struct buffer body; /* of the sync that is under way */
    struct http_transfer *sync, *wait;
    struct fetch *fetches;
    uv_timer_t sync_failed; /* a failure that must not be told from inside link_sync */
    struct error sync_error;
    uv_timer_t wait_failed;
    size_t open_timers;
    bool waits;
};

static void report(struct link *link, const struct input *input)
{
    link->settings.on_input(link->settings.context, input);
}

struct link *link_new(const struct link_settings *settings)
{
    struct link *link = mem_zalloc(sizeof(*link));

    link->settings = *settings;
    link->transfers = transfers_new(settings->loop);
    buffer_init(&link->path, (size_t)NAME_BYTES_MAX * 3 + 32);
    buffer_init(&link->body, SYNC_BODY_BYTES_MAX);
    (void)buffer_add_text(&link->path, "/v1/agents/");
    http_add_path_part(&link->path, settings->agent);
    CHECK(uv_timer_init(settings->loop, &link->sync_failed) == 0);
    CHECK(uv_timer_init(settings->loop, &link->wait_failed) == 0);
    link->sync_failed.data = link;
    link->wait_failed.data = link;
    link->open_timers = 2;
    return link;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;

    link->open_timers--;
}

static void fetch_free(struct fetch *fetch)
{
    struct fetch **at = &fetch->link->fetches;

    while (*at != fetch)
        at = &(*at)->next;
    *at = fetch->next;
    free(fetch);
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    transfers_stop(link->transfers, link->sync);
    transfers_stop(link->transfers, link->wait);
    while (link->fetches != NULL) {
        transfers_stop(link->transfers, link->fetches->transfer);
        fetch_free(link->fetches);
    }
    uv_close((uv_handle_t *)&link->sync_failed, on_timer_closed);
    uv_close((uv_handle_t *)&link->wait_failed, on_timer_closed);
    while (link->open_timers > 0)
        (void)uv_run(link->settings.loop, UV_RUN_ONCE);
    transfers_free(link->transfers);
    buffer_release(&link->path);
    buffer_release(&link->body);
    free(link);
}

/* ---- sync ----------------------------------------------------------------------- */

static void sync_fail(struct link *link, enum status status, const char *text)
{
    struct input input = {.kind = INPUT_SYNC_FAILED, .status = status, .text = text};

    report(link, &input);
}

static void on_sync_failed(uv_timer_t *timer)
{
    struct link *link = timer->data;

    sync_fail(link, link->sync_error.status, link->sync_error.text);
}

/* An answer that does not fit is not our coordinator's, whoever sent it. */
static enum status answer_decode(const struct shape *shape, const struct buffer *body,
                                 struct arena *arena, void *out_object, struct error *err)
{
    struct error why;

    if (codec_decode(shape, body->at, body->len, CODEC_OPEN, arena, out_object, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_UNAVAILABLE, "the answer does not fit: %s", why.text);
}

static void on_sync_done(void *context, struct http_transfer *transfer, CURLcode code)
{
    struct link *link = context;
    struct arena arena = ARENA_INIT;
    struct sync_response response;
    struct error err = {.text = ""};
    const struct buffer *body = NULL;
    enum status status = http_transfer_finish(transfer, code, &body, &err);

    link->sync = NULL;
    if (status == STATUS_OK)
        status = answer_decode(&sync_response_shape, body, &arena, &response, &err);
    if (status == STATUS_OK) {
        struct input input = {.kind = INPUT_SYNCED, .response = &response};

        report(link, &input);
    } else {
        sync_fail(link, status, err.text);
    }
    http_transfer_free(transfer);
    arena_release(&arena);
}

void link_sync(struct link *link, const struct sync_request *request)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/sync", link->path.at);
    struct http_request http = {.path = path, .timeout_ms = LINK_SYNC_MS};

    CHECK(link->sync == NULL);
    buffer_clear(&link->body);
    if (codec_encode(&sync_request_shape, request, &link->body, &link->sync_error) != STATUS_OK) {
        (void)uv_timer_start(&link->sync_failed, on_sync_failed, 0, 0);
        return;
    }
    http.body = link->body.at;
    http.body_len = link->body.len;
    link->sync = http_transfer_new(link->settings.client, &http);
    transfers_start(link->transfers, link->sync, on_sync_done, link);
}

/* ---- the long poll ----------------------------------------------------------------- */

static void nudge(struct link *link)
{
    struct input input = {.kind = INPUT_NUDGED};

    link->waits = false;
    report(link, &input);
}

static void on_wait_failed(uv_timer_t *timer)
{
    nudge(timer->data);
}

static void on_wait_done(void *context, struct http_transfer *transfer, CURLcode code)
{
    struct link *link = context;
    const struct buffer *body = NULL;
    enum status status = http_transfer_finish(transfer, code, &body, NULL);

    link->wait = NULL;
    http_transfer_free(transfer);
    if (status == STATUS_OK)
        nudge(link);
    else
        (void)uv_timer_start(&link->wait_failed, on_wait_failed, LINK_WAIT_FAILED_MS, 0);
}

void link_wait(struct link *link)
{
    CLEANUP(mem_freep)
    char *path =
        mem_printf("%s/wait?incarnation=%" PRId64, link->path.at, link->settings.incarnation);
    struct http_request http = {.path = path, .timeout_ms = LINK_WAIT_MS};

    if (link->waits)
        return;
    link->waits = true;
    link->wait = http_transfer_new(link->settings.client, &http);
    transfers_start(link->transfers, link->wait, on_wait_done, link);
}

void link_stop_wait(struct link *link)
{
    link->waits = false;
    (void)uv_timer_stop(&link->wait_failed);
    transfers_stop(link->transfers, link->wait);
    link->wait = NULL;
}

/* ---- work ---------------------------------------------------------------------------- */

static void on_work_done(void *context, struct http_transfer *transfer, CURLcode code)
{
    struct fetch *fetch = context;
    struct fetch ended = *fetch;
    struct run_work *work = arena_alloc(ended.arena, sizeof(*work));
    struct error err = {.text = ""};
    const struct buffer *body = NULL;
    enum status status = http_transfer_finish(transfer, code, &body, &err);

    if (status == STATUS_OK)
        status = answer_decode(&run_work_shape, body, ended.arena, work, &err);
    http_transfer_free(transfer);
    fetch_free(fetch);
    ended.done(ended.context, status, status == STATUS_OK ? work : NULL, err.text);
}

void link_fetch_work(struct link *link, int64_t run, struct arena *arena, link_work_done *done,
                     void *context)
{
    CLEANUP(mem_freep) char *path = mem_printf("/v1/runs/%" PRId64 "/work", run);
    struct http_request http = {
        .path = path, .timeout_ms = LINK_WORK_MS, .reply_bytes_max = WORK_BYTES_MAX};
    struct fetch *fetch = mem_zalloc(sizeof(*fetch));

    *fetch = (struct fetch){.link = link,
                            .transfer = http_transfer_new(link->settings.client, &http),
                            .arena = arena,
                            .done = done,
                            .context = context,
                            .next = link->fetches};
    link->fetches = fetch;
    transfers_start(link->transfers, fetch->transfer, on_work_done, fetch);
}

void link_drop_work(struct link *link, const void *context)
{
    struct fetch *next = NULL;

    for (struct fetch *fetch = link->fetches; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (fetch->context != context)
            continue;
        transfers_stop(link->transfers, fetch->transfer);
        fetch_free(fetch);
    }
}
