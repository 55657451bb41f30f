// LINK: common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Records as they stand in the store, damaged in any way. An input is an entry id, topic, prev and
 * attributes, a newline between them. It must not know Redis. */
#include "tests/fuzz/fuzz.h"

#include "common/log/record.h"
#include "common/msg/mp.h"

static struct text
line(const uint8_t **data, size_t *len)
{
    const uint8_t *end = memchr(*data, '\n', *len);
    struct text text = {(const char *)*data, (uint32_t)(end ? (size_t)(end - *data) : *len)};
    *data += end ? text.len + 1 : text.len;
    *len -= end ? text.len + 1 : text.len;
    return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct log_record record = {.seq = 1, .data = TEXT_LITERAL("\x80")};
    struct text id = line(&data, &len);
    bool has_id = log_id_parse(id, &record.seq, &record.time_ms);
    PROMISE(!has_id || (record.seq >= 0 && record.time_ms >= 0));
    record.topic = line(&data, &len);
    record.prev = line(&data, &len);
    record.attributes = (struct text){(const char *)data, (uint32_t)len};
    struct buf meta = {0}, item = {0};
    enum status status = log_record_meta(&record, &meta);
    PROMISE(status == STATUS_OK || status == STATUS_INTERNAL);
    PROMISE(log_record_item(&record, &item) == status);
    if (status == STATUS_OK) {
        PROMISE(log_record_type(&record).ptr);
        bool text = text_utf8_valid(record.attributes.ptr, 0) &&
                    mp_scan(record.attributes.ptr, record.attributes.len, NULL) == STATUS_OK;
        PROMISE(!text || mp_scan(meta.data, meta.len, NULL) == STATUS_OK);
        PROMISE(!text || mp_scan(item.data, item.len, NULL) == STATUS_OK);
    }
    buf_fini(&meta);
    buf_fini(&item);
    return 0;
}
