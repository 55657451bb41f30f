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

/* What is behind the code of a refusal: "2 kept", "3 now". */
static struct text
refusal_of(struct text value)
{
    return value.len > 2 ? (struct text){value.ptr + 2, value.len - 2} : TEXT_LITERAL("");
}

enum store_outcome
reply_commit(const redisReply *reply, unsigned index, unsigned count, int64_t *number,
             struct text *kept)
{
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
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
        return STORE_UNKNOWN;
    const redisReply *answer = reply->element[index];
    if (answer->type == REDIS_REPLY_INTEGER && answer->integer >= 0) {
        *number = answer->integer;
        return STORE_COMMITTED;
    }
    struct text value = reply_text(answer);
    switch (value.len ? value.ptr[0] : '\0') {
    case '1': return STORE_MOVED;
    case '2': *kept = refusal_of(value); return STORE_KEPT;
    case '3': *number = strtoll(refusal_of(value).ptr, NULL, 10); return STORE_CLOCK;
    default: return STORE_UNKNOWN;
    }
}

#define PAGE_HEAD 3 /* last, first, upto */

struct log_record *
reply_log_page(const redisReply *reply, struct store_log_page *page, int64_t *upto)
{
    int64_t head[PAGE_HEAD];
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < PAGE_HEAD ||
        (reply->elements - PAGE_HEAD) % 2)
        return NULL;
    for (unsigned i = 0; i < PAGE_HEAD; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return NULL;
        head[i] = strtoll(reply->element[i]->str, NULL, 10);
    }
    unsigned count = (unsigned)(reply->elements - PAGE_HEAD) / 2;
    struct log_record *records = malloc((count + 1) * sizeof *records);
    for (unsigned i = 0; records && i < count; i++) {
        redisReply *const *pair = reply->element + PAGE_HEAD + (size_t)2 * i;
        if (pair[0]->type != REDIS_REPLY_STRING ||
            !log_record_parse(reply_text(pair[1]), strtoll(pair[0]->str, NULL, 10), &records[i])) {
            free(records);
            return NULL;
        }
    }
    *page = (struct store_log_page){head[0], head[1], count, records};
    *upto = head[2];
    return records;
}

struct log_record *
reply_log_range(const redisReply *reply, int64_t after, const struct text *prefix,
                struct store_log_page *page)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return NULL;
    struct log_record *records = malloc((reply->elements + 1) * sizeof *records);
    page->records = records;
    page->count = 0;
    for (size_t i = 0; records && i < reply->elements; i++) {
        struct log_record *record = &records[page->count];
        const redisReply *stored = reply->element[i];
        if (stored->type == REDIS_REPLY_NIL)
            continue; /* older than what is kept */
        if (!log_record_parse(reply_text(stored), after + 1 + (int64_t)i, record)) {
            free(records);
            return NULL;
        }
        if (!prefix || (prefix->len ? topic_starts_with(record->topic, *prefix)
                                    : !topic_private(record->topic)))
            page->count++;
    }
    return records;
}
