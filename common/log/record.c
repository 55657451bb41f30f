/* See record.h. */
#include "common/log/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/date.h"
#include "common/msg/mp.h"

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

/* A str (or nil) at *at of the attributes; moves on. */
static bool
next_text(struct text from, size_t *at, struct text *out)
{
    const uint8_t *bytes = (const uint8_t *)from.ptr;
    if (*at >= from.len)
        return false;
    uint8_t lead = bytes[*at];
    size_t header = 1, len;
    if (lead == 0xc0) {
        *out = TEXT_NONE;
        (*at)++;
        return true;
    }
    if ((lead & 0xe0) == 0xa0) {
        len = lead & 0x1f;
    } else if (lead == 0xd9 && from.len - *at >= 2) {
        header = 2;
        len = bytes[*at + 1];
    } else {
        return false;
    }
    if (from.len - *at < header + len)
        return false;
    *out = (struct text){from.ptr + *at + header, (uint32_t)len};
    *at += header + len;
    return true;
}

struct attributes {
    struct text type, source, actor, traceparent;
};

static bool
attributes_parse(struct text from, struct attributes *out)
{
    size_t at = 1;
    return from.len > 0 && (uint8_t)from.ptr[0] == 0x94 && next_text(from, &at, &out->type) &&
           next_text(from, &at, &out->source) && next_text(from, &at, &out->actor) &&
           next_text(from, &at, &out->traceparent) && at == from.len && out->type.ptr &&
           out->source.ptr;
}

/* The numbers of "12 10 4 0". Returns how many, 0 if it is something else. */
static unsigned
prev_parse(struct text from, int64_t out[TOPIC_LEVELS_MAX + 1])
{
    unsigned count = 0;
    uint32_t at = 0;
    while (at < from.len && count <= TOPIC_LEVELS_MAX) {
        int64_t value = 0;
        uint32_t first = at;
        for (; at < from.len && from.ptr[at] >= '0' && from.ptr[at] <= '9'; at++) {
            if (at - first >= 18)
                return 0;
            value = value * 10 + (from.ptr[at] - '0');
        }
        if (at == first || (at < from.len && from.ptr[at] != ' '))
            return 0;
        out[count++] = value;
        at++;
    }
    return at < from.len ? 0 : count;
}

static void
pair(struct buf *buf, const char *key, struct text value)
{
    mp_string(buf, key);
    mp_text(buf, value);
}

enum status
log_record_meta(const struct log_record *record, struct buf *buf)
{
    struct attributes attributes;
    int64_t prev[TOPIC_LEVELS_MAX + 1];
    unsigned count = prev_parse(record->prev, prev);
    if (!attributes_parse(record->attributes, &attributes) || count == 0 ||
        !topic_valid(record->topic))
        return STATUS_INTERNAL;
    char id[24], time[TIME_TEXT_MAX];
    snprintf(id, sizeof id, "%" PRId64, record->seq);
    time_print(record->time_ms, time);
    mp_map(buf, 9U + (attributes.actor.ptr != NULL) + (attributes.traceparent.ptr != NULL));
    pair(buf, "specversion", TEXT_LITERAL("1.0"));
    pair(buf, "id", text_of(id));
    pair(buf, "source", attributes.source);
    pair(buf, "type", attributes.type);
    pair(buf, "subject", topic_subject(record->topic));
    pair(buf, "time", text_of(time));
    pair(buf, "datacontenttype", TEXT_LITERAL("application/msgpack"));
    mp_string(buf, "seq");
    mp_int(buf, record->seq);
    mp_string(buf, "prev");
    mp_array(buf, count);
    for (unsigned i = 0; i < count; i++)
        mp_int(buf, prev[i]);
    if (attributes.actor.ptr)
        pair(buf, "actor", attributes.actor);
    if (attributes.traceparent.ptr)
        pair(buf, "traceparent", attributes.traceparent);
    return STATUS_OK;
}

enum status
log_record_item(const struct log_record *record, struct buf *buf)
{
    mp_map(buf, 3);
    pair(buf, "topic", record->topic);
    mp_string(buf, "meta");
    enum status status = log_record_meta(record, buf);
    mp_string(buf, "data");
    buf_append(buf, record->data.ptr, record->data.len);
    return status;
}

struct text
log_record_type(const struct log_record *record)
{
    struct attributes attributes;
    return attributes_parse(record->attributes, &attributes) ? attributes.type : TEXT_NONE;
}

bool
log_id_parse(struct text id, int64_t *seq, int64_t *time_ms)
{
    int64_t values[2] = {0, 0};
    unsigned at = 0, digits = 0;
    for (uint32_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (c == '-' && at == 0 && digits) {
            at = 1;
            digits = 0;
        } else if (c >= '0' && c <= '9' && digits < 18) {
            values[at] = values[at] * 10 + (c - '0');
            digits++;
        } else {
            return false;
        }
    }
    *seq = values[0];
    *time_ms = values[1];
    return at == 1 && digits > 0;
}
