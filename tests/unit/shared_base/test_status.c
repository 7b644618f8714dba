#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "shared/base/status.h"

Test(status, each_has_a_wire_name_that_leads_back_to_it)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        cr_assert_eq(status_from_wire_name(status_wire_name((enum status)i)), i);
    cr_assert_eq(status_from_wire_name("no such status"), STATUS_COUNT);
}

Test(status, what_may_be_retried_is_no_fault_of_the_request)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        if (status_is_retryable((enum status)i))
            cr_assert(status_http((enum status)i) >= 500 || i == STATUS_FULL ||
                      i == STATUS_TOO_SLOW);
}

Test(error, context_stands_in_front)
{
    struct error err;

    cr_assert_eq(error_set(&err, STATUS_NOT_FOUND, "no run '%d'", 7), STATUS_NOT_FOUND);
    cr_assert_eq(error_wrap(&err, STATUS_INVALID, "muster.yml:3"), STATUS_INVALID);
    cr_assert_str_eq(err.text, "muster.yml:3: no run '7'");
}

Test(error, a_text_that_is_too_long_is_cut_and_still_a_text)
{
    struct error err;
    char context[2 * ERROR_TEXT_MAX];

    (void)memset(context, 'c', sizeof(context));
    context[sizeof(context) - 1] = '\0';
    (void)error_set(&err, STATUS_IO, "%s", context);
    cr_assert_eq(strlen(err.text), ERROR_TEXT_MAX - 1);
    (void)error_wrap(&err, STATUS_IO, context);
    cr_assert(strlen(err.text) < ERROR_TEXT_MAX);
    (void)error_wrap(&err, STATUS_IO, "outer");
    cr_assert_eq(strncmp(err.text, "outer: ccc", 10), 0);
}

Test(error, of_the_operating_system_says_errno)
{
    struct error err;

    errno = ENOENT;
    cr_assert_eq(error_set_errno(&err, "cannot read '%s'", "x"), STATUS_IO);
    cr_assert_str_eq(err.text, "cannot read 'x': No such file or directory");
}
