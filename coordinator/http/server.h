#ifndef COORDINATOR_HTTP_SERVER_H
#define COORDINATOR_HTTP_SERVER_H

/* The door: routes on libmicrohttpd.  It parses, authorises, hands a command to the
 * engine and sends the answer; it decides nothing.
 *
 *     port ──accept──▶ arriving ──first bytes──▶ hall "work"      sync, runs, reports, ...
 *                         │                └───▶ hall "waiting"   GET /v1/agents/{agent}/wait
 *                         └─ too many: 503
 *
 *     one thread, the loop:   its own epoll over the listening socket, both halls' epoll
 *                             descriptors, a mailbox (eventfd) and hung-up long polls
 *     reader threads:         what is stored, each with a reader of its own
 *     the engine's thread:    only `done`, which puts the exchange into the mailbox
 *
 * The long poll stands apart on the same port.  A hall is one MHD daemon, and a daemon
 * that resumes anything walks all its suspended connections: with 10,000 parked polls a
 * sync would cost nearly twice as much.  So the loop accepts, looks (MSG_PEEK) at the
 * first request line and gives the connection to the hall where it belongs.  Both halls
 * serve every route, so a wrong guess costs time and never an answer; and the answers
 * after which a client changes its kind of request (a wait's, and a sync's that says
 * may_wait) close the connection, so its next one is looked at again.  A second port
 * was considered: it would need a second hole in every firewall.
 *
 * MHD runs without a thread of its own.  Its own loop hangs when a multiple of 128
 * connections is ready at once, and does not see resumes from other threads; here
 * MHD_run never blocks and only the loop resumes, a batch at a time.
 *
 * Nothing here makes a request idempotent, and nothing needs to: a submission is found
 * again by its key and a sync by its number, both by the core; attend and cancel said
 * twice say the same.
 *
 * Without a token file the door opens on loopback only and wants a loopback Host. */

#include <stdint.h>

#include "coordinator/engine/engine.h"
#include "coordinator/store/reader.h"

struct server;

struct server_settings {
    const char *address;    /* numeric, or "localhost"; NULL: 127.0.0.1             */
    uint16_t port;          /* 0: any free one, see server_port                     */
    const char *token_file; /* NULL: none, and then loopback only; see access.h     */
    const char *data_dir;   /* where readers open the store; NULL: open_reader      */
    enum status (*open_reader)(void *context, struct reader **out_reader, struct error *err);
    void *context; /* of open_reader, which is called on reader threads    */

    /* 0 takes the default of the named constant. */
    int64_t header_ms;               /* HEADER_MS                                            */
    int64_t body_ms;                 /* BODY_MS                                              */
    int64_t response_ms;             /* RESPONSE_MS                                          */
    int64_t keep_alive_ms;           /* KEEP_ALIVE_MS                                        */
    unsigned connections_max;        /* CONNECTIONS_MAX                             */
    unsigned connections_per_ip_max; /* 0: no bound of its own                      */
};

/* A request's head is complete so long after the connection came or, on one that is
 * kept alive, after the first line was read; nginx' guides say the same. */
#define HEADER_MS 10000

/* A body: this, and more for what has arrived, at BODY_BYTES_PER_S. */
#define BODY_MS          10000
#define BODY_BYTES_PER_S ((int64_t)64 * 1024)

/* An answer: this, and more for its size, at RESPONSE_BYTES_PER_S. */
#define RESPONSE_MS          10000
#define RESPONSE_BYTES_PER_S ((int64_t)8 * 1024)

/* Between two requests; agents sync every SYNC_INTERVAL_MS and waits end within
 * LONG_POLL_MS_MAX, so twice that keeps a quiet agent's connection. */
#define KEEP_ALIVE_MS 60000

/* 10,000 agents with two connections each.  The limit of open files may lower it. */
#define CONNECTIONS_MAX 20000

/* What can be known before anything is opened: is there a token file that can be used, and may one
 * listen on the address without it?  Statuses as server_start. */
enum status server_check(const struct server_settings *settings, struct error *err) MUST_USE;

/* Listens and starts the threads.  The engine must outlive the server.
 *
 * STATUS_FORBIDDEN: not loopback, and no tokens.  STATUS_INVALID: the address or the
 * token file.  STATUS_CONFLICT: the port is taken. */
enum status server_start(const struct server_settings *settings, struct engine *engine,
                         struct server **out_server, struct error *err) MUST_USE;

uint16_t server_port(const struct server *server);

/* Stops listening, answers everything (parked waits now), ends the threads, frees.
 * The engine still runs meanwhile: engine_stop comes after. */
void server_stop(struct server *server);

#endif
