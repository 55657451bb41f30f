// LINK: tests/unit/sample.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* The schema tables and their codec: every type, and the paths of what is refused.
 * It must not know sockets or stores. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/messages.h"
#include "common/msg/schema_mp.h"
#include "tests/unit/sample.h"

/* The C layout that the codec reckons with: items begin where the compiler puts them. */
static void
test_layout(void **state)
{
    (void)state;
#define ITEMS(m, f)                                                                                \
    do {                                                                                           \
        static struct m one;                                                                       \
        size_t begin = (size_t)((char *)one.f.items - (char *)&one.f);                             \
        assert_int_equal(begin, sizeof one.f.items[0] % 8 == 0 ? 8 : 4);                           \
        assert_int_equal((char *)&one.present - (char *)&one, 0);                                  \
    } while (0);
#define TEXTMAP(m, f, required, max, doc) ITEMS(m, f)
#define LIST(m, f, required, item, max, doc) ITEMS(m, f)
#define STRUCTS(m, f, required, sub, max, doc) ITEMS(m, f)
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"
}

static void
test_tables(void **state)
{
    (void)state;
    for (unsigned s = 0; sample_schemas[s]; s++) {
        const struct schema *schema = sample_schemas[s];
        assert_true(schema->field_count <= 64);
        assert_true(schema->doc && *schema->doc);
        for (unsigned i = 0; i < schema->field_count; i++) {
            const struct field *field = &schema->fields[i];
            assert_true(field->doc && *field->doc);
            assert_true(field->offset + schema_item_size(field) <= schema->size);
            assert_true(field->min <= field->max);
            if (field->type == FIELD_ENUM)
                assert_non_null(field->words[0]);
            for (unsigned k = 0; k < i; k++)
                assert_string_not_equal(field->name, schema->fields[k].name);
        }
    }
    for (unsigned s = 0; interfaces[s]; s++) {
        assert_ptr_equal(interface_of(text_of(interfaces[s]->service)), interfaces[s]);
        for (unsigned i = 0; i < interfaces[s]->method_count; i++) {
            const struct method *method = &interfaces[s]->methods[i];
            assert_ptr_equal(interface_method(interfaces[s], text_of(method->name)), method);
            assert_true(method->permission != 0 && method->doc && method->params);
            assert_int_equal(method->answers != NULL, method->result == &empty_schema);
        }
    }
    assert_null(interface_of(TEXT_LITERAL("nobody")));
    assert_null(interface_method(&events_interface, TEXT_LITERAL("event.explode")));
}

/* decode(encode(x)) == x for every message and variant, in both modes; truncated, it is refused. */
static void
test_round_trips(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf first = {0}, second = {0};
    for (unsigned s = 0; sample_schemas[s]; s++) {
        const struct schema *schema = sample_schemas[s];
        void *message = malloc(schema->size);
        assert_non_null(message);
        for (int variant = 0; variant < SAMPLE_VARIANTS; variant++) {
            struct error error;
            buf_clear(&first);
            buf_clear(&second);
            sample_fill(schema, message, (enum sample_variant)variant, &arena);
            schema_encode(schema, message, &first);
            memset(message, 0x5a, schema->size);
            if (schema_decode_bytes(schema, first.data, first.len, message, SCHEMA_STRICT,
                                    &error) != STATUS_OK)
                fail_msg("%s %s: %s", schema->name, sample_names[variant], error.message);
            assert_true(*(bool *)message);
            schema_encode(schema, message, &second);
            assert_int_equal(first.len, second.len);
            assert_memory_equal(first.data, second.data, first.len);
            for (size_t cut = 0; cut < first.len; cut += 1 + first.len / 97)
                assert_int_equal(schema_decode_bytes(schema, first.data, cut, message,
                                                     SCHEMA_STORED, &error),
                                 STATUS_INVALID_ARGUMENT);
            arena_reset(&arena);
        }
        free(message);
    }
    buf_fini(&first);
    buf_fini(&second);
    arena_fini(&arena);
}

/* Decodes `map` as `schema`, and says what was refused: "field|message"; "" if nothing. */
static const char *
refusal(const struct schema *schema, const struct buf *map, enum schema_mode mode)
{
    static char said[ERROR_FIELD_MAX + ERROR_MESSAGE_MAX + 2];
    struct error error;
    void *message = malloc(schema->size);
    assert_non_null(message);
    enum status status = schema_decode_bytes(schema, map->data, map->len, message, mode, &error);
    assert_int_equal(schema_decode_bytes(schema, map->data, map->len, message, mode, NULL), status);
    free(message);
    if (status == STATUS_OK)
        return "";
    assert_int_equal(status, STATUS_INVALID_ARGUMENT);
    snprintf(said, sizeof said, "%s|%s", error.field, error.message);
    return said;
}

