/* See notify_shares.h. It must not know where the table is kept, or what is done with a shard. */
#include "services/notify/notify_shares.h"

#include <string.h>

unsigned
notify_shares_shard(struct text subscription)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (uint32_t i = 0; i < subscription.len; i++)
        hash = (hash ^ (uint8_t)subscription.ptr[i]) * UINT64_C(0x100000001b3);
    return (unsigned)((hash ^ hash >> 32) % NOTIFY_SHARDS);
}

unsigned
notify_shares_count(uint64_t shards)
{
    unsigned count = 0;
    for (; shards; shards &= shards - 1)
        count++;
    return count;
}

static void
drop(struct notify_shares *shares, unsigned i)
{
    shares->count--;
    memmove(&shares->replicas[i], &shares->replicas[i + 1],
            (shares->count - i) * sizeof *shares->replicas);
}

/* The place of the replica, which is made if it is not there; -1 if there is no room. */
static int
place_of(struct notify_shares *shares, struct text id)
{
    unsigned i = 0;
    while (i < shares->count && text_compare(text_of(shares->replicas[i].id), id) < 0)
        i++;
    if (i < shares->count && text_is(id, shares->replicas[i].id))
        return (int)i;
    if (shares->count == NOTIFY_REPLICAS_MAX || id.len > NOTIFY_REPLICA_ID_MAX)
        return -1;
    memmove(&shares->replicas[i + 1], &shares->replicas[i],
            (shares->count - i) * sizeof *shares->replicas);
    shares->count++;
    shares->replicas[i] = (struct notify_replica){.id = ""};
    memcpy(shares->replicas[i].id, id.ptr, id.len);
    return (int)i;
}

/* The first `count` of the shards. */
static uint64_t
some_of(uint64_t shards, unsigned count)
{
    uint64_t some = 0;
    for (; count && shards; count--, shards &= shards - 1)
        some |= shards & -shards;
    return some;
}

bool
notify_shares_turn(struct notify_shares *shares, struct text id, int64_t now_ms, int64_t until_ms,
                   uint64_t idle, struct notify_turn *out)
{
    uint64_t taken = 0;
    for (unsigned i = shares->count; i-- > 0;)
        if (shares->replicas[i].until_ms <= now_ms && !text_is(id, shares->replicas[i].id))
            drop(shares, i);
    int own = place_of(shares, id);
    if (own < 0 || !shares->count)
        return false;
    struct notify_replica *self = &shares->replicas[own];
    *out = (struct notify_turn){.next_ms = INT64_MAX};
    if (self->until_ms <= now_ms)
        self->shards = 0; /* it was away for too long: others were free to take them */
    self->until_ms = until_ms;
    for (unsigned i = 0; i < shares->count; i++) {
        const struct notify_replica *other = &shares->replicas[i];
        if (other == self)
            continue;
        taken |= other->shards;
        if (other->until_ms < out->next_ms)
            out->next_ms = other->until_ms;
    }
    self->shards &= ~taken;
    unsigned share =
        NOTIFY_SHARDS / shares->count + ((unsigned)own < NOTIFY_SHARDS % shares->count);
    unsigned count = notify_shares_count(self->shards);
    if (count > share) {
        uint64_t leaving = self->shards & ~some_of(self->shards, share);
        self->shards &= ~(leaving & idle);
        out->leaving = leaving & ~idle;
    } else {
        self->shards |= some_of(~(taken | self->shards), share - count);
    }
    out->held = self->shards;
    out->wanting = notify_shares_count(self->shards) < share;
    return true;
}

void
notify_shares_leave(struct notify_shares *shares, struct text id)
{
    for (unsigned i = shares->count; i-- > 0;)
        if (text_is(id, shares->replicas[i].id))
            drop(shares, i);
}
