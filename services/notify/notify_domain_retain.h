/* How much of the log may go. Pure. */
#ifndef CBM_NOTIFY_DOMAIN_RETAIN_H
#define CBM_NOTIFY_DOMAIN_RETAIN_H

#include <stdbool.h>
#include <stdint.h>

/* What an idempotency key has kept may be the data of its record, for 24 h; an hour is margin. */
#define NOTIFY_RETAIN_LEAST_MS (25 * INT64_C(3600000))

struct notify_retain_policy {
    int64_t days;    /* CBM_RETAIN_DAYS: what is older may go; 0: nothing by age */
    int64_t records; /* CBM_RETAIN_RECORDS: what is beyond so many may go; 0: nothing by number */
    int64_t past_cursors; /* CBM_RETAIN_PAST_CURSORS: also what a cursor still has before it */
};

/* Whether all records up to `seq`, the newest of which is from `time_ms` at the latest, may go from
 * a log that ends with `last`. `floor` is the seq that the slowest cursor has passed. */
bool notify_domain_may_go(const struct notify_retain_policy *policy, int64_t seq, int64_t time_ms,
                          int64_t last, int64_t floor, int64_t now_ms);

#endif
