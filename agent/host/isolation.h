#ifndef AGENT_HOST_ISOLATION_H
#define AGENT_HOST_ISOLATION_H

/* What keeps workers apart on this machine, as muster-spawn's trial found it. */

#include <stdbool.h>

#include "shared/base/status.h"

#define ISOLATION_WHY_MAX 320

struct isolation {
    char namespaces[16];                 /* for --namespaces: "none", "pid", "user"            */
    bool can_hide;                       /* directories, by a mount namespace                  */
    bool can_overlay;                    /* below the directory that was tried                 */
    char overlay_why[ISOLATION_WHY_MAX]; /* not: and what mends it, where that is known; or "" */
};

/* Runs `helper_path --probe dir` and waits for it (some ms); before the agent has other children.
 */
enum status isolation_probe(const char *helper_path, const char *dir,
                            struct isolation *out_isolation, struct error *err) MUST_USE;

/* A sentence for people: all means that the machine gives. */
const char *isolation_text(const struct isolation *isolation);

#endif
