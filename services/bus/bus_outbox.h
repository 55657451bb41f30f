/* What goes to peers that speak the compact framing: the items of one turn, a frame a peer.
 * It must not know what the items mean. */
#ifndef CBM_SERVICES_BUS_OUTBOX_H
#define CBM_SERVICES_BUS_OUTBOX_H

#include "common/bus/compact.h"
#include "services/bus/bus_wire.h"

#define BUS_OUTBOX_PEERS 64 /* with items at once; one more sends all first */

struct bus_outbox_frame {
    void *socket;
    uint8_t peer[255];
    uint8_t peer_len;
    struct buf buf;
};

/* Called for a frame that could not be sent: its peer is gone or does not read. */
typedef void bus_outbox_lost_fn(void *arg, const struct bus_outbox_frame *frame);

/* An embedded value; zeroed but for `lost` and `arg` is empty. */
struct bus_outbox {
    bus_outbox_lost_fn *lost;
    void *arg;
    unsigned count;
    struct bus_outbox_frame frames[BUS_OUTBOX_PEERS];
};

/* Adds an item for a peer. False if the item is too long for the framing or memory is out. */
bool bus_outbox_add(struct bus_outbox *outbox, const struct bus_wire_to *to,
                    const struct compact_item *item);

/* Sends all frames. Called at the end of each turn. */
void bus_outbox_flush(struct bus_outbox *outbox);

void bus_outbox_fini(struct bus_outbox *outbox);

#endif
