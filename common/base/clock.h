/* The two clocks. Domain code never calls these: time comes to it as an argument. */
#ifndef CBM_BASE_CLOCK_H
#define CBM_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that only grow, for timeouts; their zero means nothing. */
int64_t clock_mono_ms(void);

/* The same clock in microseconds, for latencies. */
int64_t clock_mono_us(void);

/* Milliseconds since 1970-01-01T00:00:00Z. May step. CBM_TEST_NOW_MS in the environment fixes it
 * (time is injected in tests, never slept for). */
int64_t clock_wall_ms(void);

#endif
