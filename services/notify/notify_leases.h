/* This replica's share of the subscriptions: a lease on some of the shards (notify_shares.h), kept
 * in one document for all replicas ("lease/shards") and renewed in time, by the store's clock. Its
 * commits make no log records. It must not know what is done with a shard. */
#ifndef CBM_NOTIFY_LEASES_H
#define CBM_NOTIFY_LEASES_H

#include "common/service/service.h"
#include "services/notify/notify_shares.h"

#define NOTIFY_LEASE_MS 2000 /* a replica that dies is missed after so long */
#define NOTIFY_RENEW_MS 700
#define NOTIFY_HURRY_MS 100 /* while others have shards that are due to it, or it to them */

struct notify_leases_events {
    /* Shards that are to be served from now on, and that are not held any more. */
    void (*taken)(void *arg, uint64_t shards);
    void (*lost)(void *arg, uint64_t shards);
    /* Which of these, that are to be given back, are at rest: nothing is under way in them and
     * nothing will be begun. */
    uint64_t (*rest)(void *arg, uint64_t shards);
};

struct notify_leases;

/* NULL without memory. It does nothing until it is started, with a service that ends before it. */
struct notify_leases *notify_leases_new(struct loop *loop,
                                        const struct notify_leases_events *events, void *arg);
void notify_leases_start(struct notify_leases *leases, struct service *service);

/* Whether a shard is held, and not about to be given back, at this moment (monotonic ms). */
bool notify_leases_hold(const struct notify_leases *leases, unsigned shard, int64_t now_ms);

/* The store's clock at a monotonic time; 0 before it is known. */
int64_t notify_leases_clock(const struct notify_leases *leases, int64_t now_ms);

/* Gives everything back, once all is at rest: others take it at once. */
void notify_leases_leave(struct notify_leases *leases);
bool notify_leases_left(const struct notify_leases *leases);

/* Shards held: for the metrics. */
const int64_t *notify_leases_count(const struct notify_leases *leases);

void notify_leases_destroy(struct notify_leases **leases);

#endif
