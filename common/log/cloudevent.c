/* See cloudevent.h. It must not know how it is sent. */
#include "common/log/cloudevent.h"

#include "common/json/json_text.h"
#include "common/msg/mp.h"

/* The seq of a meta, -1 if it has none. */
static int64_t
seq_of(struct text meta)
{
    struct mp_value head, key, value;
    const char *at = mp_read(meta.ptr, &head);
    for (int64_t i = 0; i < head.number; i++) {
        at = mp_next(at, &key);
        at = mp_next(at, &value);
        if (key.type == MP_TEXT && text_is(key.bytes, "seq") && value.type == MP_INT)
            return value.number;
    }
    return -1;
}

static bool
meta_valid(struct text meta)
{
    struct mp_value head;
    if (mp_scan(meta.ptr, meta.len, NULL) != STATUS_OK)
        return false;
    mp_read(meta.ptr, &head);
    return head.type == MP_MAP && seq_of(meta) >= 0;
}

bool
cloudevent_each(struct text topic, struct text meta, cloudevent_fn *fn, void *arg)
{
    struct mp_value head, key, value;
    char sequence[TEXT_NUMBER_MAX];
    if (!meta_valid(meta))
        return false;
    const char *at = mp_read(meta.ptr, &head);
    for (int64_t i = 0; i < head.number; i++) {
        at = mp_next(at, &key);
        at = mp_next(at, &value);
        if (key.type == MP_TEXT && value.type == MP_TEXT && !text_is(key.bytes, "datacontenttype"))
            fn(arg, key.bytes, value.bytes);
    }
    uint32_t len = (uint32_t)text_number(seq_of(meta), sequence);
    fn(arg, TEXT_LITERAL("sequence"), (struct text){sequence, len});
    fn(arg, TEXT_LITERAL("topic"), topic);
    return true;
}

void
cloudevent_dataref(struct buf *out, struct text topic, int64_t seq)
{
    char after[TEXT_NUMBER_MAX];
    uint32_t len = (uint32_t)text_number(seq - 1, after);
    json_text_put(out, TEXT_LITERAL("notify/log.read?prefix="));
    json_text_put(out, topic);
    json_text_put(out, TEXT_LITERAL("&after="));
    json_text_put(out, (struct text){after, len});
    json_text_put(out, TEXT_LITERAL("&limit=1"));
}

static void
put_member(void *arg, struct text name, struct text value)
{
    struct buf *out = arg;
    json_text_string(out, name);
    buf_append(out, ":", 1);
    json_text_string(out, value);
    buf_append(out, ",", 1);
}

bool
cloudevent_write(struct buf *out, struct text topic, struct text meta, struct text data)
{
    buf_append(out, "{", 1);
    if (!cloudevent_each(topic, meta, put_member, out))
        return false;
    if (data.ptr) {
        json_text_put(out, TEXT_LITERAL("\"datacontenttype\":\"application/json\",\"data\":"));
        if (!json_text_of_msgpack(out, data))
            return false;
    } else {
        json_text_put(out, TEXT_LITERAL("\"dataref\":\""));
        cloudevent_dataref(out, topic, seq_of(meta));
        buf_append(out, "\"", 1);
    }
    buf_append(out, "}", 1);
    return true;
}
