/* Bytes to structs: what fits, and the words with which the rest is refused. */

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/text.h"
#include "tests/unit/shared_json/meal.h"

static struct arena arena = ARENA_INIT;

static void clear(void)
{
    arena_release(&arena);
}

static enum status decode(const char *text, enum codec_mode mode, struct meal *meal,
                          struct error *err)
{
    return codec_decode(&meal_shape, text, strlen(text), mode, &arena, meal, err);
}

Test(codec_decode, a_full_document_becomes_its_struct, .fini = clear)
{
    static const char text[] =
        "{\"name\":\"stew\",\"cook\":\"Ann\",\"remark\":\"hot\",\"vegan\":true,\"plates\":4,"
        "\"any\":-9223372036854775808,\"taste\":\"sour\",\"best\":{\"name\":\"salt\",\"grams\":5},"
        "\"spices\":[{\"name\":\"chili\",\"grams\":1,\"hot\":true}],\"steps\":[\"cut\",\"cook\"],"
        "\"times\":[1,20],\"tags\":{\"a\":\"1\",\"b\":\"2\"},\"shelf\":{\"salt\":{\"grams\":7}}}";
    struct meal meal;
    struct error err;

    cr_assert_eq(decode(text, CODEC_CLOSED, &meal, &err), STATUS_OK, "%s", err.text);

    cr_assert_str_eq(meal.title, "stew");
    cr_assert_str_eq(meal.cook, "Ann");
    cr_assert_str_eq(meal.remark, "hot");
    cr_assert(meal.vegan);
    cr_assert_eq(meal.plates, 4);
    cr_assert_eq(meal.any, INT64_MIN);
    cr_assert_eq(meal.taste, TASTE_SOUR);
    cr_assert_str_eq(meal.best->name, "salt");
    cr_assert_eq(meal.spices_count, 1);
    cr_assert(meal.spices[0].hot);
    cr_assert_eq(meal.steps_count, 2);
    cr_assert_str_eq(meal.steps[1], "cook");
    cr_assert_eq(meal.times[1], 20);
    cr_assert_eq(meal.tags_count, 2);
    cr_assert_str_eq(meal.tags[1].name, "b");
    cr_assert_str_eq(meal.tags[1].value, "2");
    cr_assert_eq(meal.shelf_count, 1);
    cr_assert_str_eq(meal.shelf[0].name, "salt");
    cr_assert_eq(meal.shelf[0].grams, 7);
}

Test(codec_decode, what_is_missing_stands_as_its_default, .fini = clear)
{
    struct meal meal;
    struct error err;

    cr_assert_eq(decode("{\"name\":\"\"}", CODEC_OPEN, &meal, &err), STATUS_OK, "%s", err.text);

    cr_assert_str_eq(meal.title, "");
    cr_assert_null(meal.cook);
    cr_assert_str_eq(meal.remark, "");
    cr_assert_not(meal.vegan);
    cr_assert_eq(meal.plates, 2);
    cr_assert_eq(meal.any, 0);
    cr_assert_eq(meal.taste, TASTE_BITTER);
    cr_assert_null(meal.best);
    cr_assert_null(meal.spices);
    cr_assert_eq(meal.spices_count, 0);
    cr_assert_eq(meal.tags_count, 0);
}

Test(codec_decode, open_documents_may_hold_more_than_we_know, .fini = clear)
{
    struct meal meal;
    struct error err;

    cr_assert_eq(decode("{\"name\":\"x\",\"new\":[1.5,null]}", CODEC_OPEN, &meal, &err), STATUS_OK);
}

struct refusal {
    const char *text;
    enum status status;
    const char *error;
};

