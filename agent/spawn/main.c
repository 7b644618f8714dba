/* muster-spawn: starts one worker or command and ends with its whole tree.
 *
 *   agent --spawn--> helper --fork--> program                       without namespaces
 *   agent --spawn--> helper --fork--> first --fork--> program       first: pid 1 of the namespace
 *
 * 1. It writes its pid into the lease record, before there is anything else to find.
 * 2. It asks to be told when the agent dies (then it kills the tree), and becomes the parent of
 * what the tree leaves behind.
 * 3. Namespaces, session, limits; the program.
 * 4. SIGTERM: SIGTERM to the program's group.  SIGUSR1, or the agent's death: SIGKILL to
 * everything.
 * 5. When the program has ended, everything it left is killed and reaped; then the status is told.
 *
 * Single-threaded, no allocations that matter, nothing of the agent's state. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/host/lease_record.h"
#include "agent/host/process.h"
#include "agent/spawn/identity.h"
#include "agent/spawn/namespaces.h"
#include "agent/spawn/options.h"
#include "agent/spawn/probe.h"
#include "agent/spawn/tree.h"
#include "shared/base/check.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

#define EXIT_NOT_STARTED 125
#define EXIT_USAGE       2
#define EXIT_NO_PROGRAM  127

/* SIGKILL to everything; also what the kernel sends when the agent dies. */
#define SIGNAL_END SIGUSR1

/* Workers are killed before the agent when memory runs out, and before what else lives here. */
#define OOM_SCORE "700"

/* Databases and test runners open many files; beyond this select() users break anyway. */
#define OPEN_FILES_MAX 4096

/* ---- telling the agent ----------------------------------------------------------- */

static void tell(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void tell(const char *fmt, ...)
{
    char line[1024];
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(line, sizeof(line) - 1, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    if (len > (int)sizeof(line) - 2)
        len = (int)sizeof(line) - 2;
    for (int i = 0; i < len; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[len] = '\n';
    if (write(SPAWN_STATUS_FD, line, (size_t)len + 1) < 0)
        return; /* nobody listens: the agent has gone */
}

static _Noreturn void refuse(const char *what)
{
    tell("error cannot start the worker: %s: %s", what, strerrordesc_np(errno));
    _exit(EXIT_NOT_STARTED);
}

/* ---- signals --------------------------------------------------------------------- */

static sigset_t signals_block(void)
{
    sigset_t all;

    (void)sigemptyset(&all);
    (void)sigaddset(&all, SIGCHLD);
    (void)sigaddset(&all, SIGTERM);
    (void)sigaddset(&all, SIGINT);
    (void)sigaddset(&all, SIGHUP);
    (void)sigaddset(&all, SIGNAL_END);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    return all;
}

static void signals_restore(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* SIGKILL and SIGSTOP refuse, as they should */
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* ---- the program ------------------------------------------------------------------ */

static void limit_set(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return;
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max)
        value = limit.rlim_max;
    limit.rlim_cur = value;
    /* Where a program can reach the end of it, it may not raise it again; open files are no such
     * thing. */
    if (resource != RLIMIT_NOFILE)
        limit.rlim_max = value;
    (void)setrlimit(resource, &limit);
}

static void limits_set(const struct spawn_options *options)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
            errno = 0; /* a wish */
        (void)close(fd);
    }
    limit_set(RLIMIT_CORE, 0);
    limit_set(RLIMIT_NOFILE, OPEN_FILES_MAX);
    if (options->processes > 0)
        limit_set(RLIMIT_NPROC, (rlim_t)options->processes);
    if (options->memory_bytes > 0)
        limit_set(RLIMIT_AS, (rlim_t)options->memory_bytes);
    (void)umask(022);
}

/* In a namespace of users the helper has become the user already. */
static bool program_drops(const struct spawn_options *options)
{
    return options->drop && options->namespaces != NAMESPACES_USER;
}

static _Noreturn void program_become(const struct spawn_options *options, pid_t parent)
{
    const char *failed = NULL;

    (void)setsid();
    signals_restore();
    limits_set(options);
    if (program_drops(options) && (failed = identity_drop(options->uid, options->gid)) != NULL)
        refuse(failed);
    /* After the change of users, at which the kernel forgets it. */
    if (options->namespaces == NAMESPACES_NONE) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_NOT_STARTED);
    }
    if (options->directory != NULL && chdir(options->directory) != 0) {
        tell("error cannot start in '%s': %s", options->directory, strerrordesc_np(errno));
        _exit(EXIT_NOT_STARTED);
    }
    (void)syscall(SYS_close_range, options->keep_fds, ~0U, CLOSE_RANGE_CLOEXEC);
    (void)execvp(options->argv[0], options->argv);
    tell("error cannot start '%s': %s", options->argv[0], strerrordesc_np(errno));
    _exit(EXIT_NO_PROGRAM);
}

/* What we open later must not land on a descriptor that descriptors_leave() gives away: a command
 * is started with 0, 1 and 2 only, so 3 and 4 are free. */
static void descriptors_fill(void)
{
    for (int fd = 0; fd < SPAWN_STATUS_FD; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
            refuse("open /dev/null");
}

/* The helper must not hold what the agent waits for the end of. */
static void descriptors_leave(void)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd < SPAWN_STATUS_FD; fd++)
        if (nothing < 0 || dup3(nothing, fd, O_CLOEXEC) < 0)
            (void)close(fd);
}

static void group_end(pid_t child, bool leads_group)
{
    /* Before its setsid there is no such group; the signal waits for the program then. */
    if (!leads_group || kill(-child, SIGTERM) != 0)
        (void)kill(child, SIGTERM);
}

