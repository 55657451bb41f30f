// LINK: services/notify/notify_domain_reminder.c common/log/topic.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/zone.c common/base/date.c common/base/text.c common/base/status.c
/* Reminders: offsets on the calendars of capitals, anchors, and what becomes of a plan when things
 * move. It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include "common/log/topic.h"
#include "services/notify/notify_domain_reminder.h"

static int64_t
ms(const char *text)
{
    int64_t at;
    struct when when;
    assert_true(when_parse(text_of(text), &when));
    at = when.ms;
    return at;
}

/* ---- offsets ---- */

static void
test_offsets_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",      "P",        "-P",   "PT",   "P1",      "1D",          "+P1D",         "P-1D",
        "--P1D", "P1DT",     "P1H",  "PT1D", "P1D1W",   "P1W1W",       "P1D2Y",        "PT1S1H",
        "P1.5D", "P101Y",    "P1 D", "p1d",  "P36890D", "PT99999999H", "P9999999999D", "P1DT1H1H",
        "PTT1H", "P1YT1M1M", "P1Dx"};
    struct notify_offset offset;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (notify_domain_offset(text_of(bad[i]), &offset))
            fail_msg("%s was taken", bad[i]);
}

/* From an instant, on the clocks of a zone ("": UTC). */
static void
check_due(const char *zone_name, const char *from, const char *offset_text, const char *expected)
{
    char text[TIME_TEXT_MAX];
    struct notify_offset offset;
    struct zone *zone = *zone_name ? zone_open(text_of(zone_name)) : NULL;
    assert_true(!*zone_name || zone);
    assert_true(notify_domain_offset(text_of(offset_text), &offset));
    time_print(notify_domain_due(ms(from), &offset, zone), text);
    if (strcmp(text, expected) != 0)
        fail_msg("%s %s %s: %s, not %s", zone_name, from, offset_text, text, expected);
    zone_destroy(&zone);
}

static void
test_offsets(void **state)
{
    (void)state;
    check_due("", "2021-07-13T08:00:00Z", "-P14D", "2021-06-29T08:00:00Z");
    check_due("", "2021-07-13T08:00:00Z", "-P2W", "2021-06-29T08:00:00Z");
    check_due("", "2021-07-13T08:00:00Z", "P1DT2H30M15S", "2021-07-14T10:30:15Z");
    check_due("", "2021-07-13T08:00:00Z", "-PT2H", "2021-07-13T06:00:00Z");
    check_due("", "2021-07-13T08:00:00Z", "PT0S", "2021-07-13T08:00:00Z");
    check_due("", "2021-07-13T08:00:00Z", "P1Y2M3W4DT5H6M7S", "2022-10-08T13:06:07Z");
    check_due("", "2021-07-13T08:00:00Z", "-P100Y", "1921-07-13T08:00:00Z");
}

static void
test_months_end_where_they_end(void **state)
{
    (void)state;
    check_due("", "2024-03-31T12:00:00Z", "-P1M", "2024-02-29T12:00:00Z");
    check_due("", "2023-03-31T12:00:00Z", "-P1M", "2023-02-28T12:00:00Z");
    check_due("", "2024-02-29T12:00:00Z", "P1Y", "2025-02-28T12:00:00Z");
    check_due("", "2024-02-29T12:00:00Z", "-P4Y", "2020-02-29T12:00:00Z");
    check_due("", "2024-01-31T12:00:00Z", "P1M1D", "2024-03-01T12:00:00Z");
    check_due("", "2024-01-15T12:00:00Z", "-P1M", "2023-12-15T12:00:00Z");
    check_due("", "2024-12-31T12:00:00Z", "P2M", "2025-02-28T12:00:00Z");
}

