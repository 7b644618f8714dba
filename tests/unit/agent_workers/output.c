/* Output goes to the test that made it, whatever the reads look like, in bounded memory. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/workers/output.h"
#include "shared/base/text.h"

static struct output_splitter splitter;
static struct arena arena;

static void setup(void)
{
    output_init(&splitter, INT64_C(1024) * 1024);
    arena_init(&arena);
}

static void teardown(void)
{
    output_release(&splitter);
    arena_release(&arena);
}

TestSuite(worker_output, .init = setup, .fini = teardown);

static void add(enum output_stream stream, const char *text)
{
    output_add(&splitter, stream, text, strlen(text));
}

Test(worker_output, marks_are_cut_out_wherever_a_read_splits_them)
{
    static const char text[] = "before\x1eMUSTER 12\x1fone\n\x1eMUSTER 0\x1f"
                               "between\x1eMUSTER 3\x1ftwo\x1eMUSTER 0\x1f";

    for (size_t cut = 0; cut < sizeof(text); cut++) {
        for (size_t step = 1; step < 4; step++) {
            output_release(&splitter);
            output_init(&splitter, 0);
            output_add(&splitter, OUTPUT_STDOUT, text, cut);
            for (size_t at = cut; at < sizeof(text) - 1; at += step)
                output_add(&splitter, OUTPUT_STDOUT, text + at,
                           at + step < sizeof(text) ? step : sizeof(text) - 1 - at);
            cr_assert_str_eq(output_take(&splitter, 12, &arena)->head, "one\n");
            cr_assert_str_eq(output_take(&splitter, 3, &arena)->head, "two");
            cr_assert_str_eq(output_take(&splitter, 0, &arena)->head, "beforebetween");
        }
    }
}

Test(worker_output, what_only_looks_like_a_mark_is_output)
{
    static const char *const cases[] = {
        "\x1e",          "\x1eMUSTER \x1f", "\x1eMUSTER x\x1f",
        "\x1eMUSTER 12", "\x1eMUST",        "\x1eMUSTER 99999999999999999999\x1f",
        "a\037b",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        output_release(&splitter);
        output_init(&splitter, 0);
        add(OUTPUT_STDOUT, "\x1eMUSTER 1\x1f");
        add(OUTPUT_STDOUT, cases[i]);
        output_close(&splitter, OUTPUT_STDOUT);
        cr_assert_str_eq(output_take(&splitter, 1, &arena)->head, cases[i]);
    }
}

Test(worker_output, a_mark_behind_a_broken_one_counts)
{
    add(OUTPUT_STDOUT, "\x1eMUS\x1eMUSTER 1\x1fx\x1e\x1eMUSTER 0\x1f");

    cr_assert_str_eq(output_take(&splitter, 1, &arena)->head, "x\x1e");
    cr_assert_str_eq(output_take(&splitter, 0, &arena)->head, "\x1eMUS");
}

Test(worker_output, a_test_is_complete_when_both_streams_showed_its_end)
{
    add(OUTPUT_STDOUT, "\x1eMUSTER 5\x1f"
                       "a\x1eMUSTER 0\x1f");
    cr_assert_not(output_is_complete(&splitter, 5));
    /* One stream may be a test ahead of the other. */
    add(OUTPUT_STDOUT, "\x1eMUSTER 6\x1f"
                       "b\x1eMUSTER 0\x1f");
    add(OUTPUT_STDERR, "\x1eMUSTER 5\x1f"
                       "c\x1eMUSTER 0\x1f");
    cr_assert(output_is_complete(&splitter, 5));
    cr_assert_not(output_is_complete(&splitter, 6));
    output_close(&splitter, OUTPUT_STDERR);
    cr_assert(output_is_complete(&splitter, 6));
    cr_assert_str_eq(output_take(&splitter, 5, &arena)->head, "ac");
    cr_assert_str_eq(output_take(&splitter, 6, &arena)->head, "b");
}

Test(worker_output, a_test_that_runs_again_waits_for_its_new_end)
{
    for (int i = 0; i < 2; i++) {
        add(OUTPUT_STDOUT, "\x1eMUSTER 5\x1f"
                           "x\x1eMUSTER 0\x1f");
        add(OUTPUT_STDERR, "\x1eMUSTER 5\x1f\x1eMUSTER 0\x1f");
        cr_assert(output_is_complete(&splitter, 5));
        cr_assert_str_eq(output_take(&splitter, 5, &arena)->head, "x");
        cr_assert_not(output_is_complete(&splitter, 5));
    }
}

