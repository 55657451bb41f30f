/* See follow.h. There are two connections, because one that is subscribed answers nothing else.
 * The commit function publishes the log's new end, and on a channel of its own that a tree has a
 * new record. Of the whole log: what comes published with its record is taken as it is if it is the
 * next one; else the seqs up to the end are read. Of a prefix: the log's end is asked for and the
 * prefix read back in pages up to it, so a service that needs few records does not get all of them.
 * Where more is published all the time, reading alone would stay behind for ever: what comes while
 * it is read is kept, and given when all before it was. What is published may be lost with a
 * connection; so the end is asked for at every connection, whenever somebody wants to be sure
 * (log_follow_hurry), and every second. */
#include "common/log/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/redis.h"
#include "common/store/reply.h"
#include "common/store/store_page.h"

#define PAGE_LIMIT 512 /* records a reply: bounds the time that a batch takes */
#define ASK_EVERY_MS 1000
#define KEY_MAX 128
#define KEPT_MAX (1U << 20) /* bytes of records */

struct log_follow {
    struct redis_link *tail, *asks;
    char log_key[KEY_MAX], prefix_key[KEY_MAX], block_key[KEY_MAX];
    char prefix[TOPIC_MAX + 1];
    uint32_t prefix_len;
    int64_t seq;         /* passed */
    int64_t end;         /* of the log, as far as it is known */
    int64_t asked_after; /* the `asked` seqs after it are being read */
    unsigned asked;
    struct buf kept; /* what was published meanwhile */
    char channel[KEY_MAX + TOPIC_MAX];
    bool current, closing;
    bool subscribed;     /* news will be told */
    bool gave;           /* news in this turn */
    bool polling, again; /* it is being read; and the end must be asked for once more */
    int64_t asked_ms;    /* when the end was asked for */
    struct loop *loop;
    log_follow_fn *record;
    log_follow_passed_fn *passed;
    void *arg;
};

static void poll_log(struct log_follow *follow);

static bool
damaged(struct log_follow *follow, const redisReply *reply)
{
    log_event(LOG_LEVEL_ERROR, "the log cannot be read",
              LOG_TEXT("error", reply->type == REDIS_REPLY_ERROR ? reply->str : "damaged"),
              LOG_NUMBER("seq", follow->seq));
    redis_link_reset(follow->asks);
    return true;
}

static void
give(struct log_follow *follow, const struct log_record *record)
{
    struct text prefix = {follow->prefix, follow->prefix_len};
    if (record->seq <= follow->seq || !record->topic.ptr || !record->data.ptr)
        return;
    follow->seq = record->seq;
    if (topic_starts_with(record->topic, prefix))
        follow->record(follow->arg, record);
}

/* Those of the records from `first` on that are next. */
static void
give_next(struct log_follow *follow, int64_t first, struct text records)
{
    struct log_record record;
    while (records.len && first <= follow->seq + 1 && log_record_take(&records, first++, &record))
        give(follow, &record);
}

/* News that are ahead of what is being read: first seq, length, records. All before are dropped
 * where they are too much, and then read. */
static void
keep(struct log_follow *follow, int64_t first, struct text records)
{
    struct buf *kept = &follow->kept;
    if (kept->failed || kept->len + records.len > KEPT_MAX)
        buf_clear(kept);
    buf_append(kept, &first, sizeof first);
    buf_append(kept, &records.len, sizeof records.len);
    buf_append(kept, records.ptr, records.len);
}

/* Once all before them was. */
static void
give_kept(struct log_follow *follow)
{
    const struct buf *kept = &follow->kept;
    int64_t first;
    struct text records;
    for (size_t at = 0; at < kept->len && !kept->failed; at += records.len) {
        memcpy(&first, kept->data + at, sizeof first);
        if (at == 0 && first > follow->seq + 1)
            return;
        at += sizeof first;
        memcpy(&records.len, kept->data + at, sizeof records.len);
        at += sizeof records.len;
        records.ptr = (const char *)kept->data + at;
        give_next(follow, first, records);
    }
    buf_fini(&follow->kept);
}

static void
pass(struct log_follow *follow)
{
    if (!follow->current && follow->subscribed && follow->seq >= follow->end) {
        follow->current = true;
        log_event(LOG_LEVEL_INFO, "log followed", LOG_TEXT("prefix", follow->prefix),
                  LOG_NUMBER("seq", follow->seq));
    }
    if (follow->passed)
        follow->passed(follow->arg, follow->seq);
}

