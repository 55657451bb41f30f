// LINK: services/events/events_domain_clash.c services/events/events_domain_clash_text.c services/events/events_domain_free.c services/events/events_domain_agenda.c common/base/zone.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/buf.c common/base/date.c common/base/text.c common/base/status.c
/* The rules of clashes: spans by instant in the zones of several capitals, days at leap days, ends
 * of years and clock changes, every rule with what removes it, agendas written and read, free
 * windows. It must not know stores, sockets or codecs: it links with pure code only. */
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

static struct when
when(const char *printed)
{
    struct when value;
    assert_true(when_parse(text_of(printed), &value));
    return value;
}

static date_day
day(const char *printed)
{
    return (date_day)(when(printed).ms / DATE_DAY_MS);
}

static void
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

static void
add(struct event *out, const char *start, const char *end)
{
    out->sessions.items[out->sessions.count++] = (struct span_when){true, when(start), when(end)};
}

enum { HOST, AREA, MEETINGS, AREAS, OUTSIDE };

/* An empty calendar, an event of one session, and the rules as they come. */
static void
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
static struct buf *
agenda(int which, int quarter)
{
    unsigned k = 0;
    while (agendas[which][k].quarter && agendas[which][k].quarter != quarter)
        assert_true(++k < AGENDAS);
    agendas[which][k].quarter = quarter;
    return &agendas[which][k].lines;
}

/* Puts a scheduled event into the agendas of the quarters it touches. */
static void
book(int which, const struct event *other)
{
    struct events_slots at;
    int quarters[EVENTS_QUARTERS_MAX];
    events_agenda_slots(other, zone_set_get(&zones, other->zone), &at);
    unsigned count = events_agenda_quarters(&at, quarters);
    for (unsigned i = 0; i < count; i++)
        events_agenda_lines(other, &at, quarters[i], agenda(which, quarters[i]));
}

static void
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

static void
add_quarter(struct events_book *book, const struct buf *lines, int quarter)
{
    events_book_add(book, (struct text){(char *)lines->data, (uint32_t)lines->len}, quarter);
}

static unsigned
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

static bool
has_rule(enum clash_rule_name rule, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (found[i].rule == rule)
            return true;
    return false;
}

/* ---- spans ----------------------------------------------------------------------------------- */

/* Whether an event in one zone and one in another, of the same host, are at the same time. */
static bool
collide(const char *zone, const char *start, const char *end, const char *other_zone,
        const char *other_start, const char *other_end)
{
    struct event other;
    fresh(start, end, zone);
    set(&other, "o", "KZ", other_zone);
    add(&other, other_start, other_end);
    book(HOST, &other);
    bool one = find() == 1;
    fresh(other_start, other_end, other_zone);
    set(&other, "o", "KZ", zone);
    add(&other, start, end);
    book(HOST, &other);
    bool back = find() == 1;
    assert_int_equal(one, back); /* whoever asks */
    return one;
}

static void
test_spans_compare_by_instant(void **state)
{
    (void)state;
    /* the day in Almaty (+06 in 2021) ends at 18:00 UTC */
    assert_true(collide("Asia/Almaty", "2021-07-13", "2021-07-13", NULL, "2021-07-13T17:59:00Z",
                        "2021-07-13T19:00:00Z"));
    assert_false(collide("Asia/Almaty", "2021-07-13", "2021-07-13", NULL, "2021-07-13T18:00:00Z",
                         "2021-07-13T19:00:00Z"));
    assert_true(collide("Asia/Almaty", "2021-07-13", "2021-07-13", NULL, "2021-07-12T17:00:00Z",
                        "2021-07-12T18:00:01Z"));
    assert_false(collide("Asia/Almaty", "2021-07-13", "2021-07-13", NULL, "2021-07-12T17:00:00Z",
                         "2021-07-12T18:00:00Z"));
    /* neighbouring days of far zones overlap, of one zone they do not */
    assert_true(collide("Asia/Seoul", "2021-07-14", "2021-07-14", "Europe/Istanbul", "2021-07-13",
                        "2021-07-13"));
    assert_false(collide("Asia/Seoul", "2021-07-14", "2021-07-14", "Asia/Seoul", "2021-07-13",
                         "2021-07-13"));
    assert_true(collide("Asia/Bangkok", "2021-07-13T09:00:00+07:00", "2021-07-13T10:00:00+07:00",
                        "Asia/Tehran", "2021-07-13T06:00:00+04:30", "2021-07-13T07:00:00+04:30"));
}

