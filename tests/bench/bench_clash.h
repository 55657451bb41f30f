/* The events of row 7: the n-th of a calendar with a thousand a year, whatever their number, and
 * what is asked about them. The same for this system and its peer. It must not know either. */
#ifndef CBM_BENCH_CLASH_H
#define CBM_BENCH_CLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/date.h"

#define BENCH_CLASH_YEAR 1000 /* events a year: the same density at every size */
#define BENCH_CLASH_HOSTS 27
#define BENCH_CLASH_AREAS 18

/* An event, or what is asked about one. */
struct bench_clash {
    char id[24], host[8], area[16], kind[16]; /* area "" for none */
    int format;                               /* 0 online, 1 in person, 2 hybrid */
    date_day first, last;
};

void bench_clash_event(uint64_t n, struct bench_clash *out);

/* The n-th question about a calendar of `count` events: three days in person, somewhere in it. */
void bench_clash_question(uint64_t n, uint64_t count, struct bench_clash *out);

/* The n-th day of an outside calendar, ten a year. */
date_day bench_clash_holiday(uint64_t n);

#endif
