// LINK: common/log/cloudevent.c common/json/json_text.c common/json/json.c common/log/record.c common/log/topic.c services/notify/notify_cloudevent.c common/msg/mp.c common/base/buf.c common/base/text.c common/base/date.c common/base/status.c -ljansson -lsodium -lmsgpackc
/* Records as CloudEvents, and MessagePack as JSON text against the tree of jansson. It must not
 * know sockets. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/log/cloudevent.h"
#include "common/json/json.h"
#include "common/json/json_text.h"
#include "common/msg/mp.h"
#include "services/notify/notify_cloudevent.h"

static struct text
text_in(const struct buf *buf)
{
    return (struct text){(const char *)buf->data, (uint32_t)buf->len};
}

/* ---- JSON text ------------------------------------------------------------------------------- */

/* The text parses to what json.h makes of the same bytes. */
static void
check_same(const void *data, size_t len)
{
    struct buf text = {0};
    json_t *tree = json_of_msgpack(data, len);
    bool written = json_text_of_msgpack(&text, (struct text){data, (uint32_t)len});
    assert_int_equal(written, tree != NULL);
    if (tree) {
        json_t *parsed =
            json_loadb((char *)text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(parsed);
        assert_true(json_equal(parsed, tree));
        json_decref(parsed);
        json_decref(tree);
    }
    buf_fini(&text);
}

static void
put_random(struct buf *buf, unsigned depth)
{
    static const char *const texts[] = {"", "a\"b\\", "\n\t\r\b\f\x01\x1f\x7f", "Алматы €𝄞", "/"};
    static const uint8_t reals[][9] = {{0xcb, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a},
                                       {0xcb, 0x40, 0x59},
                                       {0xcb, 0x7f, 0xf0},
                                       {0xcb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0x00, 0x75, 0x9c}};
    static const uint8_t ext[] = {0xd5, 0x07, 1, 2}, narrow[] = {0xca, 0x3f, 0xc0, 0, 0};
    unsigned count = (unsigned)rand() % 4;
    char key[16];
    switch (rand() % (depth ? 11 : 9)) {
    case 0: mp_nil(buf); break;
    case 1: mp_bool(buf, rand() & 1); break;
    case 2: mp_int(buf, (int64_t)rand() - RAND_MAX / 2); break;
    case 3: mp_uint(buf, UINT64_MAX - (unsigned)rand()); break;
    case 4: mp_string(buf, texts[rand() % 5]); break;
    case 5: mp_bin(buf, "\xff\0\x01zz", (size_t)(rand() % 6)); break;
    case 6: buf_append(buf, reals[rand() % 4], 9); break;
    case 7: buf_append(buf, ext, sizeof ext); break;
    case 8: buf_append(buf, narrow, sizeof narrow); break;
    case 9:
        mp_array(buf, count);
        while (count--)
            put_random(buf, depth - 1);
        break;
    default:
        mp_map(buf, count);
        while (count--) {
            snprintf(key, sizeof key, "k\"%u", count);
            if (rand() % 5)
                mp_string(buf, key);
            else
                mp_int(buf, (int)count);
            put_random(buf, depth - 1);
        }
    }
}

static void
test_json_text(void **state)
{
    (void)state;
    srand(9);
    for (unsigned i = 0; i < 20000; i++) {
        struct buf buf = {0};
        put_random(&buf, 5);
        check_same(buf.data, buf.len);
        buf_fini(&buf);
    }
}

static void
test_json_text_hostile(void **state)
{
    (void)state;
    uint8_t deep[40];
    memset(deep, 0x91, sizeof deep);
    deep[39] = 0xc0;
    check_same(deep, sizeof deep);
    check_same("\xdd\xff\xff\xff\xff", 5);
    check_same("\xa2\xc3\x28", 3); /* no UTF-8 */
    check_same("\xa1", 1);
    check_same("", 0);
    check_same("\x01\x01", 2);
}

/* ---- records --------------------------------------------------------------------------------- */

struct made {
    struct log_record record;
    struct buf attributes, data;
};

static void
make(struct made *made, const char *actor)
{
    *made = (struct made){0};
    log_attributes_write(&made->attributes, "event.scheduled", "cbm:cica/events", actor,
                         TEXT_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    mp_map(&made->data, 1);
    mp_string(&made->data, "title");
    mp_string(&made->data, "Семинар \"100 %\"");
    made->record = (struct log_record){.seq = 42,
                                       .time_ms = 1626163200000,
                                       .topic = TEXT_LITERAL("events.human.youth.x."),
                                       .prev = TEXT_LITERAL("41 40 12 3 0"),
                                       .attributes = text_in(&made->attributes),
                                       .data = text_in(&made->data)};
}

static void
unmake(struct made *made, struct notify_cloudevent *event)
{
    buf_fini(&made->attributes);
    buf_fini(&made->data);
    notify_cloudevent_fini(event);
}

static const char *
member(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "(none)";
}

static void
test_structured(void **state)
{
    (void)state;
    struct made made;
    struct notify_cloudevent event = {0};
    make(&made, "officer");
    for (unsigned thin = 0; thin < 2; thin++) {
        assert_true(notify_cloudevent_write(&event, &made.record, false, thin));
        assert_int_equal(event.header_count, 1);
        assert_true(text_is(event.headers[0].value, "application/cloudevents+json"));
        json_t *json = json_loadb(event.body.ptr, event.body.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        assert_string_equal(member(json, "specversion"), "1.0");
        assert_string_equal(member(json, "id"), "42");
        assert_string_equal(member(json, "source"), "cbm:cica/events");
        assert_string_equal(member(json, "type"), "event.scheduled");
        assert_string_equal(member(json, "time"), "2021-07-13T08:00:00Z");
        assert_string_equal(member(json, "sequence"), "42");
        assert_string_equal(member(json, "topic"), "events.human.youth.x.");
        assert_string_equal(member(json, "actor"), "officer");
        assert_null(json_object_get(json, "prev"));
        assert_null(json_object_get(json, "seq"));
        if (thin) {
            assert_null(json_object_get(json, "data"));
            assert_string_equal(member(json, "dataref"),
                                "notify/log.read?prefix=events.human.youth.x.&after=41&limit=1");
        } else {
            assert_string_equal(member(json, "datacontenttype"), "application/json");
            assert_string_equal(member(json_object_get(json, "data"), "title"),
                                "Семинар \"100 %\"");
        }
        json_decref(json);
    }
    unmake(&made, &event);
}

static struct text
header(const struct notify_cloudevent *event, const char *name)
{
    for (unsigned i = 0; i < event->header_count; i++)
        if (text_is(event->headers[i].name, name))
            return event->headers[i].value;
    return TEXT_NONE;
}

static void
test_binary(void **state)
{
    (void)state;
    struct made made;
    struct notify_cloudevent event = {0};
    make(&made, "офицер \"1\" 5%\r\nx");
    assert_true(notify_cloudevent_write(&event, &made.record, true, false));
    assert_true(text_is(header(&event, "ce-id"), "42"));
    assert_true(text_is(header(&event, "ce-specversion"), "1.0"));
    assert_true(text_is(header(&event, "ce-sequence"), "42"));
    assert_true(text_is(header(&event, "content-type"), "application/json"));
    assert_true(text_is(header(&event, "ce-actor"),
                        "%D0%BE%D1%84%D0%B8%D1%86%D0%B5%D1%80%20%221%22%205%25%0D%0Ax"));
    assert_true(text_is(event.body, "{\"title\":\"Семинар \\\"100 %\\\"\"}"));
    assert_true(notify_cloudevent_write(&event, &made.record, true, true));
    assert_int_equal(event.body.len, 0);
    assert_true(text_is(header(&event, "ce-dataref"),
                        "notify/log.read?prefix=events.human.youth.x.&after=41&limit=1"));
    assert_null(header(&event, "content-type").ptr);
    unmake(&made, &event);
}

static void
test_damaged(void **state)
{
    (void)state;
    struct made made;
    struct notify_cloudevent event = {0};
    make(&made, "a");
    made.record.data = TEXT_LITERAL("\xa2\xc3\x28");
    assert_false(notify_cloudevent_write(&event, &made.record, false, false));
    assert_false(notify_cloudevent_write(&event, &made.record, true, false));
    assert_true(notify_cloudevent_write(&event, &made.record, true, true));
    made.record.attributes.len--;
    assert_false(notify_cloudevent_write(&event, &made.record, false, true));
    struct buf out = {0};
    assert_false(cloudevent_write(&out, made.record.topic, TEXT_LITERAL("\x80"), TEXT_NONE));
    assert_false(cloudevent_write(&out, made.record.topic, TEXT_LITERAL("\x01"), TEXT_NONE));
    assert_false(cloudevent_write(&out, made.record.topic, TEXT_LITERAL(""), TEXT_NONE));
    buf_fini(&out);
    unmake(&made, &event);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text),  cmocka_unit_test(test_json_text_hostile),
        cmocka_unit_test(test_structured), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
