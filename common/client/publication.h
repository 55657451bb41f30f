/* What notify publishes, as it comes from a SUB socket (design section 4): records and the
 * watermarks of prefixes, as messages of their own or in batches (common/log/batch.h). It must not
 * know who subscribed to what. */
#ifndef CBM_CLIENT_PUBLICATION_H
#define CBM_CLIENT_PUBLICATION_H

#include <zmq.h>

#include "common/base/text.h"
#include "common/log/batch.h"

enum publication_kind {
    PUBLICATION_NONE,      /* nothing more is in the message */
    PUBLICATION_OTHER,     /* not one of ours: to be passed over */
    PUBLICATION_RECORD,    /* topic, meta, data, seq */
    PUBLICATION_WATERMARK, /* topic is the prefix; seq */
};

/* Zeroed there is nothing in it. */
struct publication {
    struct text topic, type, prev, meta, data; /* over the frames; prev is the encoded array */
    int64_t seq;
    bool compact; /* the message is a batch */

    zmq_msg_t frames[3];
    int count;
    struct batch batch;
    bool more; /* not all that is in it was given */
};

/* Reads one message of a raw SUB socket without waiting. True if there was one: publication_next
 * gives what is in it, and publication_close frees it. */
bool publication_receive(void *socket, struct publication *publication);
void publication_close(struct publication *publication);

/* The next of what is in the message: one record or watermark, or the records of a batch and then
 * its watermark. */
enum publication_kind publication_next(struct publication *publication);

/* The seq of the record before this one under the prefix of that level; false if meta has none. */
bool publication_prev(const struct publication *publication, unsigned level, int64_t *prev);

#endif
