/* Free windows: when an event could be held (calendar.free). Pure, as events_domain_clash.h. */
#ifndef CBM_EVENTS_DOMAIN_FREE_H
#define CBM_EVENTS_DOMAIN_FREE_H

#include "services/events/events_domain_clash.h"

#define EVENTS_FREE_DAYS_MAX 366

/* calendar.free as it is asked, checked. */
struct events_free {
    date_day from, to; /* inclusive */
    int days;          /* that the event takes */
    unsigned limit;
};

/* STATUS_INVALID_ARGUMENT for a span or a duration that is none. */
enum status events_free_of(const struct calendar_free *in, struct events_free *out,
                           struct error *error);

/* A run of days on which the event can begin, with the same warnings on each. */
struct events_window {
    date_day first, last;           /* to begin on */
    unsigned warnings;              /* clashes that warn, on each of these days */
    unsigned clash_count;           /* of `clashes` */
    struct events_clash clashes[8]; /* those of the first day, each rule once */
};

/* The windows without a blocking clash, the fewest warnings first, then the earliest; at most
 * `free->limit`. `asked` has the agendas of all quarters of the span; its slots are set here, for
 * each day in turn. `windows` has room for EVENTS_FREE_DAYS_MAX. Returns how many. */
unsigned events_free_windows(struct events_clash_case *asked, struct events_slots *slots,
                             const struct events_free *free, struct events_window *windows);

/* The one session of the event if it begins on the day. */
void events_free_slot(const struct events_clash_case *asked, const struct events_free *free,
                      date_day day, struct events_slots *out);

#endif
