#include "agent/host/isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two lines, one of which may hold a path. */
#define ANSWER_BYTES_MAX (4096 + 512)

extern char **environ;

/* Starts the helper with its standard output in a pipe. */
static int helper_start(const char *helper_path, const char *dir, pid_t *out_pid, int *out_fd)
{
    char path[4096];
    char place[4096];
    char option[] = "--probe";
    char *argv[] = {path, option, place, NULL};
    posix_spawn_file_actions_t actions;
    int fds[2];

    if (snprintf(path, sizeof(path), "%s", helper_path) >= (int)sizeof(path) ||
        snprintf(place, sizeof(place), "%s", dir) >= (int)sizeof(place))
        return ENAMETOOLONG;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return errno;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    int failed = posix_spawn(out_pid, path, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fds[1]);
    if (failed != 0)
        (void)close(fds[0]);
    *out_fd = fds[0];
    return failed;
}

/* agent/spawn/probe.h has the form. */
static bool answer_read(const char *answer, struct isolation *isolation)
{
    char hide[16] = "";
    char overlay[16] = "";
    int why = 0;

    if (sscanf(answer, "%15s %15s overlay %15s%n", isolation->namespaces, hide, overlay, &why) != 3)
        return false;
    isolation->can_hide = strcmp(hide, "hide") == 0;
    isolation->can_overlay = strcmp(overlay, "yes") == 0;
    if (!isolation->can_overlay && answer[why] == ' ')
        (void)snprintf(isolation->overlay_why, sizeof(isolation->overlay_why), "%.*s",
                       (int)strcspn(answer + why + 1, "\n"), answer + why + 1);
    return true;
}

enum status isolation_probe(const char *helper_path, const char *dir,
                            struct isolation *out_isolation, struct error *err)
{
    char answer[ANSWER_BYTES_MAX];
    pid_t pid = 0;
    int fd = -1;
    size_t len = 0;
    ssize_t got = 0;

    errno = helper_start(helper_path, dir, &pid, &fd);
    if (errno != 0)
        return error_set_errno(err, "cannot run '%s'", helper_path);
    while (len < sizeof(answer) - 1 && (got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
        len += (size_t)got;
    answer[len] = '\0';
    (void)close(fd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;

    *out_isolation = (struct isolation){.namespaces = "none"};
    if (!answer_read(answer, out_isolation))
        return error_set(err, STATUS_IO, "'%s' gave no answer to --probe", helper_path);
    return STATUS_OK;
}

const char *isolation_text(const struct isolation *isolation)
{
    static const char *const apart[2][2] = {
        {"workers in pid namespaces, templates read-only and hash checked, servers' files copied",
         "workers in pid namespaces, templates read-only and hash checked, servers' files "
         "overlaid"},
        {"workers in pid namespaces, templates hidden by a mount namespace, servers' files copied",
         "workers in pid namespaces, templates hidden by a mount namespace, servers' files "
         "overlaid"},
    };

    if (strcmp(isolation->namespaces, "none") != 0)
        return apart[isolation->can_hide][isolation->can_overlay];
    return "workers in sessions of their own, templates read-only and hash checked, servers' files "
           "copied";
}
