/* The token a program shows: from a file of its own, or a copy of the coordinator's. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/check.h"
#include "shared/http/token_file.h"

static enum status read_text(const char *text, const char *right, struct arena *arena,
                             const char **out_token, struct error *err)
{
    char path[] = "/tmp/muster-token-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    enum status status = token_file_read(path, right, arena, out_token, err);
    (void)close(fd);
    (void)unlink(path);
    return status;
}

Test(token_file, both_forms_are_read)
{
    static const struct {
        const char *text, *right, *token;
    } cases[] = {
        {"secret", "work", "secret"},
        {"secret\n", "work", "secret"},
        {"  secret \r\n", "work", "secret"},
        {"# the cluster's\n\nsecret\nother\n", "work", "secret"},
        {"work:first\n", "work", "first"},
        {"submit,read:first\nwork:second\n", "work", "second"},
        {"submit,read:first\nwork:second\n", "submit", "first"},
        {"work:first\nread, submit: second \n", "submit", "second"},
        {"read:first\nthird\n", "work", "third"},
        {"read:first\nsubmit:second\n", "work", "first"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = ARENA_INIT;
        const char *token = NULL;
        struct error err;

        cr_assert_eq(read_text(cases[i].text, cases[i].right, &arena, &token, &err), STATUS_OK,
                     "case %zu: %s", i, err.text);
        cr_assert_str_eq(token, cases[i].token, "case %zu", i);
        arena_release(&arena);
    }
}

Test(token_file, what_is_no_token_is_refused_and_never_told)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"", "holds no token"},   {"\n# nothing\n", "holds no token"}, {"two words\n", "line 1"},
        {"#\nwork:\n", "line 2"}, {"submit:caf\xc3\xa9\n", "line 1"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = ARENA_INIT;
        const char *token = NULL;
        struct error err;

        cr_assert_eq(read_text(cases[i].text, "work", &arena, &token, &err), STATUS_INVALID);
        cr_assert_not_null(strstr(err.text, cases[i].told), "case %zu: %s", i, err.text);
        cr_assert_not_null(strstr(err.text, "/tmp/muster-token-"), "case %zu: %s", i, err.text);
        cr_assert_null(strstr(err.text, "words"));
        cr_assert_null(token);
        arena_release(&arena);
    }
}

Test(token_file, a_missing_file_is_named)
{
    struct arena arena = ARENA_INIT;
    const char *token = NULL;
    struct error err;

    cr_assert_eq(token_file_read("/nowhere/token", "work", &arena, &token, &err), STATUS_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "/nowhere/token"));
    arena_release(&arena);
}
