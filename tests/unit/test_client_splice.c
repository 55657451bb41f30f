// LINK: common/client/splice.c common/msg/mp.c common/base/buf.c common/base/text.c common/base/status.c -lmsgpackc
/* Values taken out of encoded MessagePack without unpacking it.
 * It must not know sockets. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/client/splice.h"
#include "common/msg/mp.h"

static struct text
bytes_of(const struct buf *buf)
{
    return (struct text){(const char *)buf->data, (uint32_t)buf->len};
}

static void
test_ints(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0,         1,      127,    128,       255,
                                      256,       65535,  65536,  INT32_MAX, UINT32_MAX,
                                      INT64_MAX, -1,     -32,    -33,       -128,
                                      -129,      -32768, -32769, INT32_MIN, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buf buf = {0};
        int64_t got = 42;
        mp_int(&buf, numbers[i]);
        assert_true(splice_int(bytes_of(&buf), &got));
        assert_int_equal(got, numbers[i]);
        struct text cut = {(const char *)buf.data, (uint32_t)buf.len - 1};
        assert_false(splice_int(cut, &got) && buf.len > 1);
        buf_fini(&buf);
    }
    int64_t got;
    assert_false(splice_int((struct text){"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9}, &got));
    assert_false(splice_int((struct text){"\xc0", 1}, &got));
    assert_false(splice_int(TEXT_NONE, &got));
}

static void
test_get(void **state)
{
    (void)state;
    struct buf buf = {0};
    mp_map(&buf, 3);
    mp_string(&buf, "a");
    mp_int(&buf, 1);
    mp_string(&buf, "list");
    mp_array(&buf, 20);
    for (int i = 0; i < 20; i++)
        mp_int(&buf, i);
    mp_string(&buf, "text");
    char longer[300];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    mp_string(&buf, longer);
    struct text value, items, text;
    int64_t number;
    uint32_t count;
    assert_true(splice_get_int(bytes_of(&buf), "a", &number));
    assert_int_equal(number, 1);
    assert_true(splice_get_text(bytes_of(&buf), "text", &text));
    assert_true(text_is(text, longer));
    assert_true(splice_get(bytes_of(&buf), "list", &value));
    assert_true(splice_array(value, &count, &items));
    assert_int_equal(count, 20);
    for (int i = 0; i < 20; i++) {
        assert_true(splice_next(&items, &value));
        assert_true(splice_int(value, &number));
        assert_int_equal(number, i);
    }
    assert_false(splice_next(&items, &value));
    assert_false(splice_get(bytes_of(&buf), "b", &value));
    assert_false(splice_get_text(bytes_of(&buf), "a", &text));
    assert_false(splice_get_int(bytes_of(&buf), "text", &number));
    assert_false(splice_get((struct text){"\x01", 1}, "a", &value));
    assert_false(splice_get(TEXT_NONE, "a", &value));
    buf_fini(&buf);
}

static void
test_prepend(void **state)
{
    (void)state;
    struct buf before = {0}, last = {0}, out = {0};
    for (int i = 0; i < 30; i++)
        mp_int(&before, i);
    mp_map(&last, 3);
    mp_string(&last, "first");
    mp_int(&last, 1);
    mp_string(&last, "items");
    mp_array(&last, 1);
    mp_int(&last, 30);
    mp_string(&last, "next");
    mp_nil(&last);
    assert_true(splice_prepend(&out, bytes_of(&last), "items", bytes_of(&before), 30));
    assert_int_equal(mp_scan(out.data, out.len, NULL), STATUS_OK);
    struct text value, items;
    uint32_t count;
    int64_t number;
    assert_true(splice_get(bytes_of(&out), "items", &value));
    assert_true(splice_array(value, &count, &items));
    assert_int_equal(count, 31);
    for (int i = 0; i < 31; i++) {
        assert_true(splice_next(&items, &value));
        assert_true(splice_int(value, &number));
        assert_int_equal(number, i);
    }
    assert_true(splice_get_int(bytes_of(&out), "first", &number));
    assert_true(splice_get(bytes_of(&out), "next", &value));
    assert_false(splice_prepend(&out, bytes_of(&last), "first", bytes_of(&before), 30));
    assert_false(splice_prepend(&out, bytes_of(&before), "items", bytes_of(&before), 30));
    buf_fini(&before);
    buf_fini(&last);
    buf_fini(&out);
}

/* Whatever the bytes, nothing outside them is read (run under a sanitizer). */
static void
test_garbage(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)(round % 40);
        char *data = malloc(len + 1);
        assert_non_null(data);
        for (size_t i = 0; i < len; i++) {
            random = random * 1664525 + 1013904223;
            data[i] = (char)(random >> 24);
        }
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, data, len);
        struct text all = {exact, (uint32_t)len}, value, items;
        int64_t number;
        uint32_t count;
        splice_int(all, &number);
        splice_text(all, &value);
        splice_get(all, "a", &value);
        if (splice_array(all, &count, &items))
            while (count-- > 0 && splice_next(&items, &value))
                splice_int(value, &number);
        free(exact);
        free(data);
    }
}

static void
test_fields(void **state)
{
    (void)state;
    static const struct text keys[] = {{"b", 1}, {"gone", 4}, {"list", 4}};
    struct buf buf = {0};
    struct text values[3];
    int64_t number;
    mp_map(&buf, 4);
    mp_string(&buf, "list");
    mp_array(&buf, 2);
    mp_nil(&buf);
    mp_bin(&buf, "bytes", 5);
    mp_int(&buf, 7); /* a key that is no text */
    mp_string(&buf, "b");
    mp_string(&buf, "b");
    mp_int(&buf, 300);
    mp_string(&buf, "bb");
    mp_bool(&buf, true);
    size_t len = buf.len;
    mp_string(&buf, "behind");
    const char *end = splice_fields((char *)buf.data, keys, values, 3);
    assert_true(splice_int(values[0], &number) && number == 300);
    assert_null(values[1].ptr);
    assert_int_equal(values[2].len, 9);
    assert_int_equal(end - (char *)buf.data, len);
    assert_null(splice_fields(end, keys, values, 3)); /* a text */
    buf_fini(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_ints),    cmocka_unit_test(test_get),
        cmocka_unit_test(test_prepend), cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