/* Waits for `child`, handing signals on to it, and reaps whatever else ends; the wait status.
 * The program leads its group; a namespace's first process hands SIGTERM on. */
static int child_wait(pid_t child, bool leads_group, const sigset_t *signals)
{
    int status = 0;

    for (;;) {
        int number = sigwaitinfo(signals, NULL);
        if (number == SIGNAL_END)
            (void)kill(child, SIGKILL);
        else if (number == SIGTERM || number == SIGINT || number == SIGHUP)
            group_end(child, leads_group);
        else if (number != SIGCHLD)
            continue;

        pid_t ended = 0;
        int one = 0;
        while ((ended = waitpid(-1, &one, WNOHANG | __WALL)) > 0)
            if (ended == child) {
                status = one;
                child = 0;
            }
        if (child == 0)
            return status;
    }
}

/* ---- the namespace's first process ------------------------------------------------ */

/* Never returns.  Its end is the end of everything in the namespace. */
static _Noreturn void first_be(const struct spawn_options *options, int life_fd, int result_fd,
                               const sigset_t *signals)
{
    struct pollfd life = {.fd = life_fd, .events = POLLIN};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (poll(&life, 1, 0) != 0) /* the helper died before the line above */
        _exit(EXIT_NOT_STARTED);
    const char *failed = namespaces_settle(options);
    if (failed != NULL)
        refuse(failed);

    pid_t program = fork();
    if (program < 0)
        refuse("fork");
    if (program == 0)
        program_become(options, getppid());
    descriptors_leave();

    int status = child_wait(program, true, signals);
    if (write(result_fd, &status, sizeof(status)) < 0)
        _exit(EXIT_NOT_STARTED);
    _exit(0);
}

/* The program's wait status; SIGKILL when the first process died without telling. */
static int first_run(const struct spawn_options *options, const sigset_t *signals)
{
    int life[2];
    int result[2];
    int status = SIGKILL;

    if (pipe2(life, O_CLOEXEC) != 0 || pipe2(result, O_CLOEXEC) != 0)
        refuse("pipe");
    pid_t first = fork();
    if (first < 0)
        refuse("fork");
    if (first == 0) {
        (void)close(life[1]);
        (void)close(result[0]);
        first_be(options, life[0], result[1], signals);
    }
    (void)close(result[1]);
    descriptors_leave();
    (void)child_wait(first, false, signals);
    if (read(result[0], &status, sizeof(status)) != (ssize_t)sizeof(status))
        status = SIGKILL;
    return status;
}

static int program_run(const struct spawn_options *options, const sigset_t *signals)
{
    pid_t parent = getpid();
    pid_t program = fork();

    if (program < 0)
        refuse("fork");
    if (program == 0)
        program_become(options, parent);
    descriptors_leave();
    return child_wait(program, true, signals);
}

/* ---- the helper -------------------------------------------------------------------- */

static void record_write(const struct spawn_options *options)
{
    struct lease_record record;
    struct error err;

    if (lease_record_init(&record, LEASE_RECORD_PROCESS, options->key, &err) == STATUS_OK) {
        record.pid = getpid();
        record.start = process_start_ticks(getpid());
        process_boot_id(record.boot);
        if (lease_record_write(options->record, &record, &err) == STATUS_OK)
            return;
    }
    tell("error cannot write the lease record: %s", err.text);
    _exit(EXIT_NOT_STARTED);
}

/* The agent's death ends everything. */
static void death_watch(const struct spawn_options *options)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGNAL_END);
    if (options->parent != 0 && getppid() != options->parent)
        _exit(EXIT_NOT_STARTED);
}

/* A namespace of users knows one user, who must be the program's before it is made. */
static const char *helper_drop(const struct spawn_options *options)
{
    const char *failed = identity_drop(options->uid, options->gid);

    if (failed == NULL && prctl(PR_SET_DUMPABLE, 1) != 0) /* or its maps are root's to write */
        failed = "prctl (dumpable)";
    death_watch(options);
    return failed;
}

int main(int argc, char **argv)
{
    sigset_t signals = signals_block();
    struct spawn_options options;
    const char *wrong = NULL;

    if (!spawn_options_read(&options, argc, argv, &wrong)) {
        if (fcntl(SPAWN_STATUS_FD, F_GETFD) < 0) { /* a person has started it */
            (void)fprintf(stderr,
                          "muster-spawn: wrong use (%s); only muster-agent starts this program\n",
                          wrong);
            return EXIT_USAGE;
        }
        tell("error muster-spawn was started wrongly (%s)", wrong);
        return EXIT_NOT_STARTED;
    }
    if (options.probe != NULL)
        return probe_print(&options);

    (void)fcntl(SPAWN_STATUS_FD, F_SETFD, FD_CLOEXEC);
    descriptors_fill();
    death_watch(&options);
    record_write(&options);
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);

    const char *failed = NULL;
    if (options.drop && options.namespaces == NAMESPACES_USER &&
        (failed = helper_drop(&options)) != NULL)
        refuse(failed);
    if (options.namespaces != NAMESPACES_NONE && (failed = namespaces_enter(&options)) != NULL)
        refuse(failed);
    int status = options.namespaces != NAMESPACES_NONE ? first_run(&options, &signals)
                                                       : program_run(&options, &signals);
    tree_end();
    if (WIFSIGNALED(status))
        tell("signal %d", WTERMSIG(status));
    else
        tell("exit %d", WEXITSTATUS(status));
    return 0;
}