static void
test_days_at_their_edges(void **state)
{
    (void)state;
    /* a leap day is a day */
    assert_true(
        collide("Asia/Baku", "2024-02-29", "2024-02-29", "Asia/Baku", "2024-02-28", "2024-03-01"));
    assert_false(
        collide("Asia/Baku", "2024-02-28", "2024-02-28", "Asia/Baku", "2024-02-29", "2024-02-29"));
    assert_false(
        collide("Asia/Baku", "2024-02-29", "2024-02-29", "Asia/Baku", "2024-03-01", "2024-03-01"));
    assert_false(
        collide("Asia/Baku", "2023-02-28", "2023-02-28", "Asia/Baku", "2023-03-01", "2023-03-01"));
    /* over the end of a year */
    assert_true(collide("Asia/Almaty", "2021-12-30", "2022-01-02", "Asia/Almaty", "2022-01-02",
                        "2022-01-05"));
    assert_false(collide("Asia/Almaty", "2021-12-30", "2021-12-31", "Asia/Almaty", "2022-01-01",
                         "2022-01-05"));
    assert_true(collide("Asia/Shanghai", "2022-01-01", "2022-01-01", "Asia/Jerusalem", "2021-12-31",
                        "2021-12-31"));
    /* Jerusalem's day of 25 hours: its last hour is 22:00 UTC, a day of 23 hours ends at 21:00 */
    assert_true(collide("Asia/Jerusalem", "2021-10-31", "2021-10-31", NULL, "2021-10-31T21:30:00Z",
                        "2021-10-31T23:00:00Z"));
    assert_false(collide("Asia/Jerusalem", "2021-10-31", "2021-10-31", NULL, "2021-10-31T22:00:00Z",
                         "2021-10-31T23:00:00Z"));
    assert_true(collide("Asia/Jerusalem", "2021-03-26", "2021-03-26", NULL, "2021-03-26T20:30:00Z",
                        "2021-03-26T23:00:00Z"));
    assert_false(collide("Asia/Jerusalem", "2021-03-26", "2021-03-26", NULL, "2021-03-26T21:00:00Z",
                         "2021-03-26T23:00:00Z"));
    /* in Tehran the day of 2021-03-22 begins in the gap: at 20:30 UTC, its clocks at 01:00 */
    assert_false(collide("Asia/Tehran", "2021-03-22", "2021-03-22", NULL, "2021-03-21T19:00:00Z",
                         "2021-03-21T20:30:00Z"));
    assert_true(collide("Asia/Tehran", "2021-03-22", "2021-03-22", NULL, "2021-03-21T20:30:00Z",
                        "2021-03-21T20:31:00Z"));
    /* after tzdata's own times the yearly rule holds: summer in Jerusalem, 2060 */
    assert_true(collide("Asia/Jerusalem", "2060-07-01", "2060-07-01", NULL, "2060-06-30T21:00:00Z",
                        "2060-06-30T21:30:00Z"));
    assert_false(collide("Asia/Jerusalem", "2060-07-01", "2060-07-01", NULL, "2060-06-30T20:00:00Z",
                         "2060-06-30T21:00:00Z"));
}

/* ---- rules ----------------------------------------------------------------------------------- */

static struct clash
explain(const struct events_clash *clash)
{
    static char text[EVENTS_CLASH_TEXT];
    struct clash said;
    events_clash_explain(&asked, clash, &said, text);
    assert_true(said.explanation.len > 0);
    return said;
}

