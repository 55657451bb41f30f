/* Latencies in buckets that grow by a quarter of a power of two: quantiles to about 20 %, 1 µs to
 * an hour, fixed memory. Pure. */
#ifndef CBM_BASE_HISTOGRAM_H
#define CBM_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 128

/* An embedded value: zeroed is empty. */
struct histogram {
    uint64_t count, sum;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, int64_t value);

/* The upper bound of the bucket in which the share `permille` of the values lies (500: the median);
 * 0 if there are none. */
int64_t histogram_quantile(const struct histogram *histogram, unsigned permille);

#endif
