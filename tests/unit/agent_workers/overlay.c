/* Programs over an overlay, and as somebody else: what a server of Muster's own needs. */

#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "agent/host/leases.h"
#include "agent/host/mount.h"
#include "agent/host/tree.h"
#include "agent/workers/child.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "tests/unit/agent_host/ordinary.h"

/* Longer than a server needs for its start; a test that needs it has failed. */
#define WAIT_MS 60000

#define OUTPUT_MAX ((size_t)16 * 1024)

static char dir[64];
static uv_loop_t loop;
static uv_timer_t guard;
static char read_buffer[CHILD_READ_BYTES];
static struct child_group group;

/* What became of the last program. */
static struct {
    bool is_gone;
    bool was_started;
    bool is_clean;
    char text[ERROR_TEXT_MAX];
    char output[OUTPUT_MAX];
    size_t output_len;
} seen;

/* ---- the place ------------------------------------------------------------------ */

static char *below(const char *name)
{
    return mem_printf("%s/%s", dir, name);
}

static void directory_make(const char *path, bool for_ordinary)
{
    cr_assert_eq(mkdir(path, 0700), 0, "%s", path);
    if (for_ordinary && geteuid() == 0)
        cr_assert_eq(chown(path, ORDINARY_UID, ORDINARY_GID), 0);
}

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-overlay-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chmod(dir, 0755), 0);
}

static void teardown(void)
{
    struct error err;

    if (group.book != NULL) {
        cr_assert_eq(lease_book_count(group.book), 0, "records are left");
        lease_book_free(group.book);
        uv_close((uv_handle_t *)&guard, NULL);
        while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
            continue;
        cr_assert_eq(uv_loop_close(&loop), 0, "handles are left");
    }
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK, "%s", err.text);
}

/* A test that is skipped is not torn down by the framework. */
#define SKIP(...)                                                                                  \
    do {                                                                                           \
        teardown();                                                                                \
        cr_skip_test(__VA_ARGS__);                                                                 \
    } while (false)

/* After the test has decided whose it is. */
static void open_group(void)
{
    struct error err;

    if (access(HELPER_PATH, X_OK) != 0)
        SKIP("this user cannot reach " HELPER_PATH);
    group =
        (struct child_group){.loop = &loop, .helper_path = HELPER_PATH, .read_buffer = read_buffer};
    cr_assert_eq(isolation_probe(HELPER_PATH, dir, &group.isolation, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(uv_loop_init(&loop), 0);
    (void)uv_timer_init(&loop, &guard);
    cr_assert_eq(lease_book_open(dir, &group.book, &err), STATUS_OK, "%s", err.text);
}

static void need_overlay(void)
{
    if (!group.isolation.can_overlay)
        SKIP("no overlays: %s", group.isolation.overlay_why);
}

static void need_root(void)
{
    if (geteuid() != 0)
        SKIP("only root can become somebody else");
}

TestSuite(overlay, .init = setup, .fini = teardown, .timeout = 120);

/* ---- a program -------------------------------------------------------------------- */

static void on_bytes(void *context, enum child_stream stream, const char *bytes, size_t len)
{
    size_t room = OUTPUT_MAX - 1 - seen.output_len;
    size_t part = len < room ? len : room;

    (void)context;
    (void)stream;
    memcpy(seen.output + seen.output_len, bytes, part);
    seen.output_len += part;
    seen.output[seen.output_len] = '\0';
}

static void on_gone(void *context, bool was_started, bool is_clean, const char *text)
{
    (void)context;
    seen.is_gone = true;
    seen.was_started = was_started;
    seen.is_clean = is_clean;
    (void)snprintf(seen.text, sizeof(seen.text), "%s", text);
}

static const struct child_events events = {.on_bytes = on_bytes, .on_gone = on_gone};

static void on_late(uv_timer_t *timer)
{
    (void)timer;
    cr_assert_fail("still waiting; output so far: %s", seen.output);
}

static struct child *start(struct child_plan *plan, const char *script)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};

    memset(&seen, 0, sizeof(seen));
    plan->argv = argv;
    plan->environment = environment;
    plan->directory = "/";
    (void)uv_timer_start(&guard, on_late, WAIT_MS, 0);
    return child_start(&group, plan, &events, NULL);
}

static void finish(void)
{
    while (!seen.is_gone)
        (void)uv_run(&loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&guard);
}

/* Runs it to its end, which is a good one. */
static void run(struct child_plan *plan, const char *script)
{
    (void)start(plan, script);
    finish();
    cr_assert(seen.was_started && seen.is_clean, "%s; output: %s", seen.text, seen.output);
}

