/* See schema_mp.h. */
#include "common/msg/schema_mp.h"

#include <stdio.h>
#include <string.h>

/* A step of the path to a value: a field, or an item of a list. */
struct step {
    struct text name; /* absent: item `index` */
    uint32_t index;
};

struct decoder {
    enum schema_mode mode;
    struct error *error;
    const char *at; /* the value to read next, in bytes that passed the scan */
    unsigned depth;
    struct step steps[MP_DEPTH_MAX + 1]; /* each but the last is of a container */
    char path[ERROR_FIELD_MAX];          /* the steps, printed only for an error */
};

static enum status decode_map(struct decoder *decoder, const struct schema *schema, void *message);

static void
enter(struct decoder *decoder, struct text name)
{
    decoder->steps[decoder->depth++] = (struct step){name, 0};
}

static void
print_path(struct decoder *decoder)
{
    size_t at = 0, room = sizeof decoder->path;
    decoder->path[0] = '\0';
    for (unsigned i = 0; i < decoder->depth && at < room; i++) {
        const struct step *step = &decoder->steps[i];
        int len = step->name.ptr ? snprintf(decoder->path + at, room - at, "%s%.*s", at ? "." : "",
                                            TEXT_ARG(step->name))
                                 : snprintf(decoder->path + at, room - at, "[%u]", step->index);
        at += (size_t)len;
    }
    text_trim_cut(decoder->path); /* a hostile key was cut; the path stays text */
}

#define REFUSE(decoder, ...)                                                                       \
    (print_path(decoder),                                                                          \
     error_set((decoder)->error, STATUS_INVALID_ARGUMENT, (decoder)->path, __VA_ARGS__))