static void
test_a_host_with_people_twice(void **state)
{
    (void)state;
    struct event other;
    for (int format = FORMAT_ONLINE; format <= FORMAT_HYBRID; format++)
        for (int mine = 0; mine <= FORMAT_HYBRID; mine++) { /* 0: not said yet */
            fresh("2021-07-13", "2021-07-15", "Asia/Almaty");
            event.format = mine;
            set(&other, "o", "KZ", "Asia/Almaty");
            other.format = format;
            add(&other, "2021-07-15", "2021-07-16");
            book(HOST, &other);
            assert_int_equal(find(), mine != FORMAT_ONLINE && format != FORMAT_ONLINE);
        }
    fresh("2021-07-13", "2021-07-15", "Asia/Almaty");
    other.format = FORMAT_HYBRID;
    book(HOST, &other);
    assert_int_equal(find(), 1);
    struct clash said = explain(&found[0]);
    assert_int_equal(said.rule, CLASH_HOST_DOUBLE);
    assert_int_equal(said.severity, CLASH_BLOCK);
    assert_true(text_is(said.with.id, "o") && said.with.kind == CLASH_WITH_EVENT);
    assert_true(text_is(said.party, "KZ"));
    assert_int_equal(said.span.start.ms, when("2021-07-15").ms);
    assert_int_equal(said.span.end.ms, when("2021-07-15").ms);
    assert_true(said.span.start.is_date);
    assert_int_equal(said.change.days, -1);
    assert_int_equal(said.change.format, FORMAT_ONLINE);
    assert_true(text_is(said.repair, "hold it online, or begin on 2021-07-12"));
    /* an event does not clash with itself */
    event.id = TEXT_LITERAL("o");
    assert_int_equal(find(), 0);
}

static void
test_the_smallest_change_is_not_into_the_past(void **state)
{
    (void)state;
    struct event other;
    fresh("2021-07-13", "2021-07-15", "Asia/Almaty");
    set(&other, "o", "KZ", "Asia/Almaty");
    add(&other, "2021-07-15", "2021-07-18");
    book(HOST, &other);
    asked.today = day("2021-07-13");
    assert_int_equal(find(), 1);
    assert_int_equal(explain(&found[0]).change.days, 6);
    asked.today = day("2021-07-12");
    assert_int_equal(explain(&found[0]).change.days, -1);
    asked.today = day("2022-01-01"); /* it is past already: a correction */
    assert_int_equal(explain(&found[0]).change.days, -1);
    /* what stands on the other side is not run into */
    asked.today = day("2020-01-01");
    set(&other, "p", "KZ", "Asia/Almaty");
    add(&other, "2021-07-08", "2021-07-12");
    book(HOST, &other);
    assert_int_equal(find(), 1);
    assert_int_equal(explain(&found[0]).change.days, 6);
}

