// LINK: services/events/events_domain_clash.c services/events/events_domain_clash_text.c services/events/events_domain_free.c services/events/events_domain_agenda.c common/base/zone.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/buf.c common/base/date.c common/base/text.c common/base/status.c
/* Agendas written and read, quarters of other clocks, free windows. It must not know stores,
 * sockets or codecs: it links with pure code only. */
#include "tests/unit/clash_case.h"

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

/* Every place of an instant, whatever stands in it: a digit counts, all else makes it no line. */
static void
test_digits(void **state)
{
    (void)state;
    struct events_booking booking;
    for (unsigned at = 0; at < 13; at++)
        for (int byte = 1; byte < 256; byte++) {
            char line[] = "1623456789012 -1623456789012 p KZ seminar o";
            int64_t want = INT64_C(1623456789012), place = 1;
            line[at] = (char)byte;
            struct text text = {line, sizeof line - 1};
            for (unsigned i = at; i < 12; i++)
                place *= 10;
            want += place * (byte - "1623456789012"[at]);
            bool digit = byte >= '0' && byte <= '9';
            bool without = byte == '\n' ? at < 12 : at == 0 && byte == '-'; /* digits less */
            assert_int_equal(events_agenda_next(&text, &booking), digit || without);
            if (digit)
                assert_true(booking.start_ms == want && booking.end_ms == -INT64_C(1623456789012));
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_quarters_of_other_clocks),
        cmocka_unit_test(test_free_windows),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
