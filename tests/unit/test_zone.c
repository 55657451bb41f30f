// LINK: common/base/zone.c common/base/date.c common/base/text.c
/* Zones as read from tzdata, against what the C library makes of the same files; and damaged files.
 * It must not know calendars. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/zone.h"

#define FIRST_S INT64_C(694224000) /* 1992 */
#define LAST_S INT64_C(2114380800) /* 2037 */
#define STEP_S INT64_C(2725200)    /* 31 days and 13 hours */

static void
compare(const char *name)
{
    struct zone *zone = zone_open(text_of(name));
    assert_non_null(zone);
    setenv("TZ", name, 1);
    tzset();
    for (int64_t at = FIRST_S; at < LAST_S; at += STEP_S) {
        struct zone_span span, edge;
        struct tm tm;
        time_t time = (time_t)at;
        assert_true(zone_at(zone, at, &span));
        assert_non_null(localtime_r(&time, &tm));
        if (tm.tm_gmtoff != span.offset_s || (tm.tm_isdst > 0) != span.is_dst ||
            strcmp(tm.tm_zone, span.name) != 0)
            fail_msg("%s at %lld: want %ld %s, got %d %s", name, (long long)at, tm.tm_gmtoff,
                     tm.tm_zone, span.offset_s, span.name);
        assert_true(span.since_s <= at && at < span.until_s);
        if (span.since_s > FIRST_S) { /* the span ends where another begins */
            assert_true(zone_at(zone, span.since_s - 1, &edge));
            assert_int_equal(edge.until_s, span.since_s);
        }
    }
    zone_destroy(&zone);
}

static void
test_every_zone(void **state)
{
    (void)state;
    char line[256], name[64];
    unsigned count = 0;
    FILE *list = fopen(ZONE_DIRECTORY "/zone.tab", "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list))
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", name) == 1) {
            compare(name);
            count++;
        }
    fclose(list);
    unsetenv("TZ");
    assert_true(count > 300);
}

static void
test_what_is_no_zone(void **state)
{
    (void)state;
    static const char *const names[] = {"",          "Mars/Olympus",       "Europe",     "Europe/",
                                        "../passwd", "/etc/passwd",        "posixrules", "zone.tab",
                                        "localtime", "right/Europe/Berlin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(zone_open(text_of(names[i])));
    assert_null(zone_open(TEXT_NONE));
}

static size_t
read_berlin(uint8_t *data, size_t size)
{
    FILE *file = fopen(ZONE_DIRECTORY "/Europe/Berlin", "rb");
    assert_non_null(file);
    size_t len = fread(data, 1, size, file);
    fclose(file);
    return len;
}

static void
test_beyond_the_table(void **state)
{
    (void)state;
    struct zone_span span;
    struct zone *zone = zone_open(TEXT_LITERAL("Europe/Berlin"));
    assert_false(zone_at(zone, INT64_C(2200000000), &span));
    assert_true(zone_at(zone, INT64_MIN, &span));
    assert_true(span.since_s == INT64_MIN);
    zone_destroy(&zone);
    zone = zone_open(TEXT_LITERAL("Asia/Almaty")); /* no rule: it stays as it is */
    assert_true(zone_at(zone, INT64_MAX, &span));
    assert_true(span.until_s == INT64_MAX);
    assert_int_equal(span.offset_s, 5 * 3600);
    zone_destroy(&zone);
}

/* Whatever is in a file, reading it ends, within its bytes (run with ASan). */
static void
test_damaged_files(void **state)
{
    (void)state;
    static uint8_t data[65536];
    size_t len = read_berlin(data, sizeof data);
    struct zone_span span;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, data, cut);
        struct zone *zone = zone_new(part, cut);
        free(part);
        if (zone)
            zone_at(zone, 1600000000, &span);
        if (cut < len - 40)
            assert_null(zone);
        zone_destroy(&zone);
    }
    for (size_t at = 0; at < len; at++) {
        uint8_t kept = data[at];
        data[at] = (uint8_t)~kept;
        struct zone *zone = zone_new(data, len);
        if (zone)
            zone_at(zone, 1600000000, &span);
        zone_destroy(&zone);
        data[at] = kept;
    }
}

/* What clocks show, and back, against the C library: far beyond tzdata's own times, by the zones'
 * rules. */
static void
test_clocks(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Asia/Jerusalem",   "Asia/Gaza",       "Africa/Cairo",     "Asia/Almaty",
        "Asia/Tehran",      "Europe/Dublin",   "America/Nuuk",     "Australia/Lord_Howe",
        "America/Santiago", "Europe/Istanbul", "Africa/Casablanca"};
    struct zone_set zones = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct zone *zone = zone_set_get(&zones, text_of(names[i]));
        assert_non_null(zone);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t at = FIRST_S; at < LAST_S * 3; at += STEP_S) {
            struct tm tm;
            time_t time = (time_t)at;
            assert_non_null(localtime_r(&time, &tm));
            int64_t local_ms = zone_local(zone, at * 1000);
            if (local_ms != (at + tm.tm_gmtoff) * 1000)
                fail_msg("%s at %lld: %lld", names[i], (long long)at, (long long)local_ms);
            int64_t back_ms = zone_utc(zone, local_ms);
            if (back_ms != at * 1000 && zone_local(zone, back_ms) != local_ms)
                fail_msg("%s at %lld: back at %lld", names[i], (long long)at, (long long)back_ms);
        }
    }
    unsetenv("TZ");
    assert_int_equal(zones.count, sizeof names / sizeof *names);
    assert_null(zone_set_get(&zones, TEXT_LITERAL("Asia/Nowhere")));
    assert_null(zone_set_get(&zones, TEXT_LITERAL("../../etc/passwd")));
    assert_null(zone_set_get(&zones, TEXT_NONE));
    assert_int_equal(zone_utc(NULL, 5), 5);
    zone_set_fini(&zones);
}

/* Clocks put forward and back, at 02:00 and 03:00 of Berlin in 2021. */
static void
test_gaps_and_doubles(void **state)
{
    (void)state;
    struct zone_set zones = {0};
    const struct zone *zone = zone_set_get(&zones, TEXT_LITERAL("Europe/Berlin"));
    const int64_t march = INT64_C(1616893200000),
                  october = INT64_C(1635638400000); /* 01:00 and 00:00 UTC */
    const int64_t hour = 3600000;
    assert_int_equal(zone_utc(zone, march + hour / 2 + hour), march + hour / 2); /* 02:30 is none */
    assert_int_equal(zone_utc(zone, march + 2 * hour), march);
    assert_int_equal(zone_utc(zone, october + 2 * hour + hour / 2),
                     october + hour / 2); /* 02:30 the first */
    assert_int_equal(zone_utc(zone, october + 3 * hour), october + 2 * hour);
    zone_set_fini(&zones);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_zone),       cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_gaps_and_doubles), cmocka_unit_test(test_what_is_no_zone),
        cmocka_unit_test(test_beyond_the_table), cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
