// LINK: common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Records as they stand in the store, damaged in any way. It must not know Redis. */
#include "tests/fuzz/fuzz.h"

#include "common/log/record.h"
#include "common/msg/mp.h"

/* What is taken from a pack and put into another is the same again. */
static void
check_pack(struct text pack)
{
    struct log_record record;
    struct buf again = {0};
    const char *begin = pack.ptr;
    while (log_pack_next(&pack, &record) > 0) {
        PROMISE(record.seq >= 0);
        log_pack_add(&again, &record);
    }
    PROMISE(again.len == (size_t)(pack.ptr - begin));
    PROMISE(!again.len || memcmp(again.data, begin, again.len) == 0);
    buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct log_record record;
    struct text rest = {(const char *)data, (uint32_t)len};
    for (int64_t seq = 1; rest.len && log_record_take(&rest, seq, &record); seq++)
        PROMISE(rest.ptr + rest.len == (const char *)data + len);
    check_pack((struct text){(const char *)data, (uint32_t)len});
    if (!log_record_parse((struct text){(const char *)data, (uint32_t)len}, 1, &record))
        return 0;
    PROMISE(record.time_ms >= 0);
    PROMISE(record.data.ptr + record.data.len == (const char *)data + len);
    record.data = TEXT_LITERAL("\x80");
    struct buf meta = {0}, item = {0};
    enum status status = log_record_meta(&record, &meta);
    PROMISE(status == STATUS_OK || status == STATUS_INTERNAL);
    PROMISE(log_record_item(&record, &item) == status);
    if (status == STATUS_OK) {
        PROMISE(log_record_type(&record).ptr);
        bool text = mp_scan(record.attributes.ptr, record.attributes.len, NULL) == STATUS_OK;
        PROMISE(!text || mp_scan(meta.data, meta.len, NULL) == STATUS_OK);
        PROMISE(!text || mp_scan(item.data, item.len, NULL) == STATUS_OK);
    }
    buf_fini(&meta);
    buf_fini(&item);
    return 0;
}
