/* See reply.h. */
#include "common/store/reply.h"

#include <stdlib.h>
#include <string.h>

#include "common/log/page.h"

struct text
reply_text(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING)
        return TEXT_NONE;
    return (struct text){reply->str, (uint32_t)reply->len};
}

bool
reply_function_lost(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "Function not found");
}

enum store_outcome
reply_commit(const redisReply *reply, unsigned index, unsigned count, int64_t *number,
             struct text *kept)
{
    static const enum store_outcome outcomes[] = {STORE_COMMITTED, STORE_MOVED, STORE_KEPT,
                                                  STORE_CLOCK};
    *number = 0;
    *kept = TEXT_NONE;
    if (!reply) {
        *kept = TEXT_LITERAL("the connection to Redis was lost");
        return STORE_UNKNOWN;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        *kept = (struct text){reply->str, (uint32_t)reply->len};
        return STORE_FAILED;
    }
    *kept = TEXT_LITERAL("the commit function answered something else");
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != (size_t)count * 2)
        return STORE_UNKNOWN;
    const redisReply *status = reply->element[2 * index], *value = reply->element[2 * index + 1];
    if (status->type != REDIS_REPLY_INTEGER || status->integer < 0 || status->integer > 3)
        return STORE_UNKNOWN;
    if (value->type == REDIS_REPLY_INTEGER)
        *number = value->integer;
    *kept = reply_text(value);
    return outcomes[status->integer];
}

static bool
record_filled(const struct log_record *record)
{
    return record->topic.ptr && record->prev.ptr && record->attributes.ptr && record->data.ptr;
}

bool
reply_stream_entry(const redisReply *entry, struct log_record *out)
{
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[1]->type != REDIS_REPLY_ARRAY || entry->element[1]->elements != 8 ||
        !log_id_parse(reply_text(entry->element[0]), &out->seq, &out->time_ms))
        return false;
    redisReply *const *fields = entry->element[1]->element; /* t … p … a … d … */
    out->topic = reply_text(fields[1]);
    out->prev = reply_text(fields[3]);
    out->attributes = reply_text(fields[5]);
    out->data = reply_text(fields[7]);
    return record_filled(out);
}

struct log_record *
reply_log_page(const redisReply *reply, struct store_log_page *page, int64_t *upto)
{
    struct text texts[4]; /* last, first, upto, packed */
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
        return NULL;
    for (unsigned i = 0; i < 4; i++)
        if (!(texts[i] = reply_text(reply->element[i])).ptr)
            return NULL;
    int64_t count = texts[3].len ? log_page_count(texts[3]) : 0;
    if (count < 0)
        return NULL;
    struct log_record *records = malloc((size_t)(count + 1) * sizeof *records);
    if (!records || (count && !log_page_records(texts[3], records))) {
        free(records);
        return NULL;
    }
    *page = (struct store_log_page){.last = strtoll(texts[0].ptr, NULL, 10),
                                    .first = strtoll(texts[1].ptr, NULL, 10),
                                    .count = (unsigned)count,
                                    .records = records};
    *upto = strtoll(texts[2].ptr, NULL, 10);
    return records;
}

struct log_record *
reply_log_range(const redisReply *reply, struct text prefix, struct store_log_page *page,
                int64_t *passed)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return NULL;
    struct log_record *records = malloc((reply->elements + 1) * sizeof *records);
    page->records = records;
    page->count = 0;
    for (size_t i = 0; records && i < reply->elements; i++) {
        struct log_record *record = &records[page->count];
        if (!reply_stream_entry(reply->element[i], record)) {
            free(records);
            return NULL;
        }
        *passed = record->seq;
        if (prefix.len ? topic_starts_with(record->topic, prefix) : !topic_private(record->topic))
            page->count++;
    }
    return records;
}
