/* Multipart messages over a ROUTER, received and sent without copies where it counts.
 * It must not know what the frames mean. */
#ifndef CBM_SERVICES_BUS_WIRE_H
#define CBM_SERVICES_BUS_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

#include "common/base/text.h"
#include "common/auth/principals.h"
#include "common/bus/compact.h"

/* Routing id, an empty frame (of peers with a REQ socket), and one frame more than any message of
 * ours has, so that one that is too long shows. */
#define BUS_WIRE_FRAMES 8

struct bus_wire_message {
    struct text peer; /* routing id of the sender */
    unsigned count;   /* frames after the routing id and the empty frame, also those not kept */
    bool mirror;      /* there was an empty frame: the peer wants one in front of what it gets */
    bool compact;     /* it came as an item of the compact framing: so do its answers */
    const struct identity *who; /* who sent it, of clients; NULL: nobody who may */
    struct text
        texts[BUS_WIRE_FRAMES];        /* the bytes of the frames counted; absent beyond the last */
    zmq_msg_t frames[BUS_WIRE_FRAMES]; /* which they are in, if it is no item */
    unsigned kept, first;              /* frames that are here, and where the counted begin */
};

/* What becomes the last frame of a message. */
struct bus_wire_body {
    struct text bytes;
    zmq_msg_t *frame; /* which they are in: it is moved. NULL: they are copied */
};

/* Receives a message without waiting. False if there is none. */
bool bus_wire_receive(void *socket, struct bus_wire_message *message);

/* A frame that the sender sent, and so has its properties: not each that ROUTER puts in front has.
 */
static inline zmq_msg_t *
bus_wire_sent(struct bus_wire_message *message)
{
    return &message->frames[message->kept > 1 ? 1 : 0];
}

/* The compact frame (common/bus/compact.h) that the message is; absent if it is another. */
struct text bus_wire_items(const struct bus_wire_message *message);

/* Makes of one item the message that it stands for, as from the sender of `from`; it borrows from
 * both. False for an item that no peer sends to us. */
bool bus_wire_of_item(const struct bus_wire_message *from, const struct compact_item *item,
                      struct bus_wire_message *out);

/* Closes the frames; those that were moved away are empty by then. */
void bus_wire_release(struct bus_wire_message *message);

/* A frame as the last one of another message; counted from the protocol's first. */
struct bus_wire_body bus_wire_body_of(struct bus_wire_message *message, unsigned frame);

/* Whether the message begins with this header and has a command frame of one byte, which is
 * returned; 0 otherwise. */
uint8_t bus_wire_command(const struct bus_wire_message *message, const char *header);

/* Where a message goes, and how it begins. */
struct bus_wire_to {
    void *socket;
    const void *peer; /* routing id */
    size_t peer_len;
    bool mirror;
    bool compact;
};

/* Begins a message: routing id, the empty frame if mirrored, header and command; ends it too when
 * `last`. 0, or -1 if the peer is gone (EHOSTUNREACH) or does not read (EAGAIN): then nothing went
 * out and the rest must not be sent. After a 0 the other frames cannot fail. */
int bus_wire_begin(const struct bus_wire_to *to, const char *header, uint8_t command, bool last);

void bus_wire_bytes(void *socket, struct text bytes, bool last); /* copies */

/* Sends the last frame. */
void bus_wire_end(void *socket, const struct bus_wire_body *body);

#endif
