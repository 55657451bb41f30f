/* The compact framing between our own programs (docs/protocol.md, "Compact framing"): many requests
 * or answers in one ZeroMQ frame. MDP stays for whoever speaks RFC 18; this is agreed on: a worker
 * offers it in READY's fifth frame, a client by the context key `framing` of its requests, each
 * with the word COMPACT_WORD; the bus that knows it answers in it, and from then on the peer may
 * speak it too. Pure: bytes in, bytes out.
 *
 *   frame   = c1 01 item…          (c1 begins no MDP header and no MessagePack)
 *   item    = kind:u8 len:u32 body  (numbers are big-endian; len is of the body)
 *   to the bus    REQUEST  = n:u8 service  n:u16 context  rpc
 *   to the client PARTIAL, FINAL = n:u8 service  reply
 *   to the worker WORK     = address:8  n:u16 context  n:u16 principal  rpc
 *   to the bus    PART, DONE = address:8  reply */
#ifndef CBM_BUS_COMPACT_H
#define CBM_BUS_COMPACT_H

#include "common/base/buf.h"
#include "common/base/text.h"

#define COMPACT_WORD "compact/1"
#define COMPACT_ADDRESS_LEN 8
/* A writer ends its frame when it is this long: batches are bounded, what is larger goes alone. */
#define COMPACT_FRAME_MAX (128 * 1024)
/* An answer with a longer body goes as a message of MDP: beside it frames cost nothing, and the bus
 * passes its frame on without a copy. */
#define COMPACT_BODY_MAX (64 * 1024)

enum compact_kind {
    COMPACT_REQUEST = 0x01,
    COMPACT_PARTIAL = 0x02,
    COMPACT_FINAL = 0x03,
    COMPACT_WORK = 0x12,
    COMPACT_PART = 0x13,
    COMPACT_DONE = 0x14,
};

/* One item; what its kind does not have is absent (ptr NULL). All borrowed from the frame. */
struct compact_item {
    enum compact_kind kind;
    struct text service;            /* REQUEST, PARTIAL, FINAL */
    struct text address;            /* WORK, PART, DONE: 8 bytes */
    struct text context, principal; /* REQUEST (context), WORK */
    struct text body;               /* rpc or reply */
    struct text head;               /* for writing: stands in front of the body; may be absent */
};

/* Whether a frame begins as compact ones do. */
bool compact_is(const void *data, size_t len);

/* The item at *at of the frame (start with *at = 0); moves on. 1 an item, 0 the end, -1 the frame
 * is damaged from here on. */
int compact_next(const void *data, size_t len, size_t *at, struct compact_item *out);

/* Appends an item; an empty buf is given the frame's head first. False, and nothing is appended, if
 * a part is too long for its length field. */
bool compact_add(struct buf *buf, const struct compact_item *item);

#endif
