// LINK: common/msg/mp.c common/base/text.c common/base/buf.c common/base/status.c -lmsgpackc
/* What the scan takes, msgpack-c unpacks; and it can be written again. It must not know messages.
 */
#include "tests/fuzz/fuzz.h"

#include "common/msg/mp.h"

#include <math.h>

/* Has it what msgpack-c may write with other bytes than it read: an extension, which need not have
 * the shortest form, or a signalling NaN of four bytes, which becomes a quiet one by being made a
 * double?
 */
static bool
has_other_bytes(const msgpack_object *object)
{
    bool found = object->type == MSGPACK_OBJECT_EXT ||
                 (object->type == MSGPACK_OBJECT_FLOAT32 && isnan(object->via.f64));
    for (uint32_t i = 0; object->type == MSGPACK_OBJECT_ARRAY && i < object->via.array.size; i++)
        found |= has_other_bytes(&object->via.array.ptr[i]);
    for (uint32_t i = 0; object->type == MSGPACK_OBJECT_MAP && i < object->via.map.size; i++)
        found |= has_other_bytes(&object->via.map.ptr[i].key) |
                 has_other_bytes(&object->via.map.ptr[i].val);
    return found;
}

/* Reads the value at *at by mp_read and writes it again. */
static void
copy_value(const char **at, struct buf *out)
{
    struct mp_value value;
    const char *begin = *at, *end = mp_skip(begin);
    *at = mp_read(*at, &value);
    switch (value.type) {
    case MP_NIL: mp_nil(out); break;
    case MP_BOOL: mp_bool(out, value.number); break;
    case MP_INT:
        value.big ? mp_uint(out, (uint64_t)value.number) : mp_int(out, value.number);
        break;
    case MP_TEXT: mp_text(out, value.bytes); break;
    case MP_BIN: mp_bin(out, value.bytes.ptr, value.bytes.len); break;
    case MP_ARRAY: mp_array(out, (size_t)value.number); break;
    case MP_MAP: mp_map(out, (size_t)value.number); break;
    case MP_FLOAT:
    case MP_EXT: buf_append(out, begin, (size_t)(*at - begin)); break;
    }
    int64_t inside = value.type == MP_ARRAY ? value.number
                     : value.type == MP_MAP ? 2 * value.number
                                            : 0;
    while (inside-- > 0)
        copy_value(at, out);
    PROMISE(*at == end);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error error;
    msgpack_zone zone;
    msgpack_object object;
    if (!msgpack_zone_init(&zone, 1024))
        return 0;
    enum status status = mp_scan(data, len, &error);
    size_t first = mp_object_len(data, len);
    PROMISE(first <= len);
    PROMISE(status == STATUS_OK || status == STATUS_INVALID_ARGUMENT);
    PROMISE((status == STATUS_OK) == (len > 0 && first == len));
    PROMISE(mp_unpack(data, len, &zone, &object, &error) == status);
    if (status == STATUS_OK) {
        msgpack_sbuffer again;
        msgpack_packer packer;
        msgpack_sbuffer_init(&again);
        msgpack_packer_init(&packer, &again, msgpack_sbuffer_write);
        msgpack_pack_object(&packer, object);
        PROMISE(again.size <= len && mp_scan(again.data, again.size, NULL) == STATUS_OK);
        struct buf copy = {0};
        const char *at = (const char *)data;
        copy_value(&at, &copy);
        PROMISE(at == (const char *)data + len);
        if (!has_other_bytes(&object))
            PROMISE(copy.len == again.size && memcmp(copy.data, again.data, copy.len) == 0);
        buf_fini(&copy);
        msgpack_sbuffer_destroy(&again);
        struct buf longer = {0};
        if (mp_map_extend(&longer, data, len, 1)) {
            PROMISE(object.type == MSGPACK_OBJECT_MAP);
            mp_nil(&longer);
            mp_nil(&longer);
            if (object.via.map.size < MP_ITEMS_MAX / 4 && longer.len < MP_BYTES_MAX / 2)
                PROMISE(mp_object_len(longer.data, longer.len) == longer.len);
        }
        buf_fini(&longer);
    }
    msgpack_zone_destroy(&zone);
    return 0;
}
