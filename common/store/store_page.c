/* See store_page.h. States: asked the function -> given the page, or reading seqs up to where it
 * said, until something under the prefix came. */
#include "common/store/store_page.h"

#include <stdlib.h>
#include <string.h>

#include "common/store/reply.h"

struct reading {
    struct redis_link *link;
    struct store_page_keys keys;
    store_page_fn *fn;
    void *arg;
    int64_t after, upto, last, first;
    unsigned limit;
    uint32_t prefix_len;
    char prefix[];
};

static void
finish(struct reading *reading, const struct store_log_page *page, const redisReply *failure)
{
    reading->fn(reading->arg, page, failure);
    free(reading);
}

/* As many of the records as make a page. */
static void
cut(struct store_log_page *page)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < page->count && bytes < STORE_LOG_BYTES; i++) {
        bytes += page->records[i].data.len;
        if (bytes >= STORE_LOG_BYTES)
            page->count = i + 1;
    }
}

static int read_range(struct reading *reading);

static void
on_range(void *arg, const redisReply *reply)
{
    struct reading *reading = arg;
    struct store_log_page page = {.last = reading->last, .first = reading->first};
    struct text prefix = {reading->prefix, reading->prefix_len};
    struct log_record *records = reply_log_range(reply, reading->after, &prefix, &page);
    if (records)
        reading->after += (int64_t)reply->elements;
    bool go_on = records && !page.count && reading->after < reading->upto;
    if (!go_on || read_range(reading) != 0) {
        cut(&page);
        finish(reading, records && !go_on ? &page : NULL, go_on ? NULL : reply);
    }
    free(records);
}

int
store_range_read(struct redis_link *link, const char *log, int64_t after, int64_t upto,
                 redis_reply_fn *fn, void *arg)
{
    struct redis_command command = {0};
    if (upto - after > STORE_RANGE_MAX)
        upto = after + STORE_RANGE_MAX;
    redis_command_add_string(&command, "HMGET");
    redis_command_add_string(&command, log);
    for (int64_t seq = after + 1; seq <= upto; seq++)
        redis_command_add_number(&command, seq);
    int result = redis_link_send(link, fn, arg, &command);
    redis_command_fini(&command);
    return result;
}

static int
read_range(struct reading *reading)
{
    int64_t upto = reading->after + reading->limit;
    return store_range_read(reading->link, reading->keys.log, reading->after,
                            upto < reading->upto ? upto : reading->upto, on_range, reading);
}

static void
on_page(void *arg, const redisReply *reply)
{
    struct reading *reading = arg;
    struct store_log_page page;
    struct log_record *records = reply_log_page(reply, &page, &reading->upto);
    if (records && reading->upto > reading->after) {
        reading->last = page.last;
        reading->first = page.first;
        if (read_range(reading) != 0)
            finish(reading, NULL, NULL);
    } else {
        finish(reading, records ? &page : NULL, reply);
    }
    free(records);
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
    if (redis_link_sendf(link, on_page, reading, "FCALL_RO cbm_log_read 3 %s %s %s %b %lld %u %d",
                         keys->log, keys->prefix, keys->mark, reading->prefix, (size_t)prefix.len,
                         (long long)after, limit, STORE_LOG_BYTES) == 0)
        return 0;
    free(reading);
    return -1;
}
