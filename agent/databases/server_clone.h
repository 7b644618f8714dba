#ifndef AGENT_DATABASES_SERVER_CLONE_H
#define AGENT_DATABASES_SERVER_CLONE_H

/* Private to this folder: a private copy of a server's template, with a server of its own.
 *
 *   make:  template as it was when it was closed? -> overlay, or copied -> served -> [READY]
 *   hand_out: every database is there, the slot's password is set        -> [USED]
 *   drop:  server killed -> directories gone                            -> (freed)
 *
 * Loop's thread only. */

#include "agent/databases/server_template.h"

struct server_clone;

/* Begins to make one; `done` comes from the loop.  When it failed the clone is gone already. */
struct server_clone *server_clone_make(struct server_template *server, databases_done *done,
                                       void *context);

/* Gives it to an address, whose password it gets. */
void server_clone_hand_out(struct server_clone *clone, const struct address *address,
                           databases_done *done, void *context);

/* Its server is killed and what it has is removed, in the background.  NULL is nothing.  Not while
 * it is being made or handed out. */
void server_clone_drop(struct server_clone *clone);

/* Its server has ended, and nobody asked it to; NULL: it lives. */
const char *server_clone_died(const struct server_clone *clone);

/* When the databases close: their servers are gone, and so will be the directories around theirs.
 */
void server_clones_release(struct databases *databases);

#endif