/* A fortnight before ten in the morning is ten in the morning, whatever the clocks did. */
static void
test_clocks_of_capitals(void **state)
{
    (void)state;
    check_due("Asia/Jerusalem", "2024-04-01T07:00:00Z", "-P14D", "2024-03-18T08:00:00Z");
    check_due("Asia/Jerusalem", "2024-04-01T07:00:00Z", "-PT336H", "2024-03-18T07:00:00Z");
    check_due("Asia/Tehran", "2021-03-25T05:30:00Z", "-P7D", "2021-03-18T06:30:00Z");
    check_due("Africa/Cairo", "2024-11-05T08:00:00Z", "-P1M", "2024-10-05T07:00:00Z");
    check_due("Asia/Amman", "2022-11-10T07:00:00Z", "-P1M", "2022-10-10T07:00:00Z");
    check_due("Asia/Almaty", "2024-03-10T05:00:00Z", "-P14D", "2024-02-25T04:00:00Z");
    check_due("Asia/Baku", "2024-07-01T06:00:00Z", "-P6M", "2024-01-01T06:00:00Z");
}

/* ---- planning ---- */

static struct event event;
static struct reminder_target target;
static struct reminder reminder;
static struct reminder_milestone milestone;

static void
sessions(const char *start, const char *end)
{
    event.sessions.count = 1;
    assert_true(when_parse(text_of(start), &event.sessions.items[0].start));
    assert_true(when_parse(text_of(end), &event.sessions.items[0].end));
}

static int
fresh(void **state)
{
    (void)state;
    schema_init(&event_schema, &event);
    event.id = TEXT_LITERAL("e");
    event.title = TEXT_LITERAL("E");
    event.host = TEXT_LITERAL("KZ");
    event.status = EVENT_SCHEDULED;
    schema_init(&reminder_target_schema, &target);
    schema_init(&reminder_schema, &reminder);
    reminder.anchor = TEXT_LITERAL("session");
    reminder.offset = TEXT_LITERAL("-P14D");
    sessions("2027-05-18T04:00:00Z", "2027-05-20T10:00:00Z");
    milestone = (struct reminder_milestone){.present = true};
    return 0;
}

static void
plan(const char *as_of)
{
    struct zone *zone = event.zone.ptr ? zone_open(event.zone) : NULL;
    notify_domain_target_event(&target, &event);
    notify_domain_plan(&reminder, &target, milestone.seq ? &milestone : NULL, zone, ms(as_of));
    zone_destroy(&zone);
}

static void
is(enum reminder_status status, const char *due)
{
    char text[TIME_TEXT_MAX] = "";
    if (reminder.due != TIME_NONE)
        time_print(reminder.due, text);
    assert_string_equal(reminder_status_words[reminder.status - 1],
                        reminder_status_words[status - 1]);
    assert_string_equal(text, due);
    assert_int_equal(reminder.reason.ptr != NULL, status == REMINDER_DROPPED);
}

static void
test_anchors(void **state)
{
    (void)state;
    plan("2027-01-01");
    is(REMINDER_PLANNED, "2027-05-04T04:00:00Z");
    reminder.anchor = TEXT_LITERAL("session-end");
    reminder.offset = TEXT_LITERAL("P1D");
    plan("2027-01-01");
    is(REMINDER_PLANNED, "2027-05-21T10:00:00Z");
    event.zone = TEXT_LITERAL("Asia/Baku"); /* UTC+4 */
    sessions("2027-05-18", "2027-05-20");
    plan("2027-01-01");
    is(REMINDER_PLANNED, "2027-05-21T20:00:00Z"); /* the last day ends at its midnight */
    reminder.anchor = TEXT_LITERAL("session");
    reminder.offset = TEXT_LITERAL("-P3D");
    plan("2027-01-01");
    is(REMINDER_PLANNED, "2027-05-14T20:00:00Z");
    reminder.anchor = TEXT_LITERAL("milestone:nominations");
    plan("2027-01-01");
    is(REMINDER_WAITING, "");
    milestone.seq = 1;
    assert_true(when_parse(TEXT_LITERAL("2027-04-01"), &milestone.due));
    plan("2027-01-01");
    is(REMINDER_PLANNED, "2027-03-28T20:00:00Z");
    milestone.done = 1;
    plan("2027-01-02");
    is(REMINDER_DROPPED, "2027-03-28T20:00:00Z");
    milestone.done = 0;
    plan("2027-01-03");
    is(REMINDER_PLANNED, "2027-03-28T20:00:00Z");
}

