/* Workers as real processes: how they end, what they leave behind, what they print. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/host/process.h"
#include "agent/workers/child.h"
#include "agent/workers/room.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "tests/unit/agent_workers/stage.h"

static struct stage stage;

static void setup(void)
{
    stage_open(&stage);
}

static void teardown(void)
{
    stage_close(&stage);
}

TestSuite(workers, .init = setup, .fini = teardown, .timeout = 90);

/* Shell words for a driver that marks its output. */
#define READY "echo '{\"say\":\"ready\",\"protocol\":1}' >&4\n"
#define START(n)                                                                                   \
    "echo '{\"say\":\"start\",\"id\":\"t" n "\",\"n\":" n "}' >&4\n"                               \
    "printf '\\036MUSTER " n "\\037'; printf '\\036MUSTER " n "\\037' >&2\n"
#define MARK_END "printf '\\036MUSTER 0\\037'; printf '\\036MUSTER 0\\037' >&2\n"
#define END(n)   "echo '{\"say\":\"end\",\"id\":\"t" n "\",\"n\":" n ",\"outcome\":\"passed\"}' >&4\n"
#define LOOP     "while read -r line <&3; do :; done\n"

static void without_namespaces(void)
{
    (void)snprintf(stage.workers->group.isolation.namespaces,
                   sizeof(stage.workers->group.isolation.namespaces), "none");
    stage.workers->group.isolation.can_hide = false;
}

/* ---- the conversation --------------------------------------------------------------- */

Test(workers, output_belongs_to_the_test_that_made_it)
{
    stage_start(&stage,
                READY "read -r line <&3\necho \"$line\"\n" START(
                    "1") "echo out1\n"
                         "echo err1 >&2\n" MARK_END END("1")
                             START("2") "echo out2\n" MARK_END END("2"),
                NULL);
    cr_assert_not_null(stage_wait_said(&stage, SAY_READY, 0));
    struct worker_order order = {.order = DO_RUN, .id = "t1", .n = 1, .more = true};
    workers_tell(stage.workers, 1, &order);

    const struct heard *first = stage_wait_said(&stage, SAY_END, 1);
    const struct heard *second = stage_wait_said(&stage, SAY_END, 2);
    cr_assert_not_null(first);
    cr_assert_not_null(second);
    cr_assert_not_null(strstr(first->head, "out1\n"));
    cr_assert_not_null(strstr(first->head, "err1\n"));
    cr_assert_eq(first->total_bytes, 10);
    cr_assert_str_eq(second->head, "out2\n");
    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_str_eq(gone->text, "exit status 0");
    cr_assert(gone->was_clean);
    cr_assert_str_eq(gone->head, "{\"do\":\"run\",\"id\":\"t1\",\"more\":true,\"n\":1}\n");
}

Test(workers, a_driver_without_marks_is_waited_for_once)
{
    char script[8192] = READY;
    int64_t before_ms = clock_monotonic_ms();

    for (int i = 1; i <= 20; i++)
        (void)snprintf(
            script + strlen(script), sizeof(script) - strlen(script),
            "echo '{\"say\":\"end\",\"id\":\"t\",\"n\":%d,\"outcome\":\"passed\"}' >&4\n", i);
    (void)strncat(script, LOOP, sizeof(script) - strlen(script) - 1);
    stage_start(&stage, script, NULL);
    cr_assert_not_null(stage_wait_said(&stage, SAY_END, 20));
    cr_assert_lt(clock_monotonic_ms() - before_ms, 5000);
    workers_kill(stage.workers, 1, true);
    cr_assert_not_null(stage_wait(&stage, INPUT_WORKER_GONE));
}

/* ---- how workers end ------------------------------------------------------------------ */

