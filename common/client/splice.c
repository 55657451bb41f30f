/* See splice.h. It knows the heads of MessagePack's formats, and nothing else. */
#include "common/client/splice.h"

#include "common/msg/mp.h"

/* Reads `bytes` big-endian bytes after the first one. */
static bool
head_number(struct text value, unsigned bytes, uint64_t *out)
{
    if (value.len < 1 + bytes)
        return false;
    uint64_t number = 0;
    for (unsigned i = 1; i <= bytes; i++)
        number = number << 8 | (uint8_t)value.ptr[i];
    *out = number;
    return true;
}

/* The count in a head: `fix` with `fix_bits` bits of it in the first byte, or `wide` + 0, 1, … with
 * 1 << (from + n) bytes after it. */
static bool
open_head(struct text value, uint8_t fix, uint8_t fix_mask, uint8_t wide, unsigned from,
          uint32_t *count, struct text *rest)
{
    if (!value.ptr || value.len < 1)
        return false;
    uint8_t lead = (uint8_t)value.ptr[0];
    uint64_t number = lead & (uint8_t)~fix_mask;
    unsigned bytes = 0;
    if ((lead & fix_mask) != fix) {
        if (lead < wide || lead > wide + 2 - from)
            return false;
        bytes = 1U << (lead - wide + from);
        if (!head_number(value, bytes, &number))
            return false;
    }
    *count = (uint32_t)number;
    *rest = (struct text){value.ptr + 1 + bytes, value.len - 1 - bytes};
    return true;
}

bool
splice_array(struct text value, uint32_t *count, struct text *items)
{
    return open_head(value, 0x90, 0xf0, 0xdc, 1, count, items);
}

bool
splice_map(struct text value, uint32_t *count, struct text *items)
{
    return open_head(value, 0x80, 0xf0, 0xde, 1, count, items);
}

bool
splice_text(struct text value, struct text *out)
{
    uint32_t len;
    struct text rest;
    if (!open_head(value, 0xa0, 0xe0, 0xd9, 0, &len, &rest) || rest.len < len)
        return false;
    *out = (struct text){rest.ptr, len};
    return true;
}

bool
splice_int(struct text value, int64_t *out)
{
    if (!value.ptr || value.len < 1)
        return false;
    uint8_t lead = (uint8_t)value.ptr[0];
    uint64_t number;
    if (lead <= 0x7f || lead >= 0xe0) {
        *out = (int8_t)lead;
        return true;
    }
    if (lead >= 0xcc && lead <= 0xcf) {
        if (!head_number(value, 1U << (lead - 0xcc), &number) || number > INT64_MAX)
            return false;
        *out = (int64_t)number;
        return true;
    }
    if (lead < 0xd0 || lead > 0xd3 || !head_number(value, 1U << (lead - 0xd0), &number))
        return false;
    unsigned shift = 64 - (8U << (lead - 0xd0));
    *out = (int64_t)(number << shift) >> shift;
    return true;
}

/* How many bytes follow the first one of the formats c0 to df: as their own, or as a count of what
 * follows (then negative). */
static const int8_t following[32] = {
    [0x04] = -1, [0x05] = -2, [0x06] = -4,                           /* bin */
    [0x07] = -1, [0x08] = -2, [0x09] = -4,                           /* ext */
    [0x0a] = 4,  [0x0b] = 8,                                         /* float */
    [0x0c] = 1,  [0x0d] = 2,  [0x0e] = 4,  [0x0f] = 8,               /* uint */
    [0x10] = 1,  [0x11] = 2,  [0x12] = 4,  [0x13] = 8,               /* int */
    [0x14] = 2,  [0x15] = 3,  [0x16] = 5,  [0x17] = 9,  [0x18] = 17, /* fixext */
    [0x19] = -1, [0x1a] = -2, [0x1b] = -4,                           /* str */
    [0x1c] = -2, [0x1d] = -4, [0x1e] = -2, [0x1f] = -4,              /* array, map */
};

