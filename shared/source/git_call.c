#include "shared/source/git_call.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/memory.h"

/* More words than any call of ours has, our own options included. */
#define GIT_ARGV_MAX 64
#define GIT_ENV_MAX  40

/* The end of what git said on standard error: its last lines hold the reason. */
#define GIT_STDERR_BYTES_MAX 65536

/* How often we look whether git has ended while something it left behind (a shared ssh
 * connection) keeps its pipes open. */
#define GIT_LOOK_MS 100

/* clang-format off */
static const char *const options[] = {
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "core.excludesFile=/dev/null",
    "-c", "core.attributesFile=/dev/null",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "advice.detachedHead=false",
    "-c", "submodule.recurse=false",
    "-c", "fetch.recurseSubmodules=false",
    /* Whoever may name the directory runs commands in it anyway. */
    "-c", "safe.directory=*",
};

static const char *const kept_variables[] = {
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND",
    "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "XDG_CONFIG_HOME",
};

static const char *const set_variables[] = {
    "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
    "GIT_ALLOW_PROTOCOL=file:https:ssh:git", "GIT_PAGER=cat", "GIT_OPTIONAL_LOCKS=0",
    "GIT_FLUSH=0",
};

static const char *const local_variables[] = {
    "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
};
/* clang-format on */

struct child {
    pid_t pid;
    int out_fd, err_fd; /* our ends; -1 closed */
};

static void argv_build(const struct git_call *call, char *argv[static GIT_ARGV_MAX],
                       struct arena *arena)
{
    size_t count = 0;

    argv[count++] = arena_strdup(arena, "git");
    for (size_t i = 0; i < COUNT_OF(options); i++)
        argv[count++] = arena_strdup(arena, options[i]);
    argv[count++] = arena_strdup(arena, "-C");
    argv[count++] = arena_strdup(arena, call->dir);
    for (size_t i = 0; call->argv[i] != NULL; i++) {
        CHECK(count + 1 < GIT_ARGV_MAX);
        argv[count++] = arena_strdup(arena, call->argv[i]);
    }
    argv[count] = NULL;
}

/* Not getenv(): several threads ask, and nobody here ever changes the environment. */
static const char *variable_of_ours(const char *name)
{
    size_t len = strlen(name);

    for (char **at = environ; *at != NULL; at++) {
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
            return *at + len + 1;
    }
    return NULL;
}

static void environment_build(bool is_remote, char *env[static GIT_ENV_MAX], struct arena *arena)
{
    size_t count = 0;

    static_assert(COUNT_OF(kept_variables) + COUNT_OF(set_variables) + COUNT_OF(local_variables) +
                          2 <=
                      GIT_ENV_MAX,
                  "the environment has room for all we give");
    for (size_t i = 0; i < COUNT_OF(kept_variables); i++) {
        const char *value = variable_of_ours(kept_variables[i]);

        if (value != NULL)
            env[count++] = arena_printf(arena, "%s=%s", kept_variables[i], value);
    }
    if (variable_of_ours("GIT_SSH_COMMAND") == NULL)
        env[count++] = arena_strdup(arena, "GIT_SSH_COMMAND=ssh -oBatchMode=yes");
    for (size_t i = 0; i < COUNT_OF(set_variables); i++)
        env[count++] = arena_strdup(arena, set_variables[i]);
    for (size_t i = 0; !is_remote && i < COUNT_OF(local_variables); i++)
        env[count++] = arena_strdup(arena, local_variables[i]);
    env[count] = NULL;
}

static int spawn_attributes(posix_spawnattr_t *attr)
{
    sigset_t none;
    sigset_t all;
    int code = posix_spawnattr_init(attr);

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    code = code != 0 ? code : posix_spawnattr_setsigmask(attr, &none);
    code = code != 0 ? code : posix_spawnattr_setsigdefault(attr, &all);
    code = code != 0 ? code : posix_spawnattr_setpgroup(attr, 0);
    return code != 0
               ? code
               : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK);
}

