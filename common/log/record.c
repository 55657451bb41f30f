/* See record.h. */
#include "common/log/record.h"

#include <string.h>

#include "common/base/date.h"
#include "common/msg/mp.h"

#define HEAD_LEN 10 /* the lengths */

void
log_attributes_write(struct buf *buf, const char *type, const char *source, const char *actor,
                     struct text traceparent)
{
    mp_array(buf, 4);
    mp_string(buf, type);
    mp_string(buf, source);
    mp_string(buf, actor);
    mp_text(buf, traceparent);
}

/* Takes a str (or nil) off the front of the attributes. */
static inline bool
next_text(struct text *from, struct text *out)
{
    if (!from->len)
        return false;
    uint8_t lead = (uint8_t)from->ptr[0];
    uint32_t header = 1, len = lead & 0x1f;
    *out = TEXT_NONE;
    if (lead == 0xd9 && from->len >= 2) {
        header = 2;
        len = (uint8_t)from->ptr[1];
    } else if (lead == 0xc0) {
        len = 0;
    } else if ((lead & 0xe0) != 0xa0) {
        return false;
    }
    if (from->len - header < len)
        return false;
    if (lead != 0xc0)
        *out = (struct text){from->ptr + header, len};
    *from = (struct text){from->ptr + header + len, from->len - header - len};
    return true;
}

bool
log_record_attributes(const struct log_record *record, struct log_attributes *out)
{
    struct text from = record->attributes;
    if (!from.len || (uint8_t)from.ptr[0] != 0x94)
        return false;
    from = (struct text){from.ptr + 1, from.len - 1};
    return next_text(&from, &out->type) && next_text(&from, &out->source) &&
           next_text(&from, &out->actor) && next_text(&from, &out->traceparent) && !from.len &&
           out->type.ptr && out->source.ptr;
}

/* The numbers of "12 10 4 0". Returns how many, 0 if it is something else. */
static unsigned
prev_parse(struct text from, int64_t out[TOPIC_LEVELS_MAX + 1])
{
    const char *at = from.ptr, *end = from.ptr + from.len;
    unsigned count = 0, digit;
    while (at < end && count <= TOPIC_LEVELS_MAX) {
        const char *first = at;
        uint64_t value = 0;
        for (; at < end && (digit = (unsigned)(*at - '0')) <= 9; at++)
            value = value * 10 + digit;
        if (at == first || at - first > 18 || (at < end && *at != ' '))
            return 0;
        out[count++] = (int64_t)value;
        at += at < end;
    }
    return at < end ? 0 : count;
}

/* The writers of log_record_meta, into room that is known to suffice: it runs for every record that
 * is published or read, and the general ones cost several times as much. */
static uint8_t *
put_bytes(uint8_t *at, const void *data, size_t len)
{
    memcpy(at, data, len);
    return at + len;
}

/* Big-endian; no loop, so that compilers make one instruction of it. */
static inline void
put_u64(uint8_t *at, uint64_t value)
{
    at[0] = (uint8_t)(value >> 56);
    at[1] = (uint8_t)(value >> 48);
    at[2] = (uint8_t)(value >> 40);
    at[3] = (uint8_t)(value >> 32);
    at[4] = (uint8_t)(value >> 24);
    at[5] = (uint8_t)(value >> 16);
    at[6] = (uint8_t)(value >> 8);
    at[7] = (uint8_t)value;
}

#define PUT_LITERAL(at, literal) put_bytes((at), (literal), sizeof(literal) - 1)

static uint8_t *
put_text(uint8_t *at, struct text text)
{
    if (text.len < 32) {
        *at++ = (uint8_t)(0xa0 | text.len);
    } else if (text.len < 256) {
        *at++ = 0xd9;
        *at++ = (uint8_t)text.len;
    } else {
        *at++ = 0xda;
        *at++ = (uint8_t)(text.len >> 8);
        *at++ = (uint8_t)text.len;
    }
    return put_bytes(at, text.ptr, text.len);
}

/* The bytes beyond are written too: something follows on them. */
static inline uint8_t *
put_sized(uint8_t *at, uint8_t lead, uint64_t value, unsigned bytes)
{
    *at++ = lead;
    put_u64(at, value << (64 - 8 * bytes));
    return at + bytes;
}

