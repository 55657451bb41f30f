// LINK: common/base/buf.c
/* The growing buffer and the arena.
 * It must not know what the bytes mean. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/base/buf.h"

static void
test_buf_grows(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t byte = (uint8_t)i;
        buf_append(&buf, &byte, 1);
    }
    assert_int_equal(buf.len, 100000);
    assert_false(buf.failed);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buf.data[i], (uint8_t)i);
    size_t cap = buf.cap;
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, cap);
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 0);
    uint8_t *room = buf_reserve(&buf, 3);
    memcpy(room, "abc", 3);
    buf.len += 3;
    assert_memory_equal(buf.data, "abc", 3);
    buf_fini(&buf);
    assert_null(buf.data);
    buf_append(&buf, "x", 1);
    assert_int_equal(buf.len, 1);
    buf_fini(&buf);
}

static void
test_buf_failure_sticks(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_append(&buf, "ab", 2);
    assert_null(buf_reserve(&buf, SIZE_MAX - 16)); /* cannot be had; nothing overflows */
    assert_true(buf.failed);
    buf_append(&buf, "c", 1);
    assert_int_equal(buf.len, 2);
    assert_null(buf_reserve(&buf, 1));
    buf_clear(&buf);
    assert_false(buf.failed);
    buf_append(&buf, "c", 1);
    assert_int_equal(buf.len, 1);
    buf_fini(&buf);
}

static void
test_arena(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_reset(&arena); /* an empty one may be reset */
    for (unsigned round = 0; round < 3; round++) {
        unsigned char *before = NULL;
        size_t before_size = 0;
        for (size_t size = 0; size < 70000; size = size * 3 / 2 + 1) {
            unsigned char *at = arena_alloc(&arena, size);
            assert_non_null(at);
            assert_int_equal((uintptr_t)at % 16, 0);
            memset(at, (int)(size & 0xff), size);
            for (size_t i = 0; i < before_size; i++) /* the last one was not touched */
                assert_int_equal(before[i], before_size & 0xff);
            before = at;
            before_size = size;
        }
        assert_memory_equal(arena_copy(&arena, "silence", 8), "silence", 8);
        assert_non_null(arena_copy(&arena, NULL, 0));
        assert_null(arena_alloc(&arena, SIZE_MAX - 3));
        arena_reset(&arena);
    }
    arena_fini(&arena);
    assert_non_null(arena_alloc(&arena, 1));
    arena_fini(&arena);
    arena_fini(&arena);
}

static void
test_arena_rewinds(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_rewind(&arena, arena_mark(&arena));
    char *first = arena_copy(&arena, "first", 6);
    struct arena_mark mark = arena_mark(&arena);
    for (unsigned round = 0; round < 3; round++) {
        char *again = arena_alloc(&arena, 16);
        assert_ptr_equal(again, first + 16);
        for (size_t size = 1; size < 70000; size *= 2)
            assert_non_null(memset(arena_alloc(&arena, size), 1, size));
        arena_rewind(&arena, mark);
        assert_string_equal(first, "first");
    }
    arena_rewind(&arena, (struct arena_mark){0});
    assert_ptr_equal(arena_alloc(&arena, 1), first);
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_grows),
        cmocka_unit_test(test_buf_failure_sticks),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_rewinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