static void
test_areas_and_governing_bodies(void **state)
{
    (void)state;
    struct event other;
    fresh("2021-07-13T08:00:00Z", "2021-07-13T10:00:00Z", NULL);
    set(&other, "o", "TR", "Europe/Istanbul");
    add(&other, "2021-07-13T09:00:00Z", "2021-07-13T12:00:00Z");
    book(AREA, &other);
    assert_int_equal(find(), 1);
    struct clash said = explain(&found[0]);
    assert_int_equal(said.rule, CLASH_AREA_DOUBLE);
    assert_int_equal(said.severity, CLASH_WARN);
    assert_false(said.span.start.is_date);
    assert_int_equal(said.span.start.ms, when("2021-07-13T09:00:00Z").ms);
    assert_int_equal(said.span.end.ms, when("2021-07-13T10:00:00Z").ms);

    fresh("2021-07-13", "2021-07-13", NULL);
    set(&other, "soc", "TR", NULL);
    other.kind = TEXT_LITERAL("soc-meeting");
    add(&other, "2021-07-13", "2021-07-13");
    book(MEETINGS, &other);
    set(&other, "visit", "TR", NULL);
    other.kind = TEXT_LITERAL("working-visit"); /* without an area too, and no meeting of a body */
    add(&other, "2021-07-13", "2021-07-13");
    book(MEETINGS, &other);
    assert_int_equal(find(), 1);
    assert_int_equal(found[0].rule, CLASH_GOVERNING_BODY);
    assert_true(text_is(found[0].id, "soc"));
    /* what a meeting of a body is, is data */
    rules.items[CLASH_GOVERNING_BODY].kinds.count = 1;
    rules.items[CLASH_GOVERNING_BODY].kinds.items[0] = TEXT_LITERAL("working-visit");
    assert_int_equal(find(), 1);
    assert_true(text_is(found[0].id, "visit"));
    /* the meeting itself is told what stands in its way */
    fresh("2021-07-13", "2021-07-13", NULL);
    event.kind = TEXT_LITERAL("summit");
    event.area = TEXT_NONE;
    set(&other, "o", "TR", NULL);
    add(&other, "2021-07-10", "2021-07-20");
    book(AREAS, &other);
    assert_true(events_rules_governing(&rules, event.kind, event.area));
    assert_int_equal(find(), 1);
    assert_int_equal(found[0].rule, CLASH_GOVERNING_BODY);
    assert_false(events_rules_governing(&rules, event.kind, TEXT_LITERAL("tourism")));
}

static void
test_outside_calendars(void **state)
{
    (void)state;
    /* a holiday is the day where the event is, whatever UTC says */
    fresh("2021-03-21T20:00:00+06:00", "2021-03-21T21:00:00+06:00", "Asia/Almaty");
    book_outside("2021-03-21", "2021-03-21", true, "-");
    assert_int_equal(find(), 1);
    assert_int_equal(found[0].severity, CLASH_WARN);
    struct clash said = explain(&found[0]);
    assert_int_equal(said.with.kind, CLASH_WITH_CALENDAR);
    assert_true(text_is(said.with.id, "holidays"));
    fresh("2021-03-22T01:00:00+06:00", "2021-03-22T02:00:00+06:00",
          "Asia/Almaty"); /* still the 21st in UTC */
    book_outside("2021-03-21", "2021-03-21", true, "-");
    assert_int_equal(find(), 0);
    fresh("2021-03-22T01:00:00+06:00", "2021-03-22T02:00:00+06:00", "Asia/Almaty");
    book_outside("2021-03-21T19:30:00Z", "2021-03-21T20:00:00Z", false, "block");
    assert_int_equal(find(), 1);
    assert_int_equal(found[0].severity, CLASH_BLOCK); /* the calendar's own */
    fresh("2021-03-22", "2021-03-22", "Asia/Almaty");
    book_outside("2021-03-22", "2021-03-22", true, "ignore");
    assert_int_equal(find(), 0);
}

