#ifndef COORDINATOR_HTTP_DOOR_H
#define COORDINATOR_HTTP_DOOR_H

/* What the files of this folder share: the server, its visitors (connections) and their
 * exchanges (a request and its answer).  All belongs to the loop's thread but where a
 * member says otherwise.
 *
 *   exchange:
 *     HEAD ─ the head is judged ─▶ BODY ─ all of it is here ─▶ ASKED (suspended)
 *       │                            │                           │ mailbox
 *       └──────── refused ───────────┴──────────▶ ANSWERED ◀─────┘ resumed, in a batch
 *                                                    │ MHD_queue_response
 *                                                    ▼
 *                                                  SENT ─▶ freed when MHD has done with it
 *
 * While an exchange is ASKED it belongs to the engine or to a reader thread, whose last
 * act is mail_post. */

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/engine.h"
#include "coordinator/http/access.h"
#include "coordinator/http/readers.h"
#include "coordinator/http/server.h"
#include "coordinator/http/target.h"
#include "coordinator/report/report.h"
#include "shared/base/buffer.h"
#include "shared/json/codec.h"

enum hall_name { HALL_WORK, HALL_WAITING, HALL_COUNT };

/* What stands behind an event of the loop's epoll. */
struct watch {
    enum watch_kind { WATCH_LISTENER, WATCH_MAIL, WATCH_HALL, WATCH_VISITOR } kind;
};

struct hall {
    struct watch watch;
    struct MHD_Daemon *daemon;
    bool is_due;        /* MHD_run has something to do                          */
    int64_t seen_steps; /* server->steps when it ran last                       */
    int futile_runs;    /* it said there was more to do, and did nothing        */
    bool is_stalled;    /* too many of those: it runs for events, or every STALL_MS */
};

/* No deadline runs: the engine has the request. */
#define NEVER_MS INT64_MAX

struct visitor {
    struct watch watch;
    struct server *server;
    struct visitor *next, *previous; /* server->visitors */
    int fd;                          /* MHD's from VISITOR_INSIDE on */
    enum {
        VISITOR_ARRIVING, /* its first bytes are awaited            */
        VISITOR_INSIDE,   /* in a hall                              */
        VISITOR_REFUSED,  /* was sent away; its last bytes are read */
    } phase;
    struct hall *hall; /* VISITOR_INSIDE */
    int64_t deadline_ms;
    struct exchange *parked; /* a long poll whose hang-up is watched for */
    bool has_hung_up;        /* and was seen */
    bool has_asked;          /* a request before this one            */
    bool is_cut;
};

enum exchange_state {
    EXCHANGE_HEAD,
    EXCHANGE_BODY,
    EXCHANGE_ASKED,
    EXCHANGE_ANSWERED,
    EXCHANGE_SENT,
};

struct answer {
    int http;
    const char *content_type; /* NULL: no body */
    const char *allow;        /* of a 405; in the call's arena */
    enum status status;
    bool closes;
    struct buffer body;
};

struct exchange {
    struct engine_call call; /* its arena is the exchange's */
    struct reader_job job;
    struct server *server;
    struct visitor *visitor;
    struct MHD_Connection *connection;
    struct exchange *next; /* in the mailbox */
    enum exchange_state state;

    char *raw_target;
    struct target target;
    const struct route *route;
    int64_t run;       /* {run} of the path   */
    const char *agent; /* {agent} of the path */

    int64_t body_since_ms;
    size_t received_bytes;
    struct buffer body;
    enum status body_status; /* why the body is thrown away */

    bool has_been_read; /* by a reader thread, which has made the answer */
    int64_t after, limit;
    enum report_format format;
    struct answer answer;
};

/* For /metrics; the loop's. */
struct door_counts {
    int64_t connections, exchanges, waits_parked, asked, body_bytes;
    int64_t total_answers[6]; /* by hundreds */
    int64_t total_refused, total_cut, total_hang_ups;
};

struct server {
    struct server_settings settings;
    struct access *access;
    struct engine *engine;
    struct readers *readers;
    char *data_dir; /* NULL: the settings' open_reader */
    uint16_t port;

    pthread_t thread;
    int epoll_fd, listen_fd;
    struct watch listen_watch, mail_watch;
    struct hall halls[HALL_COUNT];
    struct visitor *visitors;
    struct visitor *arriving; /* while MHD_add_connection runs */
    unsigned refused;         /* of them VISITOR_REFUSED        */
    int64_t reap_interval_ms, next_reap_ms;
    bool is_deaf; /* out of descriptors: not accepting until the next round of the reaper */
    bool is_leaving;
    int64_t leave_at_ms;
    int64_t steps; /* callbacks of MHD so far */
    struct door_counts counts;

    int mail_fd;               /* eventfd                */
    pthread_mutex_t mail_lock; /* guards the next two    */
    struct exchange *mail_first, *mail_last;
    atomic_bool is_stopping;
};

/* All unread bodies together. */
#define BODIES_BYTES_MAX ((int64_t)512 << 20)

/* ---- exchange.c ---- */

/* One hall: its daemon without a thread and without a socket of its own. */
struct MHD_Daemon *hall_open(struct server *server);

/* The engine or a reader has done with it (the loop's thread): the answer is made and
 * the connection goes on, or a reader is asked next. */
void exchange_return(struct exchange *exchange);

/* ---- answer.c ---- */

/* An answer whose body is empty and may be added to; what stood there is forgotten. */
void answer_begin(struct exchange *exchange, int http, const char *content_type);
void answer_json(struct exchange *exchange, int http, const struct shape *shape,
                 const void *object);
void answer_problem(struct exchange *exchange, enum status status, const char *detail);

/* Only in MHD's access handler. */
enum MHD_Result answer_queue(struct exchange *exchange);

/* ---- loop.c ---- */

void *loop_main(void *context);

/* Any thread: gives the exchange to the loop. */
void mail_post(struct exchange *exchange);

/* Long polls: watch for the end of the visitor, and stop watching. */
void visitor_watch(struct visitor *visitor, struct exchange *parked);
void visitor_unwatch(struct visitor *visitor);
void visitor_free(struct visitor *visitor);

/* ---- metrics.c ---- */

/* stats NULL: the engine said nothing. */
void metrics_render(const struct server *server, const struct stats *stats, struct buffer *buffer);

#endif
