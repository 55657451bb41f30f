// LINK: services/events/events_ical.c common/base/zone.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/date.c common/base/text.c common/base/buf.c common/base/status.c -lical
/* Events as a calendar, byte by byte (tests/golden/calendar.ics; UPDATE_GOLDEN=1 writes it anew).
 * It must not know stores, sockets or codecs. */
#include "tests/unit/check.h"

#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/events/events_ical.h"

#define GOLDEN "tests/golden/calendar.ics"

static struct event event;

static struct when
when(const char *printed)
{
    struct when value;
    assert_true(when_parse(text_of(printed), &value));
    return value;
}

static void
fresh(const char *id, enum event_status status)
{
    schema_init(&event_schema, &event);
    event.present = true;
    event.id = text_of(id);
    event.title = TEXT_LITERAL("Smart Agriculture");
    event.kind = TEXT_LITERAL("seminar");
    event.host = TEXT_LITERAL("CN");
    event.year = 2021;
    event.status = (int)status;
    event.rev = 3;
    event.changed = when("2021-02-03T04:05:06Z").ms;
}

static void
session(const char *start, const char *end)
{
    event.sessions.items[event.sessions.count++] = (struct span_when){true, when(start), when(end)};
}

static void
title(const char *language, const char *text)
{
    event.titles.items[event.titles.count++] = (struct text_pair){text_of(language), text_of(text)};
}

/* The calendar of the one event, until the next call. */
static const char *
calendar_of_event(void)
{
    static char text[65536];
    struct events_ical ical = {0};
    struct buf out = {0};
    events_ical_add(&ical, &event);
    assert_true(events_ical_write(&ical, TEXT_LITERAL("Test"), &out));
    assert_true(out.len < sizeof text);
    memcpy(text, out.data, out.len);
    text[out.len] = '\0';
    buf_fini(&out);
    events_ical_fini(&ical);
    return text;
}

static void
assert_has(const char *lines)
{
    const char *calendar = calendar_of_event();
    if (!strstr(calendar, lines))
        fail_msg("no\n%s\nin\n%s", lines, calendar);
}

static void
assert_lacks(const char *part)
{
    const char *calendar = calendar_of_event();
    if (strstr(calendar, part))
        fail_msg("%s\nin\n%s", part, calendar);
}

/* ---- the golden calendar --------------------------------------------------------------------- */

static void
add_course(struct events_ical *ical)
{
    fresh("course", EVENT_SCHEDULED);
    event.title =
        TEXT_LITERAL("Курс по цифровой экономике, умному сельскому хозяйству; и \"прочее\"");
    title("ru", event.title.ptr);
    title("en", "Course on the digital economy, smart agriculture; and \"the rest\"");
    title("zh", "关于数字经济和智慧农业的培训课程关于数字经济和智慧农业的培训课程");
    title("x;y", "not a language");
    event.kind = TEXT_LITERAL("training-course");
    event.dimension = TEXT_LITERAL("economic");
    event.area = TEXT_LITERAL("agriculture");
    event.zone = TEXT_LITERAL("Europe/Berlin");
    event.place = TEXT_LITERAL("Berlin, Mitte\nRoom\t5");
    event.format = FORMAT_HYBRID;
    event.co_hosts.items[event.co_hosts.count++] = TEXT_LITERAL("KZ");
    event.co_hosts.items[event.co_hosts.count++] = TEXT_LITERAL("RU");
    event.institutions.items[event.institutions.count++] = TEXT_LITERAL("Academy \\ Institute");
    session("2021-10-29T10:00:00+02:00", "2021-10-29T12:00:00+02:00");
    session("2021-11-01T10:00:00+01:00", "2021-11-01T12:00:00.250+01:00");
    events_ical_add(ical, &event);
}

