/* See follow.h. States: (lost) -> asking the log's end -> reading the prefix back in pages up to
 * that end -> tailing the stream with XREAD BLOCK. Its asks for last seqs go over a second
 * connection, because one that blocks answers nothing else. */
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
    bool current, closing;
    log_follow_fn *record;
    log_follow_passed_fn *passed;
    void *arg;
};

static void tail(struct log_follow *follow);
static void page(struct log_follow *follow);

static bool
damaged(struct log_follow *follow, const redisReply *reply)
{
    log_event(LOG_LEVEL_ERROR, "the log cannot be read",
              LOG_TEXT("error", reply->type == REDIS_REPLY_ERROR ? reply->str : "damaged"),
              LOG_NUMBER("seq", follow->seq));
    redis_link_reset(follow->tail);
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
    if (!follow->current && follow->seq >= follow->end) {
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
    if (got->count) {
        page(follow);
        return;
    }
    if (follow->seq < follow->end) /* nothing more under the prefix up to the end as it was */
        follow->seq = follow->end;
    pass(follow);
    tail(follow);
}

static void
page(struct log_follow *follow)
{
    struct store_page_keys keys = {follow->log_key, follow->prefix_key, follow->mark_key};
    struct text prefix = {follow->prefix, follow->prefix_len};
    if (store_page_read(follow->tail, &keys, prefix, follow->seq, PAGE_LIMIT, on_page, follow) != 0)
        redis_link_reset(follow->tail);
    redis_link_flush(follow->tail);
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
    if (follow->seq >= follow->end)
        pass(follow);
    if (follow->prefix_len && follow->seq < follow->end)
        page(follow);
    else
        tail(follow);
}

static void
on_up(void *arg)
{
    struct log_follow *follow = arg;
    redis_link_sendf(follow->tail, on_end, follow, "HGET %s #", follow->prefix_key);
    redis_link_flush(follow->tail);
}

static void
on_down(void *arg)
{
    struct log_follow *follow = arg;
    follow->current = false;
}

static void
on_asks_changed(void *arg)
{
    (void)arg;
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
    struct redis_events events = {on_up, on_down, NULL};
    struct redis_events quiet = {on_asks_changed, on_asks_changed, NULL};
    follow->tail = redis_link_new(loop, url, &events, follow);
    follow->asks = follow->tail ? redis_link_new(loop, url, &quiet, follow) : NULL;
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