/* clang-format off */
static const struct refusal refusals[] = {
    {"{}",                                   STATUS_INVALID, "name: is missing"},
    {"{\"nam\":\"x\"}",                      STATUS_INVALID, "nam: is not known here; did you mean 'name'?"},
    {"{\"name\":\"x\",\"zzzzzzzz\":1}",      STATUS_INVALID, "zzzzzzzz: is not known here"},
    {"{\"name\":1}",                         STATUS_INVALID, "name: expected a string, found a number"},
    {"{\"name\":null}",                      STATUS_INVALID, "name: expected a string, found null"},
    {"{\"name\":\"x\",\"vegan\":\"true\"}",  STATUS_INVALID, "vegan: expected true or false, found a string"},
    {"{\"name\":\"x\",\"plates\":0}",        STATUS_INVALID, "plates: 0 is not in 1..12"},
    {"{\"name\":\"x\",\"plates\":13}",       STATUS_INVALID, "plates: 13 is not in 1..12"},
    {"{\"name\":\"x\",\"plates\":2.0}",      STATUS_INVALID, "plates: expected a whole number, found a number that is not whole"},
    {"{\"name\":\"x\",\"plates\":\"2\"}",    STATUS_INVALID, "plates: expected a whole number, found a string"},
    {"{\"name\":\"x\",\"taste\":\"sweat\"}", STATUS_INVALID, "taste: 'sweat' is not one of sweet, sour, bitter; did you mean 'sweet'?"},
    {"{\"name\":\"x\",\"taste\":2}",         STATUS_INVALID, "taste: expected a string, found a number"},
    {"{\"name\":\"x\",\"best\":[]}",         STATUS_INVALID, "best: expected an object, found a list"},
    {"{\"name\":\"x\",\"best\":{}}",         STATUS_INVALID, "best.name: is missing"},
    {"{\"name\":\"x\",\"spices\":{}}",       STATUS_INVALID, "spices: expected a list, found an object"},
    {"{\"name\":\"x\",\"spices\":[{\"name\":\"a\",\"grams\":1},{\"name\":\"\",\"grams\":1}]}",
                                             STATUS_INVALID, "spices[1].name: must not be empty"},
    {"{\"name\":\"x\",\"spices\":[{\"name\":\"a\",\"grams\":101,\"hot\":true}]}",
                                             STATUS_INVALID, "spices[0].grams: a hot spice needs no 101"},
    {"{\"name\":\"x\",\"spices\":[{},{},{},{}]}", STATUS_TOO_BIG, "spices: more than 3 of them"},
    {"{\"name\":\"x\",\"steps\":[\"a\",3]}", STATUS_INVALID, "steps[1]: expected a string, found a number"},
    {"{\"name\":\"x\",\"steps\":[\"\"]}",    STATUS_INVALID, "steps[0]: must not be empty"},
    {"{\"name\":\"x\",\"times\":[0]}",       STATUS_INVALID, "times[0]: 0 is less than 1"},
    {"{\"name\":\"x\",\"tags\":[]}",         STATUS_INVALID, "tags: expected an object, found a list"},
    {"{\"name\":\"x\",\"tags\":{\"k\":1}}",  STATUS_INVALID, "tags.k: expected a string, found a number"},
    {"{\"name\":\"x\",\"tags\":{\"\":\"\"}}", STATUS_INVALID, "tags.: the name must not be empty"},
    {"{\"name\":\"x\",\"tags\":{\"01234567890\":\"\"}}",
                                             STATUS_TOO_BIG, "tags.01234567890: the name is longer than 10 bytes"},
    {"{\"name\":\"x\",\"tags\":{\"k\":\"01234567890\"}}",
                                             STATUS_TOO_BIG, "tags.k: longer than 10 bytes"},
    {"{\"name\":\"x\",\"shelf\":{\"salt\":{\"grams\":101,\"hot\":true}}}",
                                             STATUS_INVALID, "shelf.salt.grams: a hot spice needs no 101"},
    {"{\"name\":\"x\",\"shelf\":{\"salt\":{\"name\":\"y\",\"grams\":1}}}",
                                             STATUS_INVALID, "shelf.salt.name: is not known here"},
};
/* clang-format on */

Test(codec_decode, what_does_not_fit_is_refused_by_its_path, .fini = clear)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct meal meal;
        struct error err;

        enum status status = decode(refusals[i].text, CODEC_CLOSED, &meal, &err);

        cr_assert_eq(status, refusals[i].status, "%s", refusals[i].text);
        cr_assert_str_eq(err.text, refusals[i].error);
    }
}

Test(codec_decode, what_is_no_json_is_refused, .fini = clear)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "3",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"\\u0000\"}",
        "{\"name\":\"\xff\"}",
        "{\"name\":\"\xed\xa0\x80\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"a\"} x",
        "{\"name\":\"a\",\"any\":9223372036854775808}",
        "{\"name\":\"a\",\"any\":1e3}",
        "{\"name\":\"a\",}",
        "{name:\"a\"}",
        "{\"\xdb\x8b\\",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct meal meal;
        struct error err;

        cr_assert_eq(decode(texts[i], CODEC_OPEN, &meal, &err), STATUS_INVALID, "%s", texts[i]);
        cr_assert_neq(err.text[0], '\0');
        cr_assert(text_is_utf8(err.text, strlen(err.text)), "%s", texts[i]);
    }
}

