#ifndef AGENT_DATABASES_FORWARD_H
#define AGENT_DATABASES_FORWARD_H

/* A TCP port on loopback that leads to a Unix socket.
 *
 *     worker --127.0.0.1:PORT--> forward --path--> the server of the clone that is there now
 *
 * The servers listen on sockets only.  The path is looked up for each connection, so what stands
 * behind the port can be exchanged; connections that are open end with their server.
 *
 * Loop's thread only. */

#include <uv.h>

#include "shared/base/status.h"

struct forward;

/* Connections of one forward: a worker's pool has some tens. */
#define FORWARD_CONNECTIONS_MAX 256

/* What waits for a slow reader, for each direction of a connection. */
#define FORWARD_BYTES_MAX ((size_t)256 * 1024)

/* Listens on a free port of 127.0.0.1.  The forward belongs to the caller until forward_free. */
enum status forward_new(uv_loop_t *loop, const char *socket_path, struct forward **out_forward,
                        struct error *err) MUST_USE;

int forward_port(const struct forward *forward);

/* Ends its connections; the memory goes when the loop has closed them. */
void forward_free(struct forward *forward);

#endif
