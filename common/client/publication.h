/* What notify publishes, as it comes from a SUB socket (design section 4): a record, or the
 * watermark of a prefix. It must not know who subscribed to what. */
#ifndef CBM_CLIENT_PUBLICATION_H
#define CBM_CLIENT_PUBLICATION_H

#include <zmq.h>

#include "common/base/text.h"

enum publication_kind {
    PUBLICATION_NONE,      /* nothing is there */
    PUBLICATION_OTHER,     /* not one of ours: to be passed over */
    PUBLICATION_RECORD,    /* topic, meta, data, seq */
    PUBLICATION_WATERMARK, /* topic is the prefix; seq */
};

struct publication {
    struct text topic, meta, data; /* over the frames */
    int64_t seq;
    zmq_msg_t frames[3];
    int count;
};

/* Reads one message of a raw SUB socket without waiting. Whatever came, publication_close follows.
 */
enum publication_kind publication_receive(void *socket, struct publication *publication);
void publication_close(struct publication *publication);

/* The seq of the record before this one under the prefix of that level; false if meta has none. */
bool publication_prev(const struct publication *publication, unsigned level, int64_t *prev);

#endif
