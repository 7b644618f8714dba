/* Structs to bytes: one way to write each, and back again. */

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/shared_json/meal.h"

static struct arena arena = ARENA_INIT;
static struct buffer buffer;

static void begin(void)
{
    buffer_init(&buffer, 4096);
}

static void clear(void)
{
    buffer_release(&buffer);
    arena_release(&arena);
}

TestSuite(codec_encode, .init = begin, .fini = clear);

static void encode(const struct meal *meal)
{
    struct error err;

    buffer_clear(&buffer);
    cr_assert_eq(codec_encode(&meal_shape, meal, &buffer, &err), STATUS_OK, "%s", err.text);
}

Test(codec_encode, members_stand_in_order_of_their_names_and_defaults_are_left_out)
{
    struct meal meal = {.title = "stew", .remark = "", .plates = 2, .taste = TASTE_BITTER};

    encode(&meal);
    cr_assert_str_eq(buffer.at, "{\"name\":\"stew\"}");

    meal.plates = 3;
    meal.cook = "";
    meal.taste = TASTE_SWEET;
    meal.any = -4;
    encode(&meal);
    cr_assert_str_eq(
        buffer.at, "{\"any\":-4,\"cook\":\"\",\"name\":\"stew\",\"plates\":3,\"taste\":\"sweet\"}");
}

Test(codec_encode, texts_are_escaped_in_one_way)
{
    struct meal meal = {
        .title = "\"\\/\b\f\n\r\t\x01\x1e\x7f\xc3\xa9", .plates = 2, .taste = TASTE_BITTER};

    encode(&meal);

    cr_assert_str_eq(buffer.at,
                     "{\"name\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001e\x7f\xc3\xa9\"}");
}

Test(codec_encode, a_map_is_ordered_by_its_names)
{
    struct tag tags[] = {{"b", "2"}, {"a", "1"}};
    struct spice shelf[] = {{"salt", 1, false}, {"chili", 2, true}};
    struct meal meal = {.title = "x",
                        .plates = 2,
                        .taste = TASTE_BITTER,
                        .tags = tags,
                        .tags_count = 2,
                        .shelf = shelf,
                        .shelf_count = 2};

    encode(&meal);

    cr_assert_str_eq(buffer.at, "{\"name\":\"x\",\"shelf\":{\"chili\":{\"grams\":2,\"hot\":true},"
                                "\"salt\":{\"grams\":1}},\"tags\":{\"a\":\"1\",\"b\":\"2\"}}");
}

Test(codec_encode, a_name_that_stands_twice_in_a_map_is_refused)
{
    struct tag tags[] = {{"a", "2"}, {"a", "1"}};
    struct meal meal = {.title = "x", .tags = tags, .tags_count = 2};
    struct error err;

    cr_assert_eq(codec_encode(&meal_shape, &meal, &buffer, &err), STATUS_INVALID);
    cr_assert_str_eq(err.text, "tags.a: the name stands twice");
}

Test(codec_encode, text_that_is_not_utf8_is_refused_by_its_path)
{
    const char *steps[] = {"ok", "\xff"};
    struct meal meal = {.title = "x", .steps = steps, .steps_count = 2};
    struct error err;

    cr_assert_eq(codec_encode(&meal_shape, &meal, &buffer, &err), STATUS_INVALID);
    cr_assert_str_eq(err.text, "steps[1]: the text is not UTF-8");
}

Test(codec_encode, past_the_buffers_bound_it_fails)
{
    struct meal meal = {.title = "0123456789"};
    struct buffer small;
    struct error err;

    buffer_init(&small, 16);
    cr_assert_eq(codec_encode(&meal_shape, &meal, &small, &err), STATUS_TOO_BIG);
    buffer_release(&small);
}

Test(codec_encode, what_is_decoded_and_encoded_again_is_equal)
{
    static const char text[] =
        "{\"any\":-1,\"best\":{\"grams\":5,\"hot\":true,\"name\":\"salt\"},\"cook\":\"\","
        "\"name\":\"stew\",\"plates\":4,\"remark\":\"r\","
        "\"shelf\":{\"salt\":{\"grams\":7}},\"spices\":[{\"grams\":1,\"name\":\"chili\"}],"
        "\"steps\":[\"a\\nb\"],\"tags\":{\"a\":\"1\"},\"taste\":\"sour\",\"times\":[1,20],"
        "\"vegan\":true}";
    struct meal meal;
    struct error err;

    cr_assert_eq(codec_decode(&meal_shape, text, strlen(text), CODEC_CLOSED, &arena, &meal, &err),
                 STATUS_OK, "%s", err.text);
    encode(&meal);

    cr_assert_str_eq(buffer.at, text);
}

Test(codec_encode, a_copy_outlives_its_original)
{
    static const char text[] =
        "{\"best\":{\"grams\":5,\"name\":\"salt\"},\"name\":\"stew\","
        "\"shelf\":{\"salt\":{\"grams\":7}},\"spices\":[{\"grams\":1,\"name\":\"chili\"}],"
        "\"steps\":[\"a\"],\"tags\":{\"a\":\"1\"},\"times\":[1,20]}";
    struct arena first = ARENA_INIT;
    struct meal meal;
    struct meal copy;
    struct error err;

    cr_assert_eq(codec_decode(&meal_shape, text, strlen(text), CODEC_OPEN, &first, &meal, &err),
                 STATUS_OK);
    codec_copy(&meal_shape, &meal, &arena, &copy);
    arena_release(&first);
    encode(&copy);

    cr_assert_str_eq(buffer.at, text);
}

Test(codec_encode, enum_names_go_both_ways)
{
    cr_assert_str_eq(codec_enum_name(&taste_names, TASTE_SOUR), "sour");
    cr_assert_eq(codec_enum_value(&taste_names, "bitter"), TASTE_BITTER);
    cr_assert_eq(codec_enum_value(&taste_names, "salty"), -1);
}
