/* Agendas: what takes place in a quarter, of one host, of one area, or in outside calendars.
 * Whoever schedules reads the agendas that it asks about and writes those that it changes, so of
 * two who race for a slot one is refused by the commit. Pure: no clock, no store, no codec.
 *
 * A document of kind "agenda" has one line for each span that touches its quarter (of UTC):
 *
 *   <start> <end> <mark> <who> <what> <name>\n       start and end in ms since 1970
 *
 *   scope             holds                 mark                 who       what      name
 *   host.<code>.      sessions              o p h: the format    host      kind      event
 *   area.<area>.      sessions; of events   O P H: the event's   host      kind      event
 *                     without area under -  first of the quarter
 *   outside.<code|*>. spans of calendars    t; d: whole days     severity  calendar  summary
 *                                           that are days        or -
 *                                           wherever one is */
#ifndef CBM_EVENTS_DOMAIN_AGENDA_H
#define CBM_EVENTS_DOMAIN_AGENDA_H

#include "common/base/buf.h"
#include "common/msg/messages.h"
#include "common/base/zone.h"

/* ---- sessions as spans that can be compared -------------------------------------------------- */

/* A session: as instants, and as its clocks show it. */
struct events_slot {
    int64_t start_ms, end_ms, local_start_ms, local_end_ms;
};
#define EVENTS_SLOTS_MAX 32
struct events_slots {
    unsigned count;
    bool dates; /* the sessions are days */
    struct events_slot items[EVENTS_SLOTS_MAX];
};

/* The sessions of an event; days are those of the event's zone (NULL: UTC). */
void events_agenda_slots(const struct event *event, const struct zone *zone,
                         struct events_slots *out);

/* The slot so many days later. */
struct events_slot events_agenda_later(const struct events_slot *slot, int days,
                                       const struct zone *zone);

/* ---- quarters -------------------------------------------------------------------------------- */

/* A quarter is its year * 4 + 0…3. */
int events_agenda_quarter(int64_t ms);
int64_t events_agenda_quarter_start(int quarter); /* its first instant in UTC */

/* The quarters that the slots touch, by instant or by their clocks, each once. Returns how many. */
#define EVENTS_QUARTERS_MAX (EVENTS_SLOTS_MAX * 6)
unsigned events_agenda_quarters(const struct events_slots *slots, int out[EVENTS_QUARTERS_MAX]);

/* The id of an agenda, "host.KZ.2021-3"; the name is a code or an id. */
#define EVENTS_AGENDA_ID_MAX 128
void events_agenda_id(const char *scope, struct text name, int quarter,
                      char out[EVENTS_AGENDA_ID_MAX]);

/* ---- lines ----------------------------------------------------------------------------------- */

struct events_booking {
    int64_t start_ms, end_ms;
    char mark;
    struct text words; /* what is behind the mark */
    struct text who, what, name;
    int quarter; /* of the agenda it was read from, set by events_book_add */
};

#define EVENTS_AGENDA_BYTES_MAX ((size_t)262144) /* of the lines of one agenda */
#define EVENTS_AGENDA_LINE_MIN 10                /* bytes of a line at least: "0 1 p a b \n" */

/* Takes the first line off; false at the end. What is no line is passed over. */
bool events_agenda_next(struct text *lines, struct events_booking *out);

/* The same in two steps, for who looks at many lines and only at some closely: the first reads no
 * more than the times, the mark and where the words are; the second takes those apart, and is false
 * if it is no line. */
bool events_agenda_next_span(struct text *lines, struct events_booking *out);
bool events_agenda_words(struct events_booking *booking);

void events_agenda_put(struct buf *lines, const struct events_booking *booking);

/* Appends the lines but those of an event. */
void events_agenda_without(struct text lines, struct text event, struct buf *out);

/* Appends the lines of an outside calendar to one, the others to the other. */
void events_agenda_split(struct text lines, struct text calendar, struct buf *own,
                         struct buf *others);

/* Appends the lines of an event in a quarter. */
void events_agenda_lines(const struct event *event, const struct events_slots *slots, int quarter,
                         struct buf *out);

#endif
