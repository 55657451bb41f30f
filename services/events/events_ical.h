/* Events as a calendar (RFC 5545, its name after RFC 7986). libical, which is only used here, does
 * the writing: escaping, folding, dates. Pure but for the zones, which are the system's: the same
 * events give the same bytes. It must not know handlers, stores or clocks. */
#ifndef CBM_EVENTS_ICAL_H
#define CBM_EVENTS_ICAL_H

#include "common/base/buf.h"
#include "common/msg/messages.h"

/* A calendar being written. An embedded value: zeroed is one without events. */
struct events_ical {
    struct buf events; /* the VEVENTs so far: its len tells how much there is */
    struct buf text;   /* scratch */
    unsigned zone_count;
    struct events_ical_zone *zones; /* owned */
    bool failed;                    /* out of memory: what is written is void */
};

void events_ical_fini(struct events_ical *ical); /* frees; empty and usable after */

/* Adds a VEVENT for each session; for an event without sessions nothing, nor for a session that
 * libical cannot write: after the year 3000.
 *
 *   UID           <id>@cbm; for the n-th (from 1) of several sessions <id>.<n>@cbm, from the second
 *                 on with RELATED-TO;RELTYPE=SIBLING to the first
 *   DTSTART/DTEND days, or times in the event's zone; in UTC where there is no such zone, and where
 *                 a clock put back makes the local time ambiguous
 *   STATUS        CONFIRMED once scheduled, CANCELLED if cancelled or withdrawn, else TENTATIVE
 *   SEQUENCE      the revision less one
 *   DTSTAMP       as LAST-MODIFIED, the time of the last change; 1970 for one from before it was
 *                 kept
 *   SUMMARY       the title; with LANGUAGE where `titles` says what it is
 *   COMMENT       each translation of the title, with LANGUAGE
 *   DESCRIPTION   the rest, for people */
void events_ical_add(struct events_ical *ical, const struct event *event);

/* Appends the finished calendar, with a VTIMEZONE for every zone in it. `name` is its title. False
 * when out of memory. */
bool events_ical_write(struct events_ical *ical, struct text name, struct buf *out);

#endif
