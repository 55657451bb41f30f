// LINK: services/events/events_ical_read.c services/events/events_ical_entry.c services/events/events_ical_rule.c common/base/zone.c common/base/date.c common/base/text.c common/base/status.c -lical
/* Outside calendars read: recurrences, zones by name and by VTIMEZONE, days, exceptions, and files
 * made to do harm. It must not know stores, sockets or codecs. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/events/events_ical_read.h"

static struct zone_set zones;
static struct events_ical_spans spans;
static struct error error;
static bool in_time;

static bool
go_on(void *arg)
{
    (void)arg;
    return in_time;
}

static enum status
read_text(struct text ics)
{
    struct events_ical_options options = {.zones = &zones, .go_on = go_on};
    assert_true(date_parse(TEXT_LITERAL("2021-01-01"), &options.from));
    assert_true(date_parse(TEXT_LITERAL("2023-12-31"), &options.to));
    events_ical_spans_fini(&spans);
    return events_ical_read(ics, &options, &spans, &error);
}

/* The calendar with these lines in it. */
static enum status
read_lines(const char *lines)
{
    static char text[8192];
    int len = snprintf(text, sizeof text,
                       "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n%sEND:VCALENDAR\r\n", lines);
    in_time = true;
    return read_text((struct text){text, (uint32_t)len});
}

#define EVENT(lines) "BEGIN:VEVENT\r\nUID:1\r\n" lines "SUMMARY:s\r\nEND:VEVENT\r\n"

