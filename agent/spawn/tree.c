#include "agent/spawn/tree.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/check.h"

/* The parent's pid is the second field after the name. */
static pid_t parent_of(pid_t pid)
{
    char path[64];
    char stat[512];

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t len = fread(stat, 1, sizeof(stat) - 1, file);
    (void)fclose(file);
    stat[len] = '\0';
    /* ") S 123": the name may hold anything, also a ')'. */
    const char *after = strrchr(stat, ')');
    if (after == NULL || strlen(after) < strlen(") S 1"))
        return 0;
    return (pid_t)strtol(after + strlen(") S "), NULL, 10);
}

/* A whole group at once: it cannot outrun us by forking. */
static void child_kill(pid_t pid)
{
    pid_t group = getpgid(pid);

    if (group > 1 && group != getpgrp())
        (void)kill(-group, SIGKILL);
    (void)kill(pid, SIGKILL);
}

static void children_kill(void)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry = NULL;

    if (proc == NULL)
        return;
    while ((entry = readdir(proc)) != NULL) { /* NOLINT(concurrency-mt-unsafe): one thread */
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && parent_of(pid) == getpid())
            child_kill(pid);
    }
    (void)closedir(proc);
}

void tree_end(void)
{
    /* Each death may make new children ours, so they are looked for after each. */
    do {
        children_kill();
    } while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR);
}