Test(codec_decode, a_raw_nul_ends_no_document_early, .fini = clear)
{
    static const char text[] = "{\"name\":\"a\"}\0";
    struct meal meal;
    struct error err;

    cr_assert_eq(codec_decode(&meal_shape, text, sizeof(text), CODEC_OPEN, &arena, &meal, &err),
                 STATUS_INVALID);
}

Test(codec_decode, deep_nesting_is_refused_before_it_is_parsed, .fini = clear)
{
    struct meal meal;
    struct error err;
    char text[256] = "{\"name\":\"a\",\"x\":";
    size_t len = strlen(text);

    (void)memset(text + len, '[', 200);
    cr_assert_eq(decode(text, CODEC_OPEN, &meal, &err), STATUS_INVALID);
    cr_assert_str_eq(err.text, "meal: nested deeper than 32");

    /* Brackets inside a text nest nothing. */
    (void)snprintf(text, sizeof(text), "{\"name\":\"%s\"}",
                   "\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    cr_assert_eq(decode(text, CODEC_OPEN, &meal, &err), STATUS_OK, "%s", err.text);
}

Test(codec_decode, typed_files_give_scalars_as_text, .fini = clear)
{
    static const char text[] = "{\"name\":8.0,\"cook\":false,\"remark\":12,\"vegan\":\"true\","
                               "\"plates\":\"3\",\"times\":[\"7\"]}";
    struct meal meal;
    struct error err;

    cr_assert_eq(decode(text, CODEC_TYPED, &meal, &err), STATUS_OK, "%s", err.text);

    cr_assert_str_eq(meal.title, "8.0");
    cr_assert_str_eq(meal.cook, "false");
    cr_assert_str_eq(meal.remark, "12");
    cr_assert(meal.vegan);
    cr_assert_eq(meal.plates, 3);
    cr_assert_eq(meal.times[0], 7);
}

/* clang-format off */
static const struct refusal typed_refusals[] = {
    {"{\"name\":\"x\",\"vegan\":\"yes\"}",    STATUS_INVALID, "vegan: 'yes' is neither true nor false"},
    {"{\"name\":\"x\",\"plates\":\"three\"}", STATUS_INVALID, "plates: 'three' is not a whole number"},
    {"{\"name\":\"x\",\"plates\":\"13\"}",    STATUS_INVALID, "plates: 13 is not in 1..12"},
    {"{\"name\":[\"x\"]}",                    STATUS_INVALID, "name: expected a string, found a list"},
};
/* clang-format on */

Test(codec_decode, typed_files_are_still_typed, .fini = clear)
{
    for (size_t i = 0; i < COUNT_OF(typed_refusals); i++) {
        struct meal meal;
        struct error err;

        cr_assert_eq(decode(typed_refusals[i].text, CODEC_TYPED, &meal, &err),
                     typed_refusals[i].status);
        cr_assert_str_eq(err.text, typed_refusals[i].error);
    }
}

Test(codec_decode, the_path_of_the_bad_field_is_given_out, .fini = clear)
{
    static const struct {
        const char *text;
        const char *path;
    } cases[] = {
        {"{\"name\":\"x\",\"spices\":[{\"name\":\"a\"}]}", "spices[0].grams"},
        {"{\"name\":\"x\",\"shelf\":{\"salt\":{\"grams\":200,\"hot\":true}}}", "shelf.salt.grams"},
        {"[]", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *tree = json_loads(cases[i].text, 0, NULL);
        const char *path = NULL;
        struct meal meal;
        struct error err;

        cr_assert_eq(
            codec_decode_value(&meal_shape, tree, CODEC_CLOSED, &arena, &meal, &path, &err),
            STATUS_INVALID);
        cr_assert_str_eq(path, cases[i].path);
        json_decref(tree);
    }
}

Test(codec_decode, an_error_with_long_names_stays_whole_text, .fini = clear)
{
    struct buffer text;
    struct meal meal;
    struct error err;

    buffer_init(&text, 4096);
    (void)buffer_add_text(&text, "{\"name\":\"x\",\"");
    for (int i = 0; i < 300; i++)
        (void)buffer_add_text(&text, "\xc3\xa9\xc3\xa8");
    (void)buffer_add_text(&text, "\":1}");

    enum status status = decode(text.at, CODEC_CLOSED, &meal, &err);
    buffer_release(&text);

    cr_assert_eq(status, STATUS_INVALID);
    cr_assert_not_null(strstr(err.text, "...: is not known here"));
    cr_assert(text_is_utf8(err.text, strlen(err.text)));
}
