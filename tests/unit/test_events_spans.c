// LINK: services/events/events_spans.c common/base/text.c
/* The calendar in memory: what was put is there until it is touched, dropped or forgotten, what was
 * touched while it was read is not kept, and all of it stays within its bytes.
 * It must not know stores, sockets or codecs. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "services/events/events_spans.h"

#define DAY_MS INT64_C(86400000)

static struct events_spans *spans;

static int
begin(void **state)
{
    (void)state;
    spans = events_spans_new(64 * 1024);
    return spans ? 0 : -1;
}

static int
end(void **state)
{
    (void)state;
    events_spans_destroy(&spans);
    return 0;
}

/* A bucket of one event, with a document of so many bytes. */
static bool
put(int64_t bucket, struct events_spans_mark mark, const char *id, uint32_t len)
{
    static char document[32 * 1024];
    struct events_spans_item item = {
        .entry = TEXT_LITERAL("an entry"), .document = {document, len}, .exact = true, .weight = 7};
    struct text ids[1] = {text_of(id)};
    struct events_spans_items items = {false, 1, &item};
    memset(document, 'd', sizeof document);
    return events_spans_put(spans, bucket, mark, &items, ids);
}

static void
days_fall_into_buckets(void **state)
{
    (void)state;
    assert_int_equal(events_spans_bucket(0), 0);
    assert_int_equal(events_spans_bucket(8 * DAY_MS - 1), 0);
    assert_int_equal(events_spans_bucket(8 * DAY_MS), 1);
    assert_int_equal(events_spans_bucket(-1), -1);
    assert_int_equal(events_spans_bucket(-8 * DAY_MS), -1);
    assert_int_equal(events_spans_bucket(-8 * DAY_MS - 1), -2);
}

static void
what_was_put_is_there(void **state)
{
    (void)state;
    assert_null(events_spans_get(spans, 3));
    assert_true(put(3, events_spans_mark(spans, 10), "a", 100));
    const struct events_spans_items *items = events_spans_get(spans, 3);
    assert_non_null(items);
    assert_int_equal(items->count, 1);
    assert_true(text_is(items->items[0].entry, "an entry"));
    assert_int_equal(items->items[0].document.len, 100);
    assert_int_equal(items->items[0].weight, 7);
    assert_false(events_spans_outdated(spans, items, &items->items[0]));
    assert_null(events_spans_get(spans, 4));
    assert_null(events_spans_get(spans, -3));
    assert_true(put(3, events_spans_mark(spans, 11), "b", 50)); /* takes its place */
    assert_int_equal(events_spans_get(spans, 3)->items[0].document.len, 50);
    assert_int_equal(events_spans_counts(spans)->buckets, 1);
    events_spans_drop(spans, 3);
    events_spans_drop(spans, 3);
    assert_null(events_spans_get(spans, 3));
    assert_int_equal(events_spans_counts(spans)->bytes, 0);
}

static void
what_is_touched_is_outdated(void **state)
{
    (void)state;
    assert_true(put(1, events_spans_mark(spans, 10), "a", 100));
    assert_true(put(2, events_spans_mark(spans, 10), "b", 100));
    events_spans_touch(spans, TEXT_LITERAL("a"), 11);
    const struct events_spans_items *one = events_spans_get(spans, 1);
    assert_true(events_spans_outdated(spans, one, &one->items[0]));
    const struct events_spans_items *two = events_spans_get(spans, 2);
    assert_false(events_spans_outdated(spans, two, &two->items[0]));
    events_spans_touch_bucket(spans, 2, 12);
    assert_null(events_spans_get(spans, 2));
    assert_non_null(events_spans_get(spans, 1));
    assert_true(put(2, events_spans_mark(spans, 12), "b", 100)); /* read since: as good as new */
    assert_non_null(events_spans_get(spans, 2));
}

static void
what_changed_while_it_was_read_is_not_kept(void **state)
{
    (void)state;
    struct events_spans_mark mark = events_spans_mark(spans, 10);
    events_spans_touch(spans, TEXT_LITERAL("a"), 11);
    events_spans_touch_bucket(spans, 5, 12);
    assert_false(put(4, mark, "a", 100));
    assert_false(put(5, mark, "b", 100));
    assert_true(put(4, mark, "b", 100));
    events_spans_forget(spans);
    assert_null(events_spans_get(spans, 4));
    assert_false(put(4, mark, "b", 100)); /* of a log that is no more */
    assert_true(put(4, events_spans_mark(spans, 3), "b", 100));
}

static void
it_stays_within_its_bytes(void **state)
{
    (void)state;
    const struct events_spans_counts *counts = events_spans_counts(spans);
    char id[16];
    for (int n = 0; n < 1000; n++) {
        snprintf(id, sizeof id, "e-%d", n);
        assert_true(put(n, events_spans_mark(spans, n), id, 1000));
        assert_non_null(events_spans_get(spans, 0)); /* what is asked for stays */
        assert_true(counts->bytes <= 64 * 1024);
    }
    assert_true(counts->buckets > 40);
    assert_non_null(events_spans_get(spans, 999));
    assert_null(events_spans_get(spans, 1));
    assert_false(put(2000, events_spans_mark(spans, 9), "large", 20 * 1024));
    assert_null(events_spans_get(spans, 2000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_fall_into_buckets),
        cmocka_unit_test_setup_teardown(what_was_put_is_there, begin, end),
        cmocka_unit_test_setup_teardown(what_is_touched_is_outdated, begin, end),
        cmocka_unit_test_setup_teardown(what_changed_while_it_was_read_is_not_kept, begin, end),
        cmocka_unit_test_setup_teardown(it_stays_within_its_bytes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