static const struct {
    const char *script;
    const char *text;
    bool is_clean;
} ends[] = {
    {"exit 0", "exit status 0", true},
    {"exit 3", "exit status 3", false},
    {"kill -s SEGV $$", "signal 11 (SIGSEGV)", false},
    {"kill -s ABRT $$", "signal 6 (SIGABRT)", false},
    {"kill -s KILL $$", "signal 9 (SIGKILL)", false},
    {"echo nonsense >&4; sleep 1000", "protocol: ", false},
    {"echo '{\"say\":\"end\"}' >&4; sleep 1000", "protocol: id", false},
    {"head -c 1100000 /dev/zero | tr '\\0' x >&4; sleep 1000", "protocol: a line of more", false},
    {"exec 3<&- 4>&- 1>&- 2>&-; exit 4", "exit status 4", false},
};

static void ends_try(void)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        stage.heard_count = 0;
        stage_start(&stage, ends[i].script, NULL);
        const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
        cr_assert_not_null(gone, "%s", ends[i].script);
        cr_assert_eq(strncmp(gone->text, ends[i].text, strlen(ends[i].text)), 0, "%s: '%s'",
                     ends[i].script, gone->text);
        cr_assert_eq(gone->was_clean, ends[i].is_clean);
        cr_assert_eq(workers_alive(stage.workers), 0);
    }
}

Test(workers, every_end_is_told_for_what_it_was)
{
    ends_try();
}

Test(workers, every_end_is_told_without_namespaces_too)
{
    without_namespaces();
    ends_try();
}

Test(workers, a_death_in_a_test_brings_the_tests_output)
{
    stage_start(&stage,
                READY START("1") "echo one\n" MARK_END END("1")
                    START("2") "echo last words; kill -s SEGV $$",
                NULL);

    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_not_null(gone);
    cr_assert_str_eq(gone->text, "signal 11 (SIGSEGV)");
    cr_assert_str_eq(gone->head, "last words\n");
}

Test(workers, a_missing_program_is_a_failed_start_that_names_it)
{
    const char *driver[] = {"no-such-program-here"};
    struct suite suite = {.name = "s",
                          .driver = SUITE_DRIVER_COMMAND,
                          .driver_command = driver,
                          .driver_command_count = 1};
    struct worker_plan plan = {
        .slot = 1, .run = 1, .worker = "w", .tree_dir = stage.dir, .suite = &suite};

    workers_start(stage.workers, &plan);
    const struct heard *failed = stage_wait(&stage, INPUT_START_FAILED);
    cr_assert_not_null(failed);
    cr_assert_str_eq(failed->text,
                     "cannot start 'no-such-program-here': No such file or directory");
}

Test(workers, a_template_without_a_value_is_a_failed_start)
{
    const char *driver[] = {"/bin/true", "${db.other.url}"};
    struct suite suite = {.name = "s",
                          .driver = SUITE_DRIVER_COMMAND,
                          .driver_command = driver,
                          .driver_command_count = 2};
    struct worker_plan plan = {
        .slot = 1, .run = 1, .worker = "w", .tree_dir = stage.dir, .suite = &suite};

    workers_start(stage.workers, &plan);
    const struct heard *failed = stage_wait(&stage, INPUT_START_FAILED);
    cr_assert_not_null(failed);
    cr_assert_not_null(strstr(failed->text, "no database 'other'"), "%s", failed->text);
}

/* ---- killing ---------------------------------------------------------------------------- */

Test(workers, sigterm_lets_a_driver_finish)
{
    stage_start(&stage, "trap 'exit 7' TERM\n" READY "while :; do sleep 0.05; done", NULL);
    cr_assert_not_null(stage_wait_said(&stage, SAY_READY, 0));
    workers_kill(stage.workers, 1, false);
    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_str_eq(gone->text, "exit status 7");
}

static void stubborn_try(void)
{
    stage_start(&stage, "trap '' TERM\n" READY "while :; do sleep 0.05; done", NULL);
    cr_assert_not_null(stage_wait_said(&stage, SAY_READY, 0));
    workers_kill(stage.workers, 1, false);
    workers_kill(stage.workers, 1, true);
    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_str_eq(gone->text, "signal 9 (SIGKILL)");
}

