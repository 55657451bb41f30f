/* See histogram.h. */
#include "common/base/histogram.h"

static unsigned
bucket_of(uint64_t value)
{
    if (value < 4)
        return (unsigned)value;
    unsigned power = 63U - (unsigned)__builtin_clzll(value);
    unsigned bucket = power * 4 - 4 + (unsigned)(value >> (power - 2) & 3);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static int64_t
upper_of(unsigned bucket)
{
    if (bucket < 4)
        return bucket;
    unsigned power = (bucket + 4) / 4;
    return (int64_t)((UINT64_C(5) + (bucket & 3)) << (power - 2)) - 1;
}

void
histogram_add(struct histogram *histogram, int64_t value)
{
    uint64_t positive = value > 0 ? (uint64_t)value : 0;
    histogram->count++;
    histogram->sum += positive;
    histogram->buckets[bucket_of(positive)]++;
}

int64_t
histogram_quantile(const struct histogram *histogram, unsigned permille)
{
    uint64_t wanted = (histogram->count * permille + 999) / 1000, seen = 0;
    if (!histogram->count)
        return 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted)
            return upper_of(i);
    }
    return upper_of(HISTOGRAM_BUCKETS - 1);
}
