#include "client/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's half: only calls that are safe between fork and exec.  Its errno goes up the pipe. */
static _Noreturn void become(const char *const *argv, int death_signal, int log_fd, int null_fd,
                             int report_fd)
{
    sigset_t none;
    char *const *plain = NULL;

    (void)memcpy(&plain, &argv, sizeof(plain)); /* execv's type is older than const */
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGHUP, SIG_DFL); /* nohup's: it must not keep them alive without us */
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, death_signal) == 0 &&
        dup2(null_fd, STDIN_FILENO) >= 0 && dup2(log_fd, STDOUT_FILENO) >= 0 &&
        dup2(log_fd, STDERR_FILENO) >= 0)
        (void)execv(argv[0], plain);

    int code = errno;
    ssize_t written = write(report_fd, &code, sizeof(code));
    _exit(written == sizeof(code) ? 127 : 126);
}

static void close_fdp(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing of ours was written to it */
}

enum status process_start(const char *const *argv, const char *log, int death_signal,
                          pid_t *out_pid, struct error *err)
{
    int report[2] = {-1, -1};

    CLEANUP(close_fdp)
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
    CLEANUP(close_fdp) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log_fd < 0 || null_fd < 0 || pipe2(report, O_CLOEXEC) != 0)
        return error_set_errno(err, "cannot start '%s' with its log '%s'", argv[0], log);

    pid_t pid = fork();
    if (pid == 0)
        become(argv, death_signal, log_fd, null_fd, report[1]);
    (void)close(report[1]); /* nothing of ours was written to it */
    CLEANUP(close_fdp) int report_fd = report[0];
    if (pid < 0)
        return error_set_errno(err, "cannot start '%s'", argv[0]);

    int code = 0;
    if (read(report_fd, &code, sizeof(code)) == (ssize_t)sizeof(code)) {
        (void)waitpid(pid, NULL, 0); /* it has written its last word */
        errno = code;
        return error_set_errno(err, "cannot start '%s'", argv[0]);
    }
    *out_pid = pid;
    return STATUS_OK;
}

/* Waits until the process is a zombie, at most ms; true: it is. */
static bool wait_for_end(pid_t pid, int64_t ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0)
        return errno == ESRCH;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int ready = poll(&poll_fd, 1, (int)ms);
    (void)close(fd);
    return ready == 1;
}

void process_stop(pid_t pid, int64_t grace_ms)
{
    int status = 0;

    (void)kill(pid, SIGTERM); /* ESRCH: it has ended by itself */
    if (!wait_for_end(pid, grace_ms))
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

bool process_has_ended(pid_t pid, char *out_text, size_t room)
{
    int status = 0;

    if (waitpid(pid, &status, WNOHANG) != pid)
        return false;
    if (WIFSIGNALED(status))
        (void)snprintf(out_text, room, "signal %d", WTERMSIG(status));
    else
        (void)snprintf(out_text, room, "exit status %d", WEXITSTATUS(status));
    return true;
}