static uint8_t *
put_number(uint8_t *at, int64_t number) /* not negative */
{
    uint64_t value = (uint64_t)number;
    if (value > UINT32_MAX)
        return put_sized(at, 0xcf, value, 8);
    if (value > UINT16_MAX)
        return put_sized(at, 0xce, value, 4);
    if (value > UINT8_MAX)
        return put_sized(at, 0xcd, value, 2);
    if (value > 0x7f)
        *at++ = 0xcc;
    *at++ = (uint8_t)value;
    return at;
}

static struct text
decimal(int64_t value, char room[20]) /* not negative */
{
    char *at = room + 20;
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return (struct text){at, (uint32_t)(room + 20 - at)};
}

#define META_ROOM 320 /* of a meta without the texts that vary; put_sized may spill into it */

enum status
log_record_meta(const struct log_record *record, struct buf *buf)
{
    struct log_attributes its;
    return log_record_attributes(record, &its) ? log_record_meta_with(record, &its, buf)
                                               : STATUS_INTERNAL;
}

enum status
log_record_meta_with(const struct log_record *record, const struct log_attributes *its,
                     struct buf *buf)
{
    int64_t prev[TOPIC_LEVELS_MAX + 1];
    unsigned count = prev_parse(record->prev, prev);
    if (count == 0 || record->seq < 0 || !topic_valid(record->topic))
        return STATUS_INTERNAL;
    char room[20], time[TIME_TEXT_MAX];
    struct text subject = topic_subject(record->topic);
    uint8_t *at = buf_reserve(buf, META_ROOM + (size_t)record->attributes.len + subject.len);
    if (!at)
        return STATUS_OK; /* the failure sticks in the buf */
    uint8_t *begin = at;
    time_print(record->time_ms, time);
    *at++ = (uint8_t)(0x80 | (9 + (its->actor.ptr != NULL) + (its->traceparent.ptr != NULL)));
    at = PUT_LITERAL(at, "\xabspecversion\xa3"
                         "1.0\xa2id");
    at = put_text(at, decimal(record->seq, room));
    at = put_text(PUT_LITERAL(at, "\xa6source"), its->source);
    at = put_text(PUT_LITERAL(at, "\xa4type"), its->type);
    at = put_text(PUT_LITERAL(at, "\xa7subject"), subject);
    at = put_text(PUT_LITERAL(at, "\xa4time"), text_of(time));
    at = PUT_LITERAL(at, "\xaf"
                         "datacontenttype\xb3"
                         "application/msgpack\xa3seq");
    at = PUT_LITERAL(put_number(at, record->seq), "\xa4prev");
    *at++ = (uint8_t)(0x90 | count);
    for (unsigned i = 0; i < count; i++)
        at = put_number(at, prev[i]);
    if (its->actor.ptr)
        at = put_text(PUT_LITERAL(at, "\xa5"
                                      "actor"),
                      its->actor);
    if (its->traceparent.ptr)
        at = put_text(PUT_LITERAL(at, "\xabtraceparent"), its->traceparent);
    buf->len += (size_t)(at - begin);
    return STATUS_OK;
}

enum status
log_record_item(const struct log_record *record, struct buf *buf)
{
    static const char head[] = "\x83\xa5topic", meta[] = "\xa4meta",
                      data[] = "\xa4"
                               "data";
    buf_append(buf, head, sizeof head - 1);
    mp_text(buf, record->topic);
    buf_append(buf, meta, sizeof meta - 1);
    enum status status = log_record_meta(record, buf);
    buf_append(buf, data, sizeof data - 1);
    buf_append(buf, record->data.ptr, record->data.len);
    return status;
}

struct text
log_record_type(const struct log_record *record)
{
    struct log_attributes attributes;
    return log_record_attributes(record, &attributes) ? attributes.type : TEXT_NONE;
}

void
log_record_head(struct buf *buf, struct text topic, struct text attributes, size_t data_len,
                size_t skip)
{
    uint8_t lens[HEAD_LEN] = {
        (uint8_t)(topic.len >> 8),      (uint8_t)topic.len,
        (uint8_t)(attributes.len >> 8), (uint8_t)attributes.len,
        (uint8_t)(data_len >> 24),      (uint8_t)(data_len >> 16),
        (uint8_t)(data_len >> 8),       (uint8_t)data_len,
        (uint8_t)(skip >> 8),           (uint8_t)skip,
    };
    buf_append(buf, lens, sizeof lens);
    buf_append(buf, topic.ptr, topic.len);
    buf_append(buf, attributes.ptr, attributes.len);
}

