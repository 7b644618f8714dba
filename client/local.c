#include "client/local.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/process.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/random.h"
#include "shared/base/text.h"

/* A coordinator starts in well under a second; a slow disk gets its time. */
#define START_MS ((int64_t)20 * 1000)
#define POLL_MS  10

/* An agent that drains kills its workers and removes what it made. */
#define AGENT_STOP_MS       ((int64_t)20 * 1000)
#define COORDINATOR_STOP_MS ((int64_t)10 * 1000)

/* The end of a log that an error quotes. */
#define LOG_BYTES_MAX   ((size_t)64 * 1024 * 1024)
#define LOG_BYTES_SHOWN 300

struct local {
    struct arena arena;
    const char *project_dir;
    const char *state;
    const char *cache;
    bool is_temporary;
    const char *why_temporary; /* NULL: it lasts */
    int lock_fd;
    char *url;
    const char *token_file;
    pid_t coordinator;
    pid_t agent;
};

/* NULL: the user has no place of the kind. */
static const char *directory_of(struct arena *arena, const char *variable, const char *fallback)
{
    const char *given = getenv(variable); // NOLINT(concurrency-mt-unsafe): one thread
    const char *home = getenv("HOME");    // NOLINT(concurrency-mt-unsafe): one thread

    if (given != NULL && *given == '/')
        return given;
    return home != NULL && *home == '/' ? arena_printf(arena, "%s/%s", home, fallback) : NULL;
}

/* Where the project's lasting state and caches are. */
static enum status lasting_state_name(struct local *local, const char *project_dir,
                                      struct error *err)
{
    char hash[HASH_HEX_SIZE];
    const char *base = strrchr(project_dir, '/');
    struct arena *arena = &local->arena;
    const char *state = directory_of(arena, "XDG_STATE_HOME", ".local/state");
    const char *cache = directory_of(arena, "XDG_CACHE_HOME", ".cache");

    if (state == NULL || cache == NULL)
        return error_set(err, STATUS_NOT_FOUND, "HOME is not set");
    hash_bytes(project_dir, strlen(project_dir), hash);
    const char *name =
        arena_printf(arena, "muster/%s-%.12s", base != NULL ? base + 1 : "project", hash);
    local->state = arena_printf(arena, "%s/%s", state, name);
    local->cache = arena_printf(arena, "%s/%s", cache, name);
    return STATUS_OK;
}

/* STATUS_CONFLICT: another run has it. */
static enum status lasting_state_lock(struct local *local, struct error *err)
{
    return file_lock(arena_printf(&local->arena, "%s/lock", local->state), &local->lock_fd, err);
}

static enum status lasting_state_take(struct local *local, const char *project_dir,
                                      struct error *err)
{
    enum status status = lasting_state_name(local, project_dir, err);

    if (status == STATUS_OK)
        status = file_make_directories(local->state, 0700, err);
    if (status == STATUS_OK)
        status = file_make_directories(local->cache, 0700, err);
    if (status == STATUS_OK)
        status = lasting_state_lock(local, err);
    return status;
}

/* Takes what earlier runs left, and makes nothing. */
static enum status lasting_state_find(struct local *local, const char *project_dir,
                                      struct error *err)
{
    enum status status = lasting_state_name(local, project_dir, err);

    if (status != STATUS_OK)
        return status;
    if (access(arena_printf(&local->arena, "%s/coordinator/muster.db", local->state), F_OK) != 0)
        return error_set(err, STATUS_NOT_FOUND,
                         "no run was made in '%s' on this machine; for the runs of a coordinator "
                         "give --coordinator URL",
                         project_dir);
    status = lasting_state_lock(local, err);
    if (status == STATUS_CONFLICT)
        return error_set(err, status, "a run in '%s' is going on; look again when it has ended",
                         project_dir);
    return status;
}

static enum status temporary_state_make(struct local *local, struct error *err)
{
    struct arena *arena = &local->arena;
    const char *tmp = getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe): one thread
    char *temporary =
        arena_printf(arena, "%s/muster-run-XXXXXX", tmp != NULL && *tmp == '/' ? tmp : "/tmp");

    if (mkdtemp(temporary) == NULL)
        return error_set_errno(err, "cannot make a temporary state directory '%s'", temporary);
    local->is_temporary = true;
    local->state = temporary;
    local->cache = arena_printf(arena, "%s/cache", temporary);
    return file_make_directories(local->cache, 0700, err);
}

/* Takes the project's lasting state, or a temporary one where that cannot be had: a home that is
 * read-only, or missing, is common in containers. */
static enum status choose_state(struct local *local, const char *project_dir, struct error *err)
{
    struct error why;
    enum status status = lasting_state_take(local, project_dir, &why);

    if (status == STATUS_OK)
        return status;
    local->why_temporary = status == STATUS_CONFLICT ? "another run uses this project's state"
                                                     : arena_strdup(&local->arena, why.text);
    return temporary_state_make(local, err);
}

static enum status write_token(struct local *local, struct error *err)
{
    char token[65];

    random_hex(token, 32);
    local->token_file = arena_printf(&local->arena, "%s/token", local->state);
    const char *line = arena_printf(&local->arena, "%s\n", token);
    return file_write_atomic(local->token_file, line, strlen(line), 0600, err);
}

/* The program beside this one, as it is built and as it is installed. */
static const char *sibling(struct local *local, const char *name)
{
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len <= 0)
        return name;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    CHECK(slash != NULL);
    *slash = '\0';
    return arena_printf(&local->arena, "%s/%s", self, name);
}

