// LINK: services/events/events_agendas.c services/events/events_domain_agenda.c services/events/events_spans.c common/base/zone.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/buf.c common/base/date.c common/base/text.c common/base/status.c
/* Agendas in memory: lines as items and back, a number for each agenda, and what changes is known
 * by it. It must not know stores, sockets or codecs. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "services/events/events_agendas.h"

static struct events_spans *spans;
static struct events_agendas *agendas;

static int
begin(void **state)
{
    (void)state;
    spans = events_spans_new(1 << 20);
    agendas = spans ? events_agendas_new(spans) : NULL;
    return agendas ? 0 : -1;
}

static int
end(void **state)
{
    (void)state;
    events_agendas_destroy(&agendas);
    events_spans_destroy(&spans);
    return 0;
}

static void
lines_are_items_and_back(void **state)
{
    (void)state;
    struct text lines = TEXT_LITERAL(
        "1 2 p KZ seminar an-event\nno line\n-3 4 d warn un A long day\n5 6 t - un \n");
    struct events_spans_item items[8];
    struct text ids[8];
    assert_int_equal(events_agendas_items('o', lines, items, ids), 3);
    assert_true(text_is(ids[0], "seminar") && text_is(ids[1], "un") && text_is(ids[2], "un"));
    assert_int_equal(events_agendas_items('h', lines, items, ids), 3);
    assert_true(text_is(ids[0], "an-event") && text_is(ids[1], "A long day"));
    struct events_spans_items from = {false, 3, items};
    int64_t bucket = events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 8124);
    assert_true(events_spans_put(spans, bucket, events_spans_mark(spans, 1), &from, ids));
    const struct events_spans_items *kept = events_spans_get(spans, bucket);
    assert_int_equal(kept->count, 3);
    struct events_booking booking = events_agendas_booking(&kept->items[1]);
    assert_true(events_agenda_words(&booking));
    assert_true(booking.start_ms == -3 && booking.end_ms == 4 && booking.mark == 'd');
    assert_true(text_is(booking.who, "warn") && text_is(booking.what, "un") &&
                text_is(booking.name, "A long day"));
    booking = events_agendas_booking(&kept->items[2]);
    assert_true(events_agenda_words(&booking) && booking.name.len == 0);
}

static void
each_agenda_has_its_bucket(void **state)
{
    (void)state;
    char long_name[TEXT_ID_MAX + 2] = "";
    memset(long_name, 'a', TEXT_ID_MAX + 1);
    int64_t one = events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 8124);
    assert_int_equal(events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 8124), one);
    assert_int_not_equal(events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 8125), one);
    assert_int_not_equal(events_agendas_bucket(agendas, 'o', TEXT_LITERAL("KZ"), 8124), one);
    assert_int_not_equal(events_agendas_bucket(agendas, 'h', TEXT_LITERAL("K"), 8124), one);
    assert_int_not_equal(events_agendas_rules(), one);
    assert_int_equal(events_agendas_bucket(agendas, 'h', TEXT_NONE, 8124), EVENTS_AGENDAS_NONE);
    assert_int_equal(events_agendas_bucket(agendas, 'h', text_of(long_name), 8124),
                     EVENTS_AGENDAS_NONE);
    assert_int_equal(events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), -1),
                     EVENTS_AGENDAS_NONE);
}

static bool
keep(int64_t bucket, int64_t seq)
{
    return events_spans_put(spans, bucket, events_spans_mark(spans, seq),
                            &(struct events_spans_items){.count = 0}, NULL);
}

static void
what_changes_is_known_by_name_and_time(void **state)
{
    (void)state;
    const int64_t april = events_agenda_quarter_start(2031 * 4 + 1);
    int64_t first = events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 2031 * 4);
    int64_t second = events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 2031 * 4 + 1);
    int64_t other = events_agendas_bucket(agendas, 'h', TEXT_LITERAL("TR"), 2031 * 4 + 1);
    assert_true(keep(first, 1) && keep(second, 1) && keep(other, 1));
    events_agendas_touch(agendas, 'h', TEXT_LITERAL("nobody"), april, april + 1, 2);
    events_agendas_touch(agendas, 'h', TEXT_NONE, april, april + 1, 2);
    assert_true(events_spans_get(spans, first) && events_spans_get(spans, second));
    events_agendas_touch(agendas, 'h', TEXT_LITERAL("KZ"), april + 2 * DATE_DAY_MS,
                         april + 3 * DATE_DAY_MS, 3);
    assert_true(events_spans_get(spans, first) && !events_spans_get(spans, second));
    events_agendas_touch(agendas, 'h', TEXT_LITERAL("KZ"), april, april + 1,
                         4); /* by other clocks */
    assert_null(events_spans_get(spans, first));
    assert_non_null(events_spans_get(spans, other));
    events_agendas_touch(agendas, 'h', TEXT_LITERAL("TR"), 0, 1000 * 366 * DATE_DAY_MS, 5);
    assert_null(events_spans_get(spans, other));
}

static void
names_are_given_anew_when_there_are_too_many(void **state)
{
    (void)state;
    char name[TEXT_ID_MAX];
    int64_t first = events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 1);
    assert_true(keep(first, 1));
    struct events_spans_mark before = events_spans_mark(spans, 1);
    for (int i = 0; i < EVENTS_AGENDAS_NAMES_MAX - 1; i++) {
        snprintf(name, sizeof name, "x%d", i);
        assert_int_not_equal(events_agendas_bucket(agendas, 'a', text_of(name), 1),
                             EVENTS_AGENDAS_NONE);
    }
    events_agendas_tidy(agendas);
    assert_non_null(events_spans_get(spans, first));
    assert_int_equal(events_agendas_bucket(agendas, 'a', TEXT_LITERAL("y"), 1),
                     EVENTS_AGENDAS_NONE);
    assert_int_equal(events_agendas_bucket(agendas, 'h', TEXT_LITERAL("KZ"), 1), first);
    events_agendas_tidy(agendas);
    int64_t now = events_agendas_bucket(agendas, 'a', TEXT_LITERAL("y"), 1);
    assert_int_not_equal(now, EVENTS_AGENDAS_NONE);
    assert_null(events_spans_get(spans, now));
    assert_false(
        events_spans_put(spans, now, before, &(struct events_spans_items){.count = 0}, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_items_and_back, begin, end),
        cmocka_unit_test_setup_teardown(each_agenda_has_its_bucket, begin, end),
        cmocka_unit_test_setup_teardown(what_changes_is_known_by_name_and_time, begin, end),
        cmocka_unit_test_setup_teardown(names_are_given_anew_when_there_are_too_many, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
