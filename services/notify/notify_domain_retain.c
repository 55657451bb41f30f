/* See notify_domain_retain.h. It must not know stores, sockets or clocks. */
#include "services/notify/notify_domain_retain.h"

#define DAY_MS INT64_C(86400000)

bool
notify_domain_may_go(const struct notify_retain_policy *policy, int64_t seq, int64_t time_ms,
                     int64_t last, int64_t floor, int64_t now_ms)
{
    int64_t age_ms = time_ms < now_ms ? now_ms - time_ms : 0;
    if (age_ms < NOTIFY_RETAIN_LEAST_MS || (seq > floor && !policy->past_cursors))
        return false;
    return (policy->days && age_ms >= policy->days * DAY_MS) ||
           (policy->records && seq <= last - policy->records);
}
