#include "shared/base/random.h"

#include <sodium.h>

#include "shared/base/check.h"

void dice_init(struct dice *dice, uint64_t seed)
{
    /* One step of splitmix64: near seeds give far states, and never 0. */
    uint64_t mixed = seed + UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    mixed ^= mixed >> 31;
    dice->state = mixed != 0 ? mixed : 1;
}

uint64_t dice_next(struct dice *dice)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return dice->state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t dice_below(struct dice *dice, uint64_t bound)
{
    CHECK(bound > 0);

    /* Values past the last whole multiple of bound would make the first ones likelier. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value = dice_next(dice);
    while (value >= limit)
        value = dice_next(dice);
    return value % bound;
}

int dice_chance(struct dice *dice, unsigned per_mille)
{
    return dice_below(dice, 1000) < per_mille;
}

static void start_sodium(void)
{
    CHECK(sodium_init() >= 0);
}

void random_hex(char *out_text, size_t bytes)
{
    unsigned char raw[RANDOM_HEX_BYTES_MAX];

    CHECK(bytes <= sizeof(raw));
    start_sodium();
    randombytes_buf(raw, bytes);
    (void)sodium_bin2hex(out_text, 2 * bytes + 1, raw, bytes);
}

uint64_t random_u64(void)
{
    uint64_t value = 0;

    start_sodium();
    randombytes_buf(&value, sizeof(value));
    return value;
}