Test(workers, who_ignores_sigterm_is_killed)
{
    stubborn_try();
}

Test(workers, who_ignores_sigterm_is_killed_without_namespaces_too)
{
    without_namespaces();
    stubborn_try();
}

/* The key of the only child, while it lives. */
static void key_find(char *out_key, size_t size)
{
    struct buffer text;
    struct lease_record record;
    char path[LEASE_PATH_SIZE];
    struct error err;

    out_key[0] = '\0';
    for (int64_t id = 1; id < 100; id++) {
        buffer_init(&text, LEASE_RECORD_BYTES_MAX);
        lease_book_path(stage.book, id, path);
        if (file_read(path, &text, NULL) == STATUS_OK &&
            lease_record_decode(text.at, text.len, &record, &err) == STATUS_OK &&
            record.kind == LEASE_RECORD_PROCESS)
            (void)snprintf(out_key, size, "%s", record.what);
        buffer_release(&text);
    }
}

/* A grandchild in a session of its own, whose parents are gone, and that keeps nothing open. */
#define DAEMON                                                                                     \
    "setsid sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- &' </dev/null"           \
    " >/dev/null 2>&1 3>&- 4>&-\n"

/* `rest` is what the worker does next; it is told to quit, and killed unless it ends by that. */
static void daemon_try(const char *rest, bool ends_by_quit)
{
    const struct worker_order quit = {.order = DO_QUIT};
    char script[1024];
    char key[64];

    (void)snprintf(script, sizeof(script), DAEMON READY "%s", rest);
    stage_start(&stage, script, NULL);
    cr_assert_not_null(stage_wait_said(&stage, SAY_READY, 0));
    key_find(key, sizeof(key));
    cr_assert_str_not_empty(key);
    /* In the middle of its exec the daemon shows no environment.  The suite's time limit ends a
     * wait for what never comes. */
    while (process_count_marked(key) < 2)
        (void)sched_yield();
    workers_tell(stage.workers, 1, &quit);
    if (!ends_by_quit)
        workers_kill(stage.workers, 1, true);
    cr_assert_not_null(stage_wait(&stage, INPUT_WORKER_GONE));
    cr_assert_eq(process_count_marked(key), 0);
}

Test(workers, a_daemon_that_left_its_session_dies_with_the_worker)
{
    daemon_try("sleep 1000", false);
}

Test(workers, a_daemon_dies_without_namespaces_too)
{
    without_namespaces();
    daemon_try("sleep 1000", false);
}

Test(workers, a_daemon_dies_though_the_helper_was_killed)
{
    without_namespaces();
    daemon_try("read -r line <&3; kill -9 $PPID; sleep 1000", true);
}

/* Grows until the bound stops it. */
static void bomb_try(void)
{
    struct suite_limits limits = {.processes = 400};
    size_t most = 0;
    char key[64];

    stage_start(&stage,
                READY
                "sh -c 'while :; do sleep 1000 & done' 2>/dev/null\n" START("1") "read -r line <&3",
                &limits);
    cr_assert_not_null(stage_wait_said(&stage, SAY_START, 1));
    key_find(key, sizeof(key));
    most = process_count_marked(key);
    cr_assert_gt(most, 100);
    cr_assert_leq(most, 410);
    workers_kill(stage.workers, 1, true);
    cr_assert_not_null(stage_wait(&stage, INPUT_WORKER_GONE));
    cr_assert_eq(process_count_marked(key), 0);
}

Test(workers, a_fork_bomb_is_bounded_and_dies)
{
    /* Without a namespace there is no bound for root. */
    if (strcmp(stage.workers->group.isolation.namespaces, "none") != 0)
        bomb_try();
}