static enum status
decode_text(struct decoder *decoder, const struct field *field, enum field_type type,
            const struct mp_value *value, void *at)
{
    struct text text = value->bytes;
    if (value->type != MP_TEXT)
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
decode_number(struct decoder *decoder, const struct field *field, const struct mp_value *value,
              void *at)
{
    int64_t max = field->type == FIELD_LIST ? INT64_MAX : field->max;
    if (value->type != MP_INT || value->big || value->number < field->min || value->number > max)
        return REFUSE(decoder, "%s: want a whole number from %lld to %lld", decoder->path,
                      (long long)field->min, (long long)max);
    memcpy(at, &value->number, sizeof value->number);
    return STATUS_OK;
}

static enum status
decode_date(struct decoder *decoder, enum field_type type, const struct mp_value *value, void *at)
{
    struct text text = value->type == MP_TEXT ? value->bytes : TEXT_NONE;
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
refuse_word(struct decoder *decoder, const struct field *field)
{
    char all[200] = "";
    size_t len = 0;
    for (int i = 0; field->words[i] && len < sizeof all; i++)
        len +=
            (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", field->words[i]);
    return REFUSE(decoder, "%s: want one of %s", decoder->path, all);
}

static enum status
decode_enum(struct decoder *decoder, const struct field *field, const struct mp_value *value,
            void *at)
{
    for (int i = 0; value->type == MP_TEXT && field->words[i]; i++)
        if (text_is(value->bytes, field->words[i])) {
            int word = i + 1;
            memcpy(at, &word, sizeof word);
            return STATUS_OK;
        }
    return refuse_word(decoder, field);
}

/* Borrows what comes next as it is. */
static enum status
decode_as_it_is(struct decoder *decoder, enum field_type type, void *at)
{
    struct mp_value head;
    struct text value = {decoder->at, 0};
    decoder->at = mp_skip(decoder->at);
    value.len = (uint32_t)(decoder->at - value.ptr);
    mp_read(value.ptr, &head);
    if (type == FIELD_MAP && head.type != MP_MAP)
        return REFUSE(decoder, "%s: want a map", decoder->path);
    if (type == FIELD_VALUE && head.type != MP_TEXT && head.type != MP_INT)
        return REFUSE(decoder, "%s: want a text or a number", decoder->path);
    memcpy(at, &value, sizeof value);
    return STATUS_OK;
}

/* Reads the value that comes next: one of any type but lists and maps of texts. */
static enum status
decode_one(struct decoder *decoder, const struct field *field, enum field_type type, void *at)
{
    struct mp_value value;
    if (type == FIELD_STRUCT)
        return decode_map(decoder, field->sub, at);
    if (type == FIELD_MAP || type == FIELD_VALUE)
        return decode_as_it_is(decoder, type, at);
    decoder->at = mp_read(decoder->at, &value);
    switch (type) {
    case FIELD_TEXT:
    case FIELD_ID:
    case FIELD_CODE:
    case FIELD_ZONE: return decode_text(decoder, field, type, &value, at);
    case FIELD_INT: return decode_number(decoder, field, &value, at);
    case FIELD_BOOL:
        if (value.type != MP_BOOL)
            return REFUSE(decoder, "%s: want true or false", decoder->path);
        *(int8_t *)at = (int8_t)value.number;
        return STATUS_OK;
    case FIELD_DATE:
    case FIELD_TIME:
    case FIELD_WHEN: return decode_date(decoder, type, &value, at);
    case FIELD_ENUM: return decode_enum(decoder, field, &value, at);
    case FIELD_MAP:
    case FIELD_VALUE:
    case FIELD_STRUCT:
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
decode_list(struct decoder *decoder, const struct field *field, void *at)
{
    struct mp_value list;
    decoder->at = mp_read(decoder->at, &list);
    if (list.type != MP_ARRAY || list.number > field->max)
        return REFUSE(decoder, "%s: want a list of at most %lld", decoder->path,
                      (long long)field->max);
    size_t size = schema_item_size(field);
    char *item = items_of(field, at);
    enum status status = STATUS_OK;
    uint32_t *index = &decoder->steps[decoder->depth].index;
    enter(decoder, TEXT_NONE);
    for (; *index < list.number && status == STATUS_OK; ++*index, item += size)
        status = decode_one(decoder, field, field->item, item);
    memcpy(at, index, sizeof *index);
    decoder->depth--;
    return status;
}

static enum status
decode_textmap(struct decoder *decoder, const struct field *field, void *at)
{
    struct mp_value map, key, value;
    decoder->at = mp_read(decoder->at, &map);
    if (map.type != MP_MAP || map.number > field->max)
        return REFUSE(decoder, "%s: want a map of at most %lld texts", decoder->path,
                      (long long)field->max);
    struct text_pair *pair = items_of(field, at);
    uint32_t count = 0;
    for (; count < map.number; count++) {
        decoder->at = mp_read(decoder->at, &key);
        if (key.type != MP_TEXT || key.bytes.len < 2 || key.bytes.len > 16)
            return REFUSE(decoder, "%s: want languages as keys, such as en or ru", decoder->path);
        decoder->at = mp_read(decoder->at, &value);
        if (value.type != MP_TEXT || value.bytes.len < 1 || value.bytes.len > 1000)
            return REFUSE(decoder, "%s.%.*s: want 1 to 1000 bytes of text", decoder->path,
                          TEXT_ARG(key.bytes));
        for (uint32_t k = 0; k < count; k++)
            if (text_equal(pair[k].key, key.bytes))
                return REFUSE(decoder, "%s.%.*s: given twice", decoder->path, TEXT_ARG(key.bytes));
        pair[count] = (struct text_pair){key.bytes, value.bytes};
    }
    memcpy(at, &count, sizeof count);
    return STATUS_OK;
}

static enum status
decode_field(struct decoder *decoder, const struct field *field, struct text name, void *message)
{
    void *at = (char *)message + field->offset;
    enum status status;
    enter(decoder, name);
    if ((uint8_t)*decoder->at == 0xc0 && !field->required) { /* null is absent */
        decoder->at++;
        status = STATUS_OK;
    } else if (field->type == FIELD_LIST) {
        status = decode_list(decoder, field, at);
    } else if (field->type == FIELD_TEXTMAP) {
        status = decode_textmap(decoder, field, at);
    } else {
        status = decode_one(decoder, field, field->type, at);
    }
    decoder->depth--;
    return status;
}

/* The index of the field that a key names; field_count if none. Keys mostly come in table order, so
 * the search begins where the last one ended. */
static unsigned
find_field(const struct schema *schema, struct text key, unsigned from)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        unsigned at = from + i < schema->field_count ? from + i : from + i - schema->field_count;
        const struct field *field = &schema->fields[at];
        if (key.len == field->name_len && memcmp(key.ptr, field->name, key.len) == 0)
            return at;
    }
    return schema->field_count;
}

/* A refusal of a key, which is the end of the path. */
static enum status
refuse_key(struct decoder *decoder, struct text key, const char *why, const char *where)
{
    enter(decoder, key);
    return REFUSE(decoder, "%s: %s%s", decoder->path, why, where);
}

static enum status
decode_pairs(struct decoder *decoder, const struct schema *schema, int64_t pairs, void *message)
{
    uint64_t seen = 0;
    unsigned next = 0;
    struct mp_value key;
    for (; pairs > 0; pairs--) {
        decoder->at = mp_read(decoder->at, &key);
        if (key.type != MP_TEXT)
            return REFUSE(decoder, "a key of a map is not a string");
        unsigned at = find_field(schema, key.bytes, next);
        if (at == schema->field_count && decoder->mode == SCHEMA_STORED) {
            decoder->at = mp_skip(decoder->at);
            continue;
        }
        if (at == schema->field_count)
            return refuse_key(decoder, key.bytes, "there is no such field in ", schema->name);
        if (seen & UINT64_C(1) << at)
            return refuse_key(decoder, key.bytes, "given twice", "");
        seen |= UINT64_C(1) << at;
        next = at + 1 < schema->field_count ? at + 1 : 0;
        enum status status = decode_field(decoder, &schema->fields[at], key.bytes, message);
        if (status != STATUS_OK)
            return status;
    }
    for (unsigned i = 0; i < schema->field_count; i++)
        if (schema->fields[i].required && !(seen & UINT64_C(1) << i))
            return refuse_key(decoder, text_of(schema->fields[i].name), "is missing", "");
    return STATUS_OK;
}

static enum status
decode_map(struct decoder *decoder, const struct schema *schema, void *message)
{
    struct mp_value map;
    decoder->at = mp_read(decoder->at, &map);
    if (map.type != MP_MAP)
        return REFUSE(decoder, "%s: want a map", decoder->depth ? decoder->path : "params");
    schema_init(schema, message);
    *(bool *)message = true;
    return decode_pairs(decoder, schema, map.number, message);
}

enum status
schema_decode(const struct schema *schema, struct text map, void *message, enum schema_mode mode,
              struct error *error)
{
    struct decoder decoder;
    decoder.mode = mode;
    decoder.error = error;
    decoder.at = map.ptr;
    decoder.depth = 0; /* steps and path are filled as they are needed */
    return decode_map(&decoder, schema, message);
}

enum status
schema_decode_bytes(const struct schema *schema, const void *data, size_t len, void *message,
                    enum schema_mode mode, struct error *error)
{
    enum status status = mp_scan(data, len, error);
    return status == STATUS_OK
               ? schema_decode(schema, (struct text){data, (uint32_t)len}, message, mode, error)
               : status;
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
    case FIELD_MAP:
    case FIELD_VALUE:
        memcpy(&text, at, sizeof text);
        buf_append(buf, text.ptr, text.len);
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
        mp_text(buf, (struct text){field->name, field->name_len});
        if (field->type == FIELD_LIST || field->type == FIELD_TEXTMAP)
            encode_items(field, at, buf);
        else
            encode_one(field, field->type, at, buf);
    }
}
