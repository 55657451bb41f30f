/* See schema.h: what needs no MessagePack. */
#include "common/msg/schema.h"

#include <string.h>

size_t
schema_item_size(const struct field *field)
{
    switch (field->type == FIELD_LIST ? field->item : field->type) {
    case FIELD_TEXT:
    case FIELD_ID:
    case FIELD_CODE:
    case FIELD_ZONE:
    case FIELD_MAP:
    case FIELD_VALUE: return sizeof(struct text);
    case FIELD_INT:
    case FIELD_TIME: return sizeof(int64_t);
    case FIELD_BOOL: return sizeof(int8_t);
    case FIELD_DATE: return sizeof(date_day);
    case FIELD_WHEN: return sizeof(struct when);
    case FIELD_ENUM: return sizeof(int);
    case FIELD_STRUCT: return field->sub->size;
    case FIELD_TEXTMAP: return sizeof(struct text_pair);
    case FIELD_LIST: break;
    }
    return 0;
}

static void
init_field(const struct field *field, char *at)
{
    static const int64_t no_int = INT_NONE, no_time = TIME_NONE;
    static const date_day no_date = DATE_NONE;
    static const struct when no_when = {false, TIME_NONE};
    switch (field->type) {
    case FIELD_INT: memcpy(at, &no_int, sizeof no_int); break;
    case FIELD_TIME: memcpy(at, &no_time, sizeof no_time); break;
    case FIELD_DATE: memcpy(at, &no_date, sizeof no_date); break;
    case FIELD_WHEN: memcpy(at, &no_when, sizeof no_when); break;
    case FIELD_BOOL: *(int8_t *)at = BOOL_NONE; break;
    case FIELD_ENUM: memset(at, 0, sizeof(int)); break;
    case FIELD_LIST:
    case FIELD_TEXTMAP: memset(at, 0, sizeof(uint32_t)); break;
    case FIELD_STRUCT: schema_init(field->sub, at); break;
    default: memset(at, 0, sizeof(struct text)); break;
    }
}

void
schema_init(const struct schema *schema, void *message)
{
    *(bool *)message = false; /* the first member of every message is `present` */
    for (unsigned i = 0; i < schema->field_count; i++)
        init_field(&schema->fields[i], (char *)message + schema->fields[i].offset);
}

bool
schema_absent(const struct field *field, const void *value)
{
    struct text text;
    struct when when;
    int64_t number;
    uint32_t count;
    date_day day;
    int word;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_TIME: memcpy(&number, value, sizeof number); return number == INT_NONE;
    case FIELD_DATE: memcpy(&day, value, sizeof day); return day == DATE_NONE;
    case FIELD_WHEN: memcpy(&when, value, sizeof when); return when.ms == TIME_NONE;
    case FIELD_BOOL: return *(const int8_t *)value == BOOL_NONE;
    case FIELD_ENUM: memcpy(&word, value, sizeof word); return word == 0;
    case FIELD_STRUCT: return !*(const bool *)value;
    case FIELD_LIST:
    case FIELD_TEXTMAP: memcpy(&count, value, sizeof count); return count == 0 && !field->required;
    default: memcpy(&text, value, sizeof text); return !text.ptr;
    }
}

/* Where the items of a list or map begin behind its count. */
static size_t
items_offset(const struct field *field)
{
    return schema_item_size(field) % 8 == 0 ? 8 : 4;
}

/* Whether two values of one type are the same. By member: structs have padding. */
static bool
same_one(const struct field *field, enum field_type type, const char *a, const char *b)
{
    struct text text_a, text_b;
    struct when when_a, when_b;
    switch (type) {
    case FIELD_INT:
    case FIELD_TIME: return memcmp(a, b, sizeof(int64_t)) == 0;
    case FIELD_DATE: return memcmp(a, b, sizeof(date_day)) == 0;
    case FIELD_BOOL: return *a == *b;
    case FIELD_ENUM: return memcmp(a, b, sizeof(int)) == 0;
    case FIELD_WHEN:
        memcpy(&when_a, a, sizeof when_a);
        memcpy(&when_b, b, sizeof when_b);
        return when_a.ms == when_b.ms && when_a.is_date == when_b.is_date;
    case FIELD_STRUCT: return schema_same(field->sub, a, b);
    default:
        memcpy(&text_a, a, sizeof text_a);
        memcpy(&text_b, b, sizeof text_b);
        return text_equal(text_a, text_b);
    }
}