/* It was read up to the end. */
static void
polled(struct log_follow *follow)
{
    if (follow->seq < follow->end) /* nothing more under the prefix up to the end as it was */
        follow->seq = follow->end;
    follow->polling = false;
    pass(follow);
    if (follow->again)
        poll_log(follow);
}

static void read_page(struct log_follow *follow);

static void
on_page(void *arg, const struct store_log_page *got, const redisReply *failure)
{
    struct log_follow *follow = arg;
    if (follow->closing || (!got && !failure))
        return;
    if (!got) {
        /* an error comes also while the function is not loaded yet: the store loads it, we ask
         * again */
        damaged(follow, failure);
        return;
    }
    for (unsigned i = 0; i < got->count; i++)
        give(follow, &got->records[i]);
    if (got->count)
        read_page(follow);
    else
        polled(follow);
}

/* The seqs after follow->seq, of the whole log. */
static void
on_range(void *arg, const redisReply *reply)
{
    struct log_follow *follow = arg;
    struct store_log_page page;
    if (!reply || follow->closing)
        return;
    struct log_record *records =
        reply_log_records(reply, follow->asked_after, NULL, follow->asked, &page);
    if (!records) {
        damaged(follow, reply);
        return;
    }
    int64_t passed = follow->asked_after + follow->asked;
    for (unsigned i = 0; i < page.count; i++)
        give(follow, &records[i]);
    free(records);
    if (follow->seq < passed)
        follow->seq = passed; /* what was not there is no longer kept */
    give_kept(follow);
    if (follow->seq >= follow->end) {
        polled(follow);
        return;
    }
    pass(follow);
    read_page(follow);
}

static void
read_page(struct log_follow *follow)
{
    struct store_page_keys keys = {follow->log_key, follow->prefix_key, follow->block_key};
    struct text prefix = {follow->prefix, follow->prefix_len};
    int64_t left = follow->end - follow->seq;
    follow->asked = left < PAGE_LIMIT ? (unsigned)left : PAGE_LIMIT;
    follow->asked_after = follow->seq;
    int sent = prefix.len ? store_page_read(follow->asks, &keys, prefix, follow->seq, PAGE_LIMIT,
                                            on_page, follow)
                          : store_seqs_read(follow->asks, follow->log_key, follow->seq, NULL,
                                            follow->asked, on_range, follow);
    if (sent != 0)
        redis_link_reset(follow->asks);
    redis_link_flush(follow->asks);
}

static void
on_end(void *arg, const redisReply *reply)
{
    struct log_follow *follow = arg;
    if (!reply || follow->closing)
        return;
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_NIL) {
        damaged(follow, reply);
        return;
    }
    int64_t end = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
    follow->end = follow->end > end ? follow->end : end;
    if (follow->seq == LOG_FOLLOW_NEW)
        follow->seq = follow->end;
    if (follow->seq < follow->end)
        read_page(follow);
    else
        polled(follow);
}

static void
ask_end(struct log_follow *follow)
{
    follow->asked_ms = clock_mono_ms();
    redis_link_sendf(follow->asks, on_end, follow, "HGET %s #", follow->prefix_key);
    redis_link_flush(follow->asks);
}

static void
poll_log(struct log_follow *follow)
{
    if (!redis_link_up(follow->asks))
        return; /* it polls when it is up */
    follow->again = follow->polling;
    if (follow->polling)
        return;
    follow->polling = true;
    ask_end(follow);
}

void
log_follow_hurry(struct log_follow *follow)
{
    poll_log(follow);
}

static int64_t
on_tick(void *arg, int64_t now_ms)
{
    struct log_follow *follow = arg;
    if (now_ms - follow->asked_ms >= ASK_EVERY_MS) {
        follow->asked_ms = now_ms;
        poll_log(follow);
    }
    return follow->asked_ms + ASK_EVERY_MS;
}

/* What was added to the whole log: "first last\n" and the records. */
static void
take_news(struct log_follow *follow, struct text news)
{
    char *at;
    int64_t first = strtoll(news.ptr, &at, 10),
            last = strtoll(at, &at, 10); /* it ends with a NUL */
    uint32_t head = (uint32_t)(at - news.ptr) + 1;
    struct text rest = {news.ptr + head, head < news.len ? news.len - head : 0};
    if (last > follow->end)
        follow->end = last;
    if (last <= follow->seq)
        return;
    if (follow->polling && first > follow->seq + 1) {
        keep(follow, first, rest);
        return;
    }
    give_next(follow, first, rest);
    follow->gave = true;
}

