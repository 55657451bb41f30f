/* See mp.h. */
#include "common/msg/mp.h"

#include <endian.h>
#include <string.h>

/* Where the scan is. `left` items are still to come in the container that is open; of those around
 * it `outer` says how many. */
struct scan {
    const uint8_t *data;
    size_t len, at;
    uint64_t items, left;
    unsigned depth;
    uint64_t outer[MP_DEPTH_MAX];
};

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t
load(const uint8_t *at, unsigned bytes)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (bytes) {
    case 1: return *at;
    case 2: memcpy(&two, at, sizeof two); return be16toh(two);
    case 4: memcpy(&four, at, sizeof four); return be32toh(four);
    default: memcpy(&eight, at, sizeof eight); return be64toh(eight);
    }
}

static const char *
skip_bytes(struct scan *scan, uint64_t count, bool is_text)
{
    if (scan->len - scan->at < count)
        return "it ends in the middle of a value";
    const char *bytes = (const char *)scan->data + scan->at;
    if (is_text && !text_utf8_valid(bytes, count))
        return "a string is not UTF-8";
    scan->at += count;
    return NULL;
}

static const char *
open_items(struct scan *scan, uint64_t count)
{
    if (count == 0)
        return NULL;
    scan->items += count;
    /* every item takes a byte at least: a count beyond what is left is a lie */
    if (count > scan->len - scan->at)
        return "a count is larger than the message";
    if (scan->items > MP_ITEMS_MAX)
        return "it has too many values";
    if (scan->depth == MP_DEPTH_MAX)
        return "it is nested too deep";
    scan->outer[scan->depth++] = scan->left;
    scan->left = count;
    return NULL;
}

