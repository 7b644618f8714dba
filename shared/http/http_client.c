#include "shared/http/http_client.h"

#include <string.h>
#include <strings.h>

#include "shared/base/limits.h"
#include "shared/base/memory.h"
#include "shared/json/messages_json.h"
#include "shared/protocol/messages.h"

/* A connection is kept shorter than the coordinator keeps it, so that we never write
 * into one that is just being closed. */
#define HTTP_KEEP_SECONDS 30L

/* NAT tables forget silent connections after about a minute. */
#define HTTP_PROBE_SECONDS 30L

#define HTTP_REASON_BYTES 200

struct http_client {
    char *url;          /* without a '/' at its end */
    char *token_header; /* NULL none */
    char *user_agent;
};

struct http_transfer {
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body;
    char *accept;
    char *url;
    char curl_text[CURL_ERROR_SIZE];
};

/* The host of "scheme://user@host:port/path" as a new text. */
static char *url_part(const char *url, CURLUPart part)
{
    CURLU *parsed = curl_url();
    char *found = NULL;
    char *copy = NULL;

    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, part, &found, 0) == CURLUE_OK)
        copy = mem_strdup(found);
    curl_free(found);
    curl_url_cleanup(parsed);
    return copy;
}

static bool host_is_loopback(const char *host)
{
    bool is_number = strspn(host, "0123456789.") == strlen(host);

    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (is_number && strncmp(host, "127.", 4) == 0);
}

static enum status url_check(const struct http_client_settings *settings, struct error *err)
{
    CLEANUP(mem_freep) char *scheme = url_part(settings->url, CURLUPART_SCHEME);
    CLEANUP(mem_freep) char *host = url_part(settings->url, CURLUPART_HOST);
    CLEANUP(mem_freep) char *user = url_part(settings->url, CURLUPART_USER);
    CLEANUP(mem_freep) char *query = url_part(settings->url, CURLUPART_QUERY);

    if (strstr(settings->url, "://") == NULL || scheme == NULL || host == NULL)
        return error_set(err, STATUS_INVALID,
                         "'%s' is no address of a coordinator; write http://HOST:PORT",
                         settings->url);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return error_set(err, STATUS_INVALID, "a coordinator is reached by http or https, not '%s'",
                         scheme);
    if (user != NULL || query != NULL)
        return error_set(err, STATUS_INVALID,
                         "the coordinator's address holds a user or a query; neither is sent");
    if (strcmp(scheme, "http") == 0 && settings->token != NULL && !settings->allows_plain &&
        !host_is_loopback(host))
        return error_set(err, STATUS_INVALID,
                         "the token would travel readable to '%s'; use https, or say --insecure",
                         host);
    return STATUS_OK;
}

enum status http_client_new(const struct http_client_settings *settings,
                            struct http_client **out_client, struct error *err)
{
    struct http_client *client = NULL;
    enum status status = STATUS_OK;
    size_t len = strlen(settings->url);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, STATUS_INTERNAL, "libcurl does not start");
    status = url_check(settings, err);
    if (status != STATUS_OK)
        return status;
    if (settings->token != NULL && strpbrk(settings->token, "\r\n") != NULL)
        return error_set(err, STATUS_INVALID, "the token has a line's end in it");
    client = mem_zalloc(sizeof(*client));
    client->url = mem_strdup(settings->url);
    while (len > 0 && client->url[len - 1] == '/')
        client->url[--len] = '\0';
    client->user_agent = mem_strdup(settings->user_agent);
    if (settings->token != NULL)
        client->token_header = mem_printf("Authorization: Bearer %s", settings->token);
    *out_client = client;
    return STATUS_OK;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    mem_freep(&client->url);
    mem_freep(&client->token_header);
    mem_freep(&client->user_agent);
    mem_freep(&client);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;

    return buffer_add(&transfer->body, bytes, size * count) ? size * count : 0;
}

/* Every option is one that our curl knows, and every value a valid one. */
#define EASY_SET(easy, option, value)                                                              \
    do {                                                                                           \
        CURLcode set_code = curl_easy_setopt((easy), (option), (value));                           \
        CHECK(set_code == CURLE_OK);                                                               \
    } while (0)

static void rules_set(CURL *easy)
{
    EASY_SET(easy, CURLOPT_NOSIGNAL, 1L);
    EASY_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    EASY_SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    EASY_SET(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    EASY_SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
    EASY_SET(easy, CURLOPT_MAXAGE_CONN, HTTP_KEEP_SECONDS);
    EASY_SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    EASY_SET(easy, CURLOPT_TCP_KEEPIDLE, HTTP_PROBE_SECONDS);
    EASY_SET(easy, CURLOPT_TCP_KEEPINTVL, HTTP_PROBE_SECONDS);
    EASY_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void header_add(struct http_transfer *transfer, const char *text)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, text);

    CHECK(longer != NULL);
    transfer->headers = longer;
}

