// LINK: common/base/date.c common/base/text.c
/* Dates and times: the calendar day by day, RFC 3339, and that what is printed is read back.
 * It must not know any clock or zone database. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "common/base/date.h"

static const date_day first = -719162, last = 2932896; /* 0001-01-01, 9999-12-31 */

static date_day
day_of(const char *s)
{
    date_day day = DATE_NONE;
    assert_true(date_parse(text_of(s), &day));
    return day;
}

static int64_t
time_of(const char *s)
{
    int64_t ms = TIME_NONE;
    assert_true(time_parse(text_of(s), &ms));
    return ms;
}

static void
test_known_days(void **state)
{
    (void)state;
    assert_int_equal(day_of("1970-01-01"), 0);
    assert_int_equal(day_of("0001-01-01"), first);
    assert_int_equal(day_of("9999-12-31"), last);
    assert_int_equal(day_of("2000-02-29"), 11016);
    assert_int_equal(day_of("2021-07-13"), 18821);
    assert_int_equal(day_of("1992-10-05"), 8313);
}

/* Every day of the range counted by hand, month after month, against the arithmetic. */
static void
test_every_day(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    date_day day = first;
    for (int year = 1; year <= 9999; year++) {
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++)
            for (int mday = 1; mday <= lengths[month - 1] + (month == 2 && leap); mday++, day++) {
                int y, m, d;
                date_civil(day, &y, &m, &d);
                if (y != year || m != month || d != mday || date_of_civil(y, m, d) != day)
                    fail_msg("%d-%d-%d", year, month, mday);
                if (day % 7)
                    continue;
                char printed[DATE_TEXT_MAX];
                date_print(day, printed);
                assert_int_equal(day_of(printed), day);
            }
    }
    assert_int_equal(day, last + 1);
}

static void
test_bad_dates(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "2021-02-29", "1900-02-29", "2021-13-01", "2021-00-10", "2021-01-00",
        "2021-04-31", "0000-01-01", "2021-1-01",  "21-01-01",   "2021/01/01", "2021-01-01 ",
        "+021-01-01", "2021-01-0x", "2021-01-32", " 2021-01-1", "99999-01-1", "2021-01-01T",
    };
    date_day day;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(date_parse(text_of(bad[i]), &day));
    assert_false(date_parse(TEXT_NONE, &day));
    assert_true(date_parse(TEXT_LITERAL("2024-02-29"), &day));
    assert_true(date_parse(TEXT_LITERAL("2000-02-29"), &day));
}

