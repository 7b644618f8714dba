#include "agent/spawn/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The kernel refuses less (RESERVED_PIDS and one). */
#define PID_MAX_LEAST 301

/* Holds some empty files and directories, never data. */
#define COVER_OPTIONS "size=256k,mode=0755"

static bool text_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t len = strlen(text);
    bool written = fd >= 0 && write(fd, text, len) == (ssize_t)len;

    if (fd >= 0)
        (void)close(fd);
    return written;
}

/* One user and one group, both as they are outside: the worker keeps the agent's. */
static bool identities_map(uid_t uid, gid_t gid)
{
    char uids[64];
    char gids[64];

    (void)snprintf(uids, sizeof(uids), "%u %u 1\n", uid, uid);
    (void)snprintf(gids, sizeof(gids), "%u %u 1\n", gid, gid);
    return text_write("/proc/self/setgroups", "deny") && text_write("/proc/self/uid_map", uids) &&
           text_write("/proc/self/gid_map", gids);
}

/* ---- hiding ------------------------------------------------------------------- */

static bool parents_make(const char *path)
{
    char copy[PATH_MAX];

    if (strlen(path) >= sizeof(copy)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(copy, path, strlen(path) + 1);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

/* Makes the file appear at its own path, though its directory is covered now. */
static const char *file_show(const char *path, int fd)
{
    char source[64];
    int place = -1;

    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    if (!parents_make(path) || (place = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444)) < 0)
        return "open (a file to show)";
    (void)close(place);
    if (mount(source, path, NULL, MS_BIND, NULL) != 0)
        return "mount (a file to show)";
    if (mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0)
        return "mount (a file to show, read-only)";
    return NULL;
}

static const char *directory_hide(const struct spawn_options *options)
{
    int fds[SPAWN_SHOW_MAX];
    const char *failed = NULL;

    for (size_t i = 0; i < options->show_count; i++)
        if ((fds[i] = open(options->show[i], O_PATH | O_CLOEXEC | O_NOFOLLOW)) < 0)
            return "open (a file to show)";
    if (mount("none", options->hide, "tmpfs", MS_NOSUID | MS_NODEV, COVER_OPTIONS) != 0)
        return "mount (tmpfs)";
    for (size_t i = 0; i < options->show_count; i++) {
        if (failed == NULL)
            failed = file_show(options->show[i], fds[i]);
        (void)close(fds[i]);
    }
    if (failed == NULL && mount(NULL, options->hide, NULL,
                                MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, COVER_OPTIONS) != 0)
        failed = "mount (tmpfs, read-only)";
    return failed;
}

/* ---- entering ------------------------------------------------------------------ */

const char *namespaces_enter(const struct spawn_options *options)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    int user = options->namespaces == NAMESPACES_USER ? CLONE_NEWUSER : 0;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | user) != 0)
        return "unshare";
    if (user != 0 && !identities_map(uid, gid))
        return "mapping of user and group";
    /* What the host mounts later is seen; what is mounted here stays here. */
    if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return "mount (slave)";
    /* Before hiding: what lies below may lie in what is hidden. */
    const char *failed =
        options->overlay.lower != NULL ? overlay_mount(&options->overlay, user != 0) : NULL;
    if (failed != NULL)
        return failed;
    return options->hide != NULL ? directory_hide(options) : NULL;
}

/* Since Linux 6.14 pid_max belongs to the namespace; on an older kernel it is the whole
 * machine's, and must not be touched. */
static bool has_own_pid_max(void)
{
    struct utsname name;
    char *end = NULL;

    if (uname(&name) != 0)
        return false;
    long major = strtol(name.release, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return major > 6 || (major == 6 && minor >= 14);
}

const char *namespaces_settle(const struct spawn_options *options)
{
    char most[32];
    int64_t bound = options->processes < PID_MAX_LEAST ? PID_MAX_LEAST : options->processes;

    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return "mount (proc)";
    /* The one bound on processes that holds for root too; where it cannot be set, RLIMIT_NPROC is
     * what there is. */
    (void)snprintf(most, sizeof(most), "%" PRId64 "\n", bound);
    if (options->processes > 0 && has_own_pid_max())
        (void)text_write("/proc/sys/kernel/pid_max", most);
    return NULL;
}