static void
test_what_moves_is_planned_again(void **state)
{
    (void)state;
    event.sessions.count = 0;
    plan("2027-01-01");
    is(REMINDER_WAITING, "");
    sessions("2027-05-18T04:00:00Z", "2027-05-20T10:00:00Z");
    plan("2027-01-02");
    is(REMINDER_PLANNED, "2027-05-04T04:00:00Z");
    event.status = EVENT_POSTPONED;
    plan("2027-01-03");
    is(REMINDER_WAITING, "");
    event.status = EVENT_SCHEDULED;
    sessions("2027-06-18T04:00:00Z", "2027-06-20T10:00:00Z");
    plan("2027-01-04");
    is(REMINDER_PLANNED, "2027-06-04T04:00:00Z");
    event.status = EVENT_CANCELLED;
    plan("2027-01-05");
    is(REMINDER_DROPPED, "2027-06-04T04:00:00Z");
}

/* Of one that was sent only another time, still ahead, makes a new one. */
static void
test_what_was_sent_stays_sent(void **state)
{
    (void)state;
    plan("2027-01-01");
    reminder.status = REMINDER_SENT;
    reminder.sent_at = reminder.due;
    reminder.late = 0;
    plan("2027-05-05");
    is(REMINDER_SENT, "2027-05-04T04:00:00Z");
    sessions("2027-05-16T04:00:00Z", "2027-05-16T10:00:00Z"); /* earlier: due on the 2nd */
    plan("2027-05-05");
    is(REMINDER_SENT, "2027-05-04T04:00:00Z");
    event.status = EVENT_CANCELLED;
    plan("2027-05-05");
    is(REMINDER_SENT, "2027-05-04T04:00:00Z");
    event.status = EVENT_SCHEDULED;
    sessions("2027-07-18T04:00:00Z", "2027-07-18T10:00:00Z");
    plan("2027-05-05");
    is(REMINDER_PLANNED, "2027-07-04T04:00:00Z");
    assert_int_equal(reminder.late, BOOL_NONE);
    assert_true(reminder.sent_at == TIME_NONE);
}

/* What is over when it is planned is not told; what is still ahead is, though late; and what was
 * planned in time is not dropped because its time came. */
static void
test_what_had_passed(void **state)
{
    (void)state;
    plan("2027-05-10");
    is(REMINDER_PLANNED, "2027-05-04T04:00:00Z"); /* the session is still ahead */
    plan("2027-06-10");
    is(REMINDER_PLANNED, "2027-05-04T04:00:00Z");
    fresh(NULL);
    plan("2027-05-19");
    is(REMINDER_DROPPED, "2027-05-04T04:00:00Z");
    reminder.offset = TEXT_LITERAL("P3D");
    plan("2027-05-19");
    is(REMINDER_PLANNED, "2027-05-21T04:00:00Z");
    fresh(NULL);
    reminder.offset = TEXT_LITERAL("P3D");
    plan("2027-05-22");
    is(REMINDER_DROPPED, "2027-05-21T04:00:00Z");
}

static void
test_another_host(void **state)
{
    (void)state;
    reminder.owner = TEXT_LITERAL("KZ");
    plan("2027-01-01");
    is(REMINDER_PLANNED, "2027-05-04T04:00:00Z");
    event.host = TEXT_LITERAL("CN");
    plan("2027-01-01");
    is(REMINDER_DROPPED, "2027-05-04T04:00:00Z");
}

static void
test_silence(void **state)
{
    struct decision decision;
    (void)state;
    schema_init(&decision_schema, &decision);
    decision.title = TEXT_LITERAL("D");
    decision.body = TEXT_LITERAL("SOC");
    decision.status = DECISION_OPEN;
    decision.mode = DECISION_SILENCE;
    decision.deadline = ms("2027-05-18T04:00:00Z");
    reminder.anchor = TEXT_LITERAL("silence");
    reminder.offset = TEXT_LITERAL("-PT2H");
    notify_domain_target_decision(&target, &decision);
    notify_domain_plan(&reminder, &target, NULL, NULL, ms("2027-01-01"));
    is(REMINDER_PLANNED, "2027-05-18T02:00:00Z");
    decision.status = DECISION_WITHDRAWN;
    notify_domain_target_decision(&target, &decision);
    notify_domain_plan(&reminder, &target, NULL, NULL, ms("2027-01-01"));
    is(REMINDER_DROPPED, "2027-05-18T02:00:00Z");
    decision.mode = DECISION_CONSENSUS;
    decision.status = DECISION_OPEN;
    notify_domain_target_decision(&target, &decision);
    notify_domain_plan(&reminder, &target, NULL, NULL, ms("2027-01-01"));
    is(REMINDER_WAITING, "");
}

