#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/* What every fuzz target defines: takes any bytes, and stops the program (CHECK) where an
 * invariant does not hold.  libFuzzer calls it with inputs it invents, replay.c with those
 * that were kept. */

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