static bool said(const char *words)
{
    return strstr(seen.output, words) != NULL;
}

/* ---- layers -------------------------------------------------------------------------- */

struct layers {
    char *lower, *upper, *scratch, *at;
    struct child_overlay overlay;
};

static void layers_make(struct layers *layers, const char *name)
{
    struct error err;

    layers->lower = mem_printf("%s/%s-lower", dir, name);
    layers->upper = mem_printf("%s/%s-upper", dir, name);
    layers->scratch = mem_printf("%s/%s-scratch", dir, name);
    layers->at = mem_printf("%s/%s-at", dir, name);
    directory_make(layers->lower, true);
    directory_make(layers->upper, true);
    directory_make(layers->scratch, true);
    directory_make(layers->at, true);
    CLEANUP(mem_freep) char *kept = mem_printf("%s/kept", layers->lower);
    CLEANUP(mem_freep) char *gone = mem_printf("%s/gone", layers->lower);
    cr_assert_eq(file_write_atomic(kept, "below\n", 6, 0600, &err), STATUS_OK);
    cr_assert_eq(file_write_atomic(gone, "", 0, 0600, &err), STATUS_OK);
    if (geteuid() == 0)
        cr_assert_eq(tree_give(layers->lower, ORDINARY_UID, ORDINARY_GID, &err), STATUS_OK);
    layers->overlay =
        (struct child_overlay){layers->lower, layers->upper, layers->scratch, layers->at};
}

static void layers_release(struct layers *layers)
{
    free(layers->lower);
    free(layers->upper);
    free(layers->scratch);
    free(layers->at);
}

static uid_t program_uid(void)
{
    return geteuid() == 0 ? ORDINARY_UID : geteuid();
}

static struct child_plan plan_over(const struct layers *layers)
{
    bool is_root = geteuid() == 0;

    return (struct child_plan){.overlay = &layers->overlay,
                               .drop = is_root,
                               .uid = is_root ? ORDINARY_UID : 0,
                               .gid = is_root ? ORDINARY_GID : 0,
                               .shows_all = true};
}

static void hash_of(const char *path, char out_hash[65])
{
    struct error err;

    cr_assert_eq(tree_hash(path, out_hash, &err), STATUS_OK, "%s", err.text);
}

static void writes_stay_above(const char *name)
{
    struct layers layers;
    char before[65];
    char after[65];

    layers_make(&layers, name);
    struct child_plan plan = plan_over(&layers);
    hash_of(layers.lower, before);
    CLEANUP(mem_freep)
    char *script = mem_printf("cd '%s' && cat kept && rm gone && echo above >> kept && "
                              "echo new > new && cat kept && ls && id -u && stat -c %%a .",
                              layers.at);
    run(&plan, script);
    CLEANUP(mem_freep)
    char *wanted = mem_printf("below\nbelow\nabove\nkept\nnew\n%u\n700\n", program_uid());
    cr_assert_str_eq(seen.output, wanted);

    hash_of(layers.lower, after);
    cr_assert_str_eq(before, after, "what lies below has changed");
    cr_assert_not(mount_is_point(layers.at), "the mount is still there");
    cr_assert_eq(rmdir(layers.at), 0, "something was written below the mount");
    CLEANUP(mem_freep) char *new = mem_printf("%s/new", layers.upper);
    cr_assert(file_exists(new));
    layers_release(&layers);
}

Test(overlay, roots_program_writes_above_as_somebody_else)
{
    need_root();
    open_group();
    need_overlay();
    writes_stay_above("plain");
}

Test(overlay, an_ordinary_users_program_writes_above)
{
    ordinary_become(dir);
    open_group();
    need_overlay();
    writes_stay_above("plain");
}

Test(overlay, roots_program_may_have_a_namespace_of_users)
{
    need_root();
    open_group();
    need_overlay();
    (void)snprintf(group.isolation.namespaces, sizeof(group.isolation.namespaces), "user");
    writes_stay_above("plain");
}

Test(overlay, no_letter_of_a_path_is_the_kernels)
{
    static const char *const names[] = {"a,b", "a:b", "a\\b", "a\\,b:c", "a b", "a\nb", "a=b"};

    open_group();
    need_overlay();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        writes_stay_above(names[i]);
}

