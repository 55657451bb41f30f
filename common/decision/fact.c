/* See fact.h. */
#include "common/decision/fact.h"

#include "common/msg/schema_mp.h"

/* The bytes of the value of a key of an encoded map, absent if it has none. */
static struct text
value_of(struct text map, const char *key)
{
    struct mp_value head, name;
    const char *at = map.ptr ? mp_read(map.ptr, &head) : NULL;
    if (!at || head.type != MP_MAP)
        return TEXT_NONE;
    for (int64_t i = 0; i < head.number; i++) {
        const char *value = mp_next(at, &name);
        at = mp_skip(value);
        if (name.type == MP_TEXT && text_is(name.bytes, key))
            return (struct text){value, (uint32_t)(at - value)};
    }
    return TEXT_NONE;
}

static bool
text_value(struct text map, const char *key, struct text *out)
{
    struct mp_value value = {0};
    struct text bytes = value_of(map, key);
    if (bytes.ptr)
        mp_read(bytes.ptr, &value);
    *out = value.bytes;
    return bytes.ptr && value.type == MP_TEXT;
}

/* The last of an array of numbers: of `prev`, that of the whole topic. */
static bool
last_number(struct text array, int64_t *out)
{
    struct mp_value head, value = {.type = MP_NIL};
    const char *at = array.ptr ? mp_read(array.ptr, &head) : NULL;
    if (!at || head.type != MP_ARRAY)
        return false;
    for (int64_t i = 0; i < head.number; i++)
        at = mp_next(at, &value);
    *out = value.number;
    return value.type == MP_INT && !value.big && value.number >= 0;
}

enum status
decision_fact_read(struct text item, struct decision *data, struct decision_fact *fact,
                   struct error *error)
{
    struct mp_value seq = {.type = MP_NIL};
    struct text time;
    enum status status = mp_scan(item.ptr, item.len, error);
    if (status != STATUS_OK)
        return status;
    struct text meta = value_of(item, "meta"), body = value_of(item, "data"),
                number = value_of(meta, "seq");
    if (number.ptr)
        mp_read(number.ptr, &seq);
    fact->seq = seq.number;
    fact->data = data;
    if (!body.ptr || seq.type != MP_INT || seq.big || seq.number <= 0 ||
        !text_value(meta, "type", &fact->type) || !text_value(meta, "time", &time) ||
        !time_parse(time, &fact->time_ms) || !last_number(value_of(meta, "prev"), &fact->prev))
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "a record is no {topic, meta: {type, time, seq, prev}, data}");
    return schema_decode_bytes(&decision_schema, body.ptr, body.len, data, SCHEMA_STORED, error);
}
