#include "tests/unit/agent_host/ordinary.h"

#include <criterion/criterion.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

void ordinary_become(const char *dir)
{
    if (geteuid() != 0)
        return;
    cr_assert_eq(chown(dir, ORDINARY_UID, ORDINARY_GID), 0);
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_assert_eq(setresgid(ORDINARY_GID, ORDINARY_GID, ORDINARY_GID), 0);
    cr_assert_eq(setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID), 0);
    cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0); /* /proc/self is ours again */
}
