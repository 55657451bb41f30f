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
splice_bin(struct text value, struct text *out)
{
    struct mp_value read = {.type = MP_NIL};
    if (value.len)
        mp_read(value.ptr, &read);
    if (read.type != MP_BIN)
        return false;
    *out = read.bytes;
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

bool
splice_next(struct text *items, struct text *value)
{
    size_t len = items->ptr ? mp_object_len(items->ptr, items->len) : 0;
    if (len == 0)
        return false;
    *value = (struct text){items->ptr, (uint32_t)len};
    items->ptr += len;
    items->len -= (uint32_t)len;
    return true;
}

const char *
splice_fields(const char *map, const struct text *keys, struct text *values, unsigned count)
{
    struct mp_value head, key;
    for (unsigned i = 0; i < count; i++)
        values[i] = TEXT_NONE;
    const char *at = mp_read(map, &head);
    if (head.type != MP_MAP)
        return NULL;
    for (int64_t pairs = head.number; pairs > 0; pairs--) {
        const char *value = mp_next(at, &key);
        at = mp_skip(value);
        if (key.type != MP_TEXT)
            continue;
        for (unsigned i = 0; i < count; i++)
            if (key.bytes.len == keys[i].len && text_equal(key.bytes, keys[i]))
                values[i] = (struct text){value, (uint32_t)(at - value)};
    }
    return at;
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
