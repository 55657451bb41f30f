// LINK: common/msg/mp.c common/base/text.c common/base/buf.c common/base/status.c -lmsgpackc
/* The check of MessagePack from outside, and splicing.
 * It must not know any message. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/msg/mp.h"

struct vector {
    const char *bytes;
    size_t len;
};
#define V(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

/* One or more of every format of the specification. */
static const struct vector valid[] = {
    V("\x00"),
    V("\x7f"),
    V("\xe0"),
    V("\xff"),
    V("\xc0"),
    V("\xc2"),
    V("\xc3"),
    V("\x80"),
    V("\x81\xa1x\x01"),
    V("\x90"),
    V("\x93\x01\x02\x03"),
    V("\xa0"),
    V("\xa3xyz"),
    V("\xc4\x00"),
    V("\xc4\x02\xff\xfe"),
    V("\xc5\x00\x01\xff"),
    V("\xc6\x00\x00\x00\x01\xff"),
    V("\xc7\x00\x05"),
    V("\xc7\x02\x05\xff\xff"),
    V("\xc8\x00\x01\x05\xff"),
    V("\xc9\x00\x00\x00\x01\x05\xff"),
    V("\xca\x3f\x80\x00\x00"),
    V("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
    V("\xcc\xff"),
    V("\xcd\xff\xff"),
    V("\xce\xff\xff\xff\xff"),
    V("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
    V("\xd0\x80"),
    V("\xd1\x80\x00"),
    V("\xd2\x80\x00\x00\x00"),
    V("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
    V("\xd4\x01\xff"),
    V("\xd5\x01\xff\xff"),
    V("\xd6\x01\xff\xff\xff\xff"),
    V("\xd7\x01\xff\xff\xff\xff\xff\xff\xff\xff"),
    V("\xd8\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    V("\xd9\x00"),
    V("\xd9\x02ж"),
    V("\xda\x00\x01x"),
    V("\xdb\x00\x00\x00\x01x"),
    V("\xdc\x00\x02\x01\x90"),
    V("\xdc\x00\x00"),
    V("\xdd\x00\x00\x00\x01\xc0"),
    V("\xde\x00\x01\xa1k\x80"),
    V("\xdf\x00\x00\x00\x01\x01\x92\x01\x02"),
    V("\x92\x81\xa1k\x92\x01\xc0\x82\x01\x90\x02\x91\x80"),
};
#define VALID (sizeof valid / sizeof *valid)

static bool
scans(const void *data, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1); /* so that a read beyond is seen by the sanitizer */
    assert_non_null(exact);
    if (len)
        memcpy(exact, data, len);
    struct error error;
    enum status status = mp_scan(exact, len, &error);
    assert_int_equal(mp_scan(exact, len, NULL), status);
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_INVALID_ARGUMENT);
        assert_true(strlen(error.message) > 30);
    } else {
        assert_int_equal(mp_object_len(exact, len), len);
        msgpack_zone zone;
        msgpack_object object;
        assert_true(msgpack_zone_init(&zone, 1024));
        assert_int_equal(mp_unpack(exact, len, &zone, &object, NULL), STATUS_OK);
        msgpack_zone_destroy(&zone);
    }
    free(exact);
    return status == STATUS_OK;
}

static void
test_valid_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALID; i++)
        if (!scans(valid[i].bytes, valid[i].len))
            fail_msg("vector %zu refused", i);
}

static void
test_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALID; i++)
        for (size_t len = 0; len < valid[i].len; len++) {
            if (scans(valid[i].bytes, len))
                fail_msg("vector %zu taken at %zu bytes", i, len);
            assert_int_equal(mp_object_len(valid[i].bytes, len), 0);
        }
}

static void
test_trailing_bytes(void **state)
{
    (void)state;
    uint8_t longer[64];
    for (size_t i = 0; i < VALID; i++) {
        memcpy(longer, valid[i].bytes, valid[i].len);
        longer[valid[i].len] = 0xc0;
        assert_false(scans(longer, valid[i].len + 1));
        assert_int_equal(mp_object_len(longer, valid[i].len + 1), valid[i].len);
    }
}

