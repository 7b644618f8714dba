#ifndef TESTS_UNIT_AGENT_DATABASES_SERVER_ASK_H
#define TESTS_UNIT_AGENT_DATABASES_SERVER_ASK_H

/* Asks a worker's database, as a worker would: by its socket, with its password.  A file of its
 * own, since the client libraries and our headers share a name. */

#include <stdint.h>

#include "agent/workers/workers.h"

/* It cannot be asked, or there is no row. */
#define NO_ANSWER (-1)

/* The first column of the first row, a number. */
int64_t server_ask(const struct worker_database *database, const char *sql);

#endif
