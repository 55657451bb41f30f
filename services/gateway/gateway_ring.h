/* The newest records of the log, in memory once for all streams, with what each of them would ask
 * of a record and what it would send. Pure memory: it must not know streams, sockets or stores. */
#ifndef CBM_GATEWAY_RING_H
#define CBM_GATEWAY_RING_H

#include "common/log/facts.h"

#define GATEWAY_RING_RECORDS 1024
#define GATEWAY_RING_BYTES (4 * 1024 * 1024) /* of records, as they are stored */

struct gateway_kept {
    struct log_record record; /* borrows from `stored` */
    struct facts facts;       /* … from the record: gateway_kept_facts */
    bool known;               /* they are filled */
    struct buf event[2];      /* full, thin: empty until somebody needs it */
    char stored[];
};

/* An embedded value: zeroed but for `upto` and `after`, which are -1 until the log is followed. */
struct gateway_ring {
    int64_t after, upto; /* all records behind `after` and up to `upto` are here */
    unsigned first, count;
    size_t bytes;
    struct gateway_kept *slots[GATEWAY_RING_RECORDS]; /* owned, from `first` on, by seq */
};

/* The next record of the log; what is oldest goes. Without memory all before it go. */
void gateway_ring_add(struct gateway_ring *ring, const struct log_record *record);

/* The log was passed up to here: what was not added is not kept any more. */
void gateway_ring_passed(struct gateway_ring *ring, int64_t seq);

/* The first record behind a seq that is at least `after`; NULL: there is none up to `upto`. It
 * holds until the next one is added. */
struct gateway_kept *gateway_ring_next(const struct gateway_ring *ring, int64_t seq);

/* What a filter asks of it: nothing is read of a record for whom no stream waits. */
const struct facts *gateway_kept_facts(struct gateway_kept *kept);

void gateway_ring_fini(struct gateway_ring *ring);

#endif
