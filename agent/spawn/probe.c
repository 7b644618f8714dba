#include "agent/spawn/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spawn/namespaces.h"
#include "shared/base/check.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

#define OVERLAY_USED_FAILED "write (overlay)"

/* What a trial ran into; shared with its processes. */
struct refusal {
    char what[64]; /* "" nothing */
    int number;
};

/* ---- trials -------------------------------------------------------------------- */

static _Noreturn void trial_end(struct refusal *refusal, const char *what)
{
    refusal->number = errno;
    if (what != NULL)
        (void)snprintf(refusal->what, sizeof(refusal->what), "%s", what);
    _exit(what == NULL ? 0 : 1);
}

static bool file_change(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, "!", 1) == 1;

    if (fd >= 0)
        (void)close(fd);
    return written;
}

/* What a server does with files of the lower layer: it writes to one and removes it, and it drops a
 * database and makes one of the same name, which must not show the old one's files.  That needs
 * extended attributes, which not every upper layer has. */
static const char *overlay_use(const char *at)
{
    CLEANUP(mem_freep) char *database = mem_printf("%s/database", at);
    CLEANUP(mem_freep) char *file = mem_printf("%s/database/file", at);

    if (!file_change(file) || unlink(file) != 0 || rmdir(database) != 0 ||
        mkdir(database, S_IRWXU) != 0)
        return OVERLAY_USED_FAILED;
    if (file_exists(file)) {
        errno = ENOTSUP;
        return OVERLAY_USED_FAILED;
    }
    return NULL;
}

static _Noreturn void trial_be(const struct spawn_options *options, struct refusal *refusal)
{
    const char *failed = namespaces_enter(options);
    int status = 1;

    if (failed == NULL && options->overlay.at != NULL)
        failed = overlay_use(options->overlay.at);
    if (failed != NULL)
        trial_end(refusal, failed);
    pid_t first = fork();
    if (first == 0)
        trial_end(refusal, namespaces_settle(options));
    _exit(first > 0 && waitpid(first, &status, 0) == first && status == 0 ? 0 : 1);
}

/* Runs nothing inside the namespaces: does the machine let us have them? */
static bool trial_run(const struct spawn_options *options, struct refusal *refusal)
{
    int status = 1;

    memset(refusal, 0, sizeof(*refusal));
    pid_t child = fork();
    if (child == 0)
        trial_be(options, refusal);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* ---- why not -------------------------------------------------------------------- */

/* Settings of the kernel that refuse namespaces of users, each at its own step. */
/* clang-format off */
static const struct {
    const char *path;
    char refuses;
    bool at_unshare;
    const char *text;
} settings[] = {
    {"/proc/sys/user/max_user_namespaces",                        '0', true,
     "user namespaces are refused (sudo sysctl -w user.max_user_namespaces=15000)"},
    {"/proc/sys/kernel/unprivileged_userns_clone",                '0', true,
     "user namespaces are refused (sudo sysctl -w kernel.unprivileged_userns_clone=1)"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",    '1', false,
     "user namespaces are refused by AppArmor"
     " (sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)"},
};
/* clang-format on */

static bool setting_is(const char *path, char wanted)
{
    char text[2] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is = fd >= 0 && read(fd, text, sizeof(text)) > 0 && text[0] == wanted;

    if (fd >= 0)
        (void)close(fd);
    return is;
}

static bool is_filtered(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    bool found = false;

    if (file == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), file) != NULL)
        found = strcmp(line, "Seccomp:\t2\n") == 0;
    (void)fclose(file);
    return found;
}

static bool is_overlay(const char *dir)
{
    struct statfs state;

    return statfs(dir, &state) == 0 && state.f_type == OVERLAYFS_SUPER_MAGIC;
}

static void layers_explain(const char *dir, const struct refusal *refusal)
{
    const char *text = strerrordesc_np(refusal->number);

    if (refusal->number == ENODEV)
        (void)printf("this kernel has no overlayfs (sudo modprobe overlay)\n");
    else if (is_overlay(dir))
        (void)printf("the file system under '%s' cannot be an upper layer (overlay on overlay)\n",
                     dir);
    else if (refusal->number == EPERM)
        (void)printf("%s: %s (in a user namespace it needs Linux 5.11)\n", refusal->what, text);
    else
        (void)printf("the file system under '%s' cannot be an upper layer: %s\n", dir, text);
}

