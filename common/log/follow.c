/* See follow.h. There are two connections, because one that waits answers nothing else.
 * Of the whole log: (lost) -> asking the log's end -> tailing the stream with XREAD BLOCK.
 * Of a prefix: the commit function publishes on a channel that its tree has a new record; then, and
 * whenever somebody wants to be sure (log_follow_hurry), the log's end is asked for and the prefix
 * read back in pages up to it. So a service that needs few records does not get all of them. */
#include "common/log/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/store/redis.h"
#include "common/store/reply.h"
#include "common/store/store_page.h"

#define TAIL_COUNT "512"  /* records a reply: bounds the time that a batch takes */
#define TAIL_BLOCK "1000" /* ms; the reply of nothing shows that the connection lives */
#define PAGE_LIMIT 512
#define KEY_MAX 128

struct log_follow {
    struct redis_link *tail, *asks;
    char log_key[KEY_MAX], prefix_key[KEY_MAX], mark_key[KEY_MAX];
    char prefix[TOPIC_MAX + 1];
    uint32_t prefix_len;
    int64_t seq; /* passed */
    int64_t end; /* of the log when it (re)connected */
    char channel[KEY_MAX + TOPIC_MAX];
    bool current, closing;
    bool subscribed;     /* of a prefix: news will be told */
    bool polling, again; /* of a prefix: it is being read; and must be once more */
    log_follow_fn *record;
    log_follow_passed_fn *passed;
    void *arg;
};

static void tail(struct log_follow *follow);
static void poll_prefix(struct log_follow *follow);

/* The connection over which the log is read. */
static struct redis_link *
reader(const struct log_follow *follow)
{
    return follow->prefix_len ? follow->asks : follow->tail;
}

static bool
damaged(struct log_follow *follow, const redisReply *reply)
{
    log_event(LOG_LEVEL_ERROR, "the log cannot be read",
              LOG_TEXT("error", reply->type == REDIS_REPLY_ERROR ? reply->str : "damaged"),
              LOG_NUMBER("seq", follow->seq));
    redis_link_reset(reader(follow));
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

static void
pass(struct log_follow *follow)
{
    bool told = !follow->prefix_len || follow->subscribed;
    if (!follow->current && told && follow->seq >= follow->end) {
        follow->current = true;
        log_event(LOG_LEVEL_INFO, "log followed", LOG_TEXT("prefix", follow->prefix),
                  LOG_NUMBER("seq", follow->seq));
    }
    if (follow->passed)
        follow->passed(follow->arg, follow->seq);
}

static void
on_tail(void *arg, const redisReply *reply)
{
    struct log_follow *follow = arg;
    if (!reply || follow->closing)
        return;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2) {
        const redisReply *entries = reply->element[0]->element[1];
        for (size_t i = 0; i < entries->elements; i++) {
            struct log_record record;
            if (!reply_stream_entry(entries->element[i], &record) &&
                damaged(follow, entries->element[i]))
                return;
            give(follow, &record);
        }
    } else if (reply->type != REDIS_REPLY_NIL && damaged(follow, reply)) {
        return;
    }
    pass(follow);
    tail(follow);
}

static void
tail(struct log_follow *follow)
{
    redis_link_sendf(follow->tail, on_tail, follow,
                     "XREAD COUNT " TAIL_COUNT " BLOCK " TAIL_BLOCK
                     " STREAMS %s %lld-18446744073709551615",
                     follow->log_key, (long long)follow->seq);
    redis_link_flush(follow->tail);
}

/* The prefix was read up to the end. */
static void
polled(struct log_follow *follow)
{
    if (follow->seq < follow->end) /* nothing more under the prefix up to the end as it was */
        follow->seq = follow->end;
    follow->polling = false;
    pass(follow);
    if (follow->again)
        poll_prefix(follow);
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

static void
read_page(struct log_follow *follow)
{
    struct store_page_keys keys = {follow->log_key, follow->prefix_key, follow->mark_key};
    struct text prefix = {follow->prefix, follow->prefix_len};
    if (store_page_read(follow->asks, &keys, prefix, follow->seq, PAGE_LIMIT, on_page, follow) != 0)
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
    follow->end = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
    if (follow->seq == LOG_FOLLOW_NEW)
        follow->seq = follow->end;
    if (!follow->prefix_len) {
        if (follow->seq >= follow->end)
            pass(follow);
        tail(follow);
    } else if (follow->seq < follow->end) {
        read_page(follow);
    } else {
        polled(follow);
    }
}

static void
ask_end(struct log_follow *follow)
{
    redis_link_sendf(reader(follow), on_end, follow, "HGET %s #", follow->prefix_key);
    redis_link_flush(reader(follow));
}

static void
poll_prefix(struct log_follow *follow)
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
    if (follow->prefix_len)
        poll_prefix(follow);
}

/* The confirmation of the subscription, or news. */
static void
on_news(void *arg, const redisReply *reply)
{
    struct log_follow *follow = arg;
    if (!reply || follow->closing)
        return;
    follow->subscribed = true;
    poll_prefix(follow);
}

static void
on_up(void *arg)
{
    struct log_follow *follow = arg;
    if (!follow->prefix_len)
        ask_end(follow);
    else if (redis_link_subscribe(follow->tail, follow->channel, on_news, follow) != 0)
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
    log_follow_hurry(arg);
}

static void
on_asks_down(void *arg)
{
    struct log_follow *follow = arg;
    follow->polling = follow->again = false;
    if (follow->prefix_len)
        follow->current = false;
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
    follow->seq = after;
    follow->record = record;
    follow->passed = passed;
    follow->arg = arg;
    follow->prefix_len = prefix.len;
    memcpy(follow->prefix, prefix.ptr, prefix.len);
    snprintf(follow->log_key, KEY_MAX, "{%s}:log", org);
    snprintf(follow->prefix_key, KEY_MAX, "{%s}:log:prefix", org);
    snprintf(follow->mark_key, KEY_MAX, "{%s}:log:mark", org);
    uint32_t root = 0; /* the first level of the prefix, with its dot */
    while (root < prefix.len && prefix.ptr[root++] != '.')
        continue;
    snprintf(follow->channel, sizeof follow->channel, "%s:%.*s", follow->log_key, (int)root,
             prefix.ptr);
    struct redis_events events = {on_up, on_down, NULL};
    struct redis_events asks = {on_asks_up, on_asks_down, NULL};
    follow->tail = redis_link_new(loop, url, &events, follow);
    follow->asks = follow->tail ? redis_link_new(loop, url, &asks, follow) : NULL;
    if (!follow->asks)
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
    redis_link_destroy(&(*follow)->tail);
    redis_link_destroy(&(*follow)->asks);
    free(*follow);
    *follow = NULL;
}