static int spawn_git(const struct git_call *call, int out_fd, int err_fd, pid_t *out_pid)
{
    struct arena arena = ARENA_INIT;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char *argv[GIT_ARGV_MAX];
    char *env[GIT_ENV_MAX];
    int code = spawn_attributes(&attr);

    argv_build(call, argv, &arena);
    environment_build(call->is_remote, env, &arena);
    code = code != 0 ? code : posix_spawn_file_actions_init(&actions);
    code = code != 0
               ? code
               : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    code = code != 0 ? code : posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    code = code != 0 ? code : posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    /* A descriptor duplicated onto itself loses its close-on-exec mark. */
    if (code == 0 && call->lock_fd >= 0)
        code = posix_spawn_file_actions_adddup2(&actions, call->lock_fd, call->lock_fd);
    code = code != 0 ? code : posix_spawnp(out_pid, "git", &actions, &attr, argv, env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    arena_release(&arena);
    return code;
}

static enum status child_start(const struct git_call *call, struct child *child, struct error *err)
{
    int out[2];
    int errs[2];
    int code = 0;

    if (pipe2(out, O_CLOEXEC) != 0)
        return error_set_errno(err, "cannot make a pipe for git");
    if (pipe2(errs, O_CLOEXEC) != 0) {
        (void)close(out[0]);
        (void)close(out[1]);
        return error_set_errno(err, "cannot make a pipe for git");
    }
    code = spawn_git(call, out[1], errs[1], &child->pid);
    (void)close(out[1]);
    (void)close(errs[1]);
    child->out_fd = out[0];
    child->err_fd = errs[0];
    if (code == 0)
        return STATUS_OK;
    (void)close(out[0]);
    (void)close(errs[0]);
    if (code == ENOENT)
        return error_set(err, STATUS_NOT_FOUND, "git is not installed (not found in PATH)");
    errno = code;
    return error_set_errno(err, "cannot start git");
}

/* Reads what is there; closes the descriptor at its end.  The newest bytes win where
 * `keeps_tail`; otherwise false once the bound is passed. */
static bool pipe_read(int *fd, struct buffer *buffer, bool keeps_tail)
{
    char bytes[16384];
    ssize_t got = read(*fd, bytes, sizeof(bytes));

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got <= 0) {
        (void)close(*fd);
        *fd = -1;
        return true;
    }
    if (buffer == NULL)
        return true;
    if (keeps_tail && buffer->len + (size_t)got > GIT_STDERR_BYTES_MAX)
        buffer_drop_front(buffer, buffer->len + (size_t)got - GIT_STDERR_BYTES_MAX);
    return buffer_add(buffer, bytes, (size_t)got);
}

static bool pipes_poll(struct child *child, int wait_ms, struct buffer *out_text,
                       struct buffer *said, bool *out_any)
{
    struct pollfd fds[2] = {{.fd = child->out_fd, .events = POLLIN},
                            {.fd = child->err_fd, .events = POLLIN}};
    bool fits = true;

    *out_any = poll(fds, COUNT_OF(fds), wait_ms) > 0;
    if (!*out_any)
        return true;
    if (fds[0].revents != 0)
        fits = pipe_read(&child->out_fd, out_text, false);
    if (fds[1].revents != 0)
        (void)pipe_read(&child->err_fd, said, true);
    return fits;
}

/* Waits for the end.  Kills the group when the time is up or the answer too long. */
static enum status child_wait(struct child *child, const struct git_call *call,
                              struct buffer *out_text, struct buffer *said, int *out_wait_status,
                              struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + call->timeout_ms;
    enum status status = STATUS_OK;
    bool any = false;

    while (child->out_fd >= 0 || child->err_fd >= 0) {
        if (!pipes_poll(child, GIT_LOOK_MS, out_text, said, &any))
            status =
                error_set(err, STATUS_TOO_BIG, "git answered more than %zu bytes", out_text->max);
        else if (clock_monotonic_ms() >= deadline_ms)
            status = error_set(err, STATUS_TIMEOUT, "git %s took longer than %lld s", call->argv[0],
                               (long long)(call->timeout_ms / 1000));
        if (status != STATUS_OK)
            break;
        if (!any && waitpid(child->pid, out_wait_status, WNOHANG) == child->pid)
            return STATUS_OK;
    }
    if (status != STATUS_OK)
        (void)kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, out_wait_status, 0) < 0) {
        if (errno != EINTR)
            return error_set_errno(err, "cannot learn how git ended");
    }
    return status;
}

/* The last line that says something, without "fatal: " and the like. */
static const char *said_reason(struct buffer *said)
{
    char *line = NULL;

    if (said->len == 0)
        return "it gave no reason";
    while (said->len > 0 && said->at[said->len - 1] == '\n')
        said->at[--said->len] = '\0';
    line = strstr(said->at, "fatal: ");
    if (line != NULL)
        return line + strlen("fatal: ");
    line = strrchr(said->at, '\n');
    return line != NULL ? line + 1 : said->at;
}

enum status git_call(const struct git_call *call, struct buffer *out_text, struct error *err)
{
    struct child child = {0};
    struct buffer said;
    int wait_status = 0;
    enum status status = child_start(call, &child, err);

    if (status != STATUS_OK)
        return status;
    buffer_init(&said, GIT_STDERR_BYTES_MAX);
    status = child_wait(&child, call, out_text, &said, &wait_status, err);
    if (child.out_fd >= 0)
        (void)close(child.out_fd);
    if (child.err_fd >= 0)
        (void)close(child.err_fd);
    if (status == STATUS_OK && WIFSIGNALED(wait_status))
        status = error_set(err, STATUS_INVALID, "git %s: ended by signal %d", call->argv[0],
                           WTERMSIG(wait_status));
    else if (status == STATUS_OK && WEXITSTATUS(wait_status) != 0)
        status = error_set(err, STATUS_INVALID, "git %s: %s", call->argv[0], said_reason(&said));
    buffer_release(&said);
    return status;
}

void git_url_mask(const char *url, struct buffer *out_text)
{
    const char *scheme_end = strstr(url, "://");
    const char *at = scheme_end != NULL ? strchr(scheme_end, '@') : NULL;
    const char *slash = scheme_end != NULL ? strchr(scheme_end + 3, '/') : NULL;

    if (at == NULL || (slash != NULL && slash < at)) {
        (void)buffer_add_text(out_text, url);
        return;
    }
    (void)buffer_add(out_text, url, (size_t)(scheme_end + 3 - url));
    (void)buffer_add_text(out_text, "...");
    (void)buffer_add_text(out_text, at);
}
