#include <criterion/criterion.h>

#include "shared/base/text.h"

Test(text, durations)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: no duration */
    } cases[] = {
        {"500ms", 500},
        {"3s", 3000},
        {"10m", 600000},
        {"1h30m", 5400000},
        {"2d", 172800000},
        {"0s", 0},
        {"", -1},
        {"5", -1},
        {"-5s", -1},
        {"5 s", -1},
        {"1.5s", -1},
        {"s", -1},
        {"5x", -1},
        {"9999999999999999h", -1},
        {"999999999999999d", -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = -1;
        cr_assert_eq(text_to_duration_ms(cases[i].text, &ms), cases[i].ms >= 0, "%s",
                     cases[i].text);
        cr_assert_eq(ms, cases[i].ms, "%s", cases[i].text);
    }
}

Test(text, sizes)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"1000", 1000}, {"64KiB", 65536}, {"1MiB", 1048576}, {"2GiB", 2147483648},
        {"1MB", -1},    {"", -1},         {"-1", -1},        {"9999999TiB99", -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t bytes = -1;
        cr_assert_eq(text_to_bytes(cases[i].text, &bytes), cases[i].bytes >= 0, "%s",
                     cases[i].text);
        cr_assert_eq(bytes, cases[i].bytes, "%s", cases[i].text);
    }
}

Test(text, whole_numbers)
{
    int64_t value = 7;

    cr_assert(text_to_int64("-3", -10, 10, &value));
    cr_assert_eq(value, -3);
    cr_assert_not(text_to_int64("11", -10, 10, &value));
    cr_assert_not(text_to_int64(" 1", -10, 10, &value));
    cr_assert_not(text_to_int64("1x", -10, 10, &value));
    cr_assert_not(text_to_int64("", -10, 10, &value));
    cr_assert_not(text_to_int64("99999999999999999999", 0, INT64_MAX, &value));
    cr_assert_eq(value, -3, "a refused text changes nothing");
}

Test(text, the_nearest_word_is_a_slip_of_the_finger_away)
{
    static const char *const words[] = {"retries", "timeouts", "driver", NULL};

    cr_assert_str_eq(text_nearest("retrys", words, COUNT_OF(words)), "retries");
    cr_assert_str_eq(text_nearest("drivr", words, COUNT_OF(words)), "driver");
    cr_assert_null(text_nearest("colour", words, COUNT_OF(words)));
    cr_assert_null(text_nearest("", words, COUNT_OF(words)));
}

Test(text, globs_match_whole_ids)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"*", "", true},
        {"a*c", "abc", true},
        {"a*c", "ac", true},
        {"a*c", "abd", false},
        {"?b", "ab", true},
        {"?", "", false},
        {"app.*", "app.x/y", true},
        {"*x*y*", "axbyc", true},
        {"abc", "abcd", false},
        {"**", "x", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert_eq(text_matches_glob(cases[i].pattern, cases[i].text), cases[i].matches, "%s %s",
                     cases[i].pattern, cases[i].text);
}

Test(text, bytes_become_utf_8)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } cases[] = {
        {"plain", 5, "plain"},
        {"\xc3\xa4", 2, "\xc3\xa4"},
        {"a\xffz", 3, "a\xef\xbf\xbdz"},
        {"\xc3", 1, "\xef\xbf\xbd"},
        {"a\0b", 3,
         "a\xef\xbf\xbd"
         "b"},
        {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer buffer;
        buffer_init(&buffer, 100);
        cr_assert(text_add_as_utf8(&buffer, cases[i].bytes, cases[i].len));
        cr_assert_str_eq(buffer.at, cases[i].text, "case %zu", i);
        cr_assert(text_is_utf8(buffer.at, buffer.len));
        buffer_release(&buffer);
    }
}

Test(text, is_cut_between_characters)
{
    cr_assert_eq(text_utf8_floor("abc", 3), 3);
    cr_assert_eq(text_utf8_floor("ab\xc3", 3), 2);
    cr_assert_eq(text_utf8_floor("ab\xc3\xa4", 4), 4);
    cr_assert_eq(text_utf8_floor("\xf0\x9f\x98", 3), 0);
    cr_assert_eq(text_utf8_floor("", 0), 0);
}
