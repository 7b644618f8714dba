#ifndef AGENT_SHELL_H
#define AGENT_SHELL_H

/* The foreman's hands: feeds it what happens and does what it says, on one libuv loop.
 *
 *     signals, link, runs, databases, workers, timer --input--> foreman --actions--> the same
 *
 * An input that comes while actions are being done waits until they all are. */

#include "agent/settings.h"
#include "shared/base/status.h"

/* Lives the agent's whole life.  STATUS_OK: it left in order.  Anything else: it could not start.
 */
enum status shell_run(const struct agent_settings *settings, struct error *err) MUST_USE;

#endif