/* ---- floods ------------------------------------------------------------------------------ */

Test(workers, a_flood_neither_delays_results_nor_takes_memory)
{
    struct rusage before;
    struct rusage after;

    (void)getrusage(RUSAGE_SELF, &before);
    stage_start(&stage,
                READY START("1") "head -c 300000000 /dev/zero\n" MARK_END END("1") START(
                    "2") "(cat /dev/zero &)\n"
                         "echo '{\"say\":\"note\",\"name\":\"a\",\"value\":\"b\"}' >&4\n" LOOP,
                NULL);
    const struct heard *end = stage_wait_said(&stage, SAY_END, 1);
    cr_assert_not_null(end);
    cr_assert_eq(end->total_bytes, 300000000);
    cr_assert_not_null(stage_wait_said(&stage, SAY_NOTE, 0));
    workers_kill(stage.workers, 1, true);
    cr_assert_not_null(stage_wait(&stage, INPUT_WORKER_GONE));
    (void)getrusage(RUSAGE_SELF, &after);
    cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 16L * 1024, "KiB");
}

Test(workers, a_driver_that_does_not_read_is_ended_not_waited_for)
{
    char id[4000];
    struct worker_order order = {.order = DO_RUN, .id = id, .n = 1};

    memset(id, 'x', sizeof(id));
    id[sizeof(id) - 1] = '\0';
    stage_start(&stage, READY "sleep 1000", NULL);
    cr_assert_not_null(stage_wait_said(&stage, SAY_READY, 0));
    for (int i = 0; i < 2000; i++)
        workers_tell(stage.workers, 1, &order);
    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_str_eq(gone->text, "protocol: the driver does not read what it is told");
}

/* ---- what a worker sees -------------------------------------------------------------------- */

Test(workers, a_worker_sees_neither_the_agents_files_nor_the_templates)
{
    char secret[128];
    struct error err;

    (void)snprintf(secret, sizeof(secret), "%s/templates/secret", stage.dir);
    cr_assert_eq(file_write_atomic(secret, "x", 1, 0444, &err), STATUS_OK);
    stage_start(&stage,
                READY "ls templates; ls /proc/self/fd | wc -l; ulimit -c; pwd; "
                      "test -w \"$TMPDIR\" && echo writable",
                NULL);
    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_not_null(gone);
    if (workers_hide_templates(stage.workers))
        cr_assert_null(strstr(gone->head, "secret"), "%s", gone->head);
    /* 0 to 4, and the directory that ls reads. */
    cr_assert_not_null(strstr(gone->head, "6\n0\n"), "%s", gone->head);
    cr_assert_not_null(strstr(gone->head, stage.dir), "%s", gone->head);
    cr_assert_not_null(strstr(gone->head, "writable"), "%s", gone->head);
}

