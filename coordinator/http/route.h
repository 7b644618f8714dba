#ifndef COORDINATOR_HTTP_ROUTE_H
#define COORDINATOR_HTTP_ROUTE_H

/* The table of all routes, and the way from a method and a path to its row. */

#include "coordinator/http/door.h"

/* Who answers. */
enum desk {
    DESK_DOOR,   /* `tell`, at once                                            */
    DESK_ENGINE, /* the engine; with `read`, a reader where it knows of nothing */
    DESK_READER,
};

struct route {
    const char *method;
    const char *pattern; /* {run}: a number; {agent}: a name */
    unsigned rights;     /* any of them */
    enum desk desk;
    size_t body_bytes_max;
    /* Takes the request apart, on the loop's thread; what it refuses is answered. */
    enum status (*ask)(struct exchange *exchange, struct error *err);
    /* Makes the answer of a success, on the loop's thread. */
    void (*tell)(struct exchange *exchange);
    /* Makes the answer on a reader thread. */
    enum status (*read)(struct exchange *exchange, struct reader *reader, struct error *err);
};

/* Sets route, run and agent.  STATUS_NOT_FOUND; STATUS_METHOD with answer.allow set. */
enum status route_find(struct exchange *exchange, const char *method, struct error *err) MUST_USE;

#endif
