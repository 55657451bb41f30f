// LINK: services/notify/notify_lane.c services/notify/notify_retry.c common/base/date.c common/base/text.c
/* What of a subscription may be tried when, and how far its cursor may go. It must not know
 * sockets.
 */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "services/notify/notify_lane.h"

static int64_t held;
static struct notify_retry retry;
static const struct notify_lane_limits plain = {8, 1000, false}, ordered = {8, 1000, true};

static struct notify_lane
lane_of(unsigned count, const char *topics)
{
    struct notify_lane lane = {.held = &held, .allowed = 8};
    for (unsigned i = 0; i < count; i++) {
        struct log_record record = {.seq = 10 + i,
                                    .topic = {topics + i % strlen(topics), 1},
                                    .stored = TEXT_LITERAL("stored")};
        assert_true(notify_lane_add(&lane, &record));
    }
    return lane;
}

static int64_t
pick(struct notify_lane *lane, const struct notify_lane_limits *limits, int64_t now,
     struct notify_item **out)
{
    int64_t wake;
    *out = notify_lane_pick(lane, limits, now, &wake);
    return *out ? (*out)->seq : 0;
}

static void
end(struct notify_lane *lane, struct notify_item *item, enum notify_verdict verdict, int64_t at)
{
    struct notify_result *result = calloc(1, sizeof *result);
    assert_non_null(result);
    result->verdict = verdict;
    result->at_ms = at;
    result->next_at = at + 1000;
    notify_lane_sent(lane, item, result, &retry);
}

static void
write_all(struct notify_lane *lane)
{
    struct notify_item *items[64];
    notify_lane_write(lane, items, 64);
    notify_lane_written(lane, true);
}

static int
set_up(void **state)
{
    (void)state;
    held = 0;
    return notify_retry_read(TEXT_LITERAL("0,1,1,1,1,1"), &retry) ? 0 : -1;
}

static void
test_the_cursor_waits_for_the_first(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(3, "a");
    struct notify_item *first, *second, *third, *items[4];
    assert_int_equal(pick(&lane, &plain, 0, &first), 10);
    assert_int_equal(pick(&lane, &plain, 0, &second), 11);
    assert_int_equal(pick(&lane, &plain, 0, &third), 12);
    assert_int_equal(notify_lane_cursor(&lane, 99), 9);
    end(&lane, second, NOTIFY_DELIVERED, 1);
    assert_int_equal(notify_lane_write(&lane, items, 4), 1);
    assert_int_equal(notify_lane_cursor(&lane, 99), 9);
    notify_lane_written(&lane, true);
    end(&lane, first, NOTIFY_AGAIN, 2);
    assert_int_equal(notify_lane_write(&lane, items, 4), 1);
    assert_int_equal(notify_lane_cursor(&lane, 99), 11); /* a document will say that it waits */
    notify_lane_written(&lane, false);
    assert_int_equal(notify_lane_cursor(&lane, 99), 9); /* it was not written */
    write_all(&lane);
    end(&lane, third, NOTIFY_DEAD, 3);
    assert_int_equal(notify_lane_write(&lane, items, 4), 1);
    assert_int_equal(notify_lane_cursor(&lane, 99), 99);
    notify_lane_written(&lane, true);
    assert_int_equal(lane.fresh, 0);
    assert_int_equal(lane.kept, 1);
    assert_int_equal(held, 0);
    notify_lane_fini(&lane);
}

static void
test_again_when_its_time_has_come(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(1, "a");
    struct notify_item *item;
    int64_t wake;
    pick(&lane, &plain, 0, &item);
    end(&lane, item, NOTIFY_AGAIN, 500);
    write_all(&lane);
    assert_null(notify_lane_pick(&lane, &plain, 1499, &wake));
    assert_int_equal(wake, 1500);
    assert_int_equal(pick(&lane, &plain, 1500, &item), 10);
    assert_int_equal(item->tries, 1);
    end(&lane, item, NOTIFY_DELIVERED, 1500);
    write_all(&lane);
    assert_null(lane.first);
    notify_lane_fini(&lane);
}

static void
test_in_order_each_topic_waits_for_itself(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(6, "ab"); /* 10 a, 11 b, 12 a, 13 b, … */
    struct notify_item *a, *b, *none;
    assert_int_equal(pick(&lane, &ordered, 0, &a), 10);
    assert_int_equal(pick(&lane, &ordered, 0, &b), 11);
    assert_int_equal(pick(&lane, &ordered, 0, &none), 0);
    end(&lane, a, NOTIFY_AGAIN, 0);
    assert_int_equal(pick(&lane, &ordered, 0, &none), 0); /* not even before it is written */
    write_all(&lane);
    assert_int_equal(pick(&lane, &ordered, 0, &none), 0);
    end(&lane, b, NOTIFY_DELIVERED, 0);
    assert_int_equal(pick(&lane, &ordered, 0, &b), 13);
    assert_int_equal(pick(&lane, &ordered, 1000, &a), 10);
    end(&lane, b, NOTIFY_DELIVERED, 1000);
    end(&lane, a, NOTIFY_DEAD, 1000);
    assert_int_equal(pick(&lane, &ordered, 1000, &a), 12); /* given up: it goes on */
    notify_lane_fini(&lane);
}

