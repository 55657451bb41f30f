// LINK: common/bus/compact.c common/base/buf.c common/base/text.c
/* Frames of the compact framing: any bytes, and what was read is written again to the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "common/bus/compact.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf again = {0};
    struct compact_item item;
    size_t at = 0, good = 0;
    int got;
    while ((got = compact_next(data, len, &at, &item)) == 1) {
        PROMISE(at <= len);
        PROMISE(compact_add(&again, &item));
        good = at;
    }
    if (good) {
        PROMISE(again.len == good);
        PROMISE(memcmp(again.data, data, good) == 0);
    }
    buf_fini(&again);
    return 0;
}