static inline uint32_t
u16_at(const char *at)
{
    return (uint32_t)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

static inline uint32_t
u32_at(const char *at)
{
    return u16_at(at) << 16 | u16_at(at + 2);
}

int64_t
log_record_before(const struct log_record *record, struct text prefix)
{
    unsigned level = 0;
    int64_t seq = 0;
    for (uint32_t i = 0; i < prefix.len; i++)
        level += prefix.ptr[i] == '.';
    level -= topic_private(prefix); /* what is private does not count under "" */
    for (uint32_t i = 0; i < record->prev.len; i++) {
        if (record->prev.ptr[i] == ' ' && level-- == 0)
            break;
        seq = record->prev.ptr[i] == ' ' ? 0 : seq * 10 + (record->prev.ptr[i] - '0');
    }
    return seq;
}

/* "12 10 4 0 1700000000000": prev, and behind the last space the time. */
static bool
line_parse(struct text line, struct log_record *out)
{
    const char *end = line.ptr + line.len, *at = end;
    uint64_t time_ms = 0, scale = 1;
    unsigned digit;
    for (; at > line.ptr && (digit = (unsigned)(at[-1] - '0')) <= 9; at--, scale *= 10)
        time_ms += digit * scale;
    if (at == end || end - at > 15 || at - line.ptr < 2 || at[-1] != ' ')
        return false;
    out->prev = (struct text){line.ptr, (uint32_t)(at - 1 - line.ptr)};
    out->time_ms = (int64_t)time_ms;
    return true;
}

bool
log_record_take(struct text *rest, int64_t seq, struct log_record *out)
{
    const char *end = rest->ptr ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (!end || !line_parse((struct text){rest->ptr, (uint32_t)(end - rest->ptr)}, out))
        return false;
    const char *begin = rest->ptr, *head = end + 1;
    size_t left = rest->len - (size_t)(head - rest->ptr);
    if (left < HEAD_LEN)
        return false;
    uint32_t topic = u16_at(head), attributes = u16_at(head + 2);
    uint32_t data = u32_at(head + 4), skip = u16_at(head + 8);
    left -= HEAD_LEN;
    if (skip > data || left < topic + attributes || left - topic - attributes < data)
        return false;
    head += HEAD_LEN;
    out->seq = seq;
    out->topic = (struct text){head, topic};
    out->attributes = (struct text){head + topic, attributes};
    out->data = (struct text){head + topic + attributes + skip, data - skip};
    out->stored = (struct text){begin, (uint32_t)(out->data.ptr + out->data.len - begin)};
    *rest = (struct text){head + topic + attributes + data,
                          (uint32_t)(left - topic - attributes - data)};
    return true;
}

bool
log_record_parse(struct text stored, int64_t seq, struct log_record *out)
{
    return log_record_take(&stored, seq, out) && stored.len == 0;
}

#define SEQ_LEN 8

size_t
log_pack_len(const struct log_record *record)
{
    return SEQ_LEN + (size_t)record->stored.len;
}

void
log_pack_add(struct buf *buf, const struct log_record *record)
{
    uint8_t *at = buf_reserve(buf, log_pack_len(record));
    if (!at)
        return;
    put_u64(at, (uint64_t)record->seq);
    put_bytes(at + SEQ_LEN, record->stored.ptr, record->stored.len);
    buf->len += log_pack_len(record);
}

int
log_pack_next(struct text *pack, struct log_record *out)
{
    if (!pack->len)
        return 0;
    if (pack->len < SEQ_LEN || (uint8_t)pack->ptr[0] > INT8_MAX)
        return -1;
    uint64_t seq = (uint64_t)u32_at(pack->ptr) << 32 | u32_at(pack->ptr + 4);
    struct text rest = {pack->ptr + SEQ_LEN, pack->len - SEQ_LEN};
    if (!log_record_take(&rest, (int64_t)seq, out))
        return -1;
    *pack = rest;
    return 1;
}