static void
test_known_times(void **state)
{
    (void)state;
    assert_int_equal(time_of("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(time_of("1970-01-01t00:00:00z"), 0);
    assert_int_equal(time_of("2021-07-13T14:00:00+06:00"), time_of("2021-07-13T08:00:00Z"));
    assert_int_equal(time_of("2021-07-13T02:30:00-05:30"), time_of("2021-07-13T08:00:00Z"));
    assert_int_equal(time_of("2021-07-13T08:00:00-00:00"), time_of("2021-07-13T08:00:00Z"));
    assert_int_equal(time_of("1969-12-31T23:59:59.999Z"), -1);
    assert_int_equal(time_of("1970-01-01T00:00:00.5Z"), 500);
    assert_int_equal(time_of("1970-01-01T00:00:00.123999999999999999999Z"), 123);
    assert_int_equal(time_of("2016-12-31T23:59:60Z"), time_of("2017-01-01T00:00:00Z"));
    assert_int_equal(time_of("1985-04-12T23:20:50.52Z"), INT64_C(482196050520));
}

static void
test_bad_times(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2021-07-13",
        "2021-07-13T08:00:00", /* no offset */
        "2021-07-13 08:00:00Z",
        "2021-07-13T24:00:00Z",
        "2021-07-13T08:60:00Z",
        "2021-07-13T08:00:61Z",
        "2021-07-13T08:00:00.Z",
        "2021-07-13T08:00:00,5Z",
        "2021-07-13T08:00:00+6:00",
        "2021-07-13T08:00:00+0600",
        "2021-07-13T08:00:00+24:00",
        "2021-07-13T08:00:00+06:60",
        "2021-07-13T08:00:00Z ",
        "2021-07-13T08:00:00ZZ",
        "2021-02-30T08:00:00Z",
        "2021-07-13T08:00Z",
        "2021-07-13T8:00:00Z",
        "0001-01-01T00:00:00+00:01", /* in UTC the year 0000 */
        "9999-12-31T23:59:59-00:01", /* in UTC the year 10000 */
        "9999-12-31T23:59:60Z",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (time_parse(text_of(bad[i]), &ms))
            fail_msg("taken: %s", bad[i]);
    assert_false(time_parse(TEXT_NONE, &ms));
}

static void
test_times_read_back(void **state)
{
    (void)state;
    char printed[TIME_TEXT_MAX];
    uint64_t seed = 1;
    const int64_t low = first * DATE_DAY_MS, high = (last + 1) * DATE_DAY_MS - 1;
    for (int i = 0; i < 200000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        int64_t ms = low + (int64_t)(seed % (uint64_t)(high - low + 1));
        if (i == 0)
            ms = low;
        if (i == 1)
            ms = high;
        if (i % 2)
            ms -= ms % 1000;
        time_print(ms, printed);
        assert_int_equal(time_of(printed), ms);
    }
    time_print(INT64_MIN, printed); /* a damaged instant is still text */
    assert_string_equal(printed, "0001-01-01T00:00:00Z");
    time_print(INT64_MAX, printed);
    assert_string_equal(printed, "9999-12-31T23:59:59.999Z");
    time_print(0, printed);
    assert_string_equal(printed, "1970-01-01T00:00:00Z");
    time_print(-1, printed);
    assert_string_equal(printed, "1969-12-31T23:59:59.999Z");
}

static void
test_every_offset(void **state)
{
    (void)state;
    const int64_t base = time_of("2021-07-13T08:00:00Z");
    for (int minutes = -(23 * 60 + 59); minutes <= 23 * 60 + 59; minutes++) {
        char text[40];
        int size = minutes < 0 ? -minutes : minutes;
        snprintf(text, sizeof text, "2021-07-13T08:00:00%c%02d:%02d", minutes < 0 ? '-' : '+',
                 size / 60, size % 60);
        assert_int_equal(time_of(text), base - (int64_t)minutes * 60000);
    }
}

static void
test_when(void **state)
{
    (void)state;
    struct when when;
    char printed[TIME_TEXT_MAX];
    assert_true(when_parse(TEXT_LITERAL("2021-07-13"), &when));
    assert_true(when.is_date);
    assert_int_equal(when_end_ms(when), time_of("2021-07-14T00:00:00Z"));
    when_print(when, printed);
    assert_string_equal(printed, "2021-07-13");
    assert_true(when_parse(TEXT_LITERAL("2021-07-13T10:00:00+02:00"), &when));
    assert_false(when.is_date);
    assert_int_equal(when_end_ms(when), when.ms);
    when_print(when, printed);
    assert_string_equal(printed, "2021-07-13T08:00:00Z");
    assert_false(when_parse(TEXT_LITERAL("tomorrow"), &when));
    assert_int_equal(date_of_time(-1), -1);
    assert_int_equal(date_of_time(0), 0);
    assert_int_equal(date_of_time(DATE_DAY_MS - 1), 0);
}

static void
test_zones(void **state)
{
    (void)state;
    static const char *const good[] = {"UTC", "Asia/Almaty", "America/Argentina/Buenos_Aires",
                                       "Etc/GMT+5", "Asia/Ust-Nera"};
    static const char *const bad[] = {"",
                                      "/",
                                      "Asia/",
                                      "/Asia",
                                      "Asia//Almaty",
                                      "Asia Almaty",
                                      "../etc/passwd",
                                      "+05:00",
                                      "Asia/.hidden",
                                      "5/5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(date_is_zone(text_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(date_is_zone(text_of(bad[i])));
    char longest[65];
    memset(longest, 'a', sizeof longest);
    assert_true(date_is_zone((struct text){longest, 64}));
    assert_false(date_is_zone((struct text){longest, 65}));
}

static void
test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"P14D", 14 * DATE_DAY_MS},
                {"P2W", 14 * DATE_DAY_MS},
                {"PT72H", 3 * DATE_DAY_MS},
                {"P1DT12H", 36 * INT64_C(3600000)},
                {"PT1H30M5S", 5405000},
                {"P0D", 0},
                {"PT0S", 0},
                {"P36525D", DURATION_MAX_MS},
                {"P0036525D", DURATION_MAX_MS}};
    static const char *const bad[] = {"",
                                      "P",
                                      "P1",
                                      "PD",
                                      "P14",
                                      "14D",
                                      "P1Y",
                                      "P1M",
                                      "PT",
                                      "P1DT",
                                      "PT1D",
                                      "P1H",
                                      "P1W1D",
                                      "P1D1W",
                                      "PT1M1H",
                                      "P1D1D",
                                      "-P1D",
                                      "P-1D",
                                      "P 1D",
                                      "P1.5D",
                                      "P1d",
                                      "P1D ",
                                      "P36526D",
                                      "P36525DT1S",
                                      "P99999999999999999999D",
                                      "PT99999999999999999999S",
                                      "P 1W"};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(duration_parse(text_of(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(duration_parse(text_of(bad[i]), &ms));
    assert_false(duration_parse(TEXT_NONE, &ms));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_days),   cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_bad_dates),    cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_bad_times),    cmocka_unit_test(test_times_read_back),
        cmocka_unit_test(test_every_offset), cmocka_unit_test(test_when),
        cmocka_unit_test(test_zones),        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