/* For every field of every schema: missing, twice, null, and of a wrong type. */
static void
test_every_field_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf plain = {0}, map = {0};
    for (unsigned s = 0; sample_schemas[s]; s++) {
        const struct schema *schema = sample_schemas[s];
        void *message = malloc(schema->size);
        assert_non_null(message);
        sample_fill(schema, message, SAMPLE_LEAST, &arena);
        buf_clear(&plain);
        schema_encode(schema, message, &plain);
        free(message);
        assert_string_equal(refusal(schema, &plain, SCHEMA_STRICT), "");
        buf_clear(&map);
        mp_map_extend(&map, plain.data, plain.len, 1);
        mp_string(&map, "no_such_field");
        mp_nil(&map);
        assert_non_null(strstr(refusal(schema, &map, SCHEMA_STRICT), "no_such_field|"));
        assert_string_equal(refusal(schema, &map, SCHEMA_STORED), "");
        for (unsigned i = 0; i < schema->field_count; i++) {
            const struct field *field = &schema->fields[i];
            char want[200];
            buf_clear(&map); /* a type that no field has; in a required field a duplicate as well */
            mp_map_extend(&map, plain.data, plain.len, 1);
            mp_string(&map, field->name);
            buf_append(&map, "\xcb\x3f\xf0\0\0\0\0\0\0", 9);
            snprintf(want, sizeof want, "%s|%s: %s", field->name, field->name,
                     field->required ? "given twice" : "want ");
            if (strncmp(refusal(schema, &map, SCHEMA_STRICT), want, strlen(want)) != 0)
                fail_msg("%s.%s: %s", schema->name, field->name,
                         refusal(schema, &map, SCHEMA_STRICT));
            buf_clear(&map); /* null alone: absent, or refused by its own path */
            mp_map(&map, 1);
            mp_string(&map, field->name);
            mp_nil(&map);
            const char *said = refusal(schema, &map, SCHEMA_STRICT);
            if (field->required)
                assert_int_equal(strncmp(said, field->name, strlen(field->name)), 0);
            else
                assert_null(strstr(said, ": want "));
        }
    }
    buf_fini(&plain);
    buf_fini(&map);
    arena_fini(&arena);
}

/* `{id, sessions: [{start, end}], format}` with one value replaced. */
static const char *
schedule_refusal(const char *id, const char *start, const char *format, bool with_end)
{
    static struct buf map;
    buf_clear(&map);
    mp_map(&map, 3);
    mp_string(&map, "id");
    mp_string(&map, id);
    mp_string(&map, "sessions");
    mp_array(&map, 2);
    for (int i = 0; i < 2; i++) {
        bool last = i == 1;
        mp_map(&map, last && !with_end ? 1 : 2);
        mp_string(&map, "start");
        mp_string(&map, last ? start : "2021-07-13");
        if (!last || with_end) {
            mp_string(&map, "end");
            mp_string(&map, "2021-07-14");
        }
    }
    mp_string(&map, "format");
    mp_string(&map, format);
    const char *said = refusal(&event_schedule_schema, &map, SCHEMA_STRICT);
    buf_fini(&map);
    return said;
}

static void
test_paths(void **state)
{
    (void)state;
    assert_string_equal(schedule_refusal("a", "2021-07-13T08:00:00Z", "hybrid", true), "");
    assert_string_equal(schedule_refusal("a b", "2021-07-13", "hybrid", true),
                        "id|id: want 1 to 64 of a-z, 0-9 and -");
    assert_string_equal(
        schedule_refusal("a", "2021-02-30", "hybrid", true),
        "sessions[1].start|sessions[1].start: want a date YYYY-MM-DD or an RFC 3339 "
        "time with an offset");
    assert_string_equal(schedule_refusal("a", "2021-07-13", "hybrid", false),
                        "sessions[1].end|sessions[1].end: is missing");
    assert_string_equal(schedule_refusal("a", "2021-07-13", "by-mail", true),
                        "format|format: want one of online, in-person, hybrid");
}

static const char *
one_value(const struct schema *schema, const char *name, const void *bytes, size_t len)
{
    static struct buf map;
    buf_clear(&map);
    mp_map(&map, 1);
    mp_string(&map, name);
    buf_append(&map, bytes, len);
    const char *said = refusal(schema, &map, SCHEMA_STRICT);
    buf_fini(&map);
    return said;
}
#define ONE(schema, name, bytes) one_value(&schema##_schema, name, bytes, sizeof(bytes) - 1)

