/* Samples of times and their quantiles, for the measurements of notifications and of their peers.
 * It must not know what is measured. */
#ifndef CBM_BENCH_NOTIFY_SAMPLES_H
#define CBM_BENCH_NOTIFY_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"

/* What both sides send where a measurement makes up its records: the bytes of a proposed event as
 * this system publishes it (topic, meta, data). A peer gets meta and data as one payload. */
#define SAMPLE_TOPIC "events.economic.tourism.bench-%06u."
#define SAMPLE_META_LEN 190
#define SAMPLE_DATA_LEN 210
#define SAMPLE_PAYLOAD_LEN (SAMPLE_META_LEN + SAMPLE_DATA_LEN)

#define CHANGES_MAX (1U << 20)
#define PACE_US 1000 /* how often an open loop looks whether something is to be sent */

/* The instants of each change, µs; 0: not yet. Filled by one thread each. */
struct instants {
    int64_t sent[CHANGES_MAX], acked[CHANGES_MAX], arrived[CHANGES_MAX];
};

static inline int
samples_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static inline double
samples_quantile(const int64_t *values, size_t count, double q)
{
    return count ? (double)values[(size_t)(q * (double)(count - 1))] : 0;
}

/* Prints the one JSON object: from the acknowledgement to the arrival (an arrival before it counts
 * as 1 µs, the least that is told apart), from sending to the arrival, and from sending to the
 * acknowledgement. */
static inline int
instants_print(const struct instants *at, uint32_t count, double seconds)
{
    static const char *const names[] = {"ack_to_arrival", "send_to_arrival", "send_to_ack"};
    int64_t *values[3];
    size_t whole = 0, early = 0;
    for (unsigned k = 0; k < 3; k++)
        if (!(values[k] = calloc(count + 1, sizeof **values)))
            return 71;
    for (uint32_t i = 0; i < count; i++) {
        if (!at->acked[i] || !at->arrived[i])
            continue;
        bool before = at->arrived[i] < at->acked[i];
        early += before;
        int64_t after = at->arrived[i] - at->acked[i];
        values[0][whole] = after > 0 ? after : 1;
        values[1][whole] = at->arrived[i] - at->sent[i];
        values[2][whole++] = at->acked[i] - at->sent[i];
    }
    printf("{\"changes\":%u,\"lost\":%zu,\"before_ack\":%.3f,\"rate\":%.0f", count, count - whole,
           whole ? (double)early / (double)whole : 0, (double)whole / seconds);
    for (unsigned k = 0; k < 3; k++) {
        qsort(values[k], whole, sizeof **values, samples_compare);
        printf(",\"%s_p50_us\":%.0f,\"%s_p99_us\":%.0f", names[k],
               samples_quantile(values[k], whole, 0.5), names[k],
               samples_quantile(values[k], whole, 0.99));
        free(values[k]);
    }
    printf("}\n");
    return whole == count && count ? 0 : 1;
}

#endif
