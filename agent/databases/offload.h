#ifndef AGENT_DATABASES_OFFLOAD_H
#define AGENT_DATABASES_OFFLOAD_H

/* Private to this folder: slow work in a thread, its end on the loop. */

#include "agent/databases/database.h"

struct databases;

/* Runs `work` in a thread of uv_queue_work and then, from the loop, `done` with its status and the
 * error's text.  `context` stays the caller's.  databases_free waits for what is under way; `done`
 * is called then too. */
void offload(struct databases *databases, enum status (*work)(void *context, struct error *err),
             databases_done *done, void *context);

#endif
