#ifndef AGENT_CORE_ACTION_H
#define AGENT_CORE_ACTION_H

/* Adds actions to the list that the shell will carry out. */

#include "agent/core/foreman.h"

struct slot;

/* A zeroed action of the kind at the end of the list. */
struct action *action_add(struct foreman *foreman, enum action_kind kind);
struct action *action_add_slot(struct foreman *foreman, enum action_kind kind,
                               const struct slot *slot);

void action_tell(struct foreman *foreman, const struct slot *slot, enum worker_do order);
void action_kill(struct foreman *foreman, const struct slot *slot, bool hard);

#endif
