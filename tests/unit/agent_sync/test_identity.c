/* Who the agent is, over starts and in a directory that another one holds. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sync/identity.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

static char dir[] = "/tmp/muster-identity-XXXXXX";

static void dir_make(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void dir_remove(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(identity, .init = dir_make, .fini = dir_remove, .timeout = 20);

static struct identity take(const char *name)
{
    struct identity identity;
    struct error err;

    cr_assert_eq(identity_take(dir, name, &identity, &err), STATUS_OK, "%s", err.text);
    return identity;
}

Test(identity, name_stays_and_incarnation_grows_with_each_start)
{
    struct identity first = take(NULL);
    struct identity second;

    identity_release(&first);
    second = take(NULL);

    cr_assert_str_eq(second.name, first.name);
    cr_assert_eq(first.incarnation, 1);
    cr_assert_eq(second.incarnation, 2);
    identity_release(&second);
}

Test(identity, a_given_name_wins_and_never_starts_from_one)
{
    struct identity identity = take("build-7");

    cr_assert_str_eq(identity.name, "build-7");
    /* Some other work directory may have used the name before: see incarnation_raise. */
    cr_assert_gt(identity.incarnation, 1600000000);
    identity_release(&identity);
}

Test(identity, a_second_agent_in_the_directory_is_refused_with_a_sentence)
{
    struct identity first = take(NULL);
    struct identity second;
    struct error err;

    cr_assert_eq(identity_take(dir, NULL, &second, &err), STATUS_CONFLICT);
    cr_assert_not_null(strstr(err.text, "another agent uses"), "%s", err.text);
    cr_assert_eq(second.lock_fd, -1);
    identity_release(&first);
}

Test(identity, names_that_would_not_fit_elsewhere_are_refused)
{
    static const char *const names[] = {"", "a.b", "a b", "-x", "a/b", "\xc3\xa9"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct identity identity;

        cr_assert_eq(identity_take(dir, names[i], &identity, NULL), STATUS_INVALID, "%s", names[i]);
    }
}

Test(identity, a_damaged_incarnation_is_an_error_and_no_new_beginning)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/incarnation", dir);
    struct identity identity;
    struct error err;

    cr_assert_eq(file_write_atomic(path, "7x", 2, 0600, &err), STATUS_OK);
    cr_assert_eq(identity_take(dir, NULL, &identity, &err), STATUS_INVALID);
}