/* One value of the formats 0xc0 to 0xdf (the others carry all in their first byte). */
static const char *
scan_long(struct scan *scan, uint8_t lead)
{
    static const uint8_t sizes[32] = {
        [0x04] = 1, [0x05] = 2, [0x06] = 4,                          /* bin */
        [0x07] = 1, [0x08] = 2, [0x09] = 4,                          /* ext */
        [0x0a] = 4, [0x0b] = 8,                                      /* float */
        [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8,              /* uint */
        [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8,              /* int */
        [0x14] = 2, [0x15] = 3, [0x16] = 5, [0x17] = 9, [0x18] = 17, /* fixext */
        [0x19] = 1, [0x1a] = 2, [0x1b] = 4,                          /* str */
        [0x1c] = 2, [0x1d] = 4, [0x1e] = 2, [0x1f] = 4,              /* array, map */
    };
    unsigned size = sizes[lead & 0x1f];
    if (lead == 0xc1)
        return "it has the byte c1, which MessagePack never uses";
    if (lead <= 0xc3)
        return NULL;
    if ((lead >= 0xca && lead <= 0xd3) || (lead >= 0xd4 && lead <= 0xd8))
        return skip_bytes(scan, size, false);
    if (scan->len - scan->at < size)
        return "it ends in the middle of a value";
    uint64_t value = load(scan->data + scan->at, size);
    scan->at += size;
    if (lead <= 0xc6)
        return skip_bytes(scan, value, false);
    if (lead <= 0xc9)
        return skip_bytes(scan, value + 1, false);
    if (lead <= 0xdb)
        return skip_bytes(scan, value, true);
    return open_items(scan, lead >= 0xde ? value * 2 : value);
}

static const char *
scan_value(struct scan *scan)
{
    if (scan->at == scan->len)
        return "it ends in the middle of a value";
    uint8_t lead = scan->data[scan->at++];
    if (lead <= 0x7f || lead >= 0xe0)
        return NULL;
    if (lead <= 0x8f)
        return open_items(scan, (uint64_t)(lead & 0x0f) * 2);
    if (lead <= 0x9f)
        return open_items(scan, lead & 0x0f);
    if (lead <= 0xbf)
        return skip_bytes(scan, lead & 0x1f, true);
    return scan_long(scan, lead);
}

static uint64_t
word_at(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* text_is_ascii of at most 31 bytes, of which `room` may be read: where that are 32, the same is
 * done whatever the length is, as no processor foresees lengths. */
static bool
is_short_ascii(const uint8_t *at, size_t len, size_t room)
{
    static const char high[65] = "\x80\x80\x80\x80\x80\x80\x80\x80"
                                 "\x80\x80\x80\x80\x80\x80\x80\x80"
                                 "\x80\x80\x80\x80\x80\x80\x80\x80"
                                 "\x80\x80\x80\x80\x80\x80\x80\x80";
    const char *mask = high + 32 - len;
    if (room < 32)
        return text_is_ascii((const char *)at, len);
    return !((word_at(at) & word_at(mask)) | (word_at(at + 8) & word_at(mask + 8)) |
             (word_at(at + 16) & word_at(mask + 16)) | (word_at(at + 24) & word_at(mask + 24)));
}

/* Passes over what most values are, small ones and texts in ASCII, as far as they go. Where the
 * next one begins hangs on the first byte alone: the rest is looked at meanwhile. */
static void
skim(struct scan *scan)
{
    const uint8_t *at = scan->data + scan->at, *end = scan->data + scan->len;
    uint64_t left = scan->left;
    for (; left && at < end; left--) {
        uint8_t lead = *at;
        size_t len = 0, room = (size_t)(end - at) - 1;
        if ((lead & 0xe0) == 0xa0) {
            len = lead & 0x1f;
            if (room < len || !is_short_ascii(at + 1, len, room))
                break;
        } else if (lead >= 0xcc && lead <= 0xd3) { /* integers of 1, 2, 4 and 8 bytes */
            len = (size_t)1 << (lead & 3);
            if (room < len)
                break;
        } else if (lead > 0x7f && lead < 0xe0 && lead != 0xc0 && lead != 0xc2 && lead != 0xc3) {
            break;
        }
        at += 1 + len;
    }
    scan->at = (size_t)(at - scan->data);
    scan->left = left;
}

static const char *
scan_object(struct scan *scan, const void *data, size_t len)
{
    const char *wrong = NULL;
    scan->data = data;
    scan->len = len;
    scan->at = 0;
    scan->items = scan->depth = 0;
    scan->left = 1;
    while (!wrong) {
        skim(scan);
        if (scan->left) {
            scan->left--;
            wrong = scan_value(scan);
        } else if (scan->depth) {
            scan->left = scan->outer[--scan->depth];
        } else {
            break;
        }
    }
    return wrong;
}

size_t
mp_object_len(const void *data, size_t len)
{
    struct scan scan;
    return scan_object(&scan, data, len) ? 0 : scan.at;
}

enum status
mp_scan(const void *data, size_t len, struct error *error)
{
    struct scan scan;
    const char *wrong = len > MP_BYTES_MAX ? "it is too large" : scan_object(&scan, data, len);
    if (!wrong && scan.at != len)
        wrong = "it goes on after its end";
    if (wrong)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "not a usable MessagePack message: %s", wrong);
    return STATUS_OK;
}

static const char *
read_bytes(const uint8_t *at, enum mp_type type, uint64_t len, struct mp_value *out)
{
    out->type = type;
    out->bytes = (struct text){(const char *)at, (uint32_t)len};
    return (const char *)at + len;
}

static const char *
read_count(const uint8_t *at, enum mp_type type, uint64_t count, struct mp_value *out)
{
    out->type = type;
    out->number = (int64_t)count;
    return (const char *)at;
}

static const char *
read_signed(const uint8_t *at, unsigned size, struct mp_value *out)
{
    unsigned shift = 64 - 8 * size;
    out->type = MP_INT;
    out->number = (int64_t)(load(at, size) << shift) >> shift;
    return (const char *)at + size;
}

/* The formats 0xc0 to 0xdf; `at` is behind the first byte. */
static const char *
read_long(const uint8_t *at, uint8_t lead, struct mp_value *out)
{
    switch (lead) {
    case 0xc0: return read_count(at, MP_NIL, 0, out);
    case 0xc2:
    case 0xc3: return read_count(at, MP_BOOL, lead & 1, out);
    case 0xc4:
    case 0xc5:
    case 0xc6: {
        unsigned size = 1U << (lead - 0xc4);
        return read_bytes(at + size, MP_BIN, load(at, size), out);
    }
    case 0xc7:
    case 0xc8:
    case 0xc9: {
        unsigned size = 1U << (lead - 0xc7);
        return read_bytes(at + size, MP_EXT, load(at, size) + 1, out);
    }
    case 0xca:
    case 0xcb: return read_bytes(at, MP_FLOAT, 4U << (lead - 0xca), out);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: {
        unsigned size = 1U << (lead - 0xcc);
        uint64_t number = load(at, size);
        out->big = number > INT64_MAX;
        return read_count(at + size, MP_INT, number, out);
    }
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return read_signed(at, 1U << (lead - 0xd0), out);
    case 0xd9:
    case 0xda:
    case 0xdb: {
        unsigned size = 1U << (lead - 0xd9);
        return read_bytes(at + size, MP_TEXT, load(at, size), out);
    }
    case 0xdc:
    case 0xdd: {
        unsigned size = 2U << (lead - 0xdc);
        return read_count(at + size, MP_ARRAY, load(at, size), out);
    }
    case 0xde:
    case 0xdf: {
        unsigned size = 2U << (lead - 0xde);
        return read_count(at + size, MP_MAP, load(at, size), out);
    }
    default: return read_bytes(at, MP_EXT, 1 + (1U << (lead - 0xd4)), out); /* fixext */
    }
}

const char *
mp_read(const char *start, struct mp_value *out)
{
    const uint8_t *at = (const uint8_t *)start;
    uint8_t lead = *at++;
    out->big = false;
    if (lead <= 0x7f)
        return read_count(at, MP_INT, lead, out);
    if (lead <= 0x8f)
        return read_count(at, MP_MAP, lead & 0x0f, out);
    if (lead <= 0x9f)
        return read_count(at, MP_ARRAY, lead & 0x0f, out);
    if (lead <= 0xbf)
        return read_bytes(at, MP_TEXT, lead & 0x1f, out);
    if (lead >= 0xe0)
        return read_signed(at - 1, 1, out);
    return read_long(at, lead, out);
}

const char *
mp_next(const char *at, struct mp_value *out)
{
    const char *inside = mp_read(at, out);
    return out->type == MP_ARRAY || out->type == MP_MAP ? mp_skip(at) : inside;
}

const char *
mp_skip(const char *at)
{
    struct mp_value value;
    for (int64_t left = 1; left > 0; left--) {
        at = mp_read(at, &value);
        if (value.type == MP_ARRAY)
            left += value.number;
        else if (value.type == MP_MAP)
            left += 2 * value.number;
    }
    return at;
}

enum status
mp_unpack(const void *data, size_t len, msgpack_zone *zone, msgpack_object *out,
          struct error *error)
{
    enum status status = mp_scan(data, len, error);
    if (status != STATUS_OK)
        return status;
    size_t at = 0;
    msgpack_unpack_return got = msgpack_unpack(data, len, &at, zone, out);
    if (got == MSGPACK_UNPACK_NOMEM_ERROR)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    if (got != MSGPACK_UNPACK_SUCCESS)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "not a MessagePack message");
    return STATUS_OK;
}

const msgpack_object *
mp_map_get(const msgpack_object *object, const char *key)
{
    if (!object || object->type != MSGPACK_OBJECT_MAP)
        return NULL;
    struct text name;
    for (uint32_t i = 0; i < object->via.map.size; i++)
        if (mp_as_text(&object->via.map.ptr[i].key, &name) && text_is(name, key))
            return &object->via.map.ptr[i].val;
    return NULL;
}

bool
mp_as_text(const msgpack_object *object, struct text *out)
{
    if (!object || object->type != MSGPACK_OBJECT_STR)
        return false;
    /* msgpack-c gives an empty string no pointer: it is empty, not absent */
    *out = (struct text){object->via.str.size ? object->via.str.ptr : "", object->via.str.size};
    return true;
}

bool
mp_as_int(const msgpack_object *object, int64_t *out)
{
    if (!object)
        return false;
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX)
        *out = (int64_t)object->via.u64;
    else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *out = object->via.i64;
    else
        return false;
    return true;
}

