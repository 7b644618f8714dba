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
    char state = '\0';
    int parent = 0;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t len = fread(stat, 1, sizeof(stat) - 1, file);
    (void)fclose(file);
    stat[len] = '\0';
    const char *after = strrchr(stat, ')');
    return after != NULL && sscanf(after, ") %c %d", &state, &parent) == 2 ? (pid_t)parent : 0;
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