static void
add_reported(struct events_ical *ical)
{
    fresh("rally", EVENT_REPORTED);
    session("2021-07-13", "2021-07-15");
    event.report.present = true;
    schema_init(&event_report_schema, &event.report);
    event.report.present = true;
    event.report.participants_count = 510;
    event.report.participants_qualifier = COUNT_MORE_THAN;
    event.report.member_states_count = 10;
    event.report.member_states.items[event.report.member_states.count++] = TEXT_LITERAL("KZ");
    event.report.member_states.items[event.report.member_states.count++] = TEXT_LITERAL("CN");
    event.report.summary = TEXT_LITERAL("Went well.\r\nEND:VEVENT\r\nAll were glad.");
    events_ical_add(ical, &event);
}

static void
add_others(struct events_ical *ical)
{
    fresh("called-off", EVENT_CANCELLED);
    event.reason = TEXT_LITERAL("No quorum");
    event.zone = TEXT_LITERAL("Asia/Shanghai");
    session("2021-05-01T09:00:00+08:00", "2021-05-01T10:00:00+08:00");
    events_ical_add(ical, &event);
    fresh("without-dates", EVENT_ACCEPTED);
    events_ical_add(ical, &event);
    fresh("only-proposed", EVENT_PROPOSED);
    event.changed = TIME_NONE;
    event.rev = 1;
    session("2021-12-31", "2021-12-31");
    events_ical_add(ical, &event);
}

static void
test_golden(void **state)
{
    (void)state;
    struct events_ical ical = {0};
    struct buf made = {0};
    char kept[16384];
    add_course(&ical);
    add_reported(&ical);
    add_others(&ical);
    assert_true(events_ical_write(&ical, TEXT_LITERAL("CBM events"), &made));
    events_ical_fini(&ical);
    const char *update = getenv("UPDATE_GOLDEN");
    FILE *file;
    if (update && *update == '1') {
        assert_non_null(file = fopen(GOLDEN, "w"));
        assert_int_equal(fwrite(made.data, 1, made.len, file), made.len);
        assert_int_equal(fclose(file), 0);
    }
    assert_non_null(file = fopen(GOLDEN, "r"));
    size_t len = fread(kept, 1, sizeof kept, file);
    fclose(file);
    for (size_t i = 0, line = 1; i < len && i < made.len; i++) {
        if (kept[i] != (char)made.data[i])
            fail_msg(GOLDEN ":%zu differs from what is written now", line);
        line += kept[i] == '\n';
    }
    assert_int_equal(len, made.len);
    buf_fini(&made);
}

/* Lines of at most 75 octets, each ended by CR LF, no character cut in two. */
static void
test_folding(void **state)
{
    (void)state;
    static char text[2001];
    for (unsigned shift = 0; shift < 4; shift++) {
        fresh("long", EVENT_SCHEDULED);
        session("2021-12-31", "2021-12-31");
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "中", 4);
        event.title = text_of(text);
        const char *line = calendar_of_event();
        for (const char *end; *line; line = end + 2) {
            end = strstr(line, "\r\n");
            assert_non_null(end);
            assert_in_range(end - line, 1, 75);
            assert_true(text_utf8_valid(line, (size_t)(end - line)));
        }
    }
}

/* ---- one thing at a time --------------------------------------------------------------------- */

static void
test_status(void **state)
{
    (void)state;
    static const char *const want[] = {
        [EVENT_PROPOSED] = "TENTATIVE",  [EVENT_ACCEPTED] = "TENTATIVE",
        [EVENT_SCHEDULED] = "CONFIRMED", [EVENT_POSTPONED] = "TENTATIVE",
        [EVENT_HELD] = "CONFIRMED",      [EVENT_REPORTED] = "CONFIRMED",
        [EVENT_CANCELLED] = "CANCELLED", [EVENT_WITHDRAWN] = "CANCELLED",
    };
    for (int status = EVENT_PROPOSED; status < event_status_end; status++) {
        char line[64];
        fresh("e", (enum event_status)status);
        session("2021-12-31", "2021-12-31");
        snprintf(line, sizeof line, "\r\nSTATUS:%s\r\n", want[status]);
        assert_has(line);
    }
}

