/* See reply.h. */
#include "common/store/reply.h"

#include <stdlib.h>
#include <string.h>

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

static bool
page_item(const redisReply *item, struct log_record *out)
{
    if (item->type != REDIS_REPLY_ARRAY || item->elements != 5 ||
        !log_id_parse(reply_text(item->element[0]), &out->seq, &out->time_ms))
        return false;
    out->topic = reply_text(item->element[1]);
    out->prev = reply_text(item->element[2]);
    out->attributes = reply_text(item->element[3]);
    out->data = reply_text(item->element[4]);
    return record_filled(out);
}

bool
reply_log_page(const redisReply *reply, struct log_record *records, struct store_log_page *page)
{
    *page = (struct store_log_page){.records = records};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return false;
    page->last = strtoll(reply->element[0]->str, NULL, 10);
    page->first = strtoll(reply->element[1]->str, NULL, 10);
    for (size_t i = 2; i < reply->elements; i++)
        if (!page_item(reply->element[i], &records[page->count++]))
            return false;
    return true;
}
