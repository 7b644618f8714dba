#ifndef TESTS_UNIT_AGENT_HOST_ORDINARY_H
#define TESTS_UNIT_AGENT_HOST_ORDINARY_H

/* An ordinary user for tests that root starts: every test is a process of its own. */

#include <stdbool.h>
#include <sys/types.h>

#define ORDINARY_UID ((uid_t)65534)
#define ORDINARY_GID ((gid_t)65534)

/* Root gives `dir` to the ordinary user and becomes it; who is ordinary stays so. */
void ordinary_become(const char *dir);

#endif