static void
test_times(void **state)
{
    (void)state;
    fresh("e", EVENT_SCHEDULED); /* no zone */
    session("2021-06-10T10:00:00+09:00", "2021-06-10T12:00:00+09:00");
    assert_has("DTSTART:20210610T010000Z\r\nDTEND:20210610T030000Z\r\n");
    event.zone = TEXT_LITERAL("Mars/Olympus"); /* no such zone */
    assert_has("DTSTART:20210610T010000Z\r\nDTEND:20210610T030000Z\r\n");
    assert_lacks("VTIMEZONE");
    event.zone = TEXT_LITERAL("UTC");
    assert_has("DTSTART:20210610T010000Z\r\nDTEND:20210610T030000Z\r\n");
    event.zone = TEXT_LITERAL("Asia/Kathmandu");
    assert_has("DTSTART;TZID=Asia/Kathmandu:20210610T064500\r\n"
               "DTEND;TZID=Asia/Kathmandu:20210610T084500\r\n");
    assert_has("BEGIN:VTIMEZONE\r\nTZID:Asia/Kathmandu\r\nBEGIN:STANDARD\r\n"
               "DTSTART:19860101T000000\r\nTZOFFSETFROM:+0530\r\nTZOFFSETTO:+0545\r\n");
    fresh("e", EVENT_SCHEDULED); /* where libical's own zone is an hour off */
    event.zone = TEXT_LITERAL("Asia/Tehran");
    session("2018-07-01T08:00:00Z", "2018-07-01T09:00:00Z");
    assert_has("DTSTART;TZID=Asia/Tehran:20180701T123000\r\n");
    assert_has("TZID:Asia/Tehran\r\nTZUNTIL:20180921T193000Z\r\nBEGIN:DAYLIGHT\r\n"
               "DTSTART:20180322T000000\r\nTZOFFSETFROM:+0330\r\nTZOFFSETTO:+0430\r\n");
    fresh("e", EVENT_SCHEDULED); /* shorter than a second */
    session("2021-06-10T10:00:00.100Z", "2021-06-10T10:00:00.200Z");
    assert_has("DTSTART:20210610T100000Z\r\nDTEND:20210610T100001Z\r\n");
}

