#ifndef TESTS_COORDINATOR_HTTP_DOOR_H
#define TESTS_COORDINATOR_HTTP_DOOR_H

/* A whole door in front of doubles. */

#include "coordinator/http/server.h"
#include "shared/base/buffer.h"
#include "tests/unit/coordinator_http/fake_engine.h"
#include "tests/unit/coordinator_http/fake_reader.h"
#include "tests/unit/coordinator_http/wire.h"

struct door {
    struct engine *engine;
    struct fake_readers readers;
    struct server *server;
    uint16_t port;
    struct buffer answer; /* for the test's use */
};

/* settings NULL: the defaults. */
void door_open(struct door *door, const struct server_settings *settings);
void door_close(struct door *door);

/* Waits until the metric has the value.  Each question is a new request, so this waits
 * for the server and for nothing else. */
void door_await_metric(struct door *door, const char *name, long long value);

#endif
