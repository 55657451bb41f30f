/* See schema_mp.h. */
#include "common/msg/schema_mp.h"

#include <stdio.h>
#include <string.h>

/* Where the decoder is, for the path in an error. */
struct decoder {
    enum schema_mode mode;
    struct error *error;
    char path[ERROR_FIELD_MAX];
    size_t path_len;
};

static enum status decode_map(struct decoder *decoder, const struct schema *schema,
                              const msgpack_object *object, void *message);

static size_t
path_push(struct decoder *decoder, const char *name, size_t name_len)
{
    size_t before = decoder->path_len;
    size_t room = before + 2 < sizeof decoder->path ? sizeof decoder->path - 2 - before : 0;
    size_t len = strnlen(name, name_len < room ? name_len : room);
    char *at = decoder->path + before;
    if (before && room && *name != '[')
        *at++ = '.';
    memcpy(at, name, len);
    at[len] = '\0';
    decoder->path_len = (size_t)(at - decoder->path) + len;
    if (len < name_len) { /* a hostile key was cut; the path stays text */
        text_trim_cut(decoder->path);
        decoder->path_len = strlen(decoder->path);
    }
    return before;
}

static void
path_pop(struct decoder *decoder, size_t before)
{
    decoder->path_len = before;
    decoder->path[before] = '\0';
}

#define REFUSE(decoder, ...)                                                                       \
    error_set((decoder)->error, STATUS_INVALID_ARGUMENT, (decoder)->path, __VA_ARGS__)

static enum status
decode_text(struct decoder *decoder, const struct field *field, enum field_type type,
            const msgpack_object *object, void *at)
{
    struct text text;
    if (!mp_as_text(object, &text))
        return REFUSE(decoder, "%s: want a string", decoder->path);
    if (type == FIELD_ID && !text_is_id(text))
        return REFUSE(decoder, "%s: want 1 to 64 of a-z, 0-9 and -", decoder->path);
    if (type == FIELD_CODE && !text_is_code(text))
        return REFUSE(decoder, "%s: want 2 to 16 of A-Z, 0-9 and -", decoder->path);
    if (type == FIELD_ZONE && !date_is_zone(text))
        return REFUSE(decoder, "%s: want an IANA zone such as Asia/Almaty", decoder->path);
    if (type == FIELD_TEXT && field->type != FIELD_LIST &&
        ((int64_t)text.len < field->min || (int64_t)text.len > field->max))
        return REFUSE(decoder, "%s: want %lld to %lld bytes of text", decoder->path,
                      (long long)field->min, (long long)field->max);
    if (type == FIELD_TEXT && field->type == FIELD_LIST && (text.len < 1 || text.len > 1000))
        return REFUSE(decoder, "%s: want 1 to 1000 bytes of text", decoder->path);
    memcpy(at, &text, sizeof text);
    return STATUS_OK;
}

static enum status
decode_number(struct decoder *decoder, const struct field *field, const msgpack_object *object,
              void *at)
{
    int64_t value;
    if (!mp_as_int(object, &value) || value < field->min || value > field->max)
        return REFUSE(decoder, "%s: want a whole number from %lld to %lld", decoder->path,
                      (long long)field->min, (long long)field->max);
    memcpy(at, &value, sizeof value);
    return STATUS_OK;
}

static enum status
decode_date(struct decoder *decoder, enum field_type type, const msgpack_object *object, void *at)
{
    struct text text = TEXT_NONE;
    mp_as_text(object, &text);
    if (type == FIELD_DATE) {
        date_day day;
        if (!date_parse(text, &day))
            return REFUSE(decoder, "%s: want a date YYYY-MM-DD", decoder->path);
        memcpy(at, &day, sizeof day);
    } else if (type == FIELD_TIME) {
        int64_t ms;
        if (!time_parse(text, &ms))
            return REFUSE(decoder, "%s: want an RFC 3339 time with an offset", decoder->path);
        memcpy(at, &ms, sizeof ms);
    } else {
        struct when when;
        if (!when_parse(text, &when))
            return REFUSE(decoder, "%s: want a date YYYY-MM-DD or an RFC 3339 time with an offset",
                          decoder->path);
        memcpy(at, &when, sizeof when);
    }
    return STATUS_OK;
}

static enum status
decode_enum(struct decoder *decoder, const struct field *field, const msgpack_object *object,
            void *at)
{
    struct text text = TEXT_NONE;
    mp_as_text(object, &text);
    char all[200] = "";
    size_t len = 0;
    for (int i = 0; field->words[i]; i++) {
        if (text_is(text, field->words[i])) {
            int value = i + 1;
            memcpy(at, &value, sizeof value);
            return STATUS_OK;
        }
        if (len < sizeof all)
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "",
                                    field->words[i]);
    }
    return REFUSE(decoder, "%s: want one of %s", decoder->path, all);
}

static enum status
decode_any(const msgpack_object *object, struct decoder *decoder, void *at)
{
    /* only maps the store keeps opaque; never from outside */
    if (object->type != MSGPACK_OBJECT_BIN)
        return REFUSE(decoder, "%s: want bytes", decoder->path);
    struct text text = {object->via.bin.ptr, object->via.bin.size};
    memcpy(at, &text, sizeof text);
    return STATUS_OK;
}