/* The length of the first value, 0 if it is cut. Each step takes a byte at least, so counts that
 * lie end it. */
static size_t
value_len(const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (uint64_t left = 1; left; left--) {
        if (at >= len)
            return 0;
        uint8_t lead = data[at++];
        if (lead <= 0x7f || lead >= 0xe0)
            continue;
        if (lead < 0xc0) {
            if (lead >= 0xa0)
                at += lead & 0x1f;
            else
                left += lead < 0x90 ? (lead & 0x0fU) * 2 : lead & 0x0fU;
            continue;
        }
        int bytes = following[lead & 0x1f];
        uint64_t count = 0;
        for (int i = bytes; i < 0 && at < len; i++)
            count = count << 8 | data[at++];
        if (lead >= 0xdc)
            left += lead >= 0xde ? count * 2 : count;
        else
            at += bytes < 0 ? count + (lead >= 0xc7 && lead <= 0xc9) : (size_t)bytes;
    }
    return at <= len ? at : 0;
}

bool
splice_next(struct text *items, struct text *value)
{
    size_t len = items->ptr ? value_len((const uint8_t *)items->ptr, items->len) : 0;
    if (len == 0)
        return false;
    *value = (struct text){items->ptr, (uint32_t)len};
    items->ptr += len;
    items->len -= (uint32_t)len;
    return true;
}

/* Takes a key off: nearly all are short strings. */
static bool
take_key(struct text *items, struct text *key)
{
    struct text name;
    uint32_t len = items->len ? (uint8_t)items->ptr[0] ^ 0xa0U : 0x20;
    if (len < 0x20 && len < items->len) {
        *key = (struct text){items->ptr + 1, len};
        items->ptr += 1 + len;
        items->len -= 1 + len;
        return true;
    }
    if (!splice_next(items, &name))
        return false;
    if (!splice_text(name, key))
        *key = TEXT_NONE;
    return true;
}

bool
splice_take_map(struct text *items, const struct text *keys, struct text *values, unsigned count)
{
    uint32_t pairs;
    struct text value, key;
    for (unsigned i = 0; i < count; i++)
        values[i] = TEXT_NONE;
    if (!splice_map(*items, &pairs, items))
        return false;
    while (pairs-- > 0) {
        if (!take_key(items, &key) || !splice_next(items, &value))
            return false;
        for (unsigned i = 0; i < count; i++)
            if (key.len == keys[i].len && text_equal(key, keys[i]))
                values[i] = value;
    }
    return true;
}

bool
splice_get(struct text map, const char *key, struct text *value)
{
    uint32_t count;
    struct text items, name, text;
    if (!splice_map(map, &count, &items))
        return false;
    while (count-- > 0) {
        if (!splice_next(&items, &name) || !splice_next(&items, value))
            return false;
        if (splice_text(name, &text) && text_is(text, key))
            return true;
    }
    return false;
}

bool
splice_get_text(struct text map, const char *key, struct text *out)
{
    struct text value;
    return splice_get(map, key, &value) && splice_text(value, out);
}

bool
splice_get_int(struct text map, const char *key, int64_t *out)
{
    struct text value;
    return splice_get(map, key, &value) && splice_int(value, out);
}

bool
splice_prepend(struct buf *out, struct text map, const char *key, struct text before,
               uint32_t count)
{
    uint32_t pairs, items_count;
    struct text rest, list, items;
    if (!splice_get(map, key, &list) || !splice_array(list, &items_count, &items) ||
        !splice_map(map, &pairs, &rest))
        return false;
    buf_append(out, map.ptr, (size_t)(list.ptr - map.ptr));
    mp_array(out, (size_t)count + items_count);
    if (before.len)
        buf_append(out, before.ptr, before.len);
    const char *end = list.ptr + list.len;
    if (items.len)
        buf_append(out, items.ptr, items.len);
    buf_append(out, end, (size_t)(map.ptr + map.len - end));
    return !out->failed;
}