/* ---- writers: the shortest form of everything ------------------------------------------------ */

#define SHORT_MAX 31 /* bytes of a text whose length is in its first byte */

/* A first byte and a big-endian number of 0, 1, 2, 4 or 8 bytes; room for `more` bytes behind. */
static uint8_t *
put(struct buf *buf, uint8_t lead, uint64_t number, unsigned bytes, size_t more)
{
    uint8_t *at = buf_reserve(buf, 9 + more);
    if (!at)
        return NULL;
    *at = lead;
    number = htobe64(bytes ? number << (64 - 8 * bytes) : 0);
    memcpy(at + 1, &number, sizeof number);
    buf->len += 1 + bytes;
    return at + 1 + bytes;
}

/* The head of a container with `max` items in its first byte. */
static void
put_count(struct buf *buf, uint8_t fix, unsigned max, uint8_t wide, size_t count)
{
    if (count <= max)
        put(buf, (uint8_t)(fix | count), 0, 0, 0);
    else if (count <= UINT16_MAX)
        put(buf, wide, count, 2, 0);
    else
        put(buf, (uint8_t)(wide + 1), count, 4, 0);
}

void
mp_map(struct buf *buf, size_t pairs)
{
    put_count(buf, 0x80, 15, 0xde, pairs);
}

