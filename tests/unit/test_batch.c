// LINK: common/log/batch.c common/base/buf.c common/base/text.c -lmsgpackc
/* The compact publication: what is written is read again, is MessagePack, and every cut of it is
 * refused. It must not know sockets. */
#include "tests/unit/check.h"

#include <msgpack.h>
#include <string.h>

#include "common/log/batch.h"

static struct text
frame_of(const struct buf *buf)
{
    return (struct text){(const char *)buf->data, (uint32_t)buf->len};
}

static void
write_two(struct buf *buf, int64_t seq)
{
    batch_begin(buf, text_of("events."));
    batch_add(buf, text_of("events.a.b.c."), TEXT_LITERAL("\x80"), TEXT_LITERAL("\x81\x01\x02"));
    batch_add(buf, text_of("events.x."), TEXT_LITERAL("\x80"), TEXT_LITERAL("z"));
    batch_end(buf, seq, 2);
    assert_false(buf->failed);
}

static void
test_key(void **state)
{
    (void)state;
    char key[BATCH_KEY_MAX];
    struct text prefix;
    size_t len = batch_key(text_of("events."), key);
    assert_int_equal(len, strlen("/compact/1/events./"));
    assert_memory_equal(key, "/compact/1/events./", len);
    assert_true(batch_key_prefix((struct text){key, (uint32_t)len}, &prefix));
    assert_true(text_is(prefix, "events."));
    len = batch_key(TEXT_LITERAL(""), key);
    assert_true(batch_key_prefix((struct text){key, (uint32_t)len}, &prefix));
    assert_true(prefix.ptr && prefix.len == 0);
    static const char *const others[] = {"", "events.", "/compact/1/", "/compact/1/events.",
                                         "/compact/2/events./"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(batch_key_prefix(text_of(others[i]), &prefix));
}

static void
test_there_and_back(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct batch batch;
    struct batch_record record;
    write_two(&buf, INT64_MAX);
    assert_true(batch_open(frame_of(&buf), &batch));
    assert_true(text_is(batch.prefix, "events."));
    assert_true(batch.seq == INT64_MAX);
    assert_int_equal(batch_next(&batch, &record), 1);
    assert_true(text_is(record.topic, "events.a.b.c."));
    assert_true(text_equal(record.meta, TEXT_LITERAL("\x80")));
    assert_true(text_equal(record.data, TEXT_LITERAL("\x81\x01\x02")));
    assert_int_equal(batch_next(&batch, &record), 1);
    assert_true(text_is(record.topic, "events.x.") && text_is(record.data, "z"));
    assert_int_equal(batch_next(&batch, &record), 0);
    buf_fini(&buf);
}

/* Any MessagePack library reads it as what it is: a watermark with records. */
static void
test_is_messagepack(void **state)
{
    (void)state;
    struct buf buf = {0};
    msgpack_unpacked result;
    write_two(&buf, 7);
    msgpack_unpacked_init(&result);
    size_t at = 0;
    assert_int_equal(msgpack_unpack_next(&result, (char *)buf.data, buf.len, &at),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, buf.len);
    char text[256];
    msgpack_object_print_buffer(text, sizeof text, result.data);
    assert_string_equal(text, "{\"type\"=>\"watermark\", \"prefix\"=>\"events.\", \"seq\"=>7, "
                              "\"records\"=>[\"events.a.b.c.\", \"\\x80\", \"\\x81\\x01\\x02\", "
                              "\"events.x.\", \"\\x80\", \"z\"]}");
    msgpack_unpacked_destroy(&result);
    buf_fini(&buf);
}

static void
test_cut_and_lies(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct batch batch;
    struct batch_record record;
    write_two(&buf, 7);
    for (uint32_t len = 0; len < buf.len; len++) {
        struct text cut = {(const char *)buf.data, len};
        int got = 1;
        if (!batch_open(cut, &batch))
            continue;
        while ((got = batch_next(&batch, &record)) == 1)
            assert_true(record.data.ptr + record.data.len <= cut.ptr + len);
        assert_int_equal(got, -1);
    }
    for (uint32_t lie = 0; lie <= 3; lie++) {
        int got = 1;
        unsigned read = 0;
        batch_end(&buf, 7, lie);
        assert_true(batch_open(frame_of(&buf), &batch));
        while ((got = batch_next(&batch, &record)) == 1)
            read++;
        assert_int_equal(got, lie == 2 ? 0 : -1);
        assert_int_equal(read, lie < 2 ? lie : 2);
    }
    batch_end(&buf, -1, 2);
    assert_false(batch_open(frame_of(&buf), &batch));
    batch_end(&buf, 7, 2);
    uint8_t *count = memchr(buf.data, 0xdd, buf.len);
    count[4]++; /* not three parts a record */
    assert_false(batch_open(frame_of(&buf), &batch));
    buf_fini(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_is_messagepack),
        cmocka_unit_test(test_cut_and_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
