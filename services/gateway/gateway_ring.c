/* See gateway_ring.h. It must not know streams, sockets or stores. */
#include "services/gateway/gateway_ring.h"

#include <stdlib.h>

static struct gateway_kept *
at(const struct gateway_ring *ring, unsigned index)
{
    return ring->slots[(ring->first + index) % GATEWAY_RING_RECORDS];
}

static void
drop_first(struct gateway_ring *ring)
{
    struct gateway_kept *kept = ring->slots[ring->first];
    ring->first = (ring->first + 1) % GATEWAY_RING_RECORDS;
    ring->count--;
    ring->bytes -= kept->record.stored.len;
    ring->after = kept->record.seq;
    buf_fini(&kept->event[0]);
    buf_fini(&kept->event[1]);
    free(kept);
}

static void
start_at(struct gateway_ring *ring, int64_t seq)
{
    while (ring->count)
        drop_first(ring);
    ring->after = ring->upto = seq;
}

void
gateway_ring_add(struct gateway_ring *ring, const struct log_record *record)
{
    size_t len = record->stored.len;
    if (record->seq != ring->upto + 1) /* what is between is not kept any more */
        start_at(ring, record->seq - 1);
    struct gateway_kept *kept = calloc(1, sizeof *kept + len);
    while (ring->count &&
           (!kept || ring->count == GATEWAY_RING_RECORDS || ring->bytes + len > GATEWAY_RING_BYTES))
        drop_first(ring);
    ring->upto = record->seq;
    if (kept)
        memcpy(kept->stored, record->stored.ptr, len);
    if (!kept ||
        !log_record_parse((struct text){kept->stored, (uint32_t)len}, record->seq, &kept->record)) {
        ring->after = record->seq; /* who needs it reads the log */
        free(kept);
        return;
    }
    ring->slots[(ring->first + ring->count++) % GATEWAY_RING_RECORDS] = kept;
    ring->bytes += len;
}

void
gateway_ring_passed(struct gateway_ring *ring, int64_t seq)
{
    if (seq > ring->upto)
        start_at(ring, seq);
}

struct gateway_kept *
gateway_ring_next(const struct gateway_ring *ring, int64_t seq)
{
    unsigned low = 0, high = ring->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (at(ring, middle)->record.seq > seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low < ring->count ? at(ring, low) : NULL;
}

const struct facts *
gateway_kept_facts(struct gateway_kept *kept)
{
    if (!kept->known)
        facts_read(&kept->record, &kept->facts);
    kept->known = true;
    return &kept->facts;
}

void
gateway_ring_fini(struct gateway_ring *ring)
{
    start_at(ring, -1);
}
