#include <criterion/criterion.h>
#include <stdlib.h>

#include "shared/base/buffer.h"

Test(buffer, grows_up_to_its_bound_and_not_past_it)
{
    struct buffer buffer;

    buffer_init(&buffer, 10);
    cr_assert(buffer_add_text(&buffer, "12345"));
    cr_assert(buffer_add_text(&buffer, "67890"));
    cr_assert_not(buffer_add_char(&buffer, 'x'));
    cr_assert(buffer.has_overflowed);
    cr_assert_str_eq(buffer.at, "1234567890");
    buffer_release(&buffer);
}

Test(buffer, after_an_overflow_nothing_more_is_taken_until_it_is_cleared)
{
    struct buffer buffer;

    buffer_init(&buffer, 4);
    cr_assert_not(buffer_add_text(&buffer, "12345"));
    cr_assert_not(buffer_add_text(&buffer, "1"));
    cr_assert_eq(buffer.len, 0);
    buffer_clear(&buffer);
    cr_assert(buffer_add_text(&buffer, "1"));
    buffer_release(&buffer);
}

Test(buffer, is_text_even_when_it_is_empty)
{
    struct buffer buffer;

    buffer_init(&buffer, 4);
    cr_assert_str_eq(buffer.at, "");
    char *text = buffer_detach(&buffer);
    cr_assert_str_eq(text, "");
    free(text);
}

Test(buffer, drops_its_front)
{
    struct buffer buffer;

    buffer_init(&buffer, 100);
    cr_assert(buffer_printf(&buffer, "%s-%d", "abc", 7));
    buffer_drop_front(&buffer, 4);
    cr_assert_str_eq(buffer.at, "7");
    buffer_release(&buffer);
}
