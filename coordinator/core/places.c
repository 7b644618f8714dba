#include "coordinator/core/places.h"

#include <stdlib.h>

#include "shared/base/limits.h"
#include "shared/base/memory.h"

#define WORD_BITS 64

static_assert((int64_t)WORD_BITS * WORD_BITS * WORD_BITS * WORD_BITS >= TESTS_PER_RUN_MAX,
              "a full run fits");

static uint64_t bit_of(size_t place)
{
    return (uint64_t)1 << (place % WORD_BITS);
}

void places_init(struct places *places, size_t size)
{
    size_t words = size;

    *places = (struct places){.size = size};
    do {
        CHECK(places->depth < PLACE_LEVELS_MAX);
        words = (words + WORD_BITS - 1) / WORD_BITS;
        places->levels[places->depth++] = mem_zalloc((words + 1) * sizeof(uint64_t));
    } while (words > 1);
}

void places_release(struct places *places)
{
    for (int i = 0; i < places->depth; i++)
        free(places->levels[i]);
    *places = (struct places){0};
}

bool places_has(const struct places *places, size_t place)
{
    return place < places->size && (places->levels[0][place / WORD_BITS] & bit_of(place)) != 0;
}

void places_add(struct places *places, size_t place)
{
    CHECK(place < places->size);
    if (places_has(places, place))
        return;
    for (int level = 0; level < places->depth; level++) {
        places->levels[level][place / WORD_BITS] |= bit_of(place);
        place /= WORD_BITS;
    }
    places->count++;
}

void places_remove(struct places *places, size_t place)
{
    if (!places_has(places, place))
        return;
    for (int level = 0; level < places->depth; level++) {
        uint64_t *word = &places->levels[level][place / WORD_BITS];

        *word &= ~bit_of(place);
        if (*word != 0)
            break;
        place /= WORD_BITS;
    }
    places->count--;
}

/* Goes down from a word that has a member to its first one. */
static size_t first_below(const struct places *places, int level, size_t word)
{
    for (;;) {
        size_t child = word * WORD_BITS + (size_t)__builtin_ctzll(places->levels[level][word]);

        if (level == 0)
            return child;
        word = child;
        level--;
    }
}

size_t places_next(const struct places *places, size_t from)
{
    if (from >= places->size || places->count == 0)
        return PLACE_NONE;
    for (int level = 0; level < places->depth; level++) {
        size_t word = from / WORD_BITS;
        uint64_t rest = places->levels[level][word] & (UINT64_MAX << (from % WORD_BITS));

        if (rest != 0) {
            size_t child = word * WORD_BITS + (size_t)__builtin_ctzll(rest);

            return level == 0 ? child : first_below(places, level - 1, child);
        }
        from = word + 1; /* each level has a spare word, so this may point past its end */
    }
    return PLACE_NONE;
}
