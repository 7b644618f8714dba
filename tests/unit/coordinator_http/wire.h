#ifndef TESTS_COORDINATOR_HTTP_WIRE_H
#define TESTS_COORDINATOR_HTTP_WIRE_H

/* HTTP as bytes on a socket: what no proper client would send. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"

/* A connection to the port on 127.0.0.1.  Reading gives up after WIRE_PATIENCE_S, and then
 * a test fails; nothing here waits for time to pass. */
#define WIRE_PATIENCE_S  30
#define WIRE_PATIENCE_MS ((int64_t)1000 * WIRE_PATIENCE_S)
int wire_open(uint16_t port);

void wire_send(int fd, const char *bytes, size_t len);
void wire_say(int fd, const char *text);

/* Everything until the server closes; false: it did not. */
bool wire_read_to_end(int fd, struct buffer *out);

/* One answer: head and the body that its Content-Length tells.  The status; 0: the
 * connection ended first. */
int wire_read_answer(int fd, struct buffer *out);

/* Opens, says, reads one answer, closes. */
int wire_ask(uint16_t port, const char *request, struct buffer *out);

/* GET and POST (with a JSON body) as our programs do them. */
int wire_get(uint16_t port, const char *target, struct buffer *out);
int wire_post(uint16_t port, const char *target, const char *json, struct buffer *out);

int wire_status(const char *answer);

/* How many answers stand in what was read. */
int wire_count_answers(const char *bytes);

#endif
