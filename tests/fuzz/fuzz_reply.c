// LINK: common/store/reply.c common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc -lhiredis
/* What Redis may answer to the commit and log functions, as bytes of its protocol. It must not know
 * connections. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "common/store/reply.h"

#define COUNT 3 /* commits in the call that is answered */

static void
check(const redisReply *reply)
{
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t number;
        struct text kept;
        enum store_outcome outcome = reply_commit(reply, i, COUNT, &number, &kept);
        PROMISE(outcome != STORE_COMMITTED || reply->elements == 2 * COUNT);
        PROMISE(outcome == STORE_FAILED || outcome == STORE_UNKNOWN ||
                reply->type == REDIS_REPLY_ARRAY);
    }
    reply_function_lost(reply);
    struct log_record *records = malloc((reply->elements + 1) * sizeof *records), one;
    struct store_log_page page;
    PROMISE(records != NULL);
    if (reply_log_page(reply, records, &page)) {
        PROMISE(page.count + 2 == reply->elements);
        for (unsigned i = 0; i < page.count; i++) {
            struct buf item = {0};
            log_record_item(&records[i], &item);
            buf_fini(&item);
        }
    }
    if (reply_stream_entry(reply, &one))
        PROMISE(one.topic.ptr && one.data.ptr);
    free(records);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    PROMISE(reader != NULL);
    if (redisReaderFeed(reader, (const char *)data, len) == REDIS_OK &&
        redisReaderGetReply(reader, &reply) == REDIS_OK && reply)
        check(reply);
    if (reply)
        freeReplyObject(reply);
    redisReaderFree(reader);
    return 0;
}