Test(worker_output, both_ends_of_a_flood_are_kept_and_all_of_it_is_counted)
{
    char block[1000];

    add(OUTPUT_STDOUT, "\x1eMUSTER 1\x1f"
                       "first");
    memset(block, '.', sizeof(block));
    for (int i = 0; i < 5000; i++)
        output_add(&splitter, OUTPUT_STDOUT, block, sizeof(block));
    add(OUTPUT_STDOUT, "last");

    const struct output *output = output_take(&splitter, 1, &arena);
    cr_assert_eq(output->total_bytes, 5000009);
    cr_assert_eq(strlen(output->head), OUTPUT_PART_BYTES_MAX);
    cr_assert_eq(strlen(output->tail), OUTPUT_PART_BYTES_MAX);
    cr_assert_eq(strncmp(output->head, "first...", 8), 0);
    cr_assert_str_eq(output->tail + OUTPUT_PART_BYTES_MAX - 7, "...last");
}

Test(worker_output, nothing_is_lost_up_to_both_ends_together)
{
    char text[2 * OUTPUT_PART_BYTES_MAX + 1];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + (int)(i % 23));
    text[sizeof(text) - 1] = '\0';
    add(OUTPUT_STDERR, "\x1eMUSTER 1\x1f");
    for (size_t at = 0; at < sizeof(text) - 1; at += 7)
        output_add(&splitter, OUTPUT_STDERR, text + at,
                   sizeof(text) - 1 - at < 7 ? sizeof(text) - 1 - at : 7);

    const struct output *output = output_take(&splitter, 1, &arena);
    char *both = arena_printf(&arena, "%s%s", output->head, output->tail);
    cr_assert_str_eq(both, text);
}

Test(worker_output, a_character_on_the_border_is_whole)
{
    char text[3 * OUTPUT_PART_BYTES_MAX] = "x";

    for (size_t at = 1; at + 2 < 2 * OUTPUT_PART_BYTES_MAX - 4; at += 2)
        memcpy(text + at, "\xc3\xa4", 3);
    add(OUTPUT_STDOUT, "\x1eMUSTER 1\x1f");
    add(OUTPUT_STDOUT, text);

    const struct output *output = output_take(&splitter, 1, &arena);
    cr_assert_str_eq(arena_printf(&arena, "%s%s", output->head, output->tail), text);
}

Test(worker_output, any_bytes_become_utf8_within_the_bound)
{
    char bytes[20000];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 3 == 0 ? 0xff : i % 256);
    add(OUTPUT_STDOUT, "\x1eMUSTER 1\x1f");
    output_add(&splitter, OUTPUT_STDOUT, bytes, sizeof(bytes));

    const struct output *output = output_take(&splitter, 1, &arena);
    cr_assert(text_is_utf8(output->head, strlen(output->head)));
    cr_assert(text_is_utf8(output->tail, strlen(output->tail)));
    cr_assert_leq(strlen(output->head), OUTPUT_PART_BYTES_MAX);
    cr_assert_leq(strlen(output->tail), OUTPUT_PART_BYTES_MAX);
}

Test(worker_output, a_small_limit_keeps_less_and_counts_the_same)
{
    output_release(&splitter);
    output_init(&splitter, 10);
    add(OUTPUT_STDOUT, "\x1eMUSTER 1\x1f"
                       "0123456789abcdefghij");

    const struct output *output = output_take(&splitter, 1, &arena);
    cr_assert_str_eq(output->head, "01234");
    cr_assert_str_eq(output->tail, "fghij");
    cr_assert_eq(output->total_bytes, 20);
}

Test(worker_output, forged_marks_get_no_more_memory)
{
    char mark[64];

    for (int i = 1; i < 1000; i++) {
        (void)snprintf(mark, sizeof(mark), "\x1eMUSTER %d\x1fx", i);
        add(OUTPUT_STDOUT, mark);
    }
    cr_assert_not_null(output_take(&splitter, 999, &arena));
    cr_assert_null(output_take(&splitter, 1, &arena));
}

Test(worker_output, a_silent_test_has_none)
{
    add(OUTPUT_STDOUT, "\x1eMUSTER 1\x1f\x1eMUSTER 0\x1f");
    cr_assert_null(output_take(&splitter, 1, &arena));
    cr_assert_null(output_take(&splitter, 2, &arena));
    cr_assert(output_has_marks(&splitter));
}
