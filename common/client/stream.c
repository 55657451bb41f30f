/* See stream.h. */
#include "common/client/stream.h"

#include <stdlib.h>
#include <string.h>

struct stream_record *
stream_record_new(int64_t seq, int64_t prev, struct text topic, struct text meta, struct text data)
{
    size_t len = (size_t)topic.len + 1 + meta.len + data.len;
    struct stream_record *record = malloc(sizeof *record + len);
    if (!record)
        return NULL;
    *record = (struct stream_record){seq, prev, topic.len, meta.len, data.len};
    uint8_t *at = record->bytes;
    if (topic.len)
        memcpy(at, topic.ptr, topic.len);
    at[topic.len] = '\0';
    at += topic.len + 1;
    if (meta.len)
        memcpy(at, meta.ptr, meta.len);
    if (data.len)
        memcpy(at + meta.len, data.ptr, data.len);
    return record;
}

static size_t
size_of(const struct stream_record *record)
{
    return sizeof *record + record->topic_len + 1 + record->meta_len + record->data_len;
}

static unsigned
dots(struct text text)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '.';
    return count;
}

void
stream_init(struct stream *stream, struct text prefix, size_t kept_max)
{
    *stream = (struct stream){.count_max = kept_max};
    if (prefix.len)
        memcpy(stream->prefix, prefix.ptr, prefix.len);
    stream->level = dots(prefix);
    if (topic_private(prefix))
        stream->level--; /* records that are not for everyone have no "" in their prev */
}

static struct stream_record *
take_first(struct stream *stream)
{
    struct stream_record *record = stream->kept[stream->first++];
    stream->bytes -= size_of(record);
    if (--stream->count == 0)
        stream->first = 0;
    return record;
}

void
stream_fini(struct stream *stream)
{
    while (stream->count)
        free(take_first(stream));
    free(stream->kept);
    stream->kept = NULL;
    stream->capacity = 0;
}

bool
stream_covers_prefix(const struct stream *stream, struct text other)
{
    if (!stream->prefix[0] && topic_private(other))
        return false;
    return topic_starts_with(other, text_of(stream->prefix));
}

bool
stream_covers(const struct stream *stream, struct text topic)
{
    return stream_covers_prefix(stream, topic);
}

void
stream_join(struct stream *stream, int64_t last, bool unread)
{
    stream->joined = true;
    stream->unread = unread;
    stream->last = last;
}

/* Room for one more at the end, by moving to the front or growing. */
static bool
make_room(struct stream *stream)
{
    if (stream->first + stream->count < stream->capacity)
        return true;
    if (stream->first > stream->capacity / 2) {
        memmove(stream->kept, stream->kept + stream->first, stream->count * sizeof *stream->kept);
        stream->first = 0;
        return true;
    }
    size_t capacity = stream->capacity ? stream->capacity * 2 : 16;
    struct stream_record **kept = realloc(stream->kept, capacity * sizeof *kept);
    if (!kept)
        return false;
    stream->kept = kept;
    stream->capacity = capacity;
    return true;
}

void
stream_exists(struct stream *stream, int64_t seq)
{
    if (seq > stream->high)
        stream->high = seq;
}

bool
stream_next(struct stream *stream, int64_t seq, int64_t prev)
{
    return stream->joined && !stream->unread && prev <= stream->last && stream_pass(stream, seq);
}

void
stream_add(struct stream *stream, struct stream_record *record)
{
    stream_exists(stream, record->seq);
    bool passed = stream->joined && record->seq <= stream->last;
    bool full =
        stream->count >= stream->count_max || stream->bytes + size_of(record) > STREAM_BYTES_MAX;
    if (passed || full || !make_room(stream)) {
        free(record);
        return;
    }
    /* replicas do not come in step: the place is near the end, rarely at it */
    size_t at = stream->first + stream->count;
    while (at > stream->first && stream->kept[at - 1]->seq >= record->seq)
        at--;
    if (at < stream->first + stream->count && stream->kept[at]->seq == record->seq) {
        free(record);
        return;
    }
    memmove(stream->kept + at + 1, stream->kept + at,
            (stream->first + stream->count - at) * sizeof *stream->kept);
    stream->kept[at] = record;
    stream->count++;
    stream->bytes += size_of(record);
}

struct stream_record *
stream_take(struct stream *stream)
{
    while (stream->joined && !stream->unread && stream->count) {
        struct stream_record *record = stream->kept[stream->first];
        if (record->seq > stream->last && record->prev > stream->last)
            return NULL; /* one before it is missing */
        take_first(stream);
        if (stream_pass(stream, record->seq))
            return record;
        free(record);
    }
    return NULL;
}

bool
stream_pass(struct stream *stream, int64_t seq)
{
    if (seq <= stream->last)
        return false;
    stream->last = seq;
    stream_exists(stream, seq);
    return true;
}

bool
stream_behind(const struct stream *stream)
{
    return stream->joined && (stream->unread || stream->last < stream->high);
}
