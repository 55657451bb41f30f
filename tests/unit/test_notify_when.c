// LINK: services/notify/notify_when.c common/base/zone.c common/base/date.c common/base/text.c
/* When mails may leave. It must not know mails. */
#include "tests/unit/check.h"

#include "services/notify/notify_when.h"

static const struct zone *zone;
static struct zone_set zones;

static int64_t
at(const char *text)
{
    int64_t ms;
    assert_true(time_parse(text_of(text), &ms));
    return ms;
}

static void
check(const struct subscription *document, const char *record, const char *now, const char *due)
{
    assert_int_equal(notify_when(document, zone, at(record), at(now)), at(due));
}

static struct subscription
mail(int digest, const char *from, const char *to)
{
    struct subscription document = {.digest = digest};
    document.quiet.present = from != NULL;
    document.quiet.from = text_of(from);
    document.quiet.to = text_of(to);
    return document;
}

static void
test_single_mails_leave_at_once(void **state)
{
    (void)state;
    struct subscription document = mail(0, NULL, NULL);
    check(&document, "2021-07-13T08:00:00Z", "2021-07-13T08:00:01Z", "2021-07-13T08:00:01Z");
}

static void
test_a_day_ends_where_the_receiver_is(void **state)
{
    (void)state;
    struct subscription document = mail(DIGEST_DAILY, NULL, NULL); /* Almaty: UTC+6 in 2021 */
    check(&document, "2021-07-13T08:00:00Z", "2021-07-13T08:00:00Z", "2021-07-13T18:00:00Z");
    check(&document, "2021-07-13T17:59:59Z", "2021-07-13T17:59:59Z", "2021-07-13T18:00:00Z");
    check(&document, "2021-07-13T18:00:00Z", "2021-07-13T18:00:00Z", "2021-07-14T18:00:00Z");
    check(&document, "2021-07-01T00:00:00Z", "2021-07-13T18:00:00Z", "2021-07-13T18:00:00Z");
    check(&document, "1969-12-31T12:00:00Z", "1969-12-31T12:00:00Z", "1969-12-31T18:00:00Z");
}

static void
test_a_week_ends_on_sunday(void **state)
{
    (void)state;
    struct subscription document = mail(DIGEST_WEEKLY, NULL, NULL);
    check(&document, "2021-07-13T08:00:00Z", "2021-07-13T08:00:00Z", "2021-07-18T18:00:00Z");
    check(&document, "2021-07-18T17:59:00Z", "2021-07-18T17:59:00Z", "2021-07-18T18:00:00Z");
    check(&document, "2021-07-18T18:00:00Z", "2021-07-18T18:00:00Z", "2021-07-25T18:00:00Z");
}

static void
test_quiet_hours(void **state)
{
    (void)state;
    struct subscription night = mail(0, "22:00", "07:30"), noon = mail(0, "12:00", "14:00");
    check(&night, "2021-07-13T16:00:00Z", "2021-07-13T16:00:00Z", "2021-07-14T01:30:00Z");
    check(&night, "2021-07-13T20:00:00Z", "2021-07-13T20:00:00Z", "2021-07-14T01:30:00Z");
    check(&night, "2021-07-13T20:00:00Z", "2021-07-14T01:30:00Z", "2021-07-14T01:30:00Z");
    check(&night, "2021-07-13T15:59:59Z", "2021-07-13T15:59:59Z", "2021-07-13T15:59:59Z");
    check(&noon, "2021-07-13T06:00:00Z", "2021-07-13T06:00:00Z", "2021-07-13T08:00:00Z");
    check(&noon, "2021-07-13T08:00:00Z", "2021-07-13T08:00:00Z", "2021-07-13T08:00:00Z");
    struct subscription both = mail(DIGEST_DAILY, "22:00", "07:30");
    check(&both, "2021-07-13T08:00:00Z", "2021-07-13T08:00:00Z", "2021-07-14T01:30:00Z");
}

static void
test_without_a_zone_it_is_utc(void **state)
{
    (void)state;
    struct subscription document = mail(DIGEST_DAILY, NULL, NULL);
    assert_int_equal(notify_when(&document, NULL, at("2021-07-13T08:00:00Z"),
                                 at("2021-07-13T08:00:00Z")),
                     at("2021-07-14T00:00:00Z"));
}

static int
set_up(void **state)
{
    (void)state;
    zone = zone_set_get(&zones, TEXT_LITERAL("Asia/Almaty"));
    return zone ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    zone_set_fini(&zones);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_mails_leave_at_once),
        cmocka_unit_test(test_a_day_ends_where_the_receiver_is),
        cmocka_unit_test(test_a_week_ends_on_sunday),
        cmocka_unit_test(test_quiet_hours),
        cmocka_unit_test(test_without_a_zone_it_is_utc),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
