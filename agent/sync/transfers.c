#include "agent/sync/transfers.h"

#include <stdlib.h>

#include "shared/base/memory.h"

struct running {
    struct http_transfer *transfer;
    transfer_done *done;
    void *context;
    struct running *next;
};

struct transfers {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct running *running;
    size_t open_handles; /* of libuv: the timer and the sockets' */
};

/* A socket that curl wants watched. */
struct watch {
    uv_poll_t poll;
    struct transfers *transfers;
    curl_socket_t socket;
};

/* ---- curl is done ------------------------------------------------------------ */

static struct running *running_take(struct transfers *transfers, const CURL *easy)
{
    for (struct running **at = &transfers->running; *at != NULL; at = &(*at)->next) {
        struct running *found = *at;

        if (http_transfer_handle(found->transfer) != easy)
            continue;
        *at = found->next;
        return found;
    }
    return NULL;
}

static void finished_tell(struct transfers *transfers)
{
    CURLMsg *message = NULL;
    int left = 0;

    while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        struct running *ended = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        ended = running_take(transfers, message->easy_handle);
        CHECK(ended != NULL);
        (void)curl_multi_remove_handle(transfers->multi, http_transfer_handle(ended->transfer));
        ended->done(ended->context, ended->transfer, code);
        free(ended);
    }
}

/* ---- curl's wishes --------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    struct transfers *transfers = timer->data;
    int running = 0;

    (void)curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finished_tell(transfers);
}

static int on_wants_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct transfers *transfers = context;

    (void)multi;
    if (timeout_ms < 0)
        (void)uv_timer_stop(&transfers->timer);
    else
        (void)uv_timer_start(&transfers->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct transfers *transfers = watch->transfers;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;

    (void)curl_multi_socket_action(transfers->multi, watch->socket, flags, &running);
    finished_tell(transfers);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;

    watch->transfers->open_handles--;
    free(watch);
}

static struct watch *watch_new(struct transfers *transfers, curl_socket_t socket)
{
    struct watch *watch = mem_zalloc(sizeof(*watch));

    watch->transfers = transfers;
    watch->socket = socket;
    if (uv_poll_init_socket(transfers->loop, &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    transfers->open_handles++;
    (void)curl_multi_assign(transfers->multi, socket, watch);
    return watch;
}

static int on_wants_socket(CURL *easy, curl_socket_t socket, int what, void *context,
                           void *socket_context)
{
    struct transfers *transfers = context;
    struct watch *watch = socket_context;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        (void)curl_multi_assign(transfers->multi, socket, NULL);
        return 0;
    }
    if (watch == NULL)
        watch = watch_new(transfers, socket);
    /* Not watched: the transfer ends by its time limit. */
    if (watch == NULL)
        return 0;
    events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
             ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    (void)uv_poll_start(&watch->poll, events, on_socket);
    return 0;
}

/* ---- the outside -------------------------------------------------------------------- */

struct transfers *transfers_new(uv_loop_t *loop)
{
    struct transfers *transfers = mem_zalloc(sizeof(*transfers));

    transfers->loop = loop;
    transfers->multi = curl_multi_init();
    CHECK(transfers->multi != NULL);
    CHECK(uv_timer_init(loop, &transfers->timer) == 0);
    transfers->timer.data = transfers;
    transfers->open_handles = 1;
    (void)curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, on_wants_socket);
    (void)curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
    (void)curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, on_wants_timer);
    (void)curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
    return transfers;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct transfers *transfers = handle->data;

    transfers->open_handles--;
}

void transfers_free(struct transfers *transfers)
{
    if (transfers == NULL)
        return;
    CHECK(transfers->running == NULL);
    (void)curl_multi_cleanup(transfers->multi);
    uv_close((uv_handle_t *)&transfers->timer, on_timer_closed);
    while (transfers->open_handles > 0)
        (void)uv_run(transfers->loop, UV_RUN_ONCE);
    free(transfers);
}

void transfers_start(struct transfers *transfers, struct http_transfer *transfer,
                     transfer_done *done, void *context)
{
    struct running *running = mem_zalloc(sizeof(*running));

    *running = (struct running){
        .transfer = transfer, .done = done, .context = context, .next = transfers->running};
    transfers->running = running;
    CHECK(curl_multi_add_handle(transfers->multi, http_transfer_handle(transfer)) == CURLM_OK);
}

void transfers_stop(struct transfers *transfers, struct http_transfer *transfer)
{
    if (transfer == NULL)
        return;
    free(running_take(transfers, http_transfer_handle(transfer)));
    (void)curl_multi_remove_handle(transfers->multi, http_transfer_handle(transfer));
    http_transfer_free(transfer);
}
