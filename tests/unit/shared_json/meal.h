#ifndef TESTS_UNIT_SHARED_JSON_MEAL_H
#define TESTS_UNIT_SHARED_JSON_MEAL_H

/* A document with one field of every kind, for the tests of the codec. */

#include "shared/json/codec.h"

enum taste { TASTE_SWEET, TASTE_SOUR, TASTE_HOLE, TASTE_BITTER };

struct spice {
    const char *name;
    int64_t grams;
    bool hot;
};

struct tag {
    const char *name;
    const char *value;
};

struct meal {
    const char *title;
    const char *cook;   /* optional, NULL */
    const char *remark; /* optional, "" */
    bool vegan;
    int64_t plates; /* 1..12, 2 when missing */
    int64_t any;
    enum taste taste; /* bitter when missing */
    const struct spice *best;
    struct spice *spices;
    size_t spices_count;
    const char **steps;
    size_t steps_count;
    int64_t *times;
    size_t times_count;
    struct tag *tags;
    size_t tags_count;
    struct spice *shelf;
    size_t shelf_count;
};

extern const struct enum_names taste_names;
extern const struct shape meal_shape;

#endif