/* ---- who may, and what is told ---- */

static enum status
may_put(const char *event_id, const char *anchor, unsigned roles, const char *member)
{
    struct reminder_put in;
    struct error error;
    const struct notify_actor actor = {roles, member};
    schema_init(&reminder_put_schema, &in);
    in.event = text_of(event_id);
    in.anchor = text_of(anchor);
    in.offset = TEXT_LITERAL("-P1D");
    if (!event_id) {
        in.every.present = true;
        in.every.host = TEXT_LITERAL("KZ");
    }
    return notify_domain_reminder_put(&in, &actor, &error);
}

static void
test_who_may(void **state)
{
    (void)state;
    assert_int_equal(may_put("e", "session", PERMIT_MEMBER, "KZ"), STATUS_OK);
    assert_int_equal(may_put("e", "silence", PERMIT_SECRETARIAT, ""), STATUS_INVALID_ARGUMENT);
    assert_int_equal(may_put("e", "milestone:", PERMIT_SECRETARIAT, ""), STATUS_INVALID_ARGUMENT);
    assert_int_equal(may_put("e", "milestone:A", PERMIT_SECRETARIAT, ""), STATUS_INVALID_ARGUMENT);
    assert_int_equal(may_put(NULL, "session", PERMIT_MEMBER, "KZ"), STATUS_OK);
    assert_int_equal(may_put(NULL, "session", PERMIT_MEMBER, "CN"), STATUS_PERMISSION_DENIED);
    assert_int_equal(may_put(NULL, "session", PERMIT_CHAIR, "KZ"), STATUS_PERMISSION_DENIED);
    assert_int_equal(may_put(NULL, "silence", PERMIT_SECRETARIAT, ""), STATUS_INVALID_ARGUMENT);
}

static void
test_topics(void **state)
{
    static const char *const pairs[][2] = {
        {"events.human.-.e.", "reminders.human.-.e."},
        {"private.KZ.events.-.-.e.", "private.KZ.reminders.-.-.e."},
        {"decisions.SOC.d.", "reminders.decisions.SOC.d."},
    };
    char topic[TOPIC_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(notify_domain_notice_topic(text_of(pairs[i][0]), topic, sizeof topic));
        assert_string_equal(topic, pairs[i][1]);
    }
    assert_false(notify_domain_notice_topic(text_of(pairs[0][0]), topic, 5));
}

static void
test_notice(void **state)
{
    struct reminder_notice notice;
    (void)state;
    event.titles.count = 1;
    event.titles.items[0] = (struct text_pair){TEXT_LITERAL("ru"), TEXT_LITERAL("Е")};
    plan("2027-01-01");
    notify_domain_notice(&reminder, &target, &notice);
    assert_true(text_is(notice.title, "E") && notice.titles.count == 1);
    reminder.title = TEXT_LITERAL("Nominate");
    notify_domain_notice(&reminder, &target, &notice);
    assert_true(text_is(notice.title, "Nominate") && notice.titles.count == 0);
    assert_int_equal(notice.late, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_that_are_none),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_months_end_where_they_end),
        cmocka_unit_test(test_clocks_of_capitals),
        cmocka_unit_test_setup(test_anchors, fresh),
        cmocka_unit_test_setup(test_what_moves_is_planned_again, fresh),
        cmocka_unit_test_setup(test_what_was_sent_stays_sent, fresh),
        cmocka_unit_test_setup(test_what_had_passed, fresh),
        cmocka_unit_test_setup(test_another_host, fresh),
        cmocka_unit_test_setup(test_silence, fresh),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_topics),
        cmocka_unit_test_setup(test_notice, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
