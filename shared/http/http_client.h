#ifndef SHARED_HTTP_HTTP_CLIENT_H
#define SHARED_HTTP_HTTP_CLIENT_H

/* How agent and client speak to a coordinator: one set of rules for both.
 *
 *     http_client    whom we speak to, and with which token; outlives its transfers
 *     http_transfer  one request and its answer, on a curl handle that the agent gives to its loop
 *     http_call      the same, waited for
 *
 * Rules: http and https only; never a redirect, so the token goes to one host; no signals;
 * both bodies bounded by counting; proxies as curl's environment says (https_proxy, no_proxy), but
 * never for loopback; an answer of another content type than the one that was asked for is the work
 * of something between (a captive portal, a proxy's error page) and counts as "not reachable".
 *
 * curl may send a request again by itself when a kept connection died: every request
 * of ours may arrive twice without harm (numbered syncs, keys of runs).
 *
 * A transfer belongs to one thread at a time; a client may be shared. */

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/status.h"

struct http_client;
struct http_transfer;

/* A connection that does not stand after this is tried again. */
#define HTTP_CONNECT_MS 5000

struct http_client_settings {
    const char *url;        /* "https://host:port" with an optional path in front of /v1 */
    const char *token;      /* NULL: none                                              */
    const char *user_agent; /* "muster-agent/0.1.0"                                    */
    bool allows_plain;      /* a token may go over plain http to another machine        */
};

/* STATUS_INVALID: the url is no such, or the token would travel readable. */
enum status http_client_new(const struct http_client_settings *settings,
                            struct http_client **out_client, struct error *err) MUST_USE;
void http_client_free(struct http_client *client);

struct http_request {
    const char *path; /* "/v1/runs", already escaped, with its query; copied         */
    const char *body; /* POST of this JSON; NULL: GET.  Must outlive the transfer     */
    size_t body_len;
    const char *accept;     /* content type wanted; NULL: application/json                 */
    int64_t timeout_ms;     /* of the whole exchange                                       */
    size_t reply_bytes_max; /* 0: REPLY_BYTES_MAX                                      */
};

/* The curl handle's private pointer (CURLOPT_PRIVATE) is the transfer. */
struct http_transfer *http_transfer_new(struct http_client *client,
                                        const struct http_request *request);
CURL *http_transfer_handle(struct http_transfer *transfer);

/* After curl is done with the handle and gave `code`.
 *
 * STATUS_UNAVAILABLE: no answer, or one that is not a coordinator's.  STATUS_TOO_BIG: it was longer
 * than the bound.  Any other failure: the coordinator's own answer, its problem's name and detail.
 */
enum status http_transfer_finish(struct http_transfer *transfer, CURLcode code,
                                 const struct buffer **out_body, struct error *err) MUST_USE;

/* The handle must have been taken out of its multi handle. */
void http_transfer_free(struct http_transfer *transfer);

/* Sends and waits.  Appends the answer's body to `reply` (an answer without body adds nothing). */
enum status http_call(struct http_client *client, const struct http_request *request,
                      struct buffer *reply, struct error *err) MUST_USE;

/* Appends the text as one part of a path: all but letters, digits and -._~ as %XX. */
void http_add_path_part(struct buffer *path, const char *text);

#endif