static void
test_at_most_so_many_at_once(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(9, "a");
    const struct notify_lane_limits two = {2, 1000, false};
    struct notify_item *one, *other, *none;
    pick(&lane, &two, 0, &one);
    pick(&lane, &two, 0, &other);
    assert_int_equal(pick(&lane, &two, 0, &none), 0);
    end(&lane, one, NOTIFY_AGAIN, 0); /* after a failure one at a time */
    assert_int_equal(pick(&lane, &two, 0, &none), 0);
    end(&lane, other, NOTIFY_DELIVERED, 0);
    assert_int_equal(pick(&lane, &two, 0, &one), 12);
    assert_int_equal(pick(&lane, &two, 0, &other), 13);
    notify_lane_fini(&lane);
}

static void
test_not_more_often_than_its_rate(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(200, "a");
    const struct notify_lane_limits slow = {64, 10, false};
    unsigned begun = 0;
    lane.allowed = 64;
    for (int64_t now = 100000; now < 102000; now++) {
        struct notify_item *item;
        int64_t wake;
        while ((item = notify_lane_pick(&lane, &slow, now, &wake))) {
            end(&lane, item, NOTIFY_DELIVERED, now);
            begun++;
        }
        assert_true(wake > now);
    }
    assert_in_range(begun, 19, 21);
    notify_lane_fini(&lane);
}

static void
test_an_endpoint_that_fails_gets_a_rest(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(20, "a");
    struct notify_item *item, *none;
    int64_t wake;
    for (unsigned i = 0; i < NOTIFY_CIRCUIT_FAILURES; i++) {
        assert_int_equal(pick(&lane, &plain, 0, &item), 10 + i);
        end(&lane, item, NOTIFY_AGAIN, 0);
    }
    write_all(&lane);
    assert_null(notify_lane_pick(&lane, &plain, 999, &wake));
    assert_int_equal(wake, 1000);
    assert_int_equal(pick(&lane, &plain, 1000, &item), 10);
    assert_int_equal(pick(&lane, &plain, 1000, &none), 0);
    end(&lane, item, NOTIFY_DELIVERED, 1000);
    assert_int_equal(pick(&lane, &plain, 1000, &item), 11);
    notify_lane_fini(&lane);
}

static void
test_what_the_store_has_is_put_in_by_seq(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(2, "ab"); /* 10 a, 11 b */
    struct notify_item *item;
    assert_non_null(notify_lane_keep(&lane, 5, notify_lane_hash(TEXT_LITERAL("a")), 2, 700));
    assert_non_null(notify_lane_keep(&lane, 3, notify_lane_hash(TEXT_LITERAL("b")), 1, 0));
    assert_int_equal(lane.kept, 2);
    assert_int_equal(lane.first->seq, 3);
    assert_int_equal(pick(&lane, &ordered, 0, &item), 3);
    assert_int_equal(pick(&lane, &ordered, 0, &item), 0); /* 5 is not due, 10 is behind it */
    notify_lane_keep(&lane, 5, notify_lane_hash(TEXT_LITERAL("a")), 0, 0);
    assert_int_equal(lane.kept, 2);
    assert_int_equal(pick(&lane, &ordered, 0, &item), 5);
    assert_int_equal(item->tries, 0);
    notify_lane_fini(&lane);
}

static void
test_what_is_put_off_is_no_failure(void **state)
{
    (void)state;
    struct notify_lane lane = lane_of(1, "a");
    struct notify_item *item = lane.first, *items[1];
    end(&lane, item, NOTIFY_PUT_OFF, 0);
    assert_int_equal(notify_lane_write(&lane, items, 1), 1);
    assert_int_equal(notify_lane_cursor(&lane, 10), 10);
    notify_lane_written(&lane, true);
    assert_int_equal(item->tries, 0);
    assert_int_equal(lane.circuit.failures, 0);
    assert_int_equal(lane.sending, 0);
    assert_int_equal(pick(&lane, &plain, 1000, &item), 10);
    notify_lane_fini(&lane);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_cursor_waits_for_the_first, set_up),
        cmocka_unit_test_setup(test_again_when_its_time_has_come, set_up),
        cmocka_unit_test_setup(test_in_order_each_topic_waits_for_itself, set_up),
        cmocka_unit_test_setup(test_at_most_so_many_at_once, set_up),
        cmocka_unit_test_setup(test_not_more_often_than_its_rate, set_up),
        cmocka_unit_test_setup(test_an_endpoint_that_fails_gets_a_rest, set_up),
        cmocka_unit_test_setup(test_what_the_store_has_is_put_in_by_seq, set_up),
        cmocka_unit_test_setup(test_what_is_put_off_is_no_failure, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
