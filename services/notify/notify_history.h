/* The records of the log that a filter is for, read back with bounded work. It must not know what
 * they are read for. */
#ifndef CBM_NOTIFY_HISTORY_H
#define CBM_NOTIFY_HISTORY_H

#include "common/service/op.h"
#include "common/log/filter.h"

#define NOTIFY_HISTORY_TREES (FILTER_TREES_MAX + 1)

struct notify_history {
    /* what is asked for */
    const struct subscription_filter *filter;
    const struct principal *owner; /* what it may not see is passed over */
    struct text own_topic;         /* notices on it match too; absent for none */
    bool all;                      /* all of the open and the private log is examined */
    int64_t after, upto; /* records behind `after`, and (INT64_MAX: the end) up to `upto` */
    unsigned limit;      /* of matches; 0: they are only counted */
    unsigned rounds;     /* of reading, each of some hundred records */

    /* what was found; the records live as long as the run */
    unsigned count;
    const struct log_record **records;
    int64_t matched, examined;
    int64_t scanned; /* all up to here was examined */
    int64_t last;    /* the newest seq of the log when it began */
    int64_t first;   /* the oldest that is kept */
    bool ended;      /* there was no more, up to `upto` */
};

/* STATUS_OK, STATUS_AGAIN, or an error. Ends at the limit, at the end, or when it has read enough:
 * then it goes on from `scanned`. */
enum status notify_history_read(struct op *op, struct notify_history *history);

#endif