Test(workers, an_image_for_memory_is_shown_where_the_rest_is_hidden)
{
    static const char script[] = "cat templates/run-1/a.sqlite3; ls templates/run-1;"
                                 " echo y 2>&1 >templates/run-1/a.sqlite3 || echo refused";
    const char *driver[] = {"/bin/sh", "-c", script};
    struct suite suite = {.name = "s",
                          .driver = SUITE_DRIVER_COMMAND,
                          .driver_command = driver,
                          .driver_command_count = 3};
    char image[128];
    char other[128];
    struct error err;

    (void)snprintf(image, sizeof(image), "%s/templates/run-1", stage.dir);
    cr_assert_eq(file_make_directories(image, 0700, &err), STATUS_OK);
    (void)snprintf(image, sizeof(image), "%s/templates/run-1/a.sqlite3", stage.dir);
    (void)snprintf(other, sizeof(other), "%s/templates/run-1/b.sqlite3", stage.dir);
    cr_assert_eq(file_write_atomic(image, "image", 5, 0444, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(other, "other", 5, 0444, &err), STATUS_OK);
    struct worker_database database = {.alias = "default",
                                       .engine = "sqlite",
                                       .name = "s",
                                       .path = "/x",
                                       .memory = true,
                                       .image = image,
                                       .facts = "",
                                       .mirror = ""};
    struct worker_plan plan = {.slot = 1,
                               .run = 1,
                               .worker = "w",
                               .mode = WORKER_RUN,
                               .tree_dir = stage.dir,
                               .suite = &suite,
                               .databases = &database,
                               .database_count = 1};

    if (!workers_hide_templates(stage.workers))
        return;
    workers_start(stage.workers, &plan);
    const struct heard *gone = stage_wait(&stage, INPUT_WORKER_GONE);
    cr_assert_not_null(gone, "%s", stage.heard[0].text);
    cr_assert_not_null(strstr(gone->head, "image"), "%s", gone->head);
    cr_assert_null(strstr(gone->head, "b.sqlite3"), "%s", gone->head);
    cr_assert_not_null(strstr(gone->head, "refused"), "%s", gone->head);
}

Test(workers, a_dropped_slot_leaves_nothing)
{
    char tmp[128];

    stage_start(&stage, "mkdir \"$TMPDIR/deep\"; echo x >\"$TMPDIR/deep/file\"", NULL);
    cr_assert_not_null(stage_wait(&stage, INPUT_WORKER_GONE));
    (void)snprintf(tmp, sizeof(tmp), "%s/tmp/slot-1", stage.dir);
    cr_assert(file_exists(tmp));
    workers_drop(stage.workers, 1);
    cr_assert_not_null(stage_wait(&stage, INPUT_DROPPED));
    cr_assert_not(file_exists(tmp));
    cr_assert_eq(lease_book_count(stage.book), 0);
}

/* ---- commands -------------------------------------------------------------------------------- */

struct result {
    bool is_done;
    enum status status;
    char text[256];
    char tail[COMMAND_TAIL_BYTES_MAX + 1];
};

static void on_done(void *context, enum status status, const char *text, const char *tail)
{
    struct result *result = context;

    result->is_done = true;
    result->status = status;
    (void)snprintf(result->text, sizeof(result->text), "%s", text);
    (void)snprintf(result->tail, sizeof(result->tail), "%s", tail);
}

static void command_run(const char *script, int64_t time_ms, struct result *result)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct command_plan plan = {
        .argv = argv, .cwd = stage.dir, .time_ms = time_ms, .grace_ms = 100};

    *result = (struct result){.is_done = false};
    workers_run_command(stage.workers, &plan, on_done, result);
    while (!result->is_done && stage_turn(&stage))
        continue;
    cr_assert(result->is_done);
}

