// LINK: services/gateway/gateway_ring.c common/log/facts.c common/log/filter.c common/log/record.c common/log/topic.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* The newest records, for all streams: what is here, what went, and that no gap is hidden. */
#include "tests/unit/check.h"

#include <stdio.h>

#include "services/gateway/gateway_ring.h"

/* Adds a record with that many bytes of data. */
static void
add(struct gateway_ring *ring, int64_t seq, size_t bytes)
{
    static char data[GATEWAY_RING_BYTES / 2];
    struct buf stored = {0}, attributes = {0};
    struct log_record record;
    char line[64];
    int len = snprintf(line, sizeof line, "%lld %lld 1700000000000\n", (long long)seq - 1,
                       (long long)seq - 1);
    buf_append(&stored, line, (size_t)len);
    log_attributes_write(&attributes, "event.proposed", "/cica/events", "officer", TEXT_NONE);
    log_record_head(&stored, TEXT_LITERAL("plan.2026."),
                    (struct text){(char *)attributes.data, (uint32_t)attributes.len}, bytes, 0);
    buf_append(&stored, data, bytes);
    assert_true(
        log_record_parse((struct text){(char *)stored.data, (uint32_t)stored.len}, seq, &record));
    gateway_ring_add(ring, &record);
    buf_fini(&stored);
    buf_fini(&attributes);
}

static int64_t
next(const struct gateway_ring *ring, int64_t seq)
{
    struct gateway_kept *kept = gateway_ring_next(ring, seq);
    assert_true(!kept || text_is(gateway_kept_facts(kept)->topic, "plan.2026."));
    return kept ? kept->record.seq : 0;
}

static void
test_the_newest_stay(void **state)
{
    (void)state;
    static struct gateway_ring ring = {.after = -1, .upto = -1};
    gateway_ring_passed(&ring, 7);
    assert_true(ring.after == 7 && ring.upto == 7 && next(&ring, 7) == 0);
    for (int64_t seq = 8; seq < 8 + 3 * GATEWAY_RING_RECORDS; seq++)
        add(&ring, seq, 10);
    assert_int_equal(ring.count, GATEWAY_RING_RECORDS);
    assert_int_equal(ring.upto, 7 + 3 * GATEWAY_RING_RECORDS);
    assert_int_equal(ring.after, 7 + 2 * GATEWAY_RING_RECORDS);
    assert_int_equal(next(&ring, ring.after), ring.after + 1);
    assert_int_equal(next(&ring, ring.after + 500), ring.after + 501);
    assert_int_equal(next(&ring, ring.upto), 0);
    gateway_ring_passed(&ring, ring.upto);
    assert_int_equal(ring.count, GATEWAY_RING_RECORDS);
    gateway_ring_fini(&ring);
}

static void
test_bytes_are_bounded(void **state)
{
    (void)state;
    static struct gateway_ring ring = {.after = -1, .upto = -1};
    gateway_ring_passed(&ring, 0);
    for (int64_t seq = 1; seq <= 10; seq++)
        add(&ring, seq, GATEWAY_RING_BYTES / 3);
    assert_true(ring.count == 2 && ring.after == 8 && ring.bytes <= GATEWAY_RING_BYTES);
    gateway_ring_fini(&ring);
}

static void
test_a_gap_is_no_part_of_it(void **state)
{
    (void)state;
    static struct gateway_ring ring = {.after = -1, .upto = -1};
    gateway_ring_passed(&ring, 0);
    add(&ring, 1, 10);
    add(&ring, 5, 10);
    assert_true(ring.after == 4 && ring.upto == 5 && ring.count == 1);
    gateway_ring_passed(&ring, 9);
    assert_true(ring.after == 9 && ring.upto == 9 && ring.count == 0);
    gateway_ring_fini(&ring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_stay),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_a_gap_is_no_part_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