static void
expect(const char *lines, unsigned count, const char *const *starts)
{
    if (read_lines(lines) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_int_equal(spans.count, count);
    for (unsigned i = 0; i < count; i++) {
        char start[TIME_TEXT_MAX];
        time_print(spans.items[i].start_ms, start);
        assert_string_equal(start, starts[i]);
    }
}
#define EXPECT(lines, ...)                                                                         \
    expect(lines, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                     \
           (const char *const[]){__VA_ARGS__})

static void
test_days_and_times(void **state)
{
    (void)state;
    EXPECT(EVENT("DTSTART;VALUE=DATE:20210321\r\n"), "2021-03-21T00:00:00Z");
    assert_true(spans.items[0].days);
    assert_int_equal(spans.items[0].end_ms - spans.items[0].start_ms, DATE_DAY_MS);
    EXPECT(EVENT("DTSTART;VALUE=DATE:20210321\r\nDTEND;VALUE=DATE:20210324\r\n"),
           "2021-03-21T00:00:00Z");
    assert_int_equal(spans.items[0].end_ms - spans.items[0].start_ms, 3 * DATE_DAY_MS);
    EXPECT(EVENT("DTSTART:20210321T080000Z\r\nDURATION:PT90M\r\n"), "2021-03-21T08:00:00Z");
    assert_false(spans.items[0].days);
    assert_int_equal(spans.items[0].end_ms - spans.items[0].start_ms, 5400000);
    EXPECT(EVENT("DTSTART;TZID=Asia/Almaty:20210321T080000\r\nDTEND;TZID=Asia/"
                 "Tokyo:20210321T130000\r\n"),
           "2021-03-21T02:00:00Z");
    assert_int_equal(spans.items[0].end_ms - spans.items[0].start_ms, 2 * 3600000);
    EXPECT(EVENT("DTSTART;TZID=/mozilla.org/20070129_1/Europe/"
                 "Paris:20210701T080000\r\nDURATION:PT1H\r\n"),
           "2021-07-01T06:00:00Z");
    EXPECT("X-WR-TIMEZONE:Asia/Seoul\r\n" EVENT("DTSTART:20210701T080000\r\nDURATION:PT1H\r\n"),
           "2021-06-30T23:00:00Z");
    EXPECT(EVENT("DTSTART:20210701T080000\r\nDURATION:PT1H\r\n"), "2021-07-01T08:00:00Z");
    /* what takes no time, what is cancelled, what lies outside; a span over the edge is cut */
    assert_int_equal(read_lines(EVENT("DTSTART:20210701T080000Z\r\n")), STATUS_OK);
    assert_int_equal(spans.count, 0);
    assert_int_equal(read_lines(EVENT("DTSTART;VALUE=DATE:20210701\r\nSTATUS:CANCELLED\r\n")),
                     STATUS_OK);
    assert_int_equal(spans.count, 0);
    assert_int_equal(read_lines(EVENT("DTSTART;VALUE=DATE:20240101\r\n")), STATUS_OK);
    assert_int_equal(spans.count, 0);
    EXPECT(EVENT("DTSTART;VALUE=DATE:20201220\r\nDTEND;VALUE=DATE:20210110\r\n"),
           "2021-01-01T00:00:00Z");
    assert_int_equal(read_lines(""), STATUS_OK);
    assert_int_equal(spans.count, 0);
}

static void
test_recurrences(void **state)
{
    (void)state;
    EXPECT(EVENT("DTSTART;VALUE=DATE:19920321\r\nRRULE:FREQ=YEARLY\r\n"), "2021-03-21T00:00:00Z",
           "2022-03-21T00:00:00Z", "2023-03-21T00:00:00Z");
    /* eight in the morning of New York, over the change of its clocks; the last by UNTIL in UTC */
    EXPECT(EVENT("DTSTART;TZID=America/New_York:20210312T080000\r\nDURATION:PT1H\r\n"
                 "RRULE:FREQ=DAILY;UNTIL=20210315T120000Z\r\n"),
           "2021-03-12T13:00:00Z", "2021-03-13T13:00:00Z", "2021-03-14T12:00:00Z",
           "2021-03-15T12:00:00Z");
    EXPECT(EVENT("DTSTART;TZID=America/New_York:20210312T080000\r\nDURATION:PT1H\r\n"
                 "RRULE:FREQ=DAILY;UNTIL=20210315T115959Z\r\n"),
           "2021-03-12T13:00:00Z", "2021-03-13T13:00:00Z", "2021-03-14T12:00:00Z");
    EXPECT(EVENT("DTSTART;VALUE=DATE:20200229\r\nRRULE:FREQ=MONTHLY;BYDAY=-1MO;COUNT=12\r\n"
                 "EXDATE;VALUE=DATE:20210125\r\nRDATE;VALUE=DATE:20220105,20220107\r\n"),
           "2021-02-22T00:00:00Z", "2022-01-05T00:00:00Z", "2022-01-07T00:00:00Z");
    EXPECT(EVENT("DTSTART:20210105T080000Z\r\nDURATION:PT1H\r\n"
                 "RDATE;VALUE=PERIOD:20210107T080000Z/20210107T100000Z,20210109T080000Z/PT3H\r\n"),
           "2021-01-05T08:00:00Z", "2021-01-07T08:00:00Z", "2021-01-09T08:00:00Z");
    assert_int_equal(spans.items[1].end_ms - spans.items[1].start_ms, 2 * 3600000);
    assert_int_equal(spans.items[2].end_ms - spans.items[2].start_ms, 3 * 3600000);
    /* one of them moved, another cancelled */
    EXPECT(
        EVENT("DTSTART;TZID=Asia/"
              "Almaty:20210105T080000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n")
            EVENT("RECURRENCE-ID;TZID=Asia/Almaty:20210112T080000\r\nDTSTART;TZID=Asia/"
                  "Almaty:20210113T090000\r\n"
                  "DURATION:PT1H\r\n")
                EVENT(
                    "RECURRENCE-ID:20210119T020000Z\r\nDTSTART;TZID=Asia/Almaty:20210119T080000\r\n"
                    "STATUS:CANCELLED\r\n"),
        "2021-01-05T02:00:00Z", "2021-01-13T03:00:00Z");
}

#define ZONE                                                                                       \
    "BEGIN:VTIMEZONE\r\nTZID:Our Own Time\r\n"                                                     \
    "BEGIN:STANDARD\r\nDTSTART:20001029T030000\r\nTZOFFSETFROM:+0500\r\nTZOFFSETTO:+0400\r\n"      \
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\n"                                  \
    "BEGIN:DAYLIGHT\r\nDTSTART:20000326T020000\r\nTZOFFSETFROM:+0400\r\nTZOFFSETTO:+0500\r\n"      \
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"

static void
test_a_zone_of_its_own(void **state)
{
    (void)state;
    EXPECT(ZONE EVENT("DTSTART;TZID=Our Own Time:20210701T080000\r\nDURATION:PT1H\r\n"
                      "RRULE:FREQ=MONTHLY;INTERVAL=6;COUNT=2\r\n"),
           "2021-07-01T03:00:00Z", "2022-01-01T04:00:00Z");
    assert_int_equal(read_lines(
                         EVENT("DTSTART;TZID=Our Own Time:20210701T080000\r\nDURATION:PT1H\r\n")),
                     STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "Our Own Time"));
    assert_int_equal(
        read_lines("BEGIN:VTIMEZONE\r\nTZID:Z\r\nBEGIN:STANDARD\r\nDTSTART:20000101T000000\r\n"
                   "TZOFFSETFROM:+0500\r\nTZOFFSETTO:+0400\r\nRRULE:FREQ=DAILY\r\nEND:STANDARD\r\n"
                   "END:VTIMEZONE\r\n"),
        STATUS_INVALID_ARGUMENT);
}

static void
test_summaries_and_order(void **state)
{
    (void)state;
    char lines[1024], many[300];
    memset(many, 'x', sizeof many);
    memcpy(many + 78, "\xd0\xb6\xd0\xb6", 4);
    many[200] = '\0';
    snprintf(lines, sizeof lines,
             "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20210301\r\nSUMMARY:%s\r\nEND:VEVENT\r\n"
             "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20210201\r\nSUMMARY:two\\nlines\r\nEND:VEVENT\r\n"
             "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20210201\r\nSUMMARY:two\\nlines\r\nEND:VEVENT\r\n"
             "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20210101\r\nEND:VEVENT\r\n",
             many);
    EXPECT(lines, "2021-01-01T00:00:00Z", "2021-02-01T00:00:00Z", "2021-03-01T00:00:00Z");
    assert_string_equal(spans.items[0].summary, "busy");
    assert_string_equal(spans.items[1].summary, "two lines");
    assert_int_equal(strlen(spans.items[2].summary), 80);
    assert_true(text_utf8_valid(spans.items[2].summary, strlen(spans.items[2].summary)));
}

