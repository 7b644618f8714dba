#include "tests/unit/coordinator_http/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shared/base/memory.h"

int wire_open(uint16_t port)
{
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {.tv_sec = WIRE_PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
    CHECK(connect(fd, (const struct sockaddr *)&where, sizeof(where)) == 0);
    return fd;
}

void wire_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0) /* the server has heard enough */
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

void wire_say(int fd, const char *text)
{
    wire_send(fd, text, strlen(text));
}

/* > 0: more; 0: the end, by a reset too; < 0: patience is over. */
static ssize_t read_more(int fd, struct buffer *out)
{
    char bytes[16384];
    ssize_t len = recv(fd, bytes, sizeof(bytes), 0);

    if (len > 0)
        CHECK(buffer_add(out, bytes, (size_t)len));
    if (len < 0 && (errno == ECONNRESET || errno == EPIPE))
        return 0;
    return len;
}

bool wire_read_to_end(int fd, struct buffer *out)
{
    ssize_t len;

    while ((len = read_more(fd, out)) > 0)
        ;
    return len == 0;
}

static bool is_complete(const struct buffer *out)
{
    const char *head_end = strstr(out->at, "\r\n\r\n");
    const char *length;

    if (head_end == NULL)
        return false;
    length = strcasestr(out->at, "\r\nContent-Length:");
    size_t body = length != NULL && length < head_end
                      ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10)
                      : 0;
    return out->len >= (size_t)(head_end - out->at) + 4 + body;
}

int wire_status(const char *answer)
{
    static const char version[] = "HTTP/1.1 ";
    size_t len = sizeof(version) - 1;

    return strncmp(answer, version, len) == 0 ? (int)strtol(answer + len, NULL, 10) : 0;
}

int wire_read_answer(int fd, struct buffer *out)
{
    buffer_clear(out);
    while (!is_complete(out))
        if (read_more(fd, out) <= 0)
            return 0;
    return wire_status(out->at);
}

int wire_ask(uint16_t port, const char *request, struct buffer *out)
{
    int fd = wire_open(port);

    wire_say(fd, request);
    int status = wire_read_answer(fd, out);
    (void)close(fd);
    return status;
}

int wire_get(uint16_t port, const char *target, struct buffer *out)
{
    CLEANUP(mem_freep)
    char *request = mem_printf("GET %s HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", target, port);

    return wire_ask(port, request, out);
}

int wire_post(uint16_t port, const char *target, const char *json, struct buffer *out)
{
    CLEANUP(mem_freep)
    char *request = mem_printf("POST %s HTTP/1.1\r\nHost: localhost:%u\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                               target, port, strlen(json), json);

    return wire_ask(port, request, out);
}

int wire_count_answers(const char *bytes)
{
    int count = 0;

    for (const char *at = strstr(bytes, "HTTP/1.1 "); at != NULL; at = strstr(at + 1, "HTTP/1.1 "))
        count++;
    return count;
}
