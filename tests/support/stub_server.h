#ifndef TESTS_SUPPORT_STUB_SERVER_H
#define TESTS_SUPPORT_STUB_SERVER_H

/* An HTTP server on loopback that answers what a test tells it to, for the clients of ours.
 *
 * The answers are given by the first rule whose path is the start of the request's; a rule with
 * `times` is used up.  What was asked is written down.  Its own thread; all functions lock. */

#include <stdbool.h>
#include <stddef.h>

struct stub_server;

struct stub_rule {
    const char *path; /* start of method and path: "POST /v1/runs"    */
    int status;       /* 0: no answer until the server stops or is told to let go */
    const char *type; /* content type; NULL none                      */
    const char *body;
    int times; /* 0: always                                    */
};

struct stub_request {
    char *line; /* "POST /v1/runs?x=y" */
    char *body;
    char *authorization; /* "" none */
    char *content_type;  /* "" none */
};

struct stub_server *stub_server_start(void);
void stub_server_stop(struct stub_server *server);

/* "http://127.0.0.1:PORT" */
const char *stub_server_url(const struct stub_server *server);

/* Texts are not copied. */
void stub_server_add(struct stub_server *server, struct stub_rule rule);

size_t stub_server_count(struct stub_server *server);

/* The n-th request from 0; valid until the server stops. */
struct stub_request stub_server_request(struct stub_server *server, size_t n);

/* Requests that wait for an answer get this one. */
void stub_server_let_go(struct stub_server *server, int status);

#endif
