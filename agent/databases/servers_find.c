/* Which servers are installed here, and which of them a suite means. */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/databases/server_common.h"
#include "agent/databases/server_engine.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"

/* `PROGRAM --version` takes some ms; on a busy machine with a cold disk, seconds. */
#define VERSION_ANSWER_MS 5000

/* They print one line. */
#define VERSION_BYTES_MAX 2048

/* ---- asking a program ----------------------------------------------------------- */

static enum status child_spawn(const char *program, int output, pid_t *out_pid, struct error *err)
{
    char *argv[] = {mem_strdup(program), mem_strdup("--version"), NULL};
    char *environment[] = {mem_strdup("LC_ALL=C"), mem_strdup("PATH=/usr/bin:/bin"), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    errno = posix_spawn(out_pid, program, &actions, &attributes, argv, environment);
    enum status status =
        errno == 0 ? STATUS_OK : error_set_errno(err, "'%s' cannot be run", program);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    free(argv[0]);
    free(argv[1]);
    free(environment[0]);
    free(environment[1]);
    return status;
}

/* Reads until the end or the deadline.  false: the program still writes, or too much. */
static bool output_read(int fd, int64_t deadline_ms, struct buffer *printed)
{
    char bytes[VERSION_BYTES_MAX];

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        int ready = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;

        if (ready == 0)
            return false;
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready < 0)
            continue;
        ssize_t got = read(fd, bytes, sizeof(bytes));

        if (got == 0)
            return true;
        if (got < 0 || !buffer_add(printed, bytes, (size_t)got))
            return false;
    }
}

/* Killed when it did not end its output; a program that has closed its output ends. */
static enum status child_wait(pid_t pid, bool is_done, const char *program, struct error *err)
{
    int how = 0;

    if (!is_done)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
    }
    if (!is_done)
        return error_set(err, STATUS_TIMEOUT, "'%s --version' did not end within %d ms", program,
                         VERSION_ANSWER_MS);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        return error_set(err, STATUS_UNAVAILABLE, "'%s --version' failed", program);
    return STATUS_OK;
}

/* STATUS_IO, STATUS_TIMEOUT, STATUS_UNAVAILABLE: it is no program of use here. */
static enum status version_ask(const char *program, struct buffer *printed, struct error *err)
{
    int pipe_fds[2];
    pid_t pid = 0;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return error_set_errno(err, "no pipe for '%s'", program);
    enum status status = child_spawn(program, pipe_fds[1], &pid, err);

    (void)close(pipe_fds[1]);
    if (status == STATUS_OK) {
        bool is_done = output_read(pipe_fds[0], clock_monotonic_ms() + VERSION_ANSWER_MS, printed);

        status = child_wait(pid, is_done, program, err);
    }
    (void)close(pipe_fds[0]);
    return status;
}

/* ---- the list --------------------------------------------------------------------- */

/* A program that was asked, or is one already. */
struct candidate {
    const char *program; /* its real path */
    const char *printed; /* "" it did not answer */
};

struct finding {
    struct server_list *list;
    struct candidate *candidates;
    size_t candidate_count, candidate_cap;
    size_t server_cap;
};

/* The other programs are beside a server, or in the bin/ beside its sbin/ or libexec/. */
static const char *bin_dir_of(struct arena *arena, const char *program)
{
    char *dir = arena_strndup(arena, program, (size_t)(strrchr(program, '/') - program));
    const char *last = strrchr(dir, '/');

    if (last != NULL && (strcmp(last, "/sbin") == 0 || strcmp(last, "/libexec") == 0)) {
        char *bin = arena_printf(arena, "%.*s/bin", (int)(last - dir), dir);

        if (access(bin, X_OK) == 0)
            return bin;
    }
    return dir;
}

static const char *line_of(struct arena *arena, const char *printed)
{
    return arena_strndup(arena, printed, strcspn(printed, "\n"));
}

/* What the program prints, asked once however many names and links lead to it. */
static const struct candidate *candidate_of(struct finding *finding, const char *path)
{
    CLEANUP(mem_freep) char *real = realpath(path, NULL);
    struct arena *arena = &finding->list->arena;
    struct buffer printed;
    struct stat facts;

    if (real == NULL || stat(real, &facts) != 0 || !S_ISREG(facts.st_mode) ||
        access(real, X_OK) != 0)
        return NULL;
    for (size_t i = 0; i < finding->candidate_count; i++) {
        if (strcmp(finding->candidates[i].program, real) == 0)
            return &finding->candidates[i];
    }
    buffer_init(&printed, VERSION_BYTES_MAX);
    bool has_answered = version_ask(real, &printed, NULL) == STATUS_OK;
    struct candidate *candidate =
        &VEC_PUSH(finding->candidates, finding->candidate_count, finding->candidate_cap);

    *candidate = (struct candidate){
        .program = arena_strdup(arena, real),
        .printed = has_answered && printed.at != NULL ? line_of(arena, printed.at) : "",
    };
    buffer_release(&printed);
    return candidate;
}

/* Does the path lead to a server of this engine?  It is then in the list, once. */
static bool server_add(struct finding *finding, const struct server_engine *engine,
                       const char *path)
{
    struct server_list *list = finding->list;
    const struct candidate *candidate = candidate_of(finding, path);
    struct server_version version;

    if (candidate == NULL || engine->version_read(candidate->printed, &version, NULL) != STATUS_OK)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i].program, candidate->program) == 0)
            return true;
    }
    VEC_PUSH(list->at, list->count, finding->server_cap) = (struct server_install){
        .engine = engine,
        .program = candidate->program,
        .bin_dir = bin_dir_of(&list->arena, candidate->program),
        .version = version,
        .version_text = candidate->printed,
    };
    return true;
}

