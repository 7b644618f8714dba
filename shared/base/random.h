#ifndef SHARED_BASE_RANDOM_H
#define SHARED_BASE_RANDOM_H

/* Two kinds of dice.  `struct dice` is seeded, repeatable and portable: the
 * simulation and `--order shuffle:SEED` use it.  random_* asks the operating
 * system (libsodium) and is for ids and tokens. */

#include <stddef.h>
#include <stdint.h>

/* xorshift64* seeded through splitmix64 (Vigna 2016, "An experimental
 * exploration of Marsaglia's xorshift generators, scrambled"). */
struct dice {
    uint64_t state;
};

void dice_init(struct dice *dice, uint64_t seed);
uint64_t dice_next(struct dice *dice);

/* Uniform in [0, bound); bound > 0. */
uint64_t dice_below(struct dice *dice, uint64_t bound);

/* True with a chance of `per_mille` in a thousand. */
int dice_chance(struct dice *dice, unsigned per_mille);

/* 2 * bytes hexadecimal digits and a NUL. */
#define RANDOM_HEX_BYTES_MAX 64
void random_hex(char *out_text, size_t bytes);
uint64_t random_u64(void);

#endif
