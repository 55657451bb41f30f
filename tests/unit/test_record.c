// LINK: common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Records as the store keeps them and as the outside sees them, byte by byte, and damaged ones.
 * It must not know sockets or Redis. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log/record.h"
#include "common/msg/mp.h"

#define GOLDEN "tests/golden/records.txt"

struct sample {
    const char *name, *topic, *prev, *type, *source, *actor, *traceparent, *data;
    int64_t seq, time_ms;
};

static const struct sample samples[] = {
    {"first", "registry.participant.KZ.", "0 0 0 0", "participant.added", "registry", "local", NULL,
     "\x81\xa4"
     "code\xa2KZ",
     1, INT64_C(1626163200000)},
    {"event", "events.economic.sme.smart-agriculture.", "41 40 12 7 3", "event.accepted", "events",
     "kz-mfa", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
     "\x82\xa2id\xb1smart-agriculture\xa4"
     "from\xa8proposed",
     42, INT64_C(1626163200125)},
    {"private", "private.kz.note.", "9 4 0", "note.sent", "notify", NULL, NULL, "\x80", 100000,
     INT64_C(1626163200001)},
};
#define SAMPLES (sizeof samples / sizeof *samples)

static void
fill(struct log_record *record, const struct sample *sample, struct buf *attributes)
{
    buf_clear(attributes);
    if (sample->actor) {
        log_attributes_write(attributes, sample->type, sample->source, sample->actor,
                             text_of(sample->traceparent));
    } else { /* a record without an actor */
        mp_array(attributes, 4);
        mp_string(attributes, sample->type);
        mp_string(attributes, sample->source);
        mp_nil(attributes);
        mp_nil(attributes);
    }
    *record = (struct log_record){
        .seq = sample->seq,
        .time_ms = sample->time_ms,
        .topic = text_of(sample->topic),
        .prev = text_of(sample->prev),
        .attributes = {(char *)attributes->data, (uint32_t)attributes->len},
        .data = text_of(sample->data),
    };
}

static void
line(FILE *out, const char *kind, const char *name, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    fprintf(out, "%s %s - ", kind, name);
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%02x", at[i]);
    fputc('\n', out);
}

static void
test_golden(void **state)
{
    (void)state;
    char *made = NULL, kept[16384];
    size_t made_len;
    FILE *out = open_memstream(&made, &made_len);
    assert_non_null(out);
    fputs("# Golden bytes of log records: kind, name, -, hex. Made by tests/unit/test_record.c\n"
          "# (UPDATE_GOLDEN=1).\n",
          out);
    struct buf attributes = {0}, buf = {0};
    for (size_t i = 0; i < SAMPLES; i++) {
        struct log_record record;
        fill(&record, &samples[i], &attributes);
        line(out, "attributes", samples[i].name, attributes.data, attributes.len);
        buf_clear(&buf);
        assert_int_equal(log_record_meta(&record, &buf), STATUS_OK);
        assert_int_equal(mp_scan(buf.data, buf.len, NULL), STATUS_OK);
        line(out, "meta", samples[i].name, buf.data, buf.len);
        buf_clear(&buf);
        assert_int_equal(log_record_item(&record, &buf), STATUS_OK);
        assert_int_equal(mp_scan(buf.data, buf.len, NULL), STATUS_OK);
        line(out, "item", samples[i].name, buf.data, buf.len);
        assert_true(text_is(log_record_type(&record), samples[i].type));
    }
    buf_fini(&attributes);
    buf_fini(&buf);
    assert_int_equal(fclose(out), 0);
    const char *update = getenv("UPDATE_GOLDEN");
    FILE *file;
    if (update && *update == '1') {
        assert_non_null(file = fopen(GOLDEN, "w"));
        assert_int_equal(fwrite(made, 1, made_len, file), made_len);
        assert_int_equal(fclose(file), 0);
    }
    assert_non_null(file = fopen(GOLDEN, "r"));
    size_t kept_len = fread(kept, 1, sizeof kept, file);
    fclose(file);
    assert_int_equal(kept_len, made_len);
    assert_memory_equal(kept, made, made_len);
    free(made);
}