Test(overlay, what_lies_below_may_be_closed_to_the_program)
{
    struct layers layers;

    need_root();
    open_group();
    need_overlay();
    CLEANUP(mem_freep) char *closed = below("closed");
    directory_make(closed, false);
    layers_make(&layers, "closed/x");
    /* Only the place itself must be reachable. */
    CLEANUP(mem_freep) char *at = below("at");
    directory_make(at, true);
    layers.overlay.at = at;
    struct child_plan plan = plan_over(&layers);
    CLEANUP(mem_freep)
    char *script =
        mem_printf("cat '%s/kept' && echo x > '%s/kept' && ! cat '%s/kept'", at, at, layers.lower);
    run(&plan, script);
    cr_assert(said("below\n"));
    cr_assert(said("Permission denied"));
    layers_release(&layers);
}

Test(overlay, a_directory_that_is_not_there_is_named)
{
    static const struct {
        size_t missing;
        const char *words;
    } cases[] = {
        {0, "the overlay's lower directory"},
        {1, "the overlay's upper directory"},
        {2, "the overlay's scratch directory"},
        {3, "the overlay's place"},
    };
    struct layers layers;

    open_group();
    need_overlay();
    layers_make(&layers, "some");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct child_overlay overlay = layers.overlay;
        struct child_plan plan = plan_over(&layers);
        const char **const parts[] = {&overlay.lower, &overlay.upper, &overlay.scratch,
                                      &overlay.at};
        *parts[cases[i].missing] = "/nonexistent";
        plan.overlay = &overlay;
        (void)start(&plan, "true");
        finish();
        cr_assert_not(seen.was_started);
        cr_assert_not_null(strstr(seen.text, cases[i].words), "%s", seen.text);
        cr_assert_not_null(strstr(seen.text, "No such file or directory"), "%s", seen.text);
    }
    layers_release(&layers);
}

Test(overlay, without_namespaces_it_is_refused)
{
    struct layers layers;

    open_group();
    (void)snprintf(group.isolation.namespaces, sizeof(group.isolation.namespaces), "none");
    layers_make(&layers, "plain");
    struct child_plan plan = plan_over(&layers);
    (void)start(&plan, "true");
    finish();
    cr_assert_not(seen.was_started);
    cr_assert_not_null(strstr(seen.text, "--overlay needs --namespaces pid or user"), "%s",
                       seen.text);
    layers_release(&layers);
}

Test(overlay, servers_see_what_workers_do_not)
{
    struct error err;

    open_group();
    if (!group.isolation.can_hide)
        SKIP("nothing can be hidden here");
    CLEANUP(mem_freep) char *hidden = below("hidden");
    CLEANUP(mem_freep) char *file = below("hidden/file");
    CLEANUP(mem_freep) char *look = mem_printf("test -e '%s' || echo hidden", file);
    directory_make(hidden, false);
    cr_assert_eq(file_write_atomic(file, "", 0, 0600, &err), STATUS_OK);
    group.hide = hidden;
    struct child_plan worker = {.shows_all = false};
    run(&worker, look);
    cr_assert_str_eq(seen.output, "hidden\n");
    struct child_plan server = {.shows_all = true};
    run(&server, look);
    cr_assert_str_eq(seen.output, "");
}

/* ---- somebody else -------------------------------------------------------------------- */

Test(overlay, a_program_that_left_root_has_nothing_of_it)
{
    static const char *const namespaces[] = {"none", "pid", "user"};
    static const char *const wanted[] = {
        "Uid:\t65534\t65534\t65534\t65534\n",
        "Gid:\t65534\t65534\t65534\t65534\n",
        "Groups:\t \n",
        "CapPrm:\t0000000000000000\n",
        "CapEff:\t0000000000000000\n",
        "CapAmb:\t0000000000000000\n",
    };
    struct child_plan plan = {.drop = true, .uid = ORDINARY_UID, .gid = ORDINARY_GID};

    need_root();
    open_group();
    /* Where root may not have its own namespaces, only the first way is left. */
    size_t ways = strcmp(group.isolation.namespaces, "pid") == 0 ? COUNT_OF(namespaces) : 1;
    for (size_t i = 0; i < ways; i++) {
        (void)snprintf(group.isolation.namespaces, sizeof(group.isolation.namespaces), "%s",
                       namespaces[i]);
        run(&plan, "cat /proc/self/status");
        for (size_t line = 0; line < COUNT_OF(wanted); line++)
            cr_assert(said(wanted[line]), "%s: %s", namespaces[i], seen.output);
    }
}

static void user_refused(uid_t uid, gid_t gid, const char *words)
{
    struct child_plan plan = {.drop = true, .uid = uid, .gid = gid};

    (void)start(&plan, "id");
    finish();
    cr_assert_not(seen.was_started, "%s", seen.output);
    cr_assert_not_null(strstr(seen.text, words), "%s", seen.text);
}

Test(overlay, nobody_becomes_root)
{
    open_group();
    user_refused(0, ORDINARY_GID, "--user");
    user_refused(ORDINARY_UID, 0, "--user");
}

