/* A copy of a suite outlives what it was copied from. */

#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/core/submission.h"

Test(submission, a_copied_database_holds_nothing_of_the_original)
{
    struct arena arena = ARENA_INIT;
    char words[8][8] = {"alias", "engine", "attach", "name", "value", "glob", "check", "15"};
    const char *fingerprint[] = {words[5]};
    const char *check[] = {words[6]};
    struct suite_option options[] = {{words[3], words[4]}};
    struct suite_database databases[] = {{
        .alias = words[0],
        .engine = words[1],
        .version = words[7],
        .name = "",
        .mirror = "",
        .attach = words[2],
        .options = options,
        .options_count = 1,
        .fingerprint = fingerprint,
        .fingerprint_count = 1,
        .incremental = true,
        .check = check,
        .check_count = 1,
    }};
    struct suite suite = {.name = "", .databases = databases, .databases_count = 1};

    const struct suite_database *copy = suite_copy(&suite, &arena)->databases;
    (void)memset(words, 0, sizeof(words));
    (void)memset(options, 0, sizeof(options));
    (void)memset((void *)fingerprint, 0, sizeof(fingerprint));
    (void)memset((void *)check, 0, sizeof(check));

    cr_assert_str_eq(copy->alias, "alias");
    cr_assert_str_eq(copy->engine, "engine");
    cr_assert_str_eq(copy->version, "15");
    cr_assert_str_eq(copy->attach, "attach");
    cr_assert_str_eq(copy->options[0].name, "name");
    cr_assert_str_eq(copy->options[0].value, "value");
    cr_assert_str_eq(copy->fingerprint[0], "glob");
    cr_assert(copy->incremental);
    cr_assert_str_eq(copy->check[0], "check");
    arena_release(&arena);
}
