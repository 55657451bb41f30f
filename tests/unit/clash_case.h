/* A calendar to try clashes on, for the unit tests of them. */
#ifndef CBM_TESTS_UNIT_CLASH_CASE_H
#define CBM_TESTS_UNIT_CLASH_CASE_H

#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "services/events/events_domain_free.h"

#define LINES 400
static struct zone_set zones;
static struct event event;
static struct events_slots slots;
static struct events_rules rules;
static struct events_clash found[64];
static struct events_booking items[5][LINES];
#define AGENDAS 8
static struct {
    int quarter;
    struct buf lines;
} agendas[5][AGENDAS];
static struct events_clash_case asked;
static struct error error;

static inline struct when
when(const char *printed)
{
    struct when value;
    assert_true(when_parse(text_of(printed), &value));
    return value;
}

static inline date_day
day(const char *printed)
{
    return (date_day)(when(printed).ms / DATE_DAY_MS);
}

static inline void
set(struct event *out, const char *id, const char *host, const char *zone)
{
    schema_init(&event_schema, out);
    out->present = true;
    out->id = text_of(id);
    out->host = text_of(host);
    out->zone = text_of(zone);
    out->kind = TEXT_LITERAL("seminar");
    out->area = TEXT_LITERAL("tourism");
    out->format = FORMAT_IN_PERSON;
    out->status = EVENT_SCHEDULED;
}

static inline void
add(struct event *out, const char *start, const char *end)
{
    out->sessions.items[out->sessions.count++] = (struct span_when){true, when(start), when(end)};
}

enum { HOST, AREA, MEETINGS, AREAS, OUTSIDE };

/* An empty calendar, an event of one session, and the rules as they come. */
static inline void
fresh(const char *start, const char *end, const char *zone)
{
    for (unsigned i = 0; i < 5; i++)
        for (unsigned k = 0; k < AGENDAS; k++) {
            agendas[i][k].quarter = 0;
            buf_clear(&agendas[i][k].lines);
        }
    set(&event, "e", "KZ", zone);
    if (start)
        add(&event, start, end);
    events_rules_of(NULL, &rules);
    rules.items[CLASH_SHORT_NOTICE].severity = CLASH_IGNORE;
    asked = (struct events_clash_case){
        .event = &event, .slots = &slots, .rules = &rules, .today = day("2020-01-01")};
}

/* The lines of a quarter. */
static inline struct buf *
agenda(int which, int quarter)
{
    unsigned k = 0;
    while (agendas[which][k].quarter && agendas[which][k].quarter != quarter)
        assert_true(++k < AGENDAS);
    agendas[which][k].quarter = quarter;
    return &agendas[which][k].lines;
}

/* Puts a scheduled event into the agendas of the quarters it touches. */
static inline void
book(int which, const struct event *other)
{
    struct events_slots at;
    int quarters[EVENTS_QUARTERS_MAX];
    events_agenda_slots(other, zone_set_get(&zones, other->zone), &at);
    unsigned count = events_agenda_quarters(&at, quarters);
    for (unsigned i = 0; i < count; i++)
        events_agenda_lines(other, &at, quarters[i], agenda(which, quarters[i]));
}

static inline void
book_outside(const char *start, const char *end, bool days, const char *severity)
{
    struct events_booking booking = {.start_ms = when(start).ms,
                                     .end_ms = when_end_ms(when(end)),
                                     .mark = days ? 'd' : 't',
                                     .who = text_of(severity),
                                     .what = TEXT_LITERAL("holidays"),
                                     .name = TEXT_LITERAL("Nauryz, the new year")};
    events_agenda_put(agenda(OUTSIDE, events_agenda_quarter(booking.start_ms)), &booking);
}

static inline void
add_quarter(struct events_book *book, const struct buf *lines, int quarter)
{
    events_book_add(book, (struct text){(char *)lines->data, (uint32_t)lines->len}, quarter);
}

static inline unsigned
find(void)
{
    struct events_book *books[] = {&asked.host, &asked.area, &asked.meetings, &asked.areas,
                                   &asked.outside};
    asked.zone = zone_set_get(&zones, event.zone);
    events_agenda_slots(&event, asked.zone, &slots);
    int quarters[EVENTS_QUARTERS_MAX];
    unsigned count = events_agenda_quarters(&slots, quarters);
    for (unsigned i = 0; i < 5; i++) {
        *books[i] = (struct events_book){0, LINES, items[i]};
        for (unsigned k = 0; k < count; k++)
            add_quarter(books[i], agenda((int)i, quarters[k]), quarters[k]);
    }
    return events_clash_find(&asked, found, 64);
}

static inline bool
has_rule(enum clash_rule_name rule, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (found[i].rule == rule)
            return true;
    return false;
}

static inline int
teardown(void **state)
{
    (void)state;
    zone_set_fini(&zones);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned k = 0; k < AGENDAS; k++)
            buf_fini(&agendas[i][k].lines);
    return 0;
}

#endif