static int64_t
int_of(const msgpack_object *map, const char *key)
{
    int64_t value = -1;
    mp_as_int(mp_map_get(map, key), &value);
    return value;
}

static void
assert_text(const msgpack_object *map, const char *key, const char *want)
{
    struct text text = TEXT_NONE;
    mp_as_text(mp_map_get(map, key), &text);
    assert_true(text_is(text, want));
}

static void
test_meta_says(void **state)
{
    (void)state;
    struct buf attributes = {0}, buf = {0};
    struct log_record record;
    fill(&record, &samples[1], &attributes);
    assert_int_equal(log_record_item(&record, &buf), STATUS_OK);
    msgpack_zone zone;
    msgpack_object item;
    assert_true(msgpack_zone_init(&zone, 4096));
    assert_int_equal(mp_unpack(buf.data, buf.len, &zone, &item, NULL), STATUS_OK);
    assert_int_equal(item.via.map.size, 3);
    assert_text(&item, "topic", samples[1].topic);
    assert_text(mp_map_get(&item, "data"), "from", "proposed");
    const msgpack_object *meta = mp_map_get(&item, "meta");
    assert_text(meta, "specversion", "1.0");
    assert_text(meta, "id", "42");
    assert_text(meta, "source", "events");
    assert_text(meta, "type", "event.accepted");
    assert_text(meta, "subject", "smart-agriculture");
    assert_text(meta, "time", "2021-07-13T08:00:00.125Z");
    assert_text(meta, "datacontenttype", "application/msgpack");
    assert_text(meta, "actor", "kz-mfa");
    assert_int_equal(int_of(meta, "seq"), 42);
    const msgpack_object *prev = mp_map_get(meta, "prev");
    static const int64_t want[] = {41, 40, 12, 7, 3};
    assert_int_equal(prev->via.array.size, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(prev->via.array.ptr[i].via.i64, want[i]);
    msgpack_zone_destroy(&zone);
    buf_fini(&attributes);
    buf_fini(&buf);
}

/* Numbers are as short as they can be, whatever follows on them. */
static void
test_meta_numbers(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x100,
                                      0xffff,
                                      0x10000,
                                      0xffffffff,
                                      0x100000000,
                                      0x1ffffffff,
                                      999999999999999999};
    struct buf attributes = {0}, buf = {0}, want = {0};
    struct log_record record;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char prev[80];
        long long number = numbers[i];
        fill(&record, &samples[2], &attributes);
        snprintf(prev, sizeof prev, "%lld 5 %lld", number, number);
        record.seq = number;
        record.prev = text_of(prev);
        buf_clear(&buf);
        buf_clear(&want);
        assert_int_equal(log_record_meta(&record, &buf), STATUS_OK);
        mp_string(&want, "seq");
        mp_int(&want, number);
        mp_string(&want, "prev");
        mp_array(&want, 3);
        mp_int(&want, number);
        mp_int(&want, 5);
        mp_int(&want, number);
        assert_true(buf.len > want.len); /* they are the last of it */
        assert_memory_equal(buf.data + buf.len - want.len, want.data, want.len);
    }
    buf_fini(&attributes);
    buf_fini(&buf);
    buf_fini(&want);
}

/* A damaged record is told from a good one and never read beyond its end. */
static void
test_damaged(void **state)
{
    (void)state;
    static const char *const prevs[] = {
        "",   " ", "1 ", "a", "1  2", "-1", "1,2", "1 2 3 4 5 6 7 8 9 10", "9999999999999999999",
        "1 x"};
    struct buf attributes = {0}, buf = {0};
    struct log_record record;
    for (size_t i = 0; i < sizeof prevs / sizeof *prevs; i++) {
        fill(&record, &samples[1], &attributes);
        record.prev = text_of(prevs[i]);
        buf_clear(&buf);
        if (log_record_meta(&record, &buf) != STATUS_INTERNAL && strcmp(prevs[i], "1 ") != 0)
            fail_msg("prev \"%s\" taken", prevs[i]);
    }
    fill(&record, &samples[1], &attributes);
    record.topic = TEXT_LITERAL("no topic");
    assert_int_equal(log_record_meta(&record, &buf), STATUS_INTERNAL);
    for (size_t len = 0; len < attributes.len; len++) {
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, attributes.data, len);
        fill(&record, &samples[1], &attributes);
        record.attributes = (struct text){exact, (uint32_t)len};
        assert_int_equal(log_record_meta(&record, &buf), STATUS_INTERNAL);
        assert_null(log_record_type(&record).ptr);
        free(exact);
    }
    buf_append(&attributes, "\xc0", 1);
    record.attributes = (struct text){(char *)attributes.data, (uint32_t)attributes.len};
    assert_null(log_record_type(&record).ptr);
    buf_fini(&attributes);
    buf_fini(&buf);
}