static void
test_notice_crowds_and_delegates(void **state)
{
    (void)state;
    fresh("2021-07-15", "2021-07-15", "Asia/Almaty");
    rules.items[CLASH_SHORT_NOTICE].severity = CLASH_BLOCK;
    asked.today = day("2021-07-01"); /* the notice is 14 days */
    assert_int_equal(find(), 0);
    asked.today = day("2021-07-02");
    assert_int_equal(find(), 1);
    assert_true(text_is(explain(&found[0]).repair, "begin on 2021-07-16 or later"));
    asked.today = day("2021-08-02"); /* past */
    assert_int_equal(find(), 1);
    assert_int_equal(explain(&found[0]).change.days, 32);

    struct event other;
    fresh("2021-09-15", "2021-09-15", "Asia/Almaty");
    char ids[6][16];
    for (int i = 0; i < 6; i++) { /* four of the quarter, one before and one after it */
        static const char *const days[] = {"2021-06-30", "2021-07-01", "2021-07-20",
                                           "2021-08-02", "2021-09-30", "2021-10-01"};
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        set(&other, ids[i], "TR", "Asia/Almaty");
        add(&other, days[i], days[i]);
        book(AREA, &other);
        assert_int_equal(find(), i >= 4);
    }
    struct clash said = explain(&found[0]);
    assert_int_equal(said.rule, CLASH_AREA_CROWDED);
    assert_true(said.with.kind == CLASH_WITH_AREA && text_is(said.with.id, "tourism"));
    assert_true(text_is(said.repair, "begin on 2021-10-01"));
    assert_int_equal(said.span.start.ms, when("2021-07-01").ms);
    assert_int_equal(said.span.end.ms, when("2021-09-30").ms);
    rules.items[CLASH_AREA_CROWDED].count = 5;
    assert_int_equal(find(), 0);

    fresh("2021-09-15", "2021-09-15", NULL);
    struct events_delegate delegate = {TEXT_LITERAL("MN"), TEXT_LITERAL("o"),
                                       when("2021-09-15T10:00:00Z").ms,
                                       when("2021-09-16T10:00:00Z").ms};
    asked.delegates = &delegate;
    asked.delegate_count = 1;
    assert_int_equal(find(), 1);
    said = explain(&found[0]);
    assert_int_equal(said.rule, CLASH_DELEGATE_DOUBLE);
    assert_true(text_is(said.party, "MN"));
    assert_int_equal(said.change.days, -1);
}

static void
test_a_course_of_several_sessions(void **state)
{
    (void)state;
    struct event other;
    fresh(NULL, NULL, "Asia/Almaty");
    add(&event, "2021-05-03", "2021-05-05");
    add(&event, "2021-08-03", "2021-08-05");
    add(&event, "2021-10-03", "2021-10-05");
    set(&other, "o", "KZ", "Asia/Almaty");
    add(&other, "2021-01-03", "2021-01-03");
    add(&other, "2021-08-05", "2021-10-03"); /* in two quarters of three, and one clash */
    book(HOST, &other);
    assert_int_equal(find(), 1);
    assert_int_equal(explain(&found[0]).span.start.ms, when("2021-08-05").ms);
    /* all sessions move together */
    int64_t days = explain(&found[0]).change.days;
    for (uint32_t i = 0; i < event.sessions.count; i++) {
        event.sessions.items[i].start.ms += days * DATE_DAY_MS;
        event.sessions.items[i].end.ms += days * DATE_DAY_MS;
    }
    assert_int_equal(find(), 0);
    /* without sessions nothing is at any time */
    event.sessions.count = 0;
    assert_int_equal(find(), 0);
}

