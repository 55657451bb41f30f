// LINK: common/log/page.c common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Packed pages of the log: what is whole is read, and nothing that is cut or says too much.
 * It must not know Redis. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/log/page.h"
#include "common/msg/mp.h"

static void
pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

static void
entry(struct buf *buf, const char *id, const char *topic, const char *data)
{
    mp_array(buf, 2);
    mp_string(buf, id);
    mp_array(buf, 8);
    pair(buf, "t", topic);
    pair(buf, "p", "4 3 0");
    pair(buf, "a", "xyz");
    pair(buf, "d", data);
}

/* Reads it from memory of its very size, so that a step beyond is seen by the tools. */
static bool
reads(const struct buf *packed, size_t len, int64_t want)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, packed->data, len);
    int64_t count = log_page_count((struct text){copy, (uint32_t)len});
    bool good = false;
    if (count >= 0) {
        struct log_record *records = calloc((size_t)count + 1, sizeof *records);
        assert_non_null(records);
        good = log_page_records((struct text){copy, (uint32_t)len}, records);
        if (good)
            assert_int_equal(count, want);
        free(records);
    }
    free(copy);
    return good;
}

static void
records_are_read_in_order(void **state)
{
    (void)state;
    char large[70000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    struct buf packed = {0};
    mp_array(&packed, 3);
    entry(&packed, "5-1700000000000", "events.a.", "");
    entry(&packed, "6-1700000000001", "events.b.", large);
    entry(&packed, "9-1700000000002", "events.c.", "data");
    struct text text = {(const char *)packed.data, (uint32_t)packed.len};
    struct log_record records[3];
    assert_int_equal(log_page_count(text), 3);
    assert_true(log_page_records(text, records));
    assert_int_equal(records[0].seq, 5);
    assert_int_equal(records[1].time_ms, 1700000000001);
    assert_int_equal(records[1].data.len, sizeof large - 1);
    assert_true(text_is(records[2].topic, "events.c."));
    assert_true(text_is(records[2].prev, "4 3 0"));
    assert_true(text_is(records[2].attributes, "xyz"));
    assert_true(text_is(records[2].data, "data"));
    buf_fini(&packed);
}

static void
what_is_cut_is_refused(void **state)
{
    (void)state;
    struct buf packed = {0};
    mp_array(&packed, 2);
    entry(&packed, "5-1700000000000", "events.a.", "first");
    entry(&packed, "6-1700000000001", "events.b.", "second");
    assert_true(reads(&packed, packed.len, 2));
    for (size_t len = 0; len < packed.len; len++)
        assert_false(reads(&packed, len, 2));
    buf_append(&packed, "", 1);
    assert_false(reads(&packed, packed.len, 2));
    buf_fini(&packed);
}

static void
what_is_no_page_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xdd\xff\xff\xff\xff",
        "\xdc\xff\xff",
        "\x91\xc0",
        "\xa1x",
        "\x91\x92\xa3"
        "1-1\x98",
        "\x91\x92\xdb\xff\xff\xff\xff\x98",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf packed = {0};
        buf_append(&packed, bad[i], strlen(bad[i]));
        assert_false(reads(&packed, packed.len, 0));
        buf_fini(&packed);
    }
    struct buf wrong = {0};
    mp_array(&wrong, 1);
    entry(&wrong, "no-id", "events.a.", "x");
    assert_false(reads(&wrong, wrong.len, 1));
    buf_fini(&wrong);
    assert_int_equal(log_page_count(TEXT_NONE), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_in_order),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_is_no_page_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
