#include "agent/spawn/identity.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <unistd.h>

static bool can_come_back(uid_t uid, gid_t gid)
{
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) != 0 || getgroups(0, NULL) != 0)
        return true;
    for (int i = 0; i < 3; i++)
        if (uids[i] != uid || gids[i] != gid)
            return true;
    return setuid(0) == 0 || setgid(0) == 0;
}

const char *identity_drop(uid_t uid, gid_t gid)
{
    if (setgroups(0, NULL) != 0)
        return "setgroups";
    if (setresgid(gid, gid, gid) != 0)
        return "setresgid";
    if (setresuid(uid, uid, uid) != 0)
        return "setresuid";
    if (can_come_back(uid, gid)) {
        errno = EPERM;
        return "leaving root for good";
    }
    return NULL;
}
