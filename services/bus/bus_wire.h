/* Multipart messages over a ROUTER, received and sent without copies where it counts.
 * It must not know what the frames mean. */
#ifndef CBM_SERVICES_BUS_WIRE_H
#define CBM_SERVICES_BUS_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

#include "common/base/text.h"
#include "common/bus/compact.h"

/* Routing id, an empty frame (of peers with a REQ socket), and one frame more than any message of
 * ours has, so that one that is too long shows. */
#define BUS_WIRE_FRAMES 8

struct bus_wire_message {
    zmq_msg_t frames[BUS_WIRE_FRAMES];
    unsigned kept;  /* frames that are here */
    unsigned count; /* frames after the routing id and the empty frame, also those not kept */
    unsigned first; /* where they begin */
    bool mirror;    /* there was an empty frame: the peer wants one in front of what it gets */
    bool compact;   /* it came as an item of the compact framing: so do its answers */
};

/* Receives a message without waiting. False if there is none. */
bool bus_wire_receive(void *socket, struct bus_wire_message *message);

/* The compact frame (common/bus/compact.h) that the message is; absent if it is another. */
struct text bus_wire_items(struct bus_wire_message *message);

/* Makes of one item the message that it stands for, as from the sender of `from`. False for an item
 * that no peer sends to us, or without memory. */
bool bus_wire_of_item(struct bus_wire_message *from, const struct compact_item *item,
                      struct bus_wire_message *out);

/* Closes the frames; those that were moved away are empty by then. */
void bus_wire_release(struct bus_wire_message *message);

/* The bytes of a frame, counted from the protocol's first. Absent beyond the last one. */
struct text bus_wire_text(struct bus_wire_message *message, unsigned frame);
struct text bus_wire_peer(struct bus_wire_message *message);

/* Whether the message begins with this header and has a command frame of one byte, which is
 * returned; 0 otherwise. */
uint8_t bus_wire_command(struct bus_wire_message *message, const char *header);

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

void bus_wire_bytes(void *socket, const void *data, size_t len, bool last); /* copies */
void bus_wire_move(void *socket, zmq_msg_t *frame, bool last);              /* leaves it empty */
void bus_wire_share(void *socket, zmq_msg_t *frame, bool last);             /* by reference */

/* Gives a small message memory of its own: as received it may hold the whole receive buffer. False
 * without memory; the message is as it was. */
bool bus_wire_compact(zmq_msg_t *frame);

#endif
