#ifndef AGENT_SPAWN_IDENTITY_H
#define AGENT_SPAWN_IDENTITY_H

/* Root becomes somebody else, for good.  Single-threaded.
 *
 * The kernel forgets PR_SET_PDEATHSIG then, and hides /proc/self from the new user: what asked for
 * the first must ask again, what writes there does so before. */

#include <sys/types.h>

/* No other groups stay.  NULL, or the name of the call that failed (errno tells why); a process
 * that could come back has failed, too. */
const char *identity_drop(uid_t uid, gid_t gid);

#endif
