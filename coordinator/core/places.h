#ifndef COORDINATOR_CORE_PLACES_H
#define COORDINATOR_CORE_PLACES_H

/* A set of places (0, 1, ... in the order of a run's plan) that answers at once which
 * member comes next.  A tree of bitmaps, 64 children each: a bit is set where anything below is.
 *
 *     level 1            1 0 1
 *     level 0   0110...  0000...  0001...   */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_NONE SIZE_MAX

/* 64^4 places are 16 times TESTS_PER_RUN_MAX. */
#define PLACE_LEVELS_MAX 4

struct places {
    uint64_t *levels[PLACE_LEVELS_MAX]; /* [0] holds the places themselves */
    int depth;
    size_t size;
    size_t count; /* of members */
};

void places_init(struct places *places, size_t size);
void places_release(struct places *places);

/* Both may be told what is so already. */
void places_add(struct places *places, size_t place);
void places_remove(struct places *places, size_t place);
bool places_has(const struct places *places, size_t place);

/* The first member at or after `from`; PLACE_NONE when there is none. */
size_t places_next(const struct places *places, size_t from);

#endif
