/* See store_page.h. States: asked where the records are -> reading them, and those behind while
 * none of them is kept any more -> given the page. */
#include "common/store/store_page.h"

#include <stdlib.h>
#include <string.h>

#include "common/store/reply.h"

struct reading {
    struct redis_link *link;
    struct store_page_keys keys;
    store_page_fn *fn;
    void *arg;
    int64_t after;
    unsigned limit;
    struct reply_found found;
    uint32_t prefix_len;
    char prefix[];
};

static void
finish(struct reading *reading, const struct store_log_page *page, const redisReply *failure)
{
    reading->fn(reading->arg, page, failure);
    free(reading->found.seqs);
    free(reading);
}

/* As many of the records as make a page. */
static void
cut(struct store_log_page *page)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < page->count && bytes < STORE_LOG_BYTES; i++) {
        bytes += page->records[i].stored.len;
        if (bytes >= STORE_LOG_BYTES)
            page->count = i + 1;
    }
}

static int find(struct reading *reading);

static void
on_records(void *arg, const redisReply *reply)
{
    struct reading *reading = arg;
    const struct reply_found *found = &reading->found;
    struct store_log_page page = {.last = found->last, .first = found->first};
    bool all = reading->prefix_len == 1 && reading->prefix[0] == LOG_ALL[0];
    struct log_record *records =
        all ? reply_log_stored(reply, found->seqs, found->count, &page)
            : reply_log_records(reply, 0, found->seqs, found->count, &page);
    if (records && !page.count) { /* what is behind them may be kept */
        reading->after = found->seqs[found->count - 1];
        if (find(reading) != 0)
            finish(reading, NULL, NULL);
    } else {
        cut(&page);
        finish(reading, records ? &page : NULL, reply);
    }
    free(records);
}

static void
on_found(void *arg, const redisReply *reply)
{
    struct reading *reading = arg;
    struct reply_found *found = &reading->found;
    if (!reply_log_found(reply, reading->after, reading->limit, found)) {
        found->seqs = NULL;
        finish(reading, NULL, reply);
    } else if (!found->count) {
        finish(reading, &(struct store_log_page){.last = found->last, .first = found->first}, NULL);
    } else if (store_seqs_read(reading->link, reading->keys.log, 0, found->seqs, found->count,
                               on_records, reading) != 0) {
        finish(reading, NULL, NULL);
    }
}

int
store_seqs_read(struct redis_link *link, const char *log, int64_t after, const int64_t *seqs,
                unsigned count, redis_reply_fn *fn, void *arg)
{
    struct redis_command command = {0};
    redis_command_add_string(&command, "HMGET");
    redis_command_add_string(&command, log);
    for (unsigned i = 0; i < count; i++)
        redis_command_add_number(&command, seqs ? seqs[i] : after + 1 + (int64_t)i);
    int result = redis_link_send(link, fn, arg, &command);
    redis_command_fini(&command);
    return result;
}

/* Asks where the records after reading->after are. */
static int
find(struct reading *reading)
{
    free(reading->found.seqs);
    reading->found.seqs = NULL;
    return redis_link_sendf(reading->link, on_found, reading,
                            "FCALL_RO cbm_log_find 2 %s %s %b %lld %u", reading->keys.prefix,
                            reading->keys.block, reading->prefix, (size_t)reading->prefix_len,
                            (long long)reading->after, reading->limit);
}

int
store_page_read(struct redis_link *link, const struct store_page_keys *keys, struct text prefix,
                int64_t after, unsigned limit, store_page_fn *fn, void *arg)
{
    struct reading *reading = malloc(sizeof *reading + prefix.len + 1);
    if (!reading)
        return -1;
    *reading = (struct reading){.link = link,
                                .keys = *keys,
                                .fn = fn,
                                .arg = arg,
                                .after = after,
                                .limit = limit,
                                .prefix_len = prefix.len};
    if (prefix.len)
        memcpy(reading->prefix, prefix.ptr, prefix.len);
    if (find(reading) == 0)
        return 0;
    free(reading);
    return -1;
}
