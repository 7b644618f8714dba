#include "coordinator/http/guard.h"

#include <string.h>
#include <strings.h>

#include "shared/base/text.h"

/* Headers that must not come twice: two readers would pick different ones. */
enum single {
    SINGLE_CONTENT_LENGTH,
    SINGLE_TRANSFER_ENCODING,
    SINGLE_HOST,
    SINGLE_AUTHORIZATION,
    SINGLE_CONTENT_TYPE,
    SINGLE_ORIGIN,
    SINGLE_EXPECT,
    SINGLE_COUNT
};

static const char *const single_names[SINGLE_COUNT] = {
    [SINGLE_CONTENT_LENGTH] = "Content-Length",
    [SINGLE_TRANSFER_ENCODING] = "Transfer-Encoding",
    [SINGLE_HOST] = "Host",
    [SINGLE_AUTHORIZATION] = "Authorization",
    [SINGLE_CONTENT_TYPE] = "Content-Type",
    [SINGLE_ORIGIN] = "Origin",
    [SINGLE_EXPECT] = "Expect",
};

struct head {
    const char *values[SINGLE_COUNT];
    unsigned count;
    const char *why; /* the first thing that is wrong */
};

static bool is_token_char(unsigned char byte)
{
    return byte > ' ' && byte < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", byte) == NULL;
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_token_char((unsigned char)text[i]))
            return false;
    return len > 0;
}

static bool is_value(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct head *head = cls;

    (void)kind;
    if (value == NULL || !is_token(name, name_len))
        head->why = "a header's name is no token";
    else if (!is_value(value, value_len))
        head->why = "a header's value holds a control character";
    else if (++head->count > HEADERS_MAX)
        head->why = "there are too many headers";

    for (size_t i = 0; head->why == NULL && i < SINGLE_COUNT; i++) {
        if (strcasecmp(name, single_names[i]) != 0)
            continue;
        if (head->values[i] != NULL)
            head->why = "a header that may stand once stands twice";
        head->values[i] = value;
    }
    return head->why == NULL ? MHD_YES : MHD_NO;
}

static bool is_known_method(const char *method)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                          "DELETE", "OPTIONS", "PATCH", "TRACE"};

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

static bool may_have_body(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
           strcmp(method, "TRACE") != 0;
}

/* What is wrong with how the body is framed; NULL when nothing is. */
static const char *check_framing(const struct head *head, const char *method, bool is_1_0,
                                 struct guard_verdict *verdict)
{
    const char *length = head->values[SINGLE_CONTENT_LENGTH];
    const char *encoding = head->values[SINGLE_TRANSFER_ENCODING];

    if (encoding != NULL && length != NULL)
        return "Content-Length and Transfer-Encoding contradict each other";
    if (encoding != NULL && is_1_0)
        return "HTTP/1.0 has no Transfer-Encoding";
    if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
        return "Transfer-Encoding may only be chunked";
    if (length != NULL && (strspn(length, "0123456789") != strlen(length) ||
                           !text_to_int64(length, 0, INT64_MAX, &verdict->length)))
        return "Content-Length is no number";
    if (encoding != NULL)
        verdict->length = -1;
    verdict->has_body = verdict->length != 0;
    if (verdict->has_body && !may_have_body(method))
        return "this method has no body";
    return NULL;
}

static const char *check_head(const struct head *head, bool is_1_0)
{
    const char *expect = head->values[SINGLE_EXPECT];

    if (head->why != NULL)
        return head->why;
    if (head->values[SINGLE_HOST] == NULL && !is_1_0)
        return "the Host header is missing";
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
        return "Expect may only be 100-continue";
    return NULL;
}

struct guard_verdict guard_check(struct MHD_Connection *connection, const char *method,
                                 const char *version)
{
    struct guard_verdict verdict = {.status = STATUS_OK, .http = 200};
    struct head head = {.count = 0};
    bool is_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;

    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, &head);
    verdict.why = check_head(&head, is_1_0);
    if (verdict.why == NULL)
        verdict.why = check_framing(&head, method, is_1_0, &verdict);
    if (verdict.why != NULL) {
        verdict.status = STATUS_INVALID;
        verdict.http = status_http(STATUS_INVALID);
    } else if (!is_known_method(method)) {
        verdict.status = STATUS_METHOD;
        verdict.http = MHD_HTTP_NOT_IMPLEMENTED;
        verdict.why = "the method is not known";
    }
    return verdict;
}
