#ifndef AGENT_SPAWN_PROBE_H
#define AGENT_SPAWN_PROBE_H

/* What this machine lets us have, found by doing it: muster-spawn --probe DIR.
 *
 *     none|pid|user hide|show     namespaces, and whether DIR can be covered in them
 *     overlay yes                 DIR can hold the layers of overlays
 *     overlay no WHY              and what would mend it, where we know
 *
 * Single-threaded. */

#include "agent/spawn/options.h"

/* The program's exit status. */
int probe_print(const struct spawn_options *options);

#endif