static void
test_hostile(void **state)
{
    (void)state;
    static const struct vector bad[] = {
        V(""),
        V("\xc1"),
        V("\x91\xc1"),
        V("\xdd\xff\xff\xff\xff"),
        V("\xdd\x04\x00\x00\x00"),
        V("\xdf\xff\xff\xff\xff"),
        V("\xdf\x80\x00\x00\x00"), /* doubled, this would be 0 in 32 bits */
        V("\xdb\xff\xff\xff\xff"),
        V("\xc6\xff\xff\xff\xff"),
        V("\xc9\xff\xff\xff\xff\x01"),
        V("\xdc\xff\xff"),
        V("\xde\xff\xff"),
        V("\xa1\xff"),
        V("\xa2\xc3x"),
        V("\xa3\xed\xa0\x80"),
        V("\xa2\xc0\x80"),
        V("\xa4\xf4\x90\x80\x80"),
        V("\x81\xa1\xff\x01"),
        V("\x81\xa1k"),
        V("\xd9\x02\xd0"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (scans(bad[i].bytes, bad[i].len))
            fail_msg("vector %zu taken", i);
}

static void
test_depth(void **state)
{
    (void)state;
    static uint8_t nested[10001];
    memset(nested, 0x91, sizeof nested);
    assert_false(scans(nested, sizeof nested));
    nested[10000] = 0xc0;
    assert_false(scans(nested, sizeof nested));
    for (size_t depth = 1; depth <= 40; depth++) {
        memset(nested, 0x91, depth);
        nested[depth] = 0xc0;
        assert_int_equal(scans(nested, depth + 1), depth <= MP_DEPTH_MAX);
        for (size_t i = 0; i < depth; i++) { /* the same in maps */
            nested[2 * i] = 0x81;
            nested[2 * i + 1] = 0x00;
        }
        nested[2 * depth] = 0xc0;
        assert_int_equal(scans(nested, 2 * depth + 1), depth <= MP_DEPTH_MAX);
    }
}

/* A lead byte and its count of 32 bits. */
static void
head(uint8_t *data, uint8_t lead, uint32_t count)
{
    *data++ = lead;
    for (int shift = 24; shift >= 0; shift -= 8)
        *data++ = (uint8_t)(count >> shift);
}

static void
test_counts_and_size(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, MP_BYTES_MAX + 1);
    assert_non_null(data);
    head(data, 0xdd, MP_ITEMS_MAX); /* so many zeros */
    assert_true(scans(data, 5 + MP_ITEMS_MAX));
    head(data, 0xdd, MP_ITEMS_MAX + 1);
    assert_false(scans(data, 5 + MP_ITEMS_MAX + 1));
    head(data, 0xdf, MP_ITEMS_MAX / 2);
    assert_true(scans(data, 5 + MP_ITEMS_MAX));
    head(data, 0xdf, MP_ITEMS_MAX / 2 + 1);
    assert_false(scans(data, 5 + MP_ITEMS_MAX + 2));
    uint32_t body = MP_BYTES_MAX - 5;
    head(data, 0xc6, body);
    assert_true(scans(data, MP_BYTES_MAX));
    data[4]++;
    struct error error;
    assert_int_equal(mp_scan(data, MP_BYTES_MAX + 1, &error), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "too large"));
    free(data);
}

/* Random bytes: whatever the scan takes, msgpack-c takes too, to the last byte (checked in scans).
 */
static void
test_random(void **state)
{
    (void)state;
    uint64_t seed = 42;
    unsigned taken = 0;
    for (int i = 0; i < 300000; i++) {
        uint8_t data[12];
        size_t len = 1;
        for (size_t k = 0; k < sizeof data; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            data[k] = (uint8_t)(seed >> 56);
            len = 1 + (seed >> 40) % sizeof data;
        }
        taken += scans(data, len);
    }
    assert_true(taken > 1000);
}

static void
test_reads(void **state)
{
    (void)state;
    static const char map[] = "\x83\xa1t\xa2hi\xa1i\xff\x01\x02";
    msgpack_zone zone;
    msgpack_object object;
    struct text text = TEXT_LITERAL("as it was");
    int64_t number = 7;
    assert_true(msgpack_zone_init(&zone, 1024));
    assert_int_equal(mp_unpack(map, sizeof map - 1, &zone, &object, NULL), STATUS_OK);
    assert_true(mp_as_text(mp_map_get(&object, "t"), &text) && text_is(text, "hi"));
    assert_true(text.ptr > map && text.ptr < map + sizeof map); /* not a copy */
    assert_true(mp_as_int(mp_map_get(&object, "i"), &number) && number == -1);
    assert_null(mp_map_get(&object, "none"));
    assert_null(mp_map_get(mp_map_get(&object, "i"), "x"));
    assert_null(mp_map_get(NULL, "x"));
    assert_false(mp_as_text(mp_map_get(&object, "i"), &text));
    assert_false(mp_as_int(mp_map_get(&object, "t"), &number));
    assert_false(mp_as_int(NULL, &number) || mp_as_text(NULL, &text));
    assert_int_equal(mp_unpack("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, &zone, &object, NULL), 0);
    assert_false(mp_as_int(&object, &number)); /* does not fit */
    assert_int_equal(mp_unpack("\xcb\x3f\xf0\0\0\0\0\0\0", 9, &zone, &object, NULL), 0);
    assert_false(mp_as_int(&object, &number)); /* a float is no whole number */
    assert_int_equal(number, -1);
    msgpack_zone_destroy(&zone);
}

static void
test_writers_and_extend(void **state)
{
    (void)state;
    struct buf map = {0}, out = {0};
    for (size_t pairs = 0; pairs < 70000; pairs = pairs * 2 + 7) {
        buf_clear(&map);
        buf_clear(&out);
        mp_map(&map, pairs);
        for (size_t i = 0; i < pairs; i++) {
            mp_uint(&map, i);
            mp_nil(&map);
        }
        assert_true(mp_map_extend(&out, map.data, map.len, 2));
        mp_string(&out, "seq");
        mp_int(&out, -5);
        mp_string(&out, "bin");
        mp_bin(&out, "\xff", 1);
        assert_int_equal(mp_object_len(out.data, out.len),
                         2 * (pairs + 2) <= MP_ITEMS_MAX ? out.len : 0);
    }
    buf_clear(&out);
    assert_false(mp_map_extend(&out, "\x90", 1, 1));
    assert_false(mp_map_extend(&out, "", 0, 1));
    assert_false(mp_map_extend(&out, "\xde\x00", 2, 1));
    assert_int_equal(out.len, 0);
    mp_array(&out, 4);
    mp_text(&out, TEXT_NONE);
    mp_text(&out, TEXT_LITERAL(""));
    mp_bool(&out, true);
    mp_bool(&out, false);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "\x94\xc0\xa0\xc3\xc2", 5);
    buf_fini(&out);
    buf_fini(&map);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_formats),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_trailing_bytes),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_counts_and_size),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_writers_and_extend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