static void refusal_explain(const char *dir, const struct refusal *refusal)
{
    bool at_unshare = strcmp(refusal->what, "unshare") == 0;

    if (strcmp(refusal->what, OVERLAY_MOUNT_FAILED) == 0 ||
        strcmp(refusal->what, OVERLAY_USED_FAILED) == 0) {
        layers_explain(dir, refusal);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        if (settings[i].at_unshare == at_unshare &&
            setting_is(settings[i].path, settings[i].refuses)) {
            (void)printf("%s\n", settings[i].text);
            return;
        }
    if (refusal->number == EPERM && is_filtered())
        (void)printf("seccomp refuses %s (Docker: --security-opt seccomp=unconfined"
                     " or --cap-add SYS_ADMIN)\n",
                     refusal->what);
    else
        (void)printf("%s: %s\n", refusal->what[0] != '\0' ? refusal->what : "fork",
                     strerrordesc_np(refusal->number));
}

/* ---- everything ----------------------------------------------------------------- */

/* What the refusal says afterwards is why they could not be made; "" they were. */
static void layers_make(const char *dir, struct refusal *refusal)
{
    static const char *const parts[] = {"",       "/lower",   "/lower/database",
                                        "/upper", "/scratch", "/at"};
    const char *failed = NULL;

    for (size_t i = 0; i < COUNT_OF(parts) && failed == NULL; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s%s", dir, parts[i]);
        if (mkdir(path, S_IRWXU) != 0)
            failed = "mkdir (layers for a trial)";
    }
    CLEANUP(mem_freep) char *trial = mem_printf("%s/lower/database/file", dir);
    int fd = failed == NULL ? open(trial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (failed == NULL && fd < 0)
        failed = "open (a file for a trial)";
    refusal->number = errno;
    if (fd >= 0)
        (void)close(fd);
    (void)snprintf(refusal->what, sizeof(refusal->what), "%s", failed != NULL ? failed : "");
}

static void overlay_print(const char *dir, enum namespaces namespaces, struct refusal *refusal)
{
    CLEANUP(mem_freep) char *top = mem_printf("%s/.overlay-%ld", dir, (long)getpid());
    CLEANUP(mem_freep) char *lower = mem_printf("%s/lower", top);
    CLEANUP(mem_freep) char *upper = mem_printf("%s/upper", top);
    CLEANUP(mem_freep) char *scratch = mem_printf("%s/scratch", top);
    CLEANUP(mem_freep) char *at = mem_printf("%s/at", top);
    const struct spawn_options options = {.namespaces = namespaces,
                                          .overlay = {lower, upper, scratch, at}};
    struct error err;

    /* A trial that was killed may have left its own, under a pid that is ours now. */
    if (file_remove_tree(top, &err) == STATUS_OK)
        layers_make(top, refusal);
    else
        (void)snprintf(refusal->what, sizeof(refusal->what), "%s", "removal of an older trial");
    if (refusal->what[0] == '\0' && trial_run(&options, refusal)) {
        (void)printf("overlay yes\n");
    } else {
        (void)printf("overlay no ");
        refusal_explain(dir, refusal);
    }
    if (file_remove_tree(top, &err) != STATUS_OK)
        (void)fprintf(stderr, "muster-spawn: %s\n", err.text);
}

int probe_print(const struct spawn_options *options)
{
    static const enum namespaces order[] = {NAMESPACES_PID, NAMESPACES_USER};
    struct refusal *refusal =
        mmap(NULL, sizeof(*refusal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (refusal == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        const struct spawn_options plain = {.namespaces = order[i]};
        const struct spawn_options hiding = {.namespaces = order[i], .hide = options->probe};
        if (!trial_run(&plain, refusal))
            continue;
        bool hides = trial_run(&hiding, refusal);
        (void)printf("%s %s\n", namespaces_names[order[i]], hides ? "hide" : "show");
        (void)fflush(stdout); /* or a child prints it again */
        overlay_print(options->probe, order[i], refusal);
        return 0;
    }
    (void)printf("none show\noverlay no ");
    refusal_explain(options->probe, refusal);
    return 0;
}