static const char *log_of(struct local *local, const char *name)
{
    return arena_printf(&local->arena, "%s/%s.log", local->state, name);
}

/* Puts the end of the log behind the error's text. */
static void quote_log(struct local *local, const char *name, struct error *err)
{
    CLEANUP(buffer_release) struct buffer log;

    buffer_init(&log, LOG_BYTES_MAX);
    if (file_read(log_of(local, name), &log, NULL) != STATUS_OK || log.len == 0)
        return;
    size_t from = log.len > LOG_BYTES_SHOWN ? log.len - LOG_BYTES_SHOWN : 0;
    size_t len = strlen(err->text);
    (void)snprintf(err->text + len, sizeof(err->text) - len, "; the end of its log %s: %s",
                   log_of(local, name), log.at + from);
}

static bool has_ended(struct local *local, pid_t *pid, const char *name, struct error *err)
{
    char how[32];

    if (*pid == 0 || !process_has_ended(*pid, how, sizeof(how)))
        return false;
    *pid = 0;
    (void)error_set(err, STATUS_UNAVAILABLE, "the %s of this run has ended with %s", name, how);
    quote_log(local, name, err);
    return true;
}

bool local_has_failed(struct local *local, struct error *err)
{
    return has_ended(local, &local->coordinator, "coordinator", err) ||
           has_ended(local, &local->agent, "agent", err);
}

/* Waits for the file in which the coordinator says its port. */
static enum status await_port(struct local *local, const char *port_file, struct error *err)
{
    int64_t until_ms = clock_monotonic_ms() + START_MS;

    while (clock_monotonic_ms() < until_ms) {
        CLEANUP(buffer_release) struct buffer text;
        int64_t port = 0;

        buffer_init(&text, 32);
        if (has_ended(local, &local->coordinator, "coordinator", err))
            return err->status;
        if (file_read(port_file, &text, NULL) == STATUS_OK && text.len > 0) {
            text.at[strcspn(text.at, "\n")] = '\0';
            if (text_to_int64(text.at, 1, 65535, &port)) {
                local->url = arena_printf(&local->arena, "http://127.0.0.1:%" PRId64, port);
                return STATUS_OK;
            }
        }
        (void)poll(NULL, 0, POLL_MS);
    }
    (void)error_set(err, STATUS_UNAVAILABLE, "the coordinator did not start within %lld s",
                    (long long)START_MS / 1000);
    quote_log(local, "coordinator", err);
    return STATUS_UNAVAILABLE;
}

static enum status start_coordinator(struct local *local, struct error *err)
{
    const char *port_file = arena_printf(&local->arena, "%s/port", local->state);
    const char *const argv[] = {
        sibling(local, "muster-coordinator"),
        "--listen",
        "127.0.0.1:0",
        "--data",
        arena_printf(&local->arena, "%s/coordinator", local->state),
        "--token-file",
        local->token_file,
        "--port-file",
        port_file,
        NULL,
    };

    if (unlink(port_file) != 0 && errno != ENOENT)
        return error_set_errno(err, "cannot remove '%s'", port_file);
    enum status status =
        process_start(argv, log_of(local, "coordinator"), SIGTERM, &local->coordinator, err);
    return status == STATUS_OK ? await_port(local, port_file, err) : status;
}

static enum status start_agent(struct local *local, const struct local_settings *settings,
                               struct error *err)
{
    int64_t workers = settings->workers > 0 ? settings->workers : sysconf(_SC_NPROCESSORS_ONLN);
    const char *const argv[] = {
        sibling(local, "muster-agent"),
        "--coordinator",
        local->url,
        "--token-file",
        local->token_file,
        "--name",
        "local",
        "--work-dir",
        arena_printf(&local->arena, "%s/agent", local->cache),
        "--source-root",
        settings->project_dir,
        "--workers",
        arena_printf(&local->arena, "%" PRId64, workers),
        NULL,
    };

    return process_start(argv, log_of(local, "agent"), SIGHUP, &local->agent, err);
}

enum status local_start(const struct local_settings *settings, struct local **out_local,
                        struct error *err)
{
    struct local *local = mem_zalloc(sizeof(*local));

    local->lock_fd = -1;
    local->project_dir = arena_strdup(&local->arena, settings->project_dir);
    enum status status = settings->reads_only
                             ? lasting_state_find(local, settings->project_dir, err)
                             : choose_state(local, settings->project_dir, err);
    if (status == STATUS_OK)
        status = write_token(local, err);
    if (status == STATUS_OK)
        status = start_coordinator(local, err);
    if (status == STATUS_OK && !settings->reads_only)
        status = start_agent(local, settings, err);
    if (status != STATUS_OK) {
        local_stop(local);
        return status;
    }
    *out_local = local;
    return STATUS_OK;
}

const char *local_url(const struct local *local)
{
    return local->url;
}

const char *local_token_file(const struct local *local)
{
    return local->token_file;
}

const char *local_project_dir(const struct local *local)
{
    return local->project_dir;
}

const char *local_why_temporary(const struct local *local)
{
    return local->why_temporary;
}

void local_stop(struct local *local)
{
    struct error err;

    if (local == NULL)
        return;
    if (local->agent != 0)
        process_stop(local->agent, AGENT_STOP_MS);
    if (local->coordinator != 0)
        process_stop(local->coordinator, COORDINATOR_STOP_MS);
    if (local->is_temporary && file_remove_tree(local->state, &err) != STATUS_OK)
        (void)fprintf(stderr, "warning: %s\n", err.text);
    if (local->lock_fd >= 0)
        (void)close(local->lock_fd); /* lets the lock go */
    arena_release(&local->arena);
    free(local);
}
