// LINK: common/store/reply.c common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc -lhiredis
/* What Redis may answer to the commit and log functions, as bytes of its protocol. It must not know
 * connections. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "common/store/reply.h"

#define COUNT 3 /* commits in the call that is answered */

static void
check_records(struct log_record *records, const struct store_log_page *page)
{
    for (unsigned i = 0; records && i < page->count; i++) {
        struct buf item = {0};
        log_record_item(&records[i], &item);
        buf_fini(&item);
    }
    free(records);
}

/* The seqs are in order, after what was asked for and no more than that. */
static void
check_found(const redisReply *reply)
{
    struct reply_found found;
    if (!reply_log_found(reply, 7, 5, &found))
        return;
    PROMISE(found.count <= 5);
    for (unsigned i = 0; i < found.count; i++)
        PROMISE(found.seqs[i] > (i ? found.seqs[i - 1] : 7));
    free(found.seqs);
}

static void
check(const redisReply *reply)
{
    struct reply_commits answers = reply_commits(reply, COUNT);
    size_t refused = 0;
    int64_t last = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t number;
        struct text kept;
        enum store_outcome outcome = reply_commit(&answers, i, 1, &number, &kept);
        if (outcome == STORE_FAILED || outcome == STORE_UNKNOWN)
            continue;
        PROMISE(reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_ARRAY);
        refused += outcome != STORE_COMMITTED;
        PROMISE(outcome != STORE_COMMITTED || number > last);
        last = outcome == STORE_COMMITTED ? number : last;
    }
    PROMISE(!answers.sound || reply->type == REDIS_REPLY_INTEGER ||
            reply->elements == 1 + 2 * refused);
    reply_function_lost(reply);
    struct store_log_page page;
    unsigned count = (unsigned)reply->elements;
    check_records(reply_log_records(reply, 7, NULL, count, &page), &page);
    PROMISE(!reply_log_records(reply, 7, NULL, count + 1, &page));
    check_found(reply);
}

/* hiredis 0.14 reserves what an array's count says, before it comes: Redis itself never lies about
 * it, and what is tested here is our reading of its replies. */
static bool
count_too_large(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t digits = 0;
        while (data[i] == '*' && i + 1 + digits < len && data[i + 1 + digits] >= '0' &&
               data[i + 1 + digits] <= '9')
            digits++;
        if (digits > 5)
            return true;
    }
    return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (count_too_large(data, len))
        return 0;
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