static enum status
decode_one(struct decoder *decoder, const struct field *field, enum field_type type,
           const msgpack_object *object, void *at)
{
    switch (type) {
    case FIELD_TEXT:
    case FIELD_ID:
    case FIELD_CODE:
    case FIELD_ZONE: return decode_text(decoder, field, type, object, at);
    case FIELD_INT: return decode_number(decoder, field, object, at);
    case FIELD_BOOL:
        if (object->type != MSGPACK_OBJECT_BOOLEAN)
            return REFUSE(decoder, "%s: want true or false", decoder->path);
        *(int8_t *)at = object->via.boolean;
        return STATUS_OK;
    case FIELD_DATE:
    case FIELD_TIME:
    case FIELD_WHEN: return decode_date(decoder, type, object, at);
    case FIELD_ENUM: return decode_enum(decoder, field, object, at);
    case FIELD_STRUCT: return decode_map(decoder, field->sub, object, at);
    case FIELD_ANY: return decode_any(object, decoder, at);
    case FIELD_TEXTMAP:
    case FIELD_LIST: break;
    }
    return REFUSE(decoder, "%s: cannot be decoded", decoder->path);
}

static void *
items_of(const struct field *field, void *at)
{
    /* struct { uint32_t count; T items[]; }: T is aligned to 8 but for dates, enums and bools */
    size_t size = schema_item_size(field);
    return (char *)at + (size % 8 == 0 ? 8 : 4);
}

static enum status
decode_list(struct decoder *decoder, const struct field *field, const msgpack_object *object,
            void *at)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size > (uint64_t)field->max)
        return REFUSE(decoder, "%s: want a list of at most %lld", decoder->path,
                      (long long)field->max);
    size_t size = schema_item_size(field);
    char *item = items_of(field, at);
    for (uint32_t i = 0; i < object->via.array.size; i++, item += size) {
        char index[16];
        size_t before = path_push(decoder, index, (size_t)snprintf(index, sizeof index, "[%u]", i));
        enum status status =
            decode_one(decoder, field, field->item, &object->via.array.ptr[i], item);
        if (status != STATUS_OK)
            return status;
        path_pop(decoder, before);
    }
    memcpy(at, &object->via.array.size, sizeof(uint32_t));
    return STATUS_OK;
}

static enum status
decode_textmap(struct decoder *decoder, const struct field *field, const msgpack_object *object,
               void *at)
{
    if (object->type != MSGPACK_OBJECT_MAP || object->via.map.size > (uint64_t)field->max)
        return REFUSE(decoder, "%s: want a map of at most %lld texts", decoder->path,
                      (long long)field->max);
    struct text_pair *pair = items_of(field, at);
    for (uint32_t i = 0; i < object->via.map.size; i++) {
        const msgpack_object_kv *kv = &object->via.map.ptr[i];
        if (!mp_as_text(&kv->key, &pair[i].key) || pair[i].key.len < 2 || pair[i].key.len > 16)
            return REFUSE(decoder, "%s: want languages as keys, such as en or ru", decoder->path);
        if (!mp_as_text(&kv->val, &pair[i].value) || pair[i].value.len < 1 ||
            pair[i].value.len > 1000)
            return REFUSE(decoder, "%s.%.*s: want 1 to 1000 bytes of text", decoder->path,
                          TEXT_ARG(pair[i].key));
        for (uint32_t k = 0; k < i; k++)
            if (text_equal(pair[k].key, pair[i].key))
                return REFUSE(decoder, "%s.%.*s: given twice", decoder->path,
                              TEXT_ARG(pair[i].key));
    }
    memcpy(at, &object->via.map.size, sizeof(uint32_t));
    return STATUS_OK;
}

static enum status
decode_field(struct decoder *decoder, const struct field *field, const msgpack_object *object,
             void *message)
{
    void *at = (char *)message + field->offset;
    size_t before = path_push(decoder, field->name, strlen(field->name));
    enum status status;
    if (object->type == MSGPACK_OBJECT_NIL && !field->required)
        status = STATUS_OK; /* null is absent */
    else if (field->type == FIELD_LIST)
        status = decode_list(decoder, field, object, at);
    else if (field->type == FIELD_TEXTMAP)
        status = decode_textmap(decoder, field, object, at);
    else
        status = decode_one(decoder, field, field->type, object, at);
    if (status == STATUS_OK)
        path_pop(decoder, before);
    return status;
}

/* The index of the field that a key names; field_count if none. Keys mostly come in table order, so
 * the search begins where the last one ended. */
static unsigned
find_field(const struct schema *schema, struct text key, unsigned from)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        unsigned at = from + i < schema->field_count ? from + i : from + i - schema->field_count;
        if (text_is(key, schema->fields[at].name))
            return at;
    }
    return schema->field_count;
}