static void
test_what_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        EVENT(""),
        EVENT("DTSTART:nonsense\r\n"),
        EVENT("DTSTART:20210230T080000Z\r\nDURATION:PT1H\r\nX-NOTE:no such day\r\n") "BEGIN:"
                                                                                     "VEVENT\r\n",
        EVENT("DTSTART:00010101T000000Z\r\nDURATION:PT1H\r\n"),
        EVENT("DTSTART:20210301T080000Z\r\nDTEND:20210301T070000Z\r\n"),
        EVENT("DTSTART:20210301T080000Z\r\nDTEND;VALUE=DATE:20210302\r\n"),
        EVENT("DTSTART:20210301T080000Z\r\nRRULE:FREQ=SECONDLY\r\n"),
        EVENT("DTSTART:20210301T080000Z\r\nRRULE:FREQ=HOURLY;COUNT=2\r\n"),
        EVENT("DTSTART:20210301T080000Z\r\nRRULE:FREQ=DAILY;BYHOUR=1,2\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=DAILY;INTERVAL=7;BYDAY=TU\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=WEEKLY;BYSETPOS=3;BYDAY=MO\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=MONTHLY;BYSETPOS=300;BYDAY=MO\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=MONTHLY;INTERVAL=12;BYMONTH=4\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=MONTHLY;BYYEARDAY=4\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nRRULE:FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6\r\n"),
        EVENT("DTSTART;VALUE=DATE:20210301\r\nEXRULE:FREQ=YEARLY\r\n"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (read_lines(wrong[i]) != STATUS_INVALID_ARGUMENT ||
            strncmp(error.message, "ics: ", 5) != 0)
            fail_msg("%zu was read: %s", i, wrong[i]);
    assert_int_equal(read_text(TEXT_LITERAL("")), STATUS_INVALID_ARGUMENT);
    assert_int_equal(read_text(TEXT_LITERAL("BEGIN:VCARD\r\nEND:VCARD\r\n")),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(read_text(TEXT_LITERAL("BEGIN:VCALENDAR\r\n\0END:VCALENDAR\r\n")),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(read_lines("BEGIN:VEVENT\r\n"), STATUS_INVALID_ARGUMENT);
}

/* A text made to do harm: `unit` so many times. */
static enum status
read_repeated(const char *head, const char *unit, unsigned times, const char *tail)
{
    size_t unit_len = strlen(unit), len = strlen(head);
    char *text = malloc(len + unit_len * times + strlen(tail) + 1);
    assert_non_null(text);
    memcpy(text, head, len);
    for (unsigned i = 0; i < times; i++, len += unit_len)
        memcpy(text + len, unit, unit_len);
    strcpy(text + len, tail);
    enum status status = read_text((struct text){text, (uint32_t)strlen(text)});
    free(text);
    return status;
}

static void
test_bounds(void **state)
{
    (void)state;
    in_time = true;
    assert_int_equal(read_repeated("BEGIN:VCALENDAR\r\n", "BEGIN:VEVENT\r\n", 30000,
                                   "END:VCALENDAR\r\n"),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(read_repeated("BEGIN:VCALENDAR\r\n", "BEGIN:VALARM\r\nEND:VALARM\r\n", 30000,
                                   "END:VCALENDAR\r\n"),
                     STATUS_INVALID_ARGUMENT);
    const char *event =
        "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20210101\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n";
    assert_int_equal(read_repeated("BEGIN:VCALENDAR\r\n", event, 4, "END:VCALENDAR\r\n"),
                     STATUS_OK);
    assert_int_equal(spans.count, 3 * 365); /* all the same */
    assert_int_equal(read_repeated("BEGIN:VCALENDAR\r\n", event, 5, "END:VCALENDAR\r\n"),
                     STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "5000"));
    event = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:16000101\r\nDTEND;VALUE=DATE:16000102\r\nRRULE:"
            "FREQ=DAILY\r\nEND:VEVENT\r\n";
    assert_int_equal(read_repeated("BEGIN:VCALENDAR\r\n", event, 1, "END:VCALENDAR\r\n"),
                     STATUS_INVALID_ARGUMENT);
    in_time = false;
    assert_int_equal(read_repeated("BEGIN:VCALENDAR\r\n", event, 1, "END:VCALENDAR\r\n"),
                     STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "too long"));
}

static int
teardown(void **state)
{
    (void)state;
    zone_set_fini(&zones);
    events_ical_spans_fini(&spans);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_times),    cmocka_unit_test(test_recurrences),
        cmocka_unit_test(test_a_zone_of_its_own), cmocka_unit_test(test_summaries_and_order),
        cmocka_unit_test(test_what_is_refused),   cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
