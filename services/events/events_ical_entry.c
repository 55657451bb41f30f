/* See events_ical_entry.h. */
#include "services/events/events_ical_entry.h"

#include <stdlib.h>
#include <string.h>

#define YEAR_MIN 1583 /* times are of the Gregorian calendar */
#define YEAR_MAX 2500 /* libical looks no further */

enum status
events_ical_entry_refuse(struct events_ical_reading *reading, const char *what, const char *which)
{
    char part[64];
    strncpy(part, which ? which : "", sizeof part - 1);
    part[sizeof part - 1] = '\0';
    text_trim_cut(part);
    return error_set(reading->error, STATUS_INVALID_ARGUMENT, "ics", "ics: %s%s%s", what,
                     *part ? ": " : "", part);
}

/* One line without control characters, cut to its room. */
static void
keep_summary(const char *summary, char out[EVENTS_ICAL_SUMMARY_MAX + 1])
{
    strncpy(out, summary ? summary : "", EVENTS_ICAL_SUMMARY_MAX);
    out[EVENTS_ICAL_SUMMARY_MAX] = '\0';
    text_trim_cut(out);
    if (!*out)
        strcpy(out, "busy");
    for (char *at = out; *at; at++)
        if ((uint8_t)*at < 0x20 || *at == 0x7f)
            *at = ' ';
}

/* ---- times ----------------------------------------------------------------------------------- */

/* ms on a clock that knows no zone. */
int64_t
events_ical_entry_plain_ms(struct icaltimetype time)
{
    int64_t ms = date_of_civil(time.year, time.month, time.day) * DATE_DAY_MS;
    if (!time.is_date)
        ms += (time.hour * INT64_C(3600) + time.minute * 60 + time.second) * 1000;
    return ms;
}

