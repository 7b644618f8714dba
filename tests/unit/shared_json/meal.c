#include "tests/unit/shared_json/meal.h"

#include <string.h>

static const char *const tastes[] = {
    [TASTE_SWEET] = "sweet", [TASTE_SOUR] = "sour", [TASTE_BITTER] = "bitter"};

const struct enum_names taste_names = {tastes, COUNT_OF(tastes)};

static enum status spice_check(const void *object, struct error *err)
{
    const struct spice *spice = object;

    if (spice->hot && spice->grams > 100)
        return error_set(err, STATUS_INVALID, "grams: a hot spice needs no %d", (int)spice->grams);
    return STATUS_OK;
}

/* clang-format off */
static const struct field spice_fields[] = {
    FIELD_REQUIRED(struct spice, name,  FIELD_STRING, .min = 1, .max = 20),
    FIELD_REQUIRED(struct spice, grams, FIELD_INT, .max = 1000),
    FIELD_OPTIONAL(struct spice, hot,   FIELD_BOOL),
};
static const struct shape spice_shape = SHAPE("spice", struct spice, spice_fields, spice_check);

static const struct field tag_fields[] = {
    FIELD_REQUIRED(struct tag, name,  FIELD_STRING, .min = 1, .max = 10),
    FIELD_REQUIRED(struct tag, value, FIELD_STRING, .max = 10),
};
static const struct shape tag_shape = SHAPE("tag", struct tag, tag_fields, NULL);

static const struct field meal_fields[] = {
    FIELD_NAMED("name", struct meal, title, FIELD_STRING, .is_required = true, .max = 40),
    FIELD_OPTIONAL(struct meal, cook,        FIELD_STRING, .max = 40),
    FIELD_TEXT(struct meal, remark, 40),
    FIELD_OPTIONAL(struct meal, vegan,       FIELD_BOOL),
    FIELD_OPTIONAL(struct meal, plates,      FIELD_INT, .min = 1, .max = 12, .fallback = 2),
    FIELD_OPTIONAL(struct meal, any,         FIELD_INT),
    FIELD_OPTIONAL(struct meal, taste,       FIELD_ENUM, .names = &taste_names, .fallback = TASTE_BITTER),
    FIELD_OPTIONAL(struct meal, best,        FIELD_OBJECT, .shape = &spice_shape),
    FIELD_OPTIONAL_LIST(struct meal, spices, FIELD_LIST, .max = 3, .shape = &spice_shape),
    FIELD_OPTIONAL_LIST(struct meal, steps,  FIELD_STRINGS, .element_min = 1),
    FIELD_OPTIONAL_LIST(struct meal, times,  FIELD_INTS, .element_min = 1),
    FIELD_OPTIONAL_LIST(struct meal, tags,   FIELD_MAP, .shape = &tag_shape),
    FIELD_OPTIONAL_LIST(struct meal, shelf,  FIELD_MAP, .shape = &spice_shape),
};
/* clang-format on */
const struct shape meal_shape = SHAPE("meal", struct meal, meal_fields, NULL);