static enum status
decode_map(struct decoder *decoder, const struct schema *schema, const msgpack_object *object,
           void *message)
{
    if (object->type != MSGPACK_OBJECT_MAP)
        return REFUSE(decoder, "%s: want a map", decoder->path_len ? decoder->path : "params");
    schema_init(schema, message);
    *(bool *)message = true;
    uint64_t seen = 0;
    unsigned next = 0;
    for (uint32_t i = 0; i < object->via.map.size; i++) {
        const msgpack_object_kv *kv = &object->via.map.ptr[i];
        struct text key;
        if (!mp_as_text(&kv->key, &key))
            return REFUSE(decoder, "a key of a map is not a string");
        unsigned at = find_field(schema, key, next);
        if (at == schema->field_count) {
            if (decoder->mode == SCHEMA_STORED)
                continue;
            path_push(decoder, key.ptr, key.len);
            return REFUSE(decoder, "%s: there is no such field in %s", decoder->path, schema->name);
        }
        if (seen & UINT64_C(1) << at) {
            path_push(decoder, key.ptr, key.len);
            return REFUSE(decoder, "%s: given twice", decoder->path);
        }
        seen |= UINT64_C(1) << at;
        next = at + 1 < schema->field_count ? at + 1 : 0;
        enum status status = decode_field(decoder, &schema->fields[at], &kv->val, message);
        if (status != STATUS_OK)
            return status;
    }
    for (unsigned i = 0; i < schema->field_count; i++)
        if (schema->fields[i].required && !(seen & UINT64_C(1) << i)) {
            path_push(decoder, schema->fields[i].name, strlen(schema->fields[i].name));
            return REFUSE(decoder, "%s: is missing", decoder->path);
        }
    return STATUS_OK;
}

enum status
schema_decode(const struct schema *schema, const msgpack_object *object, void *message,
              enum schema_mode mode, struct error *error)
{
    struct decoder decoder = {.mode = mode, .error = error};
    return decode_map(&decoder, schema, object, message);
}

enum status
schema_decode_bytes(const struct schema *schema, const void *data, size_t len, msgpack_zone *zone,
                    void *message, enum schema_mode mode, struct error *error)
{
    msgpack_object object;
    msgpack_zone_clear(zone);
    enum status status = mp_unpack(data, len, zone, &object, error);
    return status == STATUS_OK ? schema_decode(schema, &object, message, mode, error) : status;
}

static void
encode_one(const struct field *field, enum field_type type, const char *at, struct buf *buf)
{
    char printed[TIME_TEXT_MAX];
    struct text text;
    struct when when;
    int64_t number;
    date_day day;
    int word;
    switch (type) {
    case FIELD_INT:
        memcpy(&number, at, sizeof number);
        mp_int(buf, number);
        break;
    case FIELD_BOOL: mp_bool(buf, *(const int8_t *)at == 1); break;
    case FIELD_DATE:
        memcpy(&day, at, sizeof day);
        date_print(day, printed);
        mp_string(buf, printed);
        break;
    case FIELD_TIME:
        memcpy(&number, at, sizeof number);
        time_print(number, printed);
        mp_string(buf, printed);
        break;
    case FIELD_WHEN:
        memcpy(&when, at, sizeof when);
        when_print(when, printed);
        mp_string(buf, printed);
        break;
    case FIELD_ENUM:
        memcpy(&word, at, sizeof word);
        mp_string(buf, field->words[word - 1]);
        break;
    case FIELD_STRUCT: schema_encode(field->sub, at, buf); break;
    case FIELD_ANY:
        memcpy(&text, at, sizeof text);
        mp_bin(buf, text.ptr, text.len);
        break;
    default:
        memcpy(&text, at, sizeof text);
        mp_text(buf, text);
        break;
    }
}

static void
encode_items(const struct field *field, const char *at, struct buf *buf)
{
    uint32_t count;
    memcpy(&count, at, sizeof count);
    size_t size = schema_item_size(field);
    const char *item = at + (size % 8 == 0 ? 8 : 4);
    if (field->type == FIELD_TEXTMAP)
        mp_map(buf, count);
    else
        mp_array(buf, count);
    for (uint32_t i = 0; i < count; i++, item += size) {
        if (field->type == FIELD_TEXTMAP) {
            struct text_pair pair;
            memcpy(&pair, item, sizeof pair);
            mp_text(buf, pair.key);
            mp_text(buf, pair.value);
        } else {
            encode_one(field, field->item, item, buf);
        }
    }
}

void
schema_encode(const struct schema *schema, const void *message, struct buf *buf)
{
    unsigned count = 0;
    for (unsigned i = 0; i < schema->field_count; i++)
        count +=
            !schema_absent(&schema->fields[i], (const char *)message + schema->fields[i].offset);
    mp_map(buf, count);
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        const char *at = (const char *)message + field->offset;
        if (schema_absent(field, at))
            continue;
        mp_string(buf, field->name);
        if (field->type == FIELD_LIST || field->type == FIELD_TEXTMAP)
            encode_items(field, at, buf);
        else
            encode_one(field, field->type, at, buf);
    }
}