bool
events_ical_entry_sound(struct icaltimetype time)
{
    static const int lens[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return !icaltime_is_null_time(time) && time.year >= YEAR_MIN && time.year <= YEAR_MAX &&
           time.month >= 1 && time.month <= 12 && time.day >= 1 &&
           time.day <= lens[time.month - 1] && time.hour >= 0 && time.hour <= 23 &&
           time.minute >= 0 && time.minute <= 59 && time.second >= 0 && time.second <= 60;
}

int64_t
events_ical_entry_instant(const struct events_ical_clock *clock, struct icaltimetype time)
{
    if (time.is_date || icaltime_is_utc(time))
        return events_ical_entry_plain_ms(time);
    if (!clock->own)
        return zone_utc(clock->zone, events_ical_entry_plain_ms(time));
    int is_dst;
    return events_ical_entry_plain_ms(time) -
           icaltimezone_get_utc_offset((icaltimezone *)clock->own, &time, &is_dst) * INT64_C(1000);
}

/* A zone by its name: tzdata's, also with something before it
 * ("/mozilla.org/20070129_1/Europe/Paris"), else the one that the calendar describes. */
enum status
events_ical_entry_find_clock(struct events_ical_reading *reading, const char *name,
                             struct events_ical_clock *out)
{
    *out = (struct events_ical_clock){NULL, NULL};
    if (strcmp(name, "UTC") == 0)
        return STATUS_OK;
    for (const char *at = name; at && *at; at = strchr(at, '/')) {
        at += *at == '/';
        out->zone = zone_set_get(reading->options->zones, text_of(at));
        if (out->zone)
            return STATUS_OK;
    }
    out->own = icalcomponent_get_timezone(reading->calendar, name);
    return out->own
               ? STATUS_OK
               : events_ical_entry_refuse(
                     reading, "there is no such time zone, and the calendar describes none", name);
}

enum status
events_ical_entry_clock_of(struct events_ical_reading *reading, icalproperty *property,
                           struct events_ical_clock *out)
{
    icalparameter *tzid = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    if (tzid && icalparameter_get_tzid(tzid))
        return events_ical_entry_find_clock(reading, icalparameter_get_tzid(tzid), out);
    *out = (struct events_ical_clock){zone_set_get(reading->options->zones, reading->zone), NULL};
    return STATUS_OK;
}

/* ---- spans ----------------------------------------------------------------------------------- */

static enum status
add_span(struct events_ical_reading *reading, struct events_ical_span *span)
{
    struct events_ical_spans *out = reading->out;
    if (span->end_ms <= reading->from_ms || span->start_ms >= reading->to_ms ||
        span->end_ms <= span->start_ms)
        return STATUS_OK;
    span->start_ms = span->start_ms < reading->from_ms ? reading->from_ms : span->start_ms;
    span->end_ms = span->end_ms > reading->to_ms ? reading->to_ms : span->end_ms;
    if (out->count == EVENTS_ICAL_SPANS_MAX)
        return events_ical_entry_refuse(
            reading, "it has more than 5000 spans in this time: take less of it by from and to",
            NULL);
    if (out->count == out->cap) {
        unsigned cap = out->cap ? out->cap * 2 : 64;
        struct events_ical_span *grown = realloc(out->items, cap * sizeof *grown);
        if (!grown)
            return error_set(reading->error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        out->items = grown;
        out->cap = cap;
    }
    out->items[out->count++] = *span;
    return STATUS_OK;
}

enum status
events_ical_entry_add_time(struct events_ical_reading *reading, struct events_ical_entry *entry,
                           int64_t start_ms, int64_t length_ms)
{
    entry->span.start_ms = start_ms;
    entry->span.end_ms = start_ms + length_ms;
    return add_span(reading, &entry->span);
}

static enum status
read_end(struct events_ical_reading *reading, struct events_ical_entry *entry)
{
    int64_t start_ms = events_ical_entry_instant(&entry->clock, entry->start);
    icalproperty *end = icalcomponent_get_first_property(entry->component, ICAL_DTEND_PROPERTY);
    icalproperty *lasts =
        icalcomponent_get_first_property(entry->component, ICAL_DURATION_PROPERTY);
    entry->length_ms = entry->span.days ? DATE_DAY_MS : 0;
    if (end) {
        struct icaltimetype time = icalproperty_get_dtend(end);
        struct events_ical_clock clock;
        enum status status = events_ical_entry_clock_of(reading, end, &clock);
        if (status != STATUS_OK)
            return status;
        if (!events_ical_entry_sound(time) || (time.is_date != 0) != entry->span.days)
            return events_ical_entry_refuse(reading, "an event's end is no time like its start",
                                            entry->span.summary);
        entry->length_ms = events_ical_entry_instant(&clock, time) - start_ms;
    } else if (lasts) {
        entry->length_ms =
            icaldurationtype_as_int(icalproperty_get_duration(lasts)) * INT64_C(1000);
    }
    if (entry->length_ms < 0)
        return events_ical_entry_refuse(reading, "an event ends before it begins",
                                        entry->span.summary);
    return STATUS_OK;
}

enum status
events_ical_entry_read(struct events_ical_reading *reading, icalcomponent *component,
                       struct events_ical_entry *out)
{
    *out = (struct events_ical_entry){.component = component};
    keep_summary(icalcomponent_get_summary(component), out->span.summary);
    icalproperty *start = icalcomponent_get_first_property(component, ICAL_DTSTART_PROPERTY);
    if (!start)
        return events_ical_entry_refuse(reading, "an event has no DTSTART", out->span.summary);
    enum status status = events_ical_entry_clock_of(reading, start, &out->clock);
    if (status != STATUS_OK)
        return status;
    out->start = icalproperty_get_dtstart(start);
    if (!events_ical_entry_sound(out->start))
        return events_ical_entry_refuse(reading, "an event's start is no time from 1583 to 2500",
                                        out->span.summary);
    out->span.days = out->start.is_date;
    return read_end(reading, out);
}
