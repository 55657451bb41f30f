/* See mp.h. */
#include "common/msg/mp.h"

#include <string.h>

/* What the scan keeps of an object that is open: how many items are still to come. */
struct scan {
    const uint8_t *data;
    size_t len, at;
    uint64_t items;
    unsigned depth;
    uint64_t left[MP_DEPTH_MAX];
};

static bool
take(struct scan *scan, unsigned bytes, uint64_t *value)
{
    if (scan->len - scan->at < bytes)
        return false;
    uint64_t result = 0;
    for (unsigned i = 0; i < bytes; i++)
        result = result << 8 | scan->data[scan->at++];
    *value = result;
    return true;
}

static const char *
skip_bytes(struct scan *scan, uint64_t count, bool is_text)
{
    if (scan->len - scan->at < count)
        return "it ends in the middle of a value";
    if (is_text && !text_utf8_valid((const char *)scan->data + scan->at, count))
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
    scan->left[scan->depth++] = count;
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
    uint64_t value = 0;
    unsigned size = sizes[lead & 0x1f];
    if (lead == 0xc1)
        return "it has the byte c1, which MessagePack never uses";
    if (lead <= 0xc3)
        return NULL;
    if ((lead >= 0xca && lead <= 0xd3) || (lead >= 0xd4 && lead <= 0xd8))
        return skip_bytes(scan, size, false);
    if (!take(scan, size, &value))
        return "it ends in the middle of a value";
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

static const char *
scan_object(struct scan *scan)
{
    do {
        const char *wrong = scan_value(scan);
        if (wrong)
            return wrong;
        /* value done: close every container whose last item it was. One just opened stays, because
         * its count was set above and is only taken from by the values inside it. */
        while (scan->depth && scan->left[scan->depth - 1] == 0)
            scan->depth--;
        if (scan->depth)
            scan->left[scan->depth - 1]--;
        else
            return NULL;
    } while (true);
}

size_t
mp_object_len(const void *data, size_t len)
{
    struct scan scan = {.data = data, .len = len};
    return scan_object(&scan) ? 0 : scan.at;
}

enum status
mp_scan(const void *data, size_t len, struct error *error)
{
    struct scan scan = {.data = data, .len = len};
    const char *wrong = len > MP_BYTES_MAX ? "it is too large" : scan_object(&scan);
    if (!wrong && scan.at != len)
        wrong = "it goes on after its end";
    if (wrong)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "not a usable MessagePack message: %s", wrong);
    return STATUS_OK;
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

static int
write_to_buf(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

static msgpack_packer
packer(struct buf *buf)
{
    return (msgpack_packer){.data = buf, .callback = write_to_buf};
}

void
mp_map(struct buf *buf, size_t pairs)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_map(&to, pairs);
}

void
mp_array(struct buf *buf, size_t items)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_array(&to, items);
}

void
mp_text(struct buf *buf, struct text text)
{
    msgpack_packer to = packer(buf);
    if (!text.ptr) {
        msgpack_pack_nil(&to);
        return;
    }
    msgpack_pack_str(&to, text.len);
    if (text.len)
        msgpack_pack_str_body(&to, text.ptr, text.len);
}

void
mp_string(struct buf *buf, const char *string)
{
    mp_text(buf, text_of(string));
}

void
mp_int(struct buf *buf, int64_t value)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_int64(&to, value);
}

void
mp_uint(struct buf *buf, uint64_t value)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_uint64(&to, value);
}

void
mp_bool(struct buf *buf, bool value)
{
    msgpack_packer to = packer(buf);
    if (value)
        msgpack_pack_true(&to);
    else
        msgpack_pack_false(&to);
}

void
mp_nil(struct buf *buf)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_nil(&to);
}

void
mp_bin(struct buf *buf, const void *data, size_t len)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_bin(&to, len);
    if (len)
        msgpack_pack_bin_body(&to, data, len);
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