static void
test_rules_are_data(void **state)
{
    (void)state;
    static struct clash_rules changed;
    struct clash_rule rule;
    schema_init(&clash_rules_schema, &changed);
    changed.rev = 7;
    schema_init(&clash_rule_schema, &rule);
    rule.rule = CLASH_SHORT_NOTICE;
    rule.severity = CLASH_BLOCK;
    rule.days = 30;
    assert_int_equal(events_rules_check(&rule, &error), STATUS_OK);
    assert_true(events_rules_put(&changed, &rule));
    assert_false(events_rules_put(&changed, &rule));
    events_rules_of(&changed, &rules);
    assert_int_equal(rules.items[CLASH_SHORT_NOTICE].days, 30);
    assert_int_equal(rules.items[CLASH_SHORT_NOTICE].rev, 7);
    assert_int_equal(rules.items[CLASH_HOST_DOUBLE].severity, CLASH_BLOCK);
    assert_int_equal(rules.items[CLASH_AREA_CROWDED].count, 4);
    assert_int_equal(rules.items[CLASH_GOVERNING_BODY].kinds.count, 4);
    rule.days = INT_NONE;
    assert_true(events_rules_put(&changed, &rule));
    assert_int_equal(changed.rules.count, 1);
    events_rules_of(&changed, &rules);
    assert_int_equal(rules.items[CLASH_SHORT_NOTICE].days, 14);
    rule.count = 3;
    assert_int_equal(events_rules_check(&rule, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "count");
    /* ignored, a rule finds nothing */
    struct event other;
    fresh("2021-07-13", "2021-07-15", NULL);
    set(&other, "o", "KZ", NULL);
    add(&other, "2021-07-13", "2021-07-15");
    book(HOST, &other);
    rules.items[CLASH_HOST_DOUBLE].severity = CLASH_IGNORE;
    assert_int_equal(find(), 0);
}

/* ---- agendas --------------------------------------------------------------------------------- */

static void
test_lines(void **state)
{
    (void)state;
    struct buf lines = {0}, rest = {0}, own = {0};
    struct events_booking booking;
    struct event other;
    struct events_slots at;
    set(&other, "o", "KZ", NULL);
    add(&other, "1992-01-01", "1992-01-01");
    add(&other, "2021-09-30", "2021-10-01");
    add(&other, "2021-10-05", "2021-10-05");
    events_agenda_slots(&other, NULL, &at);
    int quarters[EVENTS_QUARTERS_MAX];
    assert_int_equal(events_agenda_quarters(&at, quarters), 3);
    assert_int_equal(quarters[2], 2021 * 4 + 3);
    events_agenda_lines(&other, &at, quarters[2], &lines);
    buf_append(&lines, "no line\n1 x p a b c\n-5 7 t - holidays a b c\n9 9", 46);
    struct text text = {(char *)lines.data, (uint32_t)lines.len};
    assert_true(events_agenda_next(&text, &booking));
    assert_int_equal(booking.mark, 'p'); /* it begins in the quarter before */
    assert_int_equal(booking.start_ms, when("2021-09-30").ms);
    assert_int_equal(booking.end_ms, when("2021-10-02").ms);
    assert_true(events_agenda_next(&text, &booking));
    assert_int_equal(booking.mark, 'P');
    assert_true(text_is(booking.who, "KZ") && text_is(booking.what, "seminar") &&
                text_is(booking.name, "o"));
    assert_true(events_agenda_next(&text, &booking));
    assert_int_equal(booking.start_ms, -5);
    assert_true(text_is(booking.name, "a b c"));
    assert_false(events_agenda_next(&text, &booking));

    text = (struct text){(char *)lines.data, (uint32_t)lines.len};
    events_agenda_without(text, TEXT_LITERAL("o"), &rest);
    assert_string_equal((buf_append(&rest, "", 1), (char *)rest.data), "-5 7 t - holidays a b c\n");
    buf_clear(&rest);
    events_agenda_split(text, TEXT_LITERAL("holidays"), &own, &rest);
    assert_int_equal(own.len, 24);
    assert_true(rest.len > 0);
    char id[EVENTS_AGENDA_ID_MAX];
    events_agenda_id("host", TEXT_LITERAL("KZ"), quarters[2], id);
    assert_string_equal(id, "host.KZ.2021-4");
    buf_fini(&lines);
    buf_fini(&rest);
    buf_fini(&own);
}

static void
test_quarters_of_other_clocks(void **state)
{
    (void)state;
    /* the first of July in Almaty begins in June by UTC: both quarters know it, and it counts in
     * the third */
    struct event other;
    struct events_slots at;
    int quarters[EVENTS_QUARTERS_MAX];
    set(&other, "o", "KZ", "Asia/Almaty");
    add(&other, "2021-07-01T01:00:00+06:00", "2021-07-01T02:00:00+06:00");
    events_agenda_slots(&other, zone_set_get(&zones, other.zone), &at);
    assert_int_equal(events_agenda_quarters(&at, quarters), 2);
    assert_int_equal(quarters[0], 2021 * 4 + 1);
    assert_int_equal(quarters[1], 2021 * 4 + 2);
    fresh("2021-07-01", "2021-07-01", "Asia/Almaty");
    book(AREA, &other);
    rules.items[CLASH_AREA_CROWDED].count = 1;
    unsigned count = find();
    assert_int_equal(count, 2); /* at the same time, and the second of the quarter; each once */
    assert_true(has_rule(CLASH_AREA_DOUBLE, count) && has_rule(CLASH_AREA_CROWDED, count));
    /* the longest course there can be */
    set(&other, "o", "KZ", NULL);
    for (int i = 0; i < 32; i++) {
        char start[16], end[16];
        snprintf(start, sizeof start, "%d-01-01", 1992 + 2 * i);
        snprintf(end, sizeof end, "%d-12-31", 1992 + 2 * i);
        add(&other, start, end);
    }
    events_agenda_slots(&other, NULL, &at);
    assert_int_equal(events_agenda_quarters(&at, quarters), 128);
}

/* ---- free windows ---------------------------------------------------------------------------- */

static void
test_free_windows(void **state)
{
    (void)state;
    static struct events_window windows[EVENTS_FREE_DAYS_MAX];
    struct calendar_free in;
    struct events_free free;
    struct event other;
    schema_init(&calendar_free_schema, &in);
    in.from = day("2021-07-01");
    in.to = day("2021-07-31");
    in.duration = TEXT_LITERAL("PT49H");
    assert_int_equal(events_free_of(&in, &free, &error), STATUS_OK);
    assert_int_equal(free.days, 3);
    fresh("2021-07-01", "2021-07-31", "Asia/Almaty");
    set(&other, "o", "KZ", "Asia/Almaty");
    add(&other, "2021-07-13", "2021-07-15");
    book(HOST, &other);
    book_outside("2021-07-06", "2021-07-06", true, "-");
    find();
    unsigned count = events_free_windows(&asked, &slots, &free, windows);
    /* 4 to 6 July: with a warning; 11 to 15: blocked; three windows with nothing */
    assert_int_equal(count, 4);
    const char *const want[][2] = {{"2021-07-01", "2021-07-03"},
                                   {"2021-07-07", "2021-07-10"},
                                   {"2021-07-16", "2021-07-29"},
                                   {"2021-07-04", "2021-07-06"}};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(windows[i].first, day(want[i][0]));
        assert_int_equal(windows[i].last, day(want[i][1]));
        assert_int_equal(windows[i].warnings, i == 3);
    }
    assert_int_equal(windows[3].clashes[0].rule, CLASH_OUTSIDE_CALENDAR);
    free.limit = 2;
    assert_int_equal(events_free_windows(&asked, &slots, &free, windows), 2);
    free.days = 40;
    assert_int_equal(events_free_windows(&asked, &slots, &free, windows), 0);

    in.days = 2;
    assert_int_equal(events_free_of(&in, &free, &error), STATUS_INVALID_ARGUMENT);
    in.duration = TEXT_LITERAL("P2X");
    in.days = INT_NONE;
    assert_int_equal(events_free_of(&in, &free, &error), STATUS_INVALID_ARGUMENT);
    in.duration = TEXT_NONE;
    in.to = in.from - 1;
    assert_int_equal(events_free_of(&in, &free, &error), STATUS_INVALID_ARGUMENT);
    in.to = in.from + 366;
    assert_int_equal(events_free_of(&in, &free, &error), STATUS_INVALID_ARGUMENT);
    in.to = in.from + 365;
    assert_int_equal(events_free_of(&in, &free, &error), STATUS_OK);
    assert_int_equal(free.days, 1);
}

static int
teardown(void **state)
{
    (void)state;
    zone_set_fini(&zones);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned k = 0; k < AGENDAS; k++)
            buf_fini(&agendas[i][k].lines);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_compare_by_instant),
        cmocka_unit_test(test_days_at_their_edges),
        cmocka_unit_test(test_a_host_with_people_twice),
        cmocka_unit_test(test_the_smallest_change_is_not_into_the_past),
        cmocka_unit_test(test_areas_and_governing_bodies),
        cmocka_unit_test(test_outside_calendars),
        cmocka_unit_test(test_notice_crowds_and_delegates),
        cmocka_unit_test(test_a_course_of_several_sessions),
        cmocka_unit_test(test_rules_are_data),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_quarters_of_other_clocks),
        cmocka_unit_test(test_free_windows),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