Test(overlay, only_root_becomes_somebody_else)
{
    ordinary_become(dir);
    open_group();
    user_refused(1, 1, "--user is for root only");
}

/* Without its key in the environment nobody finds the program but the kernel. */
Test(overlay, a_program_that_left_root_still_dies_with_its_helper)
{
    struct child_plan plan = {.drop = true, .uid = ORDINARY_UID, .gid = ORDINARY_GID};

    need_root();
    open_group();
    (void)snprintf(group.isolation.namespaces, sizeof(group.isolation.namespaces), "none");
    (void)start(&plan, "echo $$ $PPID; exec env -i /bin/sleep 1000");
    while (strchr(seen.output, '\n') == NULL)
        (void)uv_run(&loop, UV_RUN_ONCE);
    char *rest = NULL;
    long program = strtol(seen.output, &rest, 10);
    long helper = strtol(rest, NULL, 10);
    cr_assert(program > 1 && helper > 1, "%s", seen.output);
    struct pollfd watch = {.fd = (int)syscall(SYS_pidfd_open, (pid_t)program, 0U),
                           .events = POLLIN};
    cr_assert_geq(watch.fd, 0);
    cr_assert_eq(kill((pid_t)helper, SIGKILL), 0);
    int ended = 0;
    do {
        ended = poll(&watch, 1, WAIT_MS);
    } while (ended < 0 && errno == EINTR); /* the helper's own end comes as a signal */
    cr_assert_eq(ended, 1, "the program outlived its helper");
    (void)close(watch.fd);
    finish();
}

/* ---- a real server ---------------------------------------------------------------------- */

/* The newest PostgreSQL's programs; the caller frees it, NULL none. */
static char *postgres_dir(void)
{
    glob_t found;
    char *path = NULL;

    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0) {
        path = mem_strdup(found.gl_pathv[found.gl_pathc - 1]);
        *strrchr(path, '/') = '\0';
    }
    globfree(&found);
    return path;
}

static bool has_name(uid_t uid)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char strings[4096];

    return getpwuid_r(uid, &entry, strings, sizeof(strings), &found) == 0 && found != NULL;
}

static void postgres_answers(const char *lower_parent)
{
    CLEANUP(mem_freep) char *bin = postgres_dir();
    struct layers layers;
    struct error err;
    char before[65];
    char after[65];

    if (bin == NULL)
        SKIP("PostgreSQL is not installed");
    if (!has_name(program_uid()))
        SKIP("PostgreSQL wants a user with a name");
    layers_make(&layers, "data");
    cr_assert_eq(file_remove_tree(layers.lower, &err), STATUS_OK);
    directory_make(layers.lower, true);
    struct child_plan plan = plan_over(&layers);
    struct child_plan plain = plan;
    plain.overlay = NULL;
    CLEANUP(mem_freep)
    char *init = mem_printf("%s/initdb -D '%s' -N -U postgres --auth trust", bin, layers.lower);
    run(&plain, init);

    CLEANUP(mem_freep) char *lower = mem_printf("%s/data", lower_parent);
    cr_assert_eq(rename(layers.lower, lower), 0);
    layers.overlay.lower = lower;
    hash_of(lower, before);
    CLEANUP(mem_freep) char *sockets = below("run");
    directory_make(sockets, true);
    CLEANUP(mem_freep)
    char *serve =
        mem_printf("pg='%s'; at='%s'; run='%s'\n"
                   "$pg/pg_ctl -s -w -D $at -l $run/log -o \"-k $run -c listen_addresses=''\" "
                   "start || { cat $run/log; exit 1; }\n"
                   "$pg/psql -h $run -U postgres -qAt -c 'create table t as select 6 * 7 as n' "
                   "-c 'select n from t'\n"
                   "$pg/pg_ctl -s -w -D $at -m fast stop",
                   bin, layers.at, sockets);
    run(&plan, serve);
    cr_assert(said("42\n"), "%s", seen.output);
    hash_of(lower, after);
    cr_assert_str_eq(before, after, "what lies below has changed");
    layers_release(&layers);
}

Test(overlay, roots_postgres_answers_over_what_it_cannot_reach)
{
    need_root();
    open_group();
    need_overlay();
    CLEANUP(mem_freep) char *closed = below("closed");
    directory_make(closed, false);
    postgres_answers(closed);
}

Test(overlay, an_ordinary_users_postgres_answers)
{
    ordinary_become(dir);
    open_group();
    need_overlay();
    CLEANUP(mem_freep) char *open = below("open");
    directory_make(open, false);
    postgres_answers(open);
}
