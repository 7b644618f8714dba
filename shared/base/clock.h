#ifndef SHARED_BASE_CLOCK_H
#define SHARED_BASE_CLOCK_H

/* The only place that reads a clock.  The cores never include this. */

#include <stddef.h>
#include <stdint.h>

/* Counts on while the machine sleeps (CLOCK_BOOTTIME), so a lease that ran out
 * during a suspend is seen as run out. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

/* Milliseconds since 1970, UTC; may jump. */
int64_t clock_wall_ms(void);

/* "2026-11-23T20:57:04Z" */
#define CLOCK_TEXT_SIZE 32
void clock_wall_text(int64_t wall_ms, char out_text[CLOCK_TEXT_SIZE]);

#endif
