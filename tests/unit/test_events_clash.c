// LINK: services/events/events_domain_clash.c services/events/events_domain_clash_text.c services/events/events_domain_free.c services/events/events_domain_agenda.c common/base/zone.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/buf.c common/base/date.c common/base/text.c common/base/status.c
/* The rules of clashes: spans by instant in the zones of several capitals, days at leap days, ends
 * of years and clock changes, every rule with what removes it. It must not know stores, sockets or
 * codecs: it links with pure code only. */
#include "tests/unit/clash_case.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
