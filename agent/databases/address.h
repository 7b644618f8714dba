#ifndef AGENT_DATABASES_ADDRESS_H
#define AGENT_DATABASES_ADDRESS_H

/* Private to this folder: where a slot's server is found, whichever it is now.
 *
 *     DIR/mysql.sock           a link to the socket of the clone that is there,
 *                              exchanged by a rename
 *     127.0.0.1:PORT           leads to the same
 *     password                 the slot's own; each clone is given it
 *
 * Loop's thread only, but for address_aim. */

#include "agent/databases/server_engine.h"
#include "shared/base/status.h"

struct databases;
struct address;

/* Makes `dir`; it goes with address_free. */
enum status address_new(struct databases *databases, const struct server_engine *engine,
                        const char *dir, struct address **out_address, struct error *err) MUST_USE;
void address_free(struct address *address);

/* The next connection gets to the server that listens in `socket_dir`.  Any thread. */
enum status address_aim(const struct address *address, const char *socket_dir,
                        struct error *err) MUST_USE;

int address_port(const struct address *address);
const char *address_password(const struct address *address);

/* What clients are told: the socket's file, or the directory it is in where that is their way. */
const char *address_socket(const struct address *address);

#endif