static void headers_set(const struct http_client *client, struct http_transfer *transfer,
                        bool has_body)
{
    CLEANUP(mem_freep)
    char *accept = mem_printf("Accept: %s, application/problem+json", transfer->accept);

    header_add(transfer, accept);
    /* No "100 Continue": it costs a round trip, and a second for servers that ignore it. */
    header_add(transfer, "Expect:");
    if (has_body)
        header_add(transfer, "Content-Type: application/json");
    if (client->token_header != NULL)
        header_add(transfer, client->token_header);
    EASY_SET(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

struct http_transfer *http_transfer_new(struct http_client *client,
                                        const struct http_request *request)
{
    struct http_transfer *transfer = mem_zalloc(sizeof(*transfer));
    CLEANUP(mem_freep) char *host = url_part(client->url, CURLUPART_HOST);

    transfer->easy = curl_easy_init();
    CHECK(transfer->easy != NULL);
    buffer_init(&transfer->body,
                request->reply_bytes_max > 0 ? request->reply_bytes_max : REPLY_BYTES_MAX);
    transfer->accept = mem_strdup(request->accept != NULL ? request->accept : "application/json");
    transfer->url = mem_printf("%s%s", client->url, request->path);
    rules_set(transfer->easy);
    EASY_SET(transfer->easy, CURLOPT_URL, transfer->url);
    EASY_SET(transfer->easy, CURLOPT_USERAGENT, client->user_agent);
    EASY_SET(transfer->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    EASY_SET(transfer->easy, CURLOPT_PRIVATE, transfer);
    EASY_SET(transfer->easy, CURLOPT_ERRORBUFFER, transfer->curl_text);
    EASY_SET(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
    EASY_SET(transfer->easy, CURLOPT_WRITEDATA, transfer);
    if (host != NULL && host_is_loopback(host))
        EASY_SET(transfer->easy, CURLOPT_NOPROXY, "*");
    if (request->body != NULL) {
        EASY_SET(transfer->easy, CURLOPT_POST, 1L);
        EASY_SET(transfer->easy, CURLOPT_POSTFIELDS, request->body);
        EASY_SET(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    }
    headers_set(client, transfer, request->body != NULL);
    return transfer;
}

CURL *http_transfer_handle(struct http_transfer *transfer)
{
    return transfer->easy;
}

static bool content_type_is(CURL *easy, const char *wanted)
{
    char *type = NULL;
    size_t len = strlen(wanted);

    (void)curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return type != NULL && strncasecmp(type, wanted, len) == 0 &&
           (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

/* The coordinator's own words, or what stands between us and it. */
static enum status problem_read(struct http_transfer *transfer, long http, struct error *err)
{
    struct arena arena = ARENA_INIT;
    struct problem problem;
    enum status status = STATUS_UNAVAILABLE;

    if (content_type_is(transfer->easy, "application/problem+json") &&
        codec_decode(&problem_shape, transfer->body.at, transfer->body.len, CODEC_OPEN, &arena,
                     &problem, NULL) == STATUS_OK) {
        status = status_from_wire_name(problem.name);
        /* A newer coordinator may know reasons that we do not. */
        if (status == STATUS_COUNT || status == STATUS_OK)
            status = STATUS_UNAVAILABLE;
        (void)error_set(err, status, "%s",
                        problem.detail[0] != '\0' ? problem.detail : problem.title);
    } else {
        (void)error_set(err, status, "the answer is not a coordinator's (HTTP status %ld)", http);
    }
    arena_release(&arena);
    return status;
}

enum status http_transfer_finish(struct http_transfer *transfer, CURLcode code,
                                 const struct buffer **out_body, struct error *err)
{
    long http = 0;

    if (transfer->body.has_overflowed)
        return error_set(err, STATUS_TOO_BIG, "the answer is longer than %zu bytes",
                         transfer->body.max);
    if (code != CURLE_OK)
        return error_set(err, STATUS_UNAVAILABLE, "%.*s", HTTP_REASON_BYTES,
                         transfer->curl_text[0] != '\0' ? transfer->curl_text
                                                        : curl_easy_strerror(code));
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &http);
    if (http < 200 || http > 299)
        return problem_read(transfer, http, err);
    if (transfer->body.len > 0 && !content_type_is(transfer->easy, transfer->accept))
        return error_set(err, STATUS_UNAVAILABLE,
                         "the answer is not a coordinator's (HTTP status %ld, not %s)", http,
                         transfer->accept);
    *out_body = &transfer->body;
    return STATUS_OK;
}

void http_transfer_free(struct http_transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    buffer_release(&transfer->body);
    mem_freep(&transfer->accept);
    mem_freep(&transfer->url);
    mem_freep(&transfer);
}

enum status http_call(struct http_client *client, const struct http_request *request,
                      struct buffer *reply, struct error *err)
{
    struct http_transfer *transfer = http_transfer_new(client, request);
    const struct buffer *body = NULL;
    enum status status =
        http_transfer_finish(transfer, curl_easy_perform(transfer->easy), &body, err);

    if (status == STATUS_OK && body != NULL && !buffer_add(reply, body->at, body->len))
        status = error_set(err, STATUS_TOO_BIG, "the answer is longer than %zu bytes", reply->max);
    http_transfer_free(transfer);
    return status;
}

void http_add_path_part(struct buffer *path, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (const char *at = text; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL)
            (void)buffer_add_char(path, *at);
        else
            (void)buffer_printf(path, "%%%02X", (unsigned)(unsigned char)*at);
    }
}