void
mp_array(struct buf *buf, size_t items)
{
    put_count(buf, 0x90, 15, 0xdc, items);
}

/* A head with a length of 1, 2 or 4 bytes, and the bytes. */
static void
put_bytes(struct buf *buf, uint8_t wide, const void *data, size_t len)
{
    unsigned size = len <= UINT8_MAX ? 0 : len <= UINT16_MAX ? 1 : 2;
    uint8_t *at = put(buf, (uint8_t)(wide + size), len, 1U << size, len);
    if (at && len) {
        memcpy(at, data, len);
        buf->len += len;
    }
}

void
mp_text(struct buf *buf, struct text text)
{
    uint8_t *at;
    if (!text.ptr)
        mp_nil(buf);
    else if (text.len > SHORT_MAX)
        put_bytes(buf, 0xd9, text.ptr, text.len);
    else if ((at = buf_reserve(buf, SHORT_MAX + 1))) { /* most texts are short */
        *at = (uint8_t)(0xa0 | text.len);
        memcpy(at + 1, text.ptr, text.len);
        buf->len += 1 + text.len;
    }
}

void
mp_string(struct buf *buf, const char *string)
{
    mp_text(buf, text_of(string));
}

void
mp_int(struct buf *buf, int64_t value)
{
    if (value >= 0)
        mp_uint(buf, (uint64_t)value);
    else if (value >= -32)
        put(buf, (uint8_t)value, 0, 0, 0);
    else if (value >= INT8_MIN)
        put(buf, 0xd0, (uint64_t)value, 1, 0);
    else if (value >= INT16_MIN)
        put(buf, 0xd1, (uint64_t)value, 2, 0);
    else if (value >= INT32_MIN)
        put(buf, 0xd2, (uint64_t)value, 4, 0);
    else
        put(buf, 0xd3, (uint64_t)value, 8, 0);
}

void
mp_uint(struct buf *buf, uint64_t value)
{
    if (value <= 0x7f)
        put(buf, (uint8_t)value, 0, 0, 0);
    else if (value <= UINT8_MAX)
        put(buf, 0xcc, value, 1, 0);
    else if (value <= UINT16_MAX)
        put(buf, 0xcd, value, 2, 0);
    else if (value <= UINT32_MAX)
        put(buf, 0xce, value, 4, 0);
    else
        put(buf, 0xcf, value, 8, 0);
}

void
mp_bool(struct buf *buf, bool value)
{
    put(buf, value ? 0xc3 : 0xc2, 0, 0, 0);
}

void
mp_nil(struct buf *buf)
{
    put(buf, 0xc0, 0, 0, 0);
}

void
mp_bin(struct buf *buf, const void *data, size_t len)
{
    put_bytes(buf, 0xc4, data, len);
}

void
mp_bin_head(struct buf *buf, size_t len)
{
    unsigned size = len <= UINT8_MAX ? 0 : len <= UINT16_MAX ? 1 : 2;
    put(buf, (uint8_t)(0xc4 + size), len, 1U << size, len);
}

bool
mp_map_extend(struct buf *buf, const void *map, size_t len, size_t extra)
{
    const uint8_t *data = map;
    size_t pairs, header;
    if (len >= 1 && (data[0] & 0xf0) == 0x80) {
        pairs = data[0] & 0x0f;
        header = 1;
    } else if (len >= 3 && data[0] == 0xde) {
        pairs = (size_t)data[1] << 8 | data[2];
        header = 3;
    } else if (len >= 5 && data[0] == 0xdf) {
        pairs = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
        header = 5;
    } else {
        return false;
    }
    mp_map(buf, pairs + extra);
    buf_append(buf, data + header, len - header);
    return true;
}
