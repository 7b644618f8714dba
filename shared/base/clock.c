#include "shared/base/clock.h"

#include <stdio.h>
#include <time.h>

#include "shared/base/check.h"

static int64_t read_us(clockid_t clock)
{
    struct timespec now;

    CHECK(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

void clock_wall_text(int64_t wall_ms, char out_text[CLOCK_TEXT_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;

    out_text[0] = '\0';
    if (gmtime_r(&seconds, &utc) != NULL)
        (void)strftime(out_text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
