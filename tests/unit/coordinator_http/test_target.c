#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/http/target.h"

Test(target, a_path_becomes_segments_and_arguments)
{
    struct arena arena = ARENA_INIT;
    struct target target;
    struct error err;

    cr_assert_eq(target_parse("/v1/runs/7/attempts?after=3&name=a%2Bb", &arena, &target, &err),
                 STATUS_OK);
    cr_assert_eq(target.segments_count, 4);
    cr_assert_str_eq(target.segments[0], "v1");
    cr_assert_str_eq(target.segments[3], "attempts");
    cr_assert_str_eq(target_argument(&target, "after"), "3");
    cr_assert_str_eq(target_argument(&target, "name"), "a+b");
    cr_assert_null(target_argument(&target, "limit"));
    arena_release(&arena);
}

Test(target, what_is_no_path_of_ours_is_refused)
{
    static const char *const cases[] = {
        "",         "*",        "http://h/v1", "v1",          "//",          "/a//b",  "/a/",
        "/.",       "/a/../b",  "/%2e%2e/a",   "/a%2Fb",      "/a%2fb",      "/%00",   "/a%",
        "/a%4",     "/a%zz",    "/a%0Ab",      "/a\x01",      "/a b",        "/a?b",   "/a?b=%00",
        "/a?b=%zz", "/a?b=1&b", "/a?b=1&b=2",  "/a?b=1&&c=2", "/a/\xff\xfe", "/%ff%fe"};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct target target;
        struct error err;

        cr_expect_eq(target_parse(cases[i], &arena, &target, &err), STATUS_INVALID, "'%s'",
                     cases[i]);
        arena_release(&arena);
    }
}

Test(target, a_path_past_its_bounds_is_refused)
{
    struct arena arena = ARENA_INIT;
    struct target target;
    struct error err;
    char path[TARGET_BYTES_MAX + 2];

    (void)memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[TARGET_BYTES_MAX] = '\0';
    cr_expect_eq(target_parse(path, &arena, &target, &err), STATUS_OK);
    path[TARGET_BYTES_MAX] = 'a';
    path[TARGET_BYTES_MAX + 1] = '\0';
    cr_expect_eq(target_parse(path, &arena, &target, &err), STATUS_INVALID);
    cr_expect_eq(target_parse("/1/2/3/4/5/6/7/8/9", &arena, &target, &err), STATUS_NOT_FOUND);
    arena_release(&arena);
}
