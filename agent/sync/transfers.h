#ifndef AGENT_SYNC_TRANSFERS_H
#define AGENT_SYNC_TRANSFERS_H

/* HTTP transfers on libuv's loop: curl says which sockets it watches and when it wants to be woken,
 * libuv does both.
 *
 *     transfers_start --> [RUNNING] --curl is done--> done()
 *                             '------ transfers_stop -------> (no done)
 *
 * Loop's thread only.  done() comes from the loop, never from inside transfers_start. */

#include <uv.h>

#include "shared/http/http_client.h"

struct transfers;

struct transfers *transfers_new(uv_loop_t *loop);

/* Every transfer has ended or been stopped.  Turns the loop until its handles are closed. */
void transfers_free(struct transfers *transfers);

/* The receiver calls http_transfer_finish and http_transfer_free. */
typedef void transfer_done(void *context, struct http_transfer *transfer, CURLcode code);

void transfers_start(struct transfers *transfers, struct http_transfer *transfer,
                     transfer_done *done, void *context);

/* Stops it and frees it.  NULL is allowed. */
void transfers_stop(struct transfers *transfers, struct http_transfer *transfer);

#endif