/* Maps of one size whose keys are unique, as the codec sees to it. */
static bool
same_pairs(uint32_t count, const char *a, const char *b)
{
    struct text_pair pair, other;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 0;
        memcpy(&pair, a + i * sizeof pair, sizeof pair);
        for (; at < count; at++) {
            memcpy(&other, b + at * sizeof other, sizeof other);
            if (text_equal(pair.key, other.key))
                break;
        }
        if (at == count || !text_equal(pair.value, other.value))
            return false;
    }
    return true;
}

static bool
same_value(const struct field *field, const char *a, const char *b)
{
    if (field->type != FIELD_LIST && field->type != FIELD_TEXTMAP)
        return same_one(field, field->type, a, b);
    uint32_t count;
    if (memcmp(a, b, sizeof count) != 0)
        return false;
    memcpy(&count, a, sizeof count);
    size_t step = schema_item_size(field);
    a += items_offset(field);
    b += items_offset(field);
    if (field->type == FIELD_TEXTMAP)
        return same_pairs(count, a, b);
    for (uint32_t i = 0; i < count; i++)
        if (!same_one(field, field->item, a + i * step, b + i * step))
            return false;
    return true;
}

bool
schema_same(const struct schema *schema, const void *a, const void *b)
{
    if (*(const bool *)a != *(const bool *)b)
        return false;
    for (unsigned i = 0; *(const bool *)a && i < schema->field_count; i++)
        if (!same_value(&schema->fields[i], (const char *)a + schema->fields[i].offset,
                        (const char *)b + schema->fields[i].offset))
            return false;
    return true;
}

static bool
same_shape(const struct field *a, const struct field *b)
{
    return a->type == b->type && a->item == b->item && a->sub == b->sub && a->words == b->words &&
           a->name[0] == b->name[0] && strcmp(a->name, b->name) == 0;
}

/* Copies a value into a field of the same shape. False if it is there already or does not fit. */
static bool
copy_value(const struct field *to, char *at, const struct field *from, const char *value)
{
    uint32_t count;
    size_t size = schema_item_size(from);
    if (from->type == FIELD_LIST || from->type == FIELD_TEXTMAP) {
        memcpy(&count, value, sizeof count);
        if ((int64_t)count > to->max)
            return false;
        size = items_offset(from) + count * size;
    }
    if (same_value(to, at, value))
        return false;
    memcpy(at, value, size);
    return true;
}

bool
schema_copy(const struct schema *dst_schema, void *dst, const struct schema *src_schema,
            const void *src)
{
    bool changed = false;
    unsigned next = 0; /* the fields of two schemas come in much the same order */
    for (unsigned i = 0; i < src_schema->field_count; i++) {
        const struct field *from = &src_schema->fields[i];
        const char *value = (const char *)src + from->offset;
        if (schema_absent(from, value))
            continue;
        for (unsigned k = 0; k < dst_schema->field_count; k++) {
            unsigned at = (next + k) % dst_schema->field_count;
            const struct field *to = &dst_schema->fields[at];
            if (!same_shape(to, from))
                continue;
            changed |= copy_value(to, (char *)dst + to->offset, from, value);
            next = at + 1;
            break;
        }
    }
    return changed;
}

const struct method *
interface_method(const struct interface *interface, struct text name)
{
    for (unsigned i = 0; i < interface->method_count; i++) {
        const struct method *method = &interface->methods[i];
        if (method->name_len == name.len && memcmp(method->name, name.ptr, name.len) == 0)
            return method;
    }
    return NULL;
}

const struct interface *
interface_of(struct text service)
{
    for (unsigned i = 0; interfaces[i]; i++)
        if (text_is(service, interfaces[i]->service))
            return interfaces[i];
    return NULL;
}
