/* See bus_outbox.h. */
#include "services/bus/bus_outbox.h"

#include <string.h>

#include "common/bus/sock.h"

static void
send_frame(struct bus_outbox *outbox, struct bus_outbox_frame *frame)
{
    int sent = -1;
    if (zmq_send(frame->socket, frame->peer, frame->peer_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
        sent = sock_send_buf(frame->socket, &frame->buf);
    if (sent < 0)
        outbox->lost(outbox->arg, frame);
    buf_clear(&frame->buf);
}

void
bus_outbox_flush(struct bus_outbox *outbox)
{
    /* `lost` may add items: they go to frames beyond and are sent by this loop too */
    for (unsigned i = 0; i < outbox->count; i++)
        if (outbox->frames[i].buf.len)
            send_frame(outbox, &outbox->frames[i]);
    outbox->count = 0;
}

/* The frame of a peer, a new one if it has none. */
static struct bus_outbox_frame *
frame_of(struct bus_outbox *outbox, const struct bus_wire_to *to)
{
    for (unsigned i = 0; i < outbox->count; i++) {
        struct bus_outbox_frame *frame = &outbox->frames[i];
        if (frame->socket == to->socket && frame->peer_len == to->peer_len &&
            memcmp(frame->peer, to->peer, to->peer_len) == 0)
            return frame;
    }
    if (outbox->count == BUS_OUTBOX_PEERS)
        bus_outbox_flush(outbox);
    struct bus_outbox_frame *frame = &outbox->frames[outbox->count++];
    frame->socket = to->socket;
    frame->peer_len = (uint8_t)to->peer_len;
    memcpy(frame->peer, to->peer, to->peer_len);
    buf_clear(&frame->buf);
    return frame;
}

bool
bus_outbox_add(struct bus_outbox *outbox, const struct bus_wire_to *to,
               const struct compact_item *item)
{
    struct bus_outbox_frame *frame = frame_of(outbox, to);
    size_t before = frame->buf.len;
    if (!compact_add(&frame->buf, item) || frame->buf.failed) {
        frame->buf.failed = false;
        frame->buf.len = before;
        return false;
    }
    if (frame->buf.len >= COMPACT_FRAME_MAX)
        send_frame(outbox, frame);
    return true;
}

void
bus_outbox_fini(struct bus_outbox *outbox)
{
    for (unsigned i = 0; i < BUS_OUTBOX_PEERS; i++)
        buf_fini(&outbox->frames[i].buf);
}
