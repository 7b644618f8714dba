/* The events that wait for their acknowledgement. */

#include <criterion/criterion.h>
#include <string.h>

#include "agent/core/foreman.h"
#include "agent/core/spool.h"

Test(spool, a_copy_owns_all_it_points_to)
{
    struct spool spool;
    char text[] = "before";
    int64_t numbers[] = {1, 2, 3};
    struct output output = {.head = text, .tail = ""};
    struct attempt_report attempt = {
        .id = text, .worker = text, .message = text, .output = &output};
    struct collected_test test = {.id = text, .group = text, .file = text};
    struct event event = {.kind = EVENT_ATTEMPT,
                          .attempt = &attempt,
                          .tests = &test,
                          .tests_count = 1,
                          .numbers = numbers,
                          .numbers_count = 3,
                          .text = text};
    spool_init(&spool);

    const struct event *copy = spool_add(&spool, &event);
    memset(text, 'x', strlen(text));
    numbers[2] = 9;
    cr_assert_eq(copy->seq, 1);
    cr_assert_str_eq(copy->attempt->message, "before");
    cr_assert_str_eq(copy->attempt->output->head, "before");
    cr_assert_str_eq(copy->tests[0].group, "before");
    cr_assert_str_eq(copy->text, "before");
    cr_assert_eq(copy->numbers[2], 3);
    spool_release(&spool);
}

Test(spool, trimming_keeps_the_numbers_going)
{
    struct spool spool;
    struct event event = {.kind = EVENT_NOTE};
    spool_init(&spool);

    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 10; i++)
            (void)spool_add(&spool, &event);
        spool_trim(&spool, spool_last_seq(&spool) - 3);
        cr_assert_eq(spool.count, 3);
        cr_assert_eq(spool_at(&spool, 0)->event->seq, spool_trimmed_seq(&spool) + 1);
    }
    cr_assert_eq(spool_last_seq(&spool), 1000);
    spool_trim(&spool, 1000);
    cr_assert_eq(spool.bytes, 0);
    spool_release(&spool);
}

Test(spool, it_is_full_past_its_bounds)
{
    struct spool spool;
    struct event event = {.kind = EVENT_NOTE};
    spool_init(&spool);

    for (int i = 0; i < SPOOL_EVENTS_MAX; i++) {
        cr_assert_not(spool_is_full(&spool));
        (void)spool_add(&spool, &event);
    }
    cr_assert(spool_is_full(&spool));
    spool_trim(&spool, 1);
    cr_assert_not(spool_is_full(&spool));
    spool_release(&spool);
}
