// LINK: common/msg/mp.c common/base/text.c common/base/buf.c common/base/status.c -lmsgpackc
/* What the scan takes, msgpack-c unpacks; and it can be written again. It must not know messages.
 */
#include "tests/fuzz/fuzz.h"

#include "common/msg/mp.h"

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
