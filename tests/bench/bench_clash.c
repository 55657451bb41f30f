/* See bench_clash.h. It must not know who is measured. */
#include <stdio.h>

#include "tests/bench/bench_clash.h"

#define FIRST_DAY 8036 /* 1992-01-01 */

static uint64_t
mix(uint64_t n)
{
    n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static void
fill(uint64_t random, date_day first, int days, struct bench_clash *out)
{
    snprintf(out->host, sizeof out->host, "H%u", (unsigned)(random % BENCH_CLASH_HOSTS) + 10);
    random >>= 8;
    snprintf(out->area, sizeof out->area, "area-%u", (unsigned)(random % BENCH_CLASH_AREAS) + 10);
    snprintf(out->kind, sizeof out->kind, "seminar");
    random >>= 8;
    if (random % 20 == 0) { /* neither dimension nor area: a meeting or a visit */
        out->area[0] = '\0';
        snprintf(out->kind, sizeof out->kind, "%s", random % 40 ? "working-visit" : "soc-meeting");
    }
    out->first = first;
    out->last = first + days - 1;
}

void
bench_clash_event(uint64_t n, struct bench_clash *out)
{
    uint64_t random = mix(n);
    snprintf(out->id, sizeof out->id, "event-%llu", (unsigned long long)n);
    out->format = (int)(random >> 40) % 3;
    fill(random, FIRST_DAY + (date_day)(n * 365 / BENCH_CLASH_YEAR), 1 + (int)(random >> 50) % 5,
         out);
}

void
bench_clash_question(uint64_t n, uint64_t count, struct bench_clash *out)
{
    uint64_t random = mix(n ^ UINT64_C(0x5bd1e995));
    out->id[0] = '\0';
    out->format = 1;
    fill(random, FIRST_DAY + (date_day)(random % count * 365 / BENCH_CLASH_YEAR), 3, out);
}

date_day
bench_clash_holiday(uint64_t n)
{
    return FIRST_DAY + (date_day)(n * 36);
}
