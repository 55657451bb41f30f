/* The compact publications under construction (common/log/batch.h): what is published under a
 * prefix in one turn goes as one message, at the turn's end or when it is long. It must not know
 * who subscribes, nor when a turn ends. */
#ifndef CBM_NOTIFY_BATCHES_H
#define CBM_NOTIFY_BATCHES_H

#include "common/log/batch.h"

/* A message ends when it is this long; a single longer record goes alone. A slow subscriber holds
 * at most CBM_PUB_HWM such messages, so this bounds their memory, and beyond it little is won. */
#define NOTIFY_BATCH_BYTES (32 * 1024)

/* The message of one prefix. Zeroed but for the prefix it is empty and owns nothing. */
struct notify_batch {
    struct text prefix; /* borrowed: valid as long as the batch */
    struct buf buf;     /* frame 2 without its end */
    int64_t seq;        /* the last under the prefix that was published */
    uint32_t count;
    struct notify_batch *next; /* of those that are to be sent */
    bool begun;
};

struct notify_batches {
    void *socket;               /* borrowed: the XPUB of libzmq */
    struct notify_batch *first; /* borrowed: those that are begun */
    int64_t sent;               /* messages */
};

/* Puts a record into the message. */
void notify_batches_add(struct notify_batches *batches, struct notify_batch *batch, int64_t seq,
                        struct text topic, struct text meta, struct text data);

/* Makes sure that a message tells that `seq` is the last under the prefix. */
void notify_batches_watermark(struct notify_batches *batches, struct notify_batch *batch,
                              int64_t seq);

/* Sends all that is begun. A batch may be given up only after it. */
void notify_batches_flush(struct notify_batches *batches);

#endif
