/* An outside calendar read: the spans of its events, recurrences expanded by libical, times in UTC.
 * Its text is hostile: sizes, depths, counts and the work it makes are bounded. Pure but for zones,
 * which are read from tzdata; it must not know handlers, stores or clocks. */
#ifndef CBM_EVENTS_ICAL_READ_H
#define CBM_EVENTS_ICAL_READ_H

#include "common/base/date.h"
#include "common/base/status.h"
#include "common/base/zone.h"

#define EVENTS_ICAL_SPANS_MAX 5000
#define EVENTS_ICAL_SUMMARY_MAX 80 /* bytes; longer ones are cut */

struct events_ical_span {
    bool days; /* it is days, wherever one is; start and end are then UTC midnights */
    int64_t start_ms, end_ms;                  /* the end is exclusive */
    char summary[EVENTS_ICAL_SUMMARY_MAX + 1]; /* in one line */
};

struct events_ical_spans {
    unsigned count, cap;
    struct events_ical_span *items; /* owned; in order, each once */
};

struct events_ical_options {
    date_day from, to;        /* inclusive: what lies outside is cut off */
    struct text zone;         /* of times that name none, if the calendar has none either */
    struct zone_set *zones;   /* borrowed */
    bool (*go_on)(void *arg); /* asked between two recurrences; false: it took too long */
    void *arg;
};

/* Reads the calendar. STATUS_OK, or STATUS_INVALID_ARGUMENT with what cannot be read and why, or
 * STATUS_RESOURCE_EXHAUSTED. `out` is to be freed in every case. */
enum status events_ical_read(struct text ics, const struct events_ical_options *options,
                             struct events_ical_spans *out, struct error *error);
void events_ical_spans_fini(struct events_ical_spans *spans);

#endif