static void
test_bounds(void **state)
{
    (void)state;
    assert_string_equal(ONE(page, "limit", "\x01"), "");
    assert_string_equal(ONE(page, "limit", "\xcd\x03\xe8"), "");
    assert_non_null(
        strstr(ONE(page, "limit", "\x00"), "limit|limit: want a whole number from 1 to"));
    assert_non_null(strstr(ONE(page, "limit", "\xcd\x03\xe9"), "1000"));
    assert_non_null(strstr(ONE(page, "limit", "\xff"), "limit: want"));
    assert_non_null(
        strstr(ONE(page, "limit", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "limit: want"));
    assert_non_null(strstr(ONE(page, "limit",
                               "\xa1"
                               "1"),
                           "limit: want"));
    assert_string_equal(ONE(page, "cursor", "\xa0"), "");
    assert_non_null(strstr(ONE(page, "as_of",
                               "\xa4"
                               "2021"),
                           "as_of: want a date"));
    assert_non_null(strstr(ONE(chair_term, "vacant", "\x01"), "vacant: want true or false"));
    assert_non_null(
        strstr(ONE(participant_list, "status", "\x01"), "status: want one of member, "));
    assert_non_null(strstr(ONE(participant_list, "status", "\xa0"), "status: want one of"));
    assert_non_null(strstr(ONE(participant_get, "code", "\xa2kz"), "code: want 2 to 16"));
    assert_non_null(strstr(ONE(event_schedule, "zone", "\xa5/etc/"), "zone: want an IANA zone"));
    assert_non_null(strstr(ONE(coordination, "coordinators", "\x91\xa2KZ"), "is missing"));
    assert_non_null(strstr(ONE(coordination, "coordinators", "\x92\xa2KZ\x01"),
                           "coordinators[1]|coordinators[1]: want a string"));
    assert_non_null(
        strstr(ONE(coordination, "coordinators", "\xdc\x00\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
               "coordinators: want a list of at most 16"));
    assert_non_null(strstr(ONE(body, "names",
                               "\x81\xa2"
                               "en\x01"),
                           "names.en: want"));
    assert_non_null(strstr(ONE(body, "names", "\x81\x01\x01"), "names: want languages"));
    assert_non_null(strstr(ONE(body, "names",
                               "\x82\xa2"
                               "en\xa1x\xa2"
                               "en\xa1y"),
                           "names.en: given twice"));
    assert_non_null(strstr(ONE(event, "report", "\x90"), "report: want a map"));
    assert_non_null(
        strstr(ONE(event, "report", "\x81\xa1x\x01"), "report.x: there is no such field"));
}

static void
test_no_map(void **state)
{
    (void)state;
    struct buf map = {0};
    buf_append(&map, "\x90", 1);
    assert_string_equal(refusal(&page_schema, &map, SCHEMA_STRICT), "|params: want a map");
    buf_clear(&map);
    buf_append(&map, "\x81\x01\x02", 3);
    assert_string_equal(refusal(&page_schema, &map, SCHEMA_STRICT),
                        "|a key of a map is not a string");
    assert_string_equal(refusal(&page_schema, &map, SCHEMA_STORED),
                        "|a key of a map is not a string");
    buf_fini(&map);
}

/* A hostile key is named in the error, cut, and the error is still text. */
static void
test_hostile_key(void **state)
{
    (void)state;
    struct buf map = {0};
    char key[600];
    for (size_t i = 0; i < sizeof key; i += 2)
        memcpy(key + i, "ж", 2);
    for (uint32_t len = 0; len <= sizeof key; len += 2) {
        struct error error;
        struct page page;
        buf_clear(&map);
        mp_map(&map, 1);
        mp_text(&map, (struct text){key, len});
        mp_nil(&map);
        assert_int_equal(schema_decode_bytes(&page_schema, map.data, map.len, &page, SCHEMA_STRICT,
                                             &error),
                         STATUS_INVALID_ARGUMENT);
        assert_true(text_utf8_valid(error.field, strlen(error.field)));
        assert_true(text_utf8_valid(error.message, strlen(error.message)));
    }
    buf_fini(&map);
}

static void
test_copy(void **state)
{
    (void)state;
    struct arena arena = {0};
    static struct event event, before;
    static struct event_amendment amendment;
    sample_fill(&event_schema, &event, SAMPLE_LEAST, &arena);
    before = event;
    schema_init(&event_amendment_schema, &amendment);
    assert_false(schema_copy(&event_schema, &event, &event_amendment_schema, &amendment));
    amendment.title = TEXT_LITERAL("Another title");
    amendment.format = FORMAT_HYBRID;
    amendment.sessions.count = 1;
    amendment.sessions.items[0] = (struct span_when){true, {true, 0}, {true, DATE_DAY_MS}};
    assert_true(schema_copy(&event_schema, &event, &event_amendment_schema, &amendment));
    assert_true(text_is(event.title, "Another title"));
    assert_int_equal(event.format, FORMAT_HYBRID);
    assert_int_equal(event.sessions.count, 1);
    assert_int_equal(event.sessions.items[0].end.ms, DATE_DAY_MS);
    assert_true(text_equal(event.host, before.host));
    assert_false(schema_copy(&event_schema, &event, &event_amendment_schema, &amendment));
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_tables),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_every_field_refused),
        cmocka_unit_test(test_paths),       cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_map),      cmocka_unit_test(test_hostile_key),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
