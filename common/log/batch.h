/* The compact publication (docs/protocol.md): what was published under one prefix in one turn, as
 * one ZeroMQ message of two frames. It is a watermark that carries the records it speaks of, so who
 * knows nothing of it passes it over. Pure: bytes in, bytes out.
 *
 *   frame 1 = "/compact/1/" prefix "/"    what is subscribed to; no topic begins so, and the last
 *                                         byte keeps longer prefixes apart
 *   frame 2 = {type: "watermark", prefix, seq, records: [topic, meta, data, …]}
 *
 * Frame 2 is MessagePack in one fixed form: these keys in this order, seq as cf, the array as dd,
 * topic as str 16 (da), meta and data as bin 32 (c6) of the very bytes that they have as frames. */
#ifndef CBM_LOG_BATCH_H
#define CBM_LOG_BATCH_H

#include "common/base/buf.h"
#include "common/log/topic.h"

#define BATCH_KEY_HEAD "/compact/1/"
#define BATCH_KEY_MAX (sizeof BATCH_KEY_HEAD - 1 + TOPIC_MAX + 1)

/* Writes frame 1 for a prefix of at most TOPIC_MAX bytes; returns its length. */
size_t batch_key(struct text prefix, char out[BATCH_KEY_MAX]);

/* The prefix in a frame 1, which it borrows from; false if it is none. The prefix is not checked.
 */
bool batch_key_prefix(struct text key, struct text *prefix);

/* Frame 2 into an empty buf: batch_begin, batch_add for each record, batch_end. */
void batch_begin(struct buf *buf, struct text prefix);
void batch_add(struct buf *buf, struct text topic, struct text meta, struct text data);
void batch_end(struct buf *buf, int64_t seq, uint32_t count); /* how many were added */

/* Reading frame 2; all borrowed. */
struct batch {
    struct text prefix;
    int64_t seq;
    struct text rest; /* records not read yet */
    uint32_t left;    /* how many are said to be left */
};

struct batch_record {
    struct text topic, meta, data; /* any bytes: not checked */
};

/* False if the frame is no batch. */
bool batch_open(struct text frame, struct batch *batch);

/* The next record: 1 one, 0 the end, -1 the frame is damaged from here on. */
int batch_next(struct batch *batch, struct batch_record *record);

#endif