/* ---- where to look ---------------------------------------------------------------- */

static bool directory_add(struct finding *finding, const char *directory)
{
    static const char *const parts[] = {"", "/bin", "/sbin", "/libexec"};
    bool is_any = false;

    for (size_t i = 0; i < SERVER_ENGINES; i++) {
        for (const char *const *name = server_engines[i]->program_names; *name != NULL; name++) {
            for (size_t part = 0; part < COUNT_OF(parts); part++) {
                CLEANUP(mem_freep)
                char *path = mem_printf("%s%s/%s", directory, parts[part], *name);

                is_any |= server_add(finding, server_engines[i], path);
            }
        }
    }
    return is_any;
}

static void usual_places_add(struct finding *finding, const struct server_engine *engine)
{
    for (const char *const *pattern = engine->program_globs; *pattern != NULL; pattern++) {
        glob_t found;

        /* NOLINTNEXTLINE(concurrency-mt-unsafe): only a "~" would make it ask for a user */
        if (glob(*pattern, GLOB_NOSORT, NULL, &found) == 0) {
            for (size_t i = 0; i < found.gl_pathc; i++)
                (void)server_add(finding, engine, found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

static void search_path_add(struct finding *finding)
{
    const char *rest = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): no thread sets it */

    while (rest != NULL && *rest != '\0') {
        size_t len = strcspn(rest, ":");
        CLEANUP(mem_freep) char *directory = mem_printf("%.*s", (int)len, rest);

        for (size_t i = 0; directory[0] == '/' && i < SERVER_ENGINES; i++) {
            for (const char *const *name = server_engines[i]->program_names; *name != NULL;
                 name++) {
                CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, *name);

                (void)server_add(finding, server_engines[i], path);
            }
        }
        rest += len + (rest[len] == ':' ? 1 : 0);
    }
}

/* ---- order and choice ------------------------------------------------------------- */

static int version_compare(const struct server_version *a, const struct server_version *b)
{
    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    return (a->patch > b->patch) - (a->patch < b->patch);
}

/* By engine, then the newest first, then by place: the same on every start. */
static int install_compare(const void *left, const void *right)
{
    const struct server_install *a = left;
    const struct server_install *b = right;
    int order = strcmp(a->engine->name, b->engine->name);

    if (order == 0)
        order = version_compare(&b->version, &a->version);
    return order != 0 ? order : strcmp(a->program, b->program);
}

enum status servers_find(const char *const *directories, size_t directory_count,
                         struct server_list *out_list, struct error *err)
{
    struct finding finding = {.list = out_list};
    enum status status = STATUS_OK;

    *out_list = (struct server_list){.arena = ARENA_INIT};
    for (size_t i = 0; status == STATUS_OK && i < directory_count; i++) {
        if (!directory_add(&finding, directories[i]))
            status = error_set(err, STATUS_NOT_FOUND,
                               "no database server in '%s', nor in its bin, sbin or libexec",
                               directories[i]);
    }
    for (size_t i = 0; status == STATUS_OK && i < SERVER_ENGINES; i++)
        usual_places_add(&finding, server_engines[i]);
    if (status == STATUS_OK)
        search_path_add(&finding);
    if (out_list->count > 1)
        qsort(out_list->at, out_list->count, sizeof(*out_list->at), install_compare);
    free(finding.candidates);
    if (status != STATUS_OK)
        server_list_release(out_list);
    return status;
}

void server_list_release(struct server_list *list)
{
    free(list->at);
    arena_release(&list->arena);
    *list = (struct server_list){.arena = ARENA_INIT};
}

/* How many parts the range names: "10.11" two. */
static size_t parts_count(const char *text)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == '.' ? 1 : 0;
    return count;
}

bool server_version_fits(const struct server_version *version, const char *range)
{
    bool is_least = strncmp(range, ">=", 2) == 0;
    const char *text = is_least ? range + 2 : range;
    struct server_version wanted;

    if (range[0] == '\0')
        return true;
    if (!server_version_scan(text, &wanted))
        return false;
    if (is_least)
        return version_compare(version, &wanted) >= 0;
    size_t parts = parts_count(text);

    return version->major == wanted.major && (parts < 2 || version->minor == wanted.minor) &&
           (parts < 3 || version->patch == wanted.patch);
}

static void installed_say(const struct server_list *list, struct buffer *text)
{
    if (list->count == 0)
        (void)buffer_add_text(text, "no database server");
    for (size_t i = 0; i < list->count; i++) {
        const struct server_install *install = &list->at[i];

        (void)buffer_printf(text, "%s%s %d.%d", i > 0 ? ", " : "", install->engine->name,
                            install->version.major, install->version.minor);
        if (install->version.patch != 0)
            (void)buffer_printf(text, ".%d", install->version.patch);
    }
}

enum status servers_choose(const struct server_list *list, const char *engine, const char *version,
                           const struct server_install **out_install, struct error *err)
{
    struct buffer installed;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i].engine->name, engine) == 0 &&
            server_version_fits(&list->at[i].version, version)) {
            *out_install = &list->at[i];
            return STATUS_OK;
        }
    }
    buffer_init(&installed, ERROR_TEXT_MAX);
    installed_say(list, &installed);
    enum status status = error_set(err, STATUS_NOT_FOUND, "needs %s%s%s; installed here: %s",
                                   engine, version[0] != '\0' ? " " : "", version, installed.at);
    buffer_release(&installed);
    return status;
}
