// LINK: common/client/stream.c common/log/topic.c common/base/text.c
/* Which record may be shown next, under every loss, repetition and disorder.
 * It must not know sockets. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/client/stream.h"

static void
add(struct stream *stream, int64_t seq, int64_t prev)
{
    struct stream_record *record = stream_record_new(seq, prev, TEXT_LITERAL("events.a.b.c."),
                                                     TEXT_LITERAL("meta"), TEXT_LITERAL("data"));
    assert_non_null(record);
    stream_add(stream, record);
}

static void
expect(struct stream *stream, int64_t seq)
{
    struct stream_record *record = stream_take(stream);
    if (seq == 0) {
        assert_null(record);
        return;
    }
    assert_non_null(record);
    assert_int_equal(record->seq, seq);
    assert_string_equal((char *)record->bytes, "events.a.b.c.");
    assert_memory_equal(record->bytes + record->topic_len + 1, "metadata", 8);
    free(record);
}

static void
test_in_order(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, TEXT_LITERAL("events."), 10);
    assert_int_equal(stream.level, 1);
    add(&stream, 5, 3); /* before the join */
    expect(&stream, 0);
    assert_false(stream_behind(&stream));
    stream_join(&stream, 4, false);
    expect(&stream, 5);
    add(&stream, 9, 5);
    add(&stream, 9, 5); /* of another replica */
    add(&stream, 5, 3);
    expect(&stream, 9);
    expect(&stream, 0);
    assert_false(stream_behind(&stream));
    stream_fini(&stream);
}

/* A live record that is the next is passed without being kept. */
static void
test_next(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, TEXT_LITERAL("events."), 10);
    assert_false(stream_next(&stream, 5, 3)); /* before the join */
    stream_join(&stream, 4, true);
    assert_false(stream_next(&stream, 5, 4)); /* the log first */
    stream_join(&stream, 4, false);
    assert_false(stream_next(&stream, 4, 3));
    assert_false(stream_next(&stream, 7, 5));
    add(&stream, 7, 5);
    assert_true(stream_next(&stream, 5, 3));
    assert_false(stream_next(&stream, 5, 3));
    expect(&stream, 7);
    expect(&stream, 0);
    assert_false(stream_behind(&stream));
    stream_fini(&stream);
}

static void
test_gap(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, TEXT_LITERAL(""), 2);
    stream_join(&stream, 10, false);
    add(&stream, 13, 12);
    add(&stream, 14, 13);
    add(&stream, 15, 14); /* beyond the bound: only known to exist */
    expect(&stream, 0);
    assert_true(stream_behind(&stream));
    assert_true(stream_pass(&stream, 11));
    assert_false(stream_pass(&stream, 11));
    expect(&stream, 0);
    add(&stream, 12, 11); /* dropped: full */
    assert_true(stream_pass(&stream, 12));
    expect(&stream, 13);
    expect(&stream, 14);
    expect(&stream, 0);
    assert_true(stream_behind(&stream));
    assert_true(stream_pass(&stream, 15));
    assert_false(stream_behind(&stream));
    stream_exists(&stream, 16); /* a watermark: the tail was lost */
    assert_true(stream_behind(&stream));
    stream_fini(&stream);
}

static void
test_unread(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, TEXT_LITERAL(""), 10);
    stream_join(&stream, 0, true);
    add(&stream, 3, 0); /* would fit, but the log is being read */
    expect(&stream, 0);
    assert_true(stream_behind(&stream));
    stream.unread = false;
    expect(&stream, 3);
    stream_fini(&stream);
}

static void
test_disorder(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, TEXT_LITERAL("events."), 100);
    stream_join(&stream, 0, false);
    static const int64_t order[] = {7, 3, 9, 1, 5, 3, 9, 2, 8, 4, 6, 1};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        add(&stream, order[i], order[i] - 1);
    for (int64_t seq = 1; seq <= 9; seq++)
        expect(&stream, seq);
    expect(&stream, 0);
    stream_fini(&stream);
}

static void
test_covers(void **state)
{
    (void)state;
    struct stream all, events, own;
    stream_init(&all, TEXT_LITERAL(""), 1);
    stream_init(&events, TEXT_LITERAL("events.human."), 1);
    stream_init(&own, TEXT_LITERAL("private.kz."), 1);
    assert_int_equal(all.level, 0);
    assert_int_equal(events.level, 2);
    assert_int_equal(own.level, 1); /* "private." is the first of its prev */
    assert_true(stream_covers(&all, TEXT_LITERAL("plan.2021.")));
    assert_false(stream_covers(&all, TEXT_LITERAL("private.kz.a.")));
    assert_true(stream_covers(&events, TEXT_LITERAL("events.human.-.x.")));
    assert_false(stream_covers(&events, TEXT_LITERAL("events.humans.-.x.")));
    assert_true(stream_covers(&own, TEXT_LITERAL("private.kz.a.")));
    assert_true(stream_covers_prefix(&events, TEXT_LITERAL("events.human.")));
    assert_false(stream_covers_prefix(&events, TEXT_LITERAL("events.")));
    stream_fini(&all);
    stream_fini(&events);
    stream_fini(&own);
}

/* A log of which the stream's prefix has some records, two replicas that each lose some and mix
 * their order, a bounded memory, reading of the log in pages: every record once, in order. */
static void
test_random(void **state)
{
    (void)state;
    enum { RECORDS = 400 };
    uint32_t random = 7;
    for (int round = 0; round < 300; round++) {
        struct stream stream;
        int64_t seqs[RECORDS], shown = 0, seq = 0;
        for (int i = 0; i < RECORDS; i++) {
            random = random * 1664525 + 1013904223;
            seqs[i] = seq += 1 + (random >> 29);
        }
        stream_init(&stream, TEXT_LITERAL("events."), 1 + (size_t)round % 20);
        stream_join(&stream, 0, false);
        int sent = 0, next = 0;
        while (next < RECORDS) {
            random = random * 1664525 + 1013904223;
            unsigned dice = random >> 28;
            if (sent < RECORDS && dice < 12) { /* published: lost, by one, or by both */
                if (dice > 3)
                    add(&stream, seqs[sent], sent ? seqs[sent - 1] : 0);
                if (dice > 8 && sent > 2)
                    add(&stream, seqs[sent - 2], seqs[sent - 3]);
                sent++;
            } else if (sent) {
                stream_exists(&stream, seqs[sent - 1]);
            }
            for (struct stream_record *record; (record = stream_take(&stream)); free(record)) {
                assert_int_equal(record->seq, seqs[next++]);
                shown++;
            }
            if (dice % 4 == 0 && stream_behind(&stream))
                for (int page = 0; page < 3 && next < sent; page++) {
                    assert_true(stream_pass(&stream, seqs[next++]));
                    shown++;
                }
        }
        assert_int_equal(shown, RECORDS);
        stream_fini(&stream);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order), cmocka_unit_test(test_next),
        cmocka_unit_test(test_gap),      cmocka_unit_test(test_unread),
        cmocka_unit_test(test_disorder), cmocka_unit_test(test_covers),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