/* All news at hand were given: what was missed among them is read. */
static void
on_news_turn(void *arg)
{
    struct log_follow *follow = arg;
    if (!follow->gave || follow->closing)
        return;
    follow->gave = false;
    pass(follow);
    if (follow->seq < follow->end && !follow->polling && redis_link_up(follow->asks)) {
        follow->polling = true;
        read_page(follow);
    }
}

/* The confirmation of the subscription, or news. */
static void
on_news(void *arg, const redisReply *reply)
{
    struct log_follow *follow = arg;
    if (!reply || follow->closing)
        return;
    struct text news = TEXT_NONE;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3)
        news = reply_text(reply->element[2]);
    bool whole = !follow->prefix_len && news.ptr && redis_link_up(follow->asks);
    follow->subscribed = true;
    if (whole && follow->seq != LOG_FOLLOW_NEW)
        take_news(follow, news);
    else
        poll_log(follow);
}

static void
on_up(void *arg)
{
    struct log_follow *follow = arg;
    if (redis_link_subscribe(follow->tail, follow->channel, on_news, follow) != 0)
        redis_link_reset(follow->tail);
    redis_link_flush(follow->tail);
}

static void
on_down(void *arg)
{
    struct log_follow *follow = arg;
    follow->current = follow->subscribed = false;
}

static void
on_asks_up(void *arg)
{
    poll_log(arg);
}

static void
on_asks_down(void *arg)
{
    struct log_follow *follow = arg;
    follow->polling = follow->again = false;
    follow->current = false;
    buf_fini(&follow->kept);
}

struct ask {
    log_follow_last_fn *fn;
    void *arg;
    uint32_t len;
    char prefix[];
};

static void
on_last(void *arg, const redisReply *reply)
{
    struct ask *ask = arg;
    if (reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL))
        ask->fn(ask->arg, (struct text){ask->prefix, ask->len},
                reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0);
    free(ask);
}

int
log_follow_last(struct log_follow *follow, struct text prefix, log_follow_last_fn *fn, void *arg)
{
    struct ask *ask = malloc(sizeof *ask + prefix.len + 1);
    if (!ask)
        return -1;
    *ask = (struct ask){fn, arg, prefix.len};
    memcpy(ask->prefix, prefix.ptr, prefix.len);
    if (redis_link_sendf(follow->asks, on_last, ask, "HGET %s %b", follow->prefix_key, ask->prefix,
                         (size_t)prefix.len) != 0) {
        free(ask);
        return -1;
    }
    redis_link_flush(follow->asks);
    return 0;
}

struct log_follow *
log_follow_new(struct loop *loop, const char *url, const char *org, struct text prefix,
               int64_t after, log_follow_fn *record, log_follow_passed_fn *passed, void *arg)
{
    struct log_follow *follow = calloc(1, sizeof *follow);
    if (!follow || prefix.len > TOPIC_MAX) {
        free(follow);
        return NULL;
    }
    follow->loop = loop;
    follow->seq = after;
    follow->record = record;
    follow->passed = passed;
    follow->arg = arg;
    follow->prefix_len = prefix.len;
    memcpy(follow->prefix, prefix.ptr, prefix.len);
    snprintf(follow->log_key, KEY_MAX, "{%s}:log", org);
    snprintf(follow->prefix_key, KEY_MAX, "{%s}:log:prefix", org);
    snprintf(follow->block_key, KEY_MAX, "{%s}:log:block", org);
    uint32_t root = 0; /* the first level of the prefix, with its dot */
    while (root < prefix.len && prefix.ptr[root++] != '.')
        continue;
    snprintf(follow->channel, sizeof follow->channel, "%s%s%.*s", follow->log_key, root ? ":" : "",
             (int)root, root ? prefix.ptr : "");
    struct redis_events events = {on_up, on_down, on_news_turn};
    struct redis_events asks = {on_asks_up, on_asks_down, NULL};
    follow->tail = redis_link_new(loop, url, &events, follow);
    follow->asks = follow->tail ? redis_link_new(loop, url, &asks, follow) : NULL;
    if (!follow->asks || loop_add_tick(loop, on_tick, follow) != 0)
        log_follow_destroy(&follow);
    return follow;
}

bool
log_follow_current(const struct log_follow *follow)
{
    return follow->current;
}

int64_t
log_follow_seq(const struct log_follow *follow)
{
    return follow->seq;
}

void
log_follow_destroy(struct log_follow **follow)
{
    if (!*follow)
        return;
    (*follow)->closing = true;
    loop_remove_tick((*follow)->loop, on_tick, *follow);
    redis_link_destroy(&(*follow)->tail);
    redis_link_destroy(&(*follow)->asks);
    buf_fini(&(*follow)->kept);
    free(*follow);
    *follow = NULL;
}
