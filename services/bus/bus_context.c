/* See bus_context.h. */
#include "services/bus/bus_context.h"

#include <string.h>

#include "common/bus/compact.h"

enum status
bus_context_read(const void *data, size_t len, struct bus_context *out, struct error *error)
{
    struct rpc_context context;
    enum status status = rpc_context_parse(data, len, &context, error);
    out->deadline_ms = context.deadline_ms;
    out->compact = text_is(context.framing, COMPACT_WORD);
    out->may_repeat = context.safe || context.key.ptr != NULL;
    return status;
}

static const uint8_t deadline_key[] = {0xa8, 'd', 'e', 'a', 'd', 'l', 'i', 'n', 'e'};

/* Whether the encoded key is the text "deadline", in whichever of its encodings. */
static bool
is_deadline(const uint8_t *key, size_t len)
{
    static const size_t headers[] = {1, 2, 3, 5};
    const size_t word = sizeof deadline_key - 1;
    if (len <= word || memcmp(key + len - word, deadline_key + 1, word) != 0)
        return false;
    uint8_t lead = key[0];
    unsigned form = lead == 0xd9 ? 1 : lead == 0xda ? 2 : lead == 0xdb ? 3 : 0;
    return len == headers[form] + word && (form || lead == deadline_key[0]);
}

/* The pairs of the map, and where the first one begins. */
static size_t
map_header(const uint8_t *data, size_t *at)
{
    if (data[0] == 0xde) {
        *at = 3;
        return (size_t)data[1] << 8 | data[2];
    }
    if (data[0] == 0xdf) {
        *at = 5;
        return (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
    }
    *at = 1;
    return data[0] & 0x0f;
}

void
bus_context_rewrite(struct buf *buf, const void *data, size_t len, int64_t deadline_ms)
{
    const uint8_t *bytes = data;
    size_t begin, pairs = map_header(bytes, &begin), kept = 0, at = begin;
    for (size_t i = 0; i < pairs; i++) {
        size_t key = mp_object_len(bytes + at, len - at);
        kept += !is_deadline(bytes + at, key);
        at += key;
        at += mp_object_len(bytes + at, len - at);
    }
    mp_map(buf, kept + 1);
    buf_append(buf, deadline_key, sizeof deadline_key);
    mp_int(buf, deadline_ms);
    at = begin;
    for (size_t i = 0; i < pairs; i++) {
        size_t key = mp_object_len(bytes + at, len - at);
        size_t pair = key + mp_object_len(bytes + at + key, len - at - key);
        if (!is_deadline(bytes + at, key))
            buf_append(buf, bytes + at, pair);
        at += pair;
    }
}