/* As the commit function stores it. */
static void
store(struct buf *out, const char *line, const struct log_record *record, const char *revision)
{
    char data[256];
    int len = snprintf(data, sizeof data, "%s%.*s", revision, TEXT_ARG(record->data));
    buf_append(out, line, strlen(line));
    log_record_head(out, record->topic, record->attributes, (size_t)len, strlen(revision));
    buf_append(out, data, (size_t)len);
}

/* Reads it from memory of its very size, so that a step beyond is seen by the tools. */
static bool
parses(const struct buf *stored, size_t len, struct log_record *out, char **copy)
{
    *copy = malloc(len ? len : 1);
    assert_non_null(*copy);
    memcpy(*copy, stored->data, len);
    return log_record_parse((struct text){*copy, (uint32_t)len}, 42, out);
}

static void
test_stored_and_read(void **state)
{
    (void)state;
    static const char *const revisions[] = {"", "1 ", "4711 "};
    struct buf attributes = {0}, stored = {0};
    struct log_record record, out;
    char *copy;
    fill(&record, &samples[1], &attributes);
    for (size_t i = 0; i < 3; i++) {
        buf_clear(&stored);
        store(&stored, "41 40 12 7 3 1626163200125\n", &record, revisions[i]);
        assert_true(parses(&stored, stored.len, &out, &copy));
        assert_true(out.seq == 42 && out.time_ms == record.time_ms);
        assert_true(text_equal(out.topic, record.topic) && text_equal(out.prev, record.prev));
        assert_true(text_equal(out.attributes, record.attributes));
        assert_true(text_equal(out.data, record.data));
        free(copy);
    }
    for (size_t len = 0; len < stored.len; len++) { /* cut anywhere */
        assert_false(parses(&stored, len, &out, &copy));
        free(copy);
    }
    store(&stored, "42 1 1626163200126\n", &record, ""); /* another one behind it */
    assert_false(parses(&stored, stored.len, &out, &copy));
    free(copy);
    struct text rest = {(char *)stored.data, (uint32_t)stored.len};
    assert_true(log_record_take(&rest, 42, &out));
    assert_true(log_record_take(&rest, 43, &out));
    assert_true(out.seq == 43 && text_is(out.prev, "42 1") && rest.len == 0);
    assert_false(log_record_take(&rest, 44, &out));
    buf_fini(&attributes);
    buf_fini(&stored);
}

static void
test_stored_badly(void **state)
{
    (void)state;
    static const char *const lines[] = {"",       "\n",     "1\n",    " 1\n",
                                        "1 \n",   "1 2x\n", "1 -2\n", "1 1234567890123456\n",
                                        "1 2 3 4"};
    struct buf attributes = {0}, stored = {0};
    struct log_record record, out;
    fill(&record, &samples[1], &attributes);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        buf_clear(&stored);
        store(&stored, lines[i], &record, "");
        assert_false(
            log_record_parse((struct text){(char *)stored.data, (uint32_t)stored.len}, 1, &out));
    }
    buf_clear(&stored);
    buf_append(&stored, "0 1\n", 4);
    log_record_head(&stored, record.topic, record.attributes, 1,
                    2); /* leaves out what is not there */
    buf_append(&stored, "x", 1);
    assert_false(
        log_record_parse((struct text){(char *)stored.data, (uint32_t)stored.len}, 1, &out));
    assert_false(log_record_parse(TEXT_NONE, 1, &out));
    buf_fini(&attributes);
    buf_fini(&stored);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),          cmocka_unit_test(test_meta_says),
        cmocka_unit_test(test_meta_numbers),    cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_stored_and_read), cmocka_unit_test(test_stored_badly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