/* On 31 October 2021 Berlin's clocks showed 02:00 to 03:00 twice. */
static void
test_the_hour_that_comes_twice(void **state)
{
    (void)state;
    static const struct {
        const char *start, *end, *want;
    } rows[] = {
        {"2021-10-30T23:00:00Z", "2021-10-30T23:59:59Z", "TZID=Europe/Berlin:20211031T010000"},
        {"2021-10-31T00:00:00Z", "2021-10-31T02:00:00Z", "DTSTART:20211031T000000Z"},
        {"2021-10-31T00:59:59Z", "2021-10-31T02:00:00Z", "DTSTART:20211031T005959Z"},
        {"2021-10-31T01:00:00Z", "2021-10-31T02:00:00Z", "DTSTART:20211031T010000Z"},
        {"2021-10-31T01:59:59Z", "2021-10-31T02:00:00Z", "DTSTART:20211031T015959Z"},
        {"2021-10-30T23:00:00Z", "2021-10-31T01:30:00Z", "DTEND:20211031T013000Z"},
        {"2021-10-31T02:00:00Z", "2021-10-31T03:00:00Z", "TZID=Europe/Berlin:20211031T030000"},
        {"2021-03-28T00:59:59Z", "2021-03-28T01:00:00Z", "TZID=Europe/Berlin:20210328T030000"},
        {"2050-06-01T00:00:00Z", "2050-06-01T01:00:00Z", "DTSTART:20500601T000000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fresh("e", EVENT_SCHEDULED);
        event.zone = TEXT_LITERAL("Europe/Berlin");
        session(rows[i].start, rows[i].end);
        assert_has(rows[i].want);
    }
}

static void
test_sessions(void **state)
{
    (void)state;
    fresh("e", EVENT_SCHEDULED);
    session("2021-02-28", "2021-02-28");
    assert_has("UID:e@cbm\r\n");
    assert_has("DTSTART;VALUE=DATE:20210228\r\nDTEND;VALUE=DATE:20210301\r\n");
    assert_lacks("RELATED-TO");
    session("2021-03-31", "2021-04-02");
    assert_has("UID:e.1@cbm\r\n");
    assert_has("UID:e.2@cbm\r\n");
    assert_has("DTEND;VALUE=DATE:20210403\r\n");
    assert_has("RELATED-TO;RELTYPE=SIBLING:e.1@cbm\r\n");
    assert_has("SEQUENCE:2\r\n");
    event.rev = INT64_MAX;
    assert_has("SEQUENCE:2147483647\r\n");
    fresh("e", EVENT_SCHEDULED);
    session("2021-01-01", "2021-01-01");
    session("3000-12-01", "3000-12-29");
    session("3000-12-30", "3000-12-31"); /* what libical cannot write is left out, and only that */
    session("9998-12-31", "9999-12-31");
    assert_has("UID:e.1@cbm\r\n");
    assert_has("DTEND;VALUE=DATE:30001230\r\n");
    assert_lacks("UID:e.3@cbm");
    assert_lacks("UID:e.4@cbm");
    assert_lacks(":0000");
}

static void
test_hostile_text(void **state)
{
    (void)state;
    static const char nul[] = "a\0b\x07\x7f";
    fresh("e", EVENT_SCHEDULED);
    session("2021-02-28", "2021-02-28");
    event.title = (struct text){nul, sizeof nul - 1};
    assert_has("SUMMARY:a b  \r\n");
    event.title = TEXT_LITERAL("a\r\nb\rc\nd\xc2\x85"
                               "e\xe2\x80\xa8"
                               "f\xe2\x80\xa9"
                               "g\xc2");
    assert_has("SUMMARY:a\\nb\\nc\\nd\\ne\\nf\\ng\xc2\r\n");
    event.title = TEXT_LITERAL("a:b\\;,\"^'n");
    assert_has("SUMMARY:a:b\\\\\\;\\,\"^'n\r\n");
    event.title = TEXT_LITERAL("Title");
    title("en\";x", "A");
    title("en-", "B");
    title("toolonglang", "C");
    title("zh-Hant", "D");
    assert_has("COMMENT:A\r\nCOMMENT:B\r\nCOMMENT:C\r\nCOMMENT;LANGUAGE=zh-Hant:D\r\n");
}

/* libical reads back what it wrote without complaint. */
static void
test_read_back(void **state)
{
    (void)state;
    struct events_ical ical = {0};
    struct buf made = {0};
    add_course(&ical);
    add_reported(&ical);
    add_others(&ical);
    assert_true(events_ical_write(&ical, TEXT_LITERAL("CBM events"), &made));
    buf_append(&made, "", 1);
    icalcomponent *calendar = icalcomponent_new_from_string((const char *)made.data);
    assert_non_null(calendar);
    assert_int_equal(icalcomponent_count_errors(calendar), 0);
    assert_int_equal(icalcomponent_count_components(calendar, ICAL_VEVENT_COMPONENT), 5);
    assert_int_equal(icalcomponent_count_components(calendar, ICAL_VTIMEZONE_COMPONENT), 2);
    icalcomponent *first = icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT);
    assert_string_equal(icalcomponent_get_summary(first),
                        "Курс по цифровой экономике, умному сельскому хозяйству; и \"прочее\"");
    icalcomponent_free(calendar);
    buf_fini(&made);
    events_ical_fini(&ical);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_folding),
        cmocka_unit_test(test_status),    cmocka_unit_test(test_times),
        cmocka_unit_test(test_sessions),  cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_read_back), cmocka_unit_test(test_the_hour_that_comes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
