// LINK: common/log/batch.c common/base/buf.c common/base/text.c
/* Compact publications: any bytes as frame 1 and as frame 2; what was read whole is written again
 * to the same bytes. */
#include "tests/fuzz/fuzz.h"

#include "common/log/batch.h"

static void
read_key(struct text key)
{
    char again[BATCH_KEY_MAX];
    struct text prefix;
    if (!batch_key_prefix(key, &prefix) || prefix.len > TOPIC_MAX)
        return;
    PROMISE(batch_key(prefix, again) == key.len);
    PROMISE(memcmp(again, key.ptr, key.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct text frame = {(const char *)data, (uint32_t)len};
    struct buf again = {0};
    struct batch batch;
    struct batch_record record;
    read_key(frame);
    if (!batch_open(frame, &batch))
        return 0;
    int64_t seq = batch.seq;
    uint32_t count = 0;
    int got;
    batch_begin(&again, batch.prefix);
    while ((got = batch_next(&batch, &record)) == 1) {
        PROMISE(record.data.ptr + record.data.len <= frame.ptr + len);
        batch_add(&again, record.topic, record.meta, record.data);
        count++;
    }
    batch_end(&again, seq, count);
    if (got == 0) {
        PROMISE(again.len == len);
        PROMISE(memcmp(again.data, data, len) == 0);
    }
    buf_fini(&again);
    return 0;
}
