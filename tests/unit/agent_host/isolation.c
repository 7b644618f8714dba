/* The trial tells what the machine lets us have, and why not. */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/host/isolation.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "tests/unit/agent_host/ordinary.h"

static char dir[64];

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-trial-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK, "%s", err.text);
}

/* A test that is skipped is not torn down by the framework. */
#define SKIP(...)                                                                                  \
    do {                                                                                           \
        teardown();                                                                                \
        cr_skip_test(__VA_ARGS__);                                                                 \
    } while (false)

TestSuite(isolation, .init = setup, .fini = teardown);

static struct isolation probed(const char *place)
{
    struct isolation isolation;
    struct error err;

    if (access(HELPER_PATH, X_OK) != 0)
        SKIP("this user cannot reach " HELPER_PATH);
    cr_assert_eq(isolation_probe(HELPER_PATH, place, &isolation, &err), STATUS_OK, "%s", err.text);
    return isolation;
}

/* Whatever the machine gives, the answer is whole and nothing stays behind. */
static struct isolation answer_check(void)
{
    struct isolation isolation = probed(dir);

    cr_assert_eq(isolation.can_overlay, isolation.overlay_why[0] == '\0', "'%s'",
                 isolation.overlay_why);
    cr_assert(strcmp(isolation.namespaces, "none") != 0 || !isolation.can_overlay);
    cr_assert_eq(rmdir(dir), 0, "the directory is empty");
    cr_assert_eq(mkdir(dir, 0700), 0);
    return isolation;
}

Test(isolation, the_answer_has_a_reason_or_needs_none)
{
    (void)answer_check();
}

Test(isolation, an_ordinary_user_gets_an_answer_too)
{
    ordinary_become(dir);
    struct isolation isolation = answer_check();
    cr_assert_str_neq(isolation.namespaces, "pid", "an ordinary user needs a namespace of users");
}

Test(isolation, an_overlay_on_an_overlay_is_named)
{
    CLEANUP(mem_freep) char *top = mem_printf("%s/top", dir);
    CLEANUP(mem_freep)
    char *layers = mem_printf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir);
    static const char *const parts[] = {"lower", "upper", "work", "top"};

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, parts[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("overlay", top, "overlay", 0, layers) != 0)
        SKIP("only root may mount an overlay here");
    struct isolation isolation = probed(top);
    cr_assert_eq(umount(top), 0);
    cr_assert_not(isolation.can_overlay);
    cr_assert_not_null(
        strstr(isolation.overlay_why, "cannot be an upper layer (overlay on overlay)"), "%s",
        isolation.overlay_why);
}

/* From now on the call fails as it does in a container. */
static void call_refuse(unsigned call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT_OF(filter), filter};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        SKIP("no filter of calls can be had here");
}

static void refusal_is_named(unsigned call, const char *wanted)
{
    call_refuse(call);
    struct isolation isolation = probed(dir);

    cr_assert_str_eq(isolation.namespaces, "none");
    cr_assert_not(isolation.can_overlay);
    cr_assert_not_null(strstr(isolation.overlay_why, wanted), "%s", isolation.overlay_why);
    cr_assert_not_null(strstr(isolation.overlay_why, "--security-opt seccomp=unconfined"));
}

Test(isolation, a_container_that_refuses_namespaces_is_named)
{
    refusal_is_named(SYS_unshare, "seccomp refuses unshare");
}

Test(isolation, a_container_that_refuses_mounts_is_named)
{
    refusal_is_named(SYS_mount, "seccomp refuses mount");
}

Test(isolation, what_is_no_helper_is_an_error)
{
    struct isolation isolation;
    struct error err;

    cr_assert_neq(isolation_probe("/nonexistent", dir, &isolation, &err), STATUS_OK);
    cr_assert_neq(isolation_probe("/bin/true", dir, &isolation, &err), STATUS_OK);
    cr_assert_not(isolation.can_overlay);
}

Test(isolation, the_sentence_names_all_means)
{
    static const struct {
        struct isolation isolation;
        const char *words[3];
    } cases[] = {
        {{"none", false, false, "x"}, {"sessions of their own", "hash checked", "copied"}},
        {{"pid", false, false, "x"}, {"pid namespaces", "hash checked", "copied"}},
        {{"user", true, false, "x"}, {"pid namespaces", "hidden", "copied"}},
        {{"user", true, true, ""}, {"pid namespaces", "hidden", "overlaid"}},
        {{"pid", false, true, ""}, {"pid namespaces", "hash checked", "overlaid"}},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t word = 0; word < COUNT_OF(cases[i].words); word++)
            cr_assert_not_null(strstr(isolation_text(&cases[i].isolation), cases[i].words[word]),
                               "case %zu: %s", i, cases[i].words[word]);
}
