#ifndef AGENT_HOST_ISOLATION_H
#define AGENT_HOST_ISOLATION_H

/* What keeps workers apart on this machine, as muster-spawn's trial found it. */

#include <stdbool.h>

#include "shared/base/status.h"

struct isolation {
    char namespaces[16]; /* for --namespaces: "none", "pid", "user" */
    bool can_hide;       /* directories, by a mount namespace       */
};

/* Runs `helper_path --probe dir` and waits for it (some ms); before the agent has other children.
 */
enum status isolation_probe(const char *helper_path, const char *dir,
                            struct isolation *out_isolation, struct error *err) MUST_USE;

/* A sentence for people. */
const char *isolation_text(const struct isolation *isolation);

#endif
