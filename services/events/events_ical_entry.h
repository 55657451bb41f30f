/* One event of an outside calendar that is being read: its times, the zones that they are of, and
 * the spans that come of them. Private to the reader (events_ical_read.c), which knows recurrences.
 * It must not know handlers, stores or clocks. */
#ifndef CBM_EVENTS_ICAL_ENTRY_H
#define CBM_EVENTS_ICAL_ENTRY_H

#include <libical/ical.h>

#include "services/events/events_ical_read.h"

/* A calendar being read. */
struct events_ical_reading {
    const struct events_ical_options *options;
    struct events_ical_spans *out;
    struct error *error;
    icalcomponent *calendar; /* the VCALENDAR at hand */
    struct text zone;        /* of times that name none */
    int64_t from_ms, to_ms;
    unsigned times;
};

/* How a property's times become instants. */
struct events_ical_clock {
    const struct zone *zone; /* of tzdata; NULL: UTC, or the calendar's own */
    const icaltimezone *own; /* a VTIMEZONE; NULL for none */
};

/* An event of the calendar. */
struct events_ical_entry {
    icalcomponent *component;
    struct events_ical_clock clock;
    struct icaltimetype start; /* as its clock shows it */
    int64_t length_ms;
    struct events_ical_span span; /* summary and kind */
};

/* STATUS_INVALID_ARGUMENT of `ics`: "ics: what: which"; `which` may be NULL. */
enum status events_ical_entry_refuse(struct events_ical_reading *reading, const char *what,
                                     const char *which);

/* ms on a clock that knows no zone; whether a time is one from 1583 to 2500; the time as an
 * instant, of a date its midnight in UTC. */
int64_t events_ical_entry_plain_ms(struct icaltimetype time);
bool events_ical_entry_sound(struct icaltimetype time);
int64_t events_ical_entry_instant(const struct events_ical_clock *clock, struct icaltimetype time);

/* The clock of a zone by its name, and that of a property's times. */
enum status events_ical_entry_find_clock(struct events_ical_reading *reading, const char *name,
                                         struct events_ical_clock *out);
enum status events_ical_entry_clock_of(struct events_ical_reading *reading, icalproperty *property,
                                       struct events_ical_clock *out);

/* Reads a VEVENT but for its recurrences. */
enum status events_ical_entry_read(struct events_ical_reading *reading, icalcomponent *component,
                                   struct events_ical_entry *out);

/* Adds a span of the event, cut to the time that is asked for. */
enum status events_ical_entry_add_time(struct events_ical_reading *reading,
                                       struct events_ical_entry *entry, int64_t start_ms,
                                       int64_t length_ms);

#endif