Test(workers, a_command_is_run_to_its_end_and_tells_how_it_went)
{
    static const struct {
        const char *script;
        int64_t time_ms;
        enum status status;
        const char *text;
        const char *tail;
    } cases[] = {
        {"echo a; echo b >&2", 0, STATUS_OK, "exit status 0", "b\n"},
        {"echo why; exit 2", 10000, STATUS_IO, "exit status 2", "why\n"},
        {"kill -9 $$", 0, STATUS_IO, "signal 9 (SIGKILL)", ""},
        {"echo x; trap '' TERM; sleep 1000 & sleep 1000", 200, STATUS_TIMEOUT,
         "killed after 200 ms", "x\n"},
        {"head -c 1000000 /dev/zero | tr '\\0' x; echo end", 0, STATUS_OK, "exit status 0",
         "xend\n"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct result result;
        command_run(cases[i].script, cases[i].time_ms, &result);
        cr_assert_eq(result.status, cases[i].status, "%s: %s", cases[i].script, result.text);
        cr_assert_eq(strncmp(result.text, cases[i].text, strlen(cases[i].text)), 0, "%s",
                     result.text);
        cr_assert_not_null(strstr(result.tail, cases[i].tail), "%s", result.tail);
    }
    cr_assert_eq(lease_book_count(stage.book), 0);
}

Test(workers, a_command_finds_its_helper_whole_when_only_three_descriptors_are_open)
{
    struct result result;

    /* An agent's descriptors are all close-on-exec; those of a test's sandbox are not. */
    for (int fd = 3; fd < 64; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    command_run("exit 2", 0, &result);
    cr_assert_str_eq(result.text, "exit status 2");
}

Test(workers, a_command_that_is_not_there_could_not_be_started)
{
    const char *argv[] = {"./missing", NULL};
    struct command_plan plan = {.argv = argv, .cwd = stage.dir};
    struct result result = {.is_done = false};

    workers_run_command(stage.workers, &plan, on_done, &result);
    while (!result.is_done && stage_turn(&stage))
        continue;
    cr_assert_eq(result.status, STATUS_UNAVAILABLE);
    cr_assert_str_eq(result.text, "cannot start './missing': No such file or directory");
}

/* ---- the agent's death
 * --------------------------------------------------------------------------- */

/* An agent in a process of its own: starts a worker with a daemon and dies by SIGKILL. */
static pid_t doomed_agent(bool apart, int ready_fd)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    stage_open(&stage);
    if (!apart)
        without_namespaces();
    stage_start(&stage, DAEMON READY "sleep 1000", NULL);
    while (stage.heard_count == 0)
        (void)stage_turn(&stage);
    if (write(ready_fd, stage.dir, sizeof(stage.dir)) < 0)
        _exit(1);
    (void)kill(getpid(), SIGKILL);
    _exit(1);
}

static size_t records_of(const char *dir, struct lease_record *out_records, size_t max)
{
    struct lease_book *book = NULL;
    struct error err;
    size_t count = 0;

    cr_assert_eq(lease_book_open(dir, &book, &err), STATUS_OK);
    for (int64_t id = 1; id < 100 && count < max; id++) {
        struct buffer text;
        char path[LEASE_PATH_SIZE];
        buffer_init(&text, LEASE_RECORD_BYTES_MAX);
        lease_book_path(book, id, path);
        if (file_read(path, &text, NULL) == STATUS_OK &&
            lease_record_decode(text.at, text.len, &out_records[count], &err) == STATUS_OK)
            count++;
        buffer_release(&text);
    }
    lease_book_free(book);
    return count;
}

static void killed_agent_try(bool apart)
{
    char dir[sizeof(stage.dir)];
    char tmp[128];
    int fds[2];
    int status = 0;
    struct lease_book *book = NULL;
    struct lease_record records[8];
    struct error err;

    cr_assert_eq(pipe(fds), 0);
    pid_t agent = doomed_agent(apart, fds[1]);
    cr_assert_eq(read(fds[0], dir, sizeof(dir)), (ssize_t)sizeof(dir));
    cr_assert_eq(waitpid(agent, &status, 0), agent);
    size_t count = records_of(dir, records, COUNT_OF(records));
    cr_assert_eq(count, 2, "a process and a directory");

    cr_assert_eq(lease_book_open(dir, &book, &err), STATUS_OK);
    cr_assert_eq(lease_book_sweep(book, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(lease_book_count(book), 0);
    for (size_t i = 0; i < count; i++)
        if (records[i].kind == LEASE_RECORD_PROCESS) {
            cr_assert_eq(process_count_marked(records[i].what), 0);
            cr_assert_not(process_is_recorded(&records[i]));
        }
    (void)snprintf(tmp, sizeof(tmp), "%s/tmp/slot-1", dir);
    cr_assert_not(file_exists(tmp));
    lease_book_free(book);
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

Test(workers, a_killed_agent_leaves_nothing_after_the_next_start)
{
    killed_agent_try(true);
}

Test(workers, a_killed_agent_leaves_nothing_without_namespaces_too)
{
    killed_agent_try(false);
}
