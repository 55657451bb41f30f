/* See clock.h. */
#include "common/base/clock.h"

#include <stdlib.h>
#include <time.h>

int64_t
clock_mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
    const char *fixed = getenv("CBM_TEST_NOW_MS");
    if (fixed)
        return strtoll(fixed, NULL, 10);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
