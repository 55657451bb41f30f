/* How the replicas of notify share the subscriptions: NOTIFY_SHARDS shards, each held by at most
 * one of them, in one table that all of them change in turn, each for itself. Pure.
 *
 * A replica is in the table until the lease that it renewed last is over. Each may hold its even
 * share: who has too many gives some back when their work is at rest, who has too few takes free
 * ones. */
#ifndef CBM_NOTIFY_SHARES_H
#define CBM_NOTIFY_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

#define NOTIFY_SHARDS 64
#define NOTIFY_REPLICAS_MAX 64
#define NOTIFY_REPLICA_ID_MAX 32

struct notify_replica {
    char id[NOTIFY_REPLICA_ID_MAX + 1];
    int64_t until_ms; /* by the store's clock */
    uint64_t shards;  /* bits */
};

struct notify_shares {
    unsigned count;
    struct notify_replica replicas[NOTIFY_REPLICAS_MAX]; /* by id */
};

unsigned notify_shares_shard(struct text subscription);
unsigned notify_shares_count(uint64_t shards);

/* One turn of the replica `id`: who is overdue goes, it renews its own lease until `until_ms`,
 * gives back what is in `idle` of those it has too many, and takes free ones if it has too few.
 * False, and nothing changed, if the table is full of others. */
struct notify_turn {
    uint64_t held;    /* what it holds now */
    uint64_t leaving; /* of these: too many; to be brought to rest */
    bool wanting;     /* it has less than its share: others must give back first */
    int64_t next_ms;  /* when the first lease of another ends, INT64_MAX without others */
};
bool notify_shares_turn(struct notify_shares *shares, struct text id, int64_t now_ms,
                        int64_t until_ms, uint64_t idle, struct notify_turn *out);

/* It ends: all of its shards are free at once. */
void notify_shares_leave(struct notify_shares *shares, struct text id);

#endif
