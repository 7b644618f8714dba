#include "agent/host/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/buffer.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

#define LEASE_VARIABLE "MUSTER_LEASE="

/* The kernel's own bound for arguments and environment together is 6 MiB. */
#define ENVIRON_BYTES_MAX ((size_t)6 * 1024 * 1024)

#define STAT_BYTES_MAX 4096

/* The field in /proc/PID/stat after the name that holds the start time. */
#define STAT_FIELD_START 20

static void buffer_cleanup(struct buffer *buffer)
{
    buffer_release(buffer);
}

int64_t process_start_ticks(pid_t pid)
{
    CLEANUP(buffer_cleanup) struct buffer stat;
    char path[64];

    buffer_init(&stat, STAT_BYTES_MAX);
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (file_read(path, &stat, NULL) != STATUS_OK)
        return 0;

    /* The name may hold blanks and parentheses: count from the last ')'. */
    char *at = strrchr(stat.at, ')');
    if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
        return 0; /* a zombie is dead */
    for (int field = 0; at != NULL && field < STAT_FIELD_START; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoll(at, NULL, 10) : 0;
}

void process_boot_id(char out_boot[LEASE_BOOT_SIZE])
{
    CLEANUP(buffer_cleanup) struct buffer text;

    buffer_init(&text, LEASE_BOOT_SIZE - 1);
    out_boot[0] = '\0';
    if (file_read("/proc/sys/kernel/random/boot_id", &text, NULL) == STATUS_OK)
        (void)snprintf(out_boot, LEASE_BOOT_SIZE, "%.*s", (int)strcspn(text.at, "\n"), text.at);
}

bool process_is_recorded(const struct lease_record *record)
{
    char boot[LEASE_BOOT_SIZE];

    if (record->kind != LEASE_RECORD_PROCESS || record->pid <= 1 || record->start <= 0)
        return false;
    process_boot_id(boot);
    return strcmp(boot, record->boot) == 0 &&
           process_start_ticks((pid_t)record->pid) == record->start;
}

/* ---- by the environment ------------------------------------------------------- */

static bool is_key(const char *value, const struct lease_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (records[i].kind == LEASE_RECORD_PROCESS && strcmp(value, records[i].what) == 0)
            return true;
    return false;
}

static bool is_marked(pid_t pid, const struct lease_record *records, size_t count)
{
    CLEANUP(buffer_cleanup) struct buffer environ_text;
    char path[64];

    buffer_init(&environ_text, ENVIRON_BYTES_MAX);
    (void)snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
    if (file_read(path, &environ_text, NULL) != STATUS_OK)
        return false; /* gone, or somebody else's */

    for (size_t at = 0; at < environ_text.len; at += strlen(environ_text.at + at) + 1)
        if (strncmp(environ_text.at + at, LEASE_VARIABLE, strlen(LEASE_VARIABLE)) == 0 &&
            is_key(environ_text.at + at + strlen(LEASE_VARIABLE), records, count))
            return true;
    return false;
}

struct pid_list {
    pid_t *at;
    size_t count;
    size_t cap;
};

static void pid_list_release(struct pid_list *list)
{
    free(list->at);
}

static void marked_find(const struct lease_record *records, size_t count, struct pid_list *list)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry = NULL;

    if (proc == NULL)
        return;
    while ((entry = readdir(proc)) != NULL) { /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && pid != getpid() && is_marked(pid, records, count))
            VEC_PUSH(list->at, list->count, list->cap) = pid;
    }
    (void)closedir(proc);
}

size_t process_count_marked(const char *key)
{
    CLEANUP(pid_list_release) struct pid_list list = {NULL, 0, 0};
    struct lease_record record;

    if (lease_record_init(&record, LEASE_RECORD_PROCESS, key, NULL) != STATUS_OK)
        return 0;
    marked_find(&record, 1, &list);
    return list.count;
}

/* ---- killing ------------------------------------------------------------------ */

/* Kills what the pid means now and waits until it is dead (a zombie is dead). */
static void kill_and_wait(pid_t pid, int64_t deadline_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int64_t left_ms = deadline_ms - clock_monotonic_ms();

    (void)kill(pid, SIGKILL);
    if (fd < 0)
        return;
    struct pollfd dead = {.fd = fd, .events = POLLIN};
    (void)poll(&dead, 1, left_ms > 0 ? (int)left_ms : 0);
    (void)close(fd);
}

static void recorded_kill(const struct lease_record *records, size_t count, int64_t deadline_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (!process_is_recorded(&records[i]))
            continue;
        /* Only a group that it leads is its own. */
        if (getpgid((pid_t)records[i].pid) == (pid_t)records[i].pid)
            (void)kill(-(pid_t)records[i].pid, SIGKILL);
        kill_and_wait((pid_t)records[i].pid, deadline_ms);
    }
}

enum status process_kill_recorded(const struct lease_record *records, size_t count,
                                  struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + PROCESS_DEATH_MS;

    recorded_kill(records, count, deadline_ms);
    do {
        CLEANUP(pid_list_release) struct pid_list list = {NULL, 0, 0};
        marked_find(records, count, &list);
        if (list.count == 0)
            return STATUS_OK;
        /* Stopped first, so that those which are not dead yet make no more of them. */
        for (size_t i = 0; i < list.count; i++)
            (void)kill(list.at[i], SIGSTOP);
        for (size_t i = 0; i < list.count; i++)
            (void)kill(list.at[i], SIGKILL);
        for (size_t i = 0; i < list.count; i++)
            kill_and_wait(list.at[i], deadline_ms);
    } while (clock_monotonic_ms() < deadline_ms);
    return error_set(err, STATUS_TIMEOUT, "processes of an earlier worker do not die");
}

enum status process_kill_marked(const char *key, struct error *err)
{
    struct lease_record record;
    enum status status = lease_record_init(&record, LEASE_RECORD_PROCESS, key, err);

    return status == STATUS_OK ? process_kill_recorded(&record, 1, err) : status;
}
