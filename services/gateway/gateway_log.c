/* See gateway_log.h. What a filter is for lies in one or two trees of the log (open, private). A
 * page of each is read, one after the other, and merged by seq: up to the end of each page that is
 * not the last of its tree, and no further than the log was known when it began. It must not know
 * HTTP or who reads. */
#include "services/gateway/gateway_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/log/follow.h"
#include "common/store/redis.h"
#include "common/store/store_page.h"

#define PAGE_RECORDS 128
#define READINGS_MAX 8 /* at once; the memory of pages is bounded by it */
#define KEY_MAX 128

struct gateway_log {
    struct loop *loop;
    const char *redis, *org;
    struct log_follow *follow; /* NULL while nobody reads */
    struct redis_link *link;
    struct gateway_ring ring;
    char keys[3][KEY_MAX];
    unsigned readings;
    int64_t pages;
    bool closing;
    gateway_log_news_fn *news;
    void *arg;
};

struct gateway_reading {
    struct gateway_log *log;
    bool forgotten;
    /* records */
    struct gateway_reader reader;
    unsigned tree_count, tree;
    struct text trees[FILTER_TREES_MAX]; /* borrowed from the filter until it is forgotten */
    struct buf packs[FILTER_TREES_MAX];
    int64_t after, upto, first;
    /* a place */
    gateway_log_place_fn *found;
    void *arg;
    int64_t time_ms, low, high; /* halved until it is found */
    bool placed;                /* `place` is filled but for `before` */
    struct gateway_place place;
};

static struct gateway_reading *
reading_new(struct gateway_log *log)
{
    bool known = log->ring.upto >= 0; /* what a page is read up to */
    bool free_one = known && redis_link_up(log->link) && log->readings < READINGS_MAX;
    struct gateway_reading *reading = free_one ? calloc(1, sizeof *reading) : NULL;
    if (reading) {
        reading->log = log;
        log->readings++;
    }
    return reading;
}

static void
reading_free(struct gateway_reading *reading)
{
    for (unsigned i = 0; i < FILTER_TREES_MAX; i++)
        buf_fini(&reading->packs[i]);
    free(reading);
}

void
gateway_log_forget(struct gateway_reading **reading)
{
    if (*reading)
        (*reading)->forgotten = true;
    *reading = NULL;
}

/* It is over. Whoever found no room may try again. */
static void
end(struct gateway_reading *reading, bool ok)
{
    struct gateway_log *log = reading->log;
    bool was_full = log->readings-- == READINGS_MAX;
    if (was_full && !log->closing)
        log->news(log->arg); /* before this one asks again */
    if (!reading->forgotten && reading->found)
        reading->found(reading->arg, ok, &reading->place);
    else if (!reading->forgotten)
        reading->reader.done(reading->reader.arg, ok, reading->first, reading->upto);
    reading_free(reading);
}

static bool
ask(struct gateway_reading *reading, struct text prefix, int64_t after, unsigned limit,
    store_page_fn *fn)
{
    struct gateway_log *log = reading->log;
    struct store_page_keys keys = {log->keys[0], log->keys[1], log->keys[2]};
    log->pages += limit > 1;
    loop_tick_by(log->loop, 0); /* a flush that fails tells all readings: not while one is begun */
    return store_page_read(log->link, &keys, prefix, after, limit, fn, reading) == 0;
}

/* What is under way, unless it could not be asked for. */
static struct gateway_reading *
started(struct gateway_reading *reading, bool asked)
{
    if (asked)
        return reading;
    reading->log->readings--;
    reading_free(reading);
    return NULL;
}

/* ---- records ---- */

/* Gives the records of both packs in order, up to where both are known. */
static void
give(struct gateway_reading *reading)
{
    struct text packs[FILTER_TREES_MAX];
    struct log_record heads[FILTER_TREES_MAX];
    bool here[FILTER_TREES_MAX] = {false};
    for (unsigned i = 0; i < reading->tree_count; i++) {
        packs[i] = (struct text){(char *)reading->packs[i].data, (uint32_t)reading->packs[i].len};
        here[i] = log_pack_next(&packs[i], &heads[i]) == 1;
    }
    for (;;) {
        unsigned next = FILTER_TREES_MAX;
        for (unsigned i = 0; i < reading->tree_count; i++)
            if (here[i] && (next == FILTER_TREES_MAX || heads[i].seq < heads[next].seq))
                next = i;
        if (next == FILTER_TREES_MAX || heads[next].seq > reading->upto)
            return;
        if (!reading->reader.record(reading->reader.arg, &heads[next])) {
            reading->upto = heads[next].seq - 1;
            return;
        }
        here[next] = log_pack_next(&packs[next], &heads[next]) == 1;
    }
}

static void read_tree(struct gateway_reading *reading);

static void
on_page(void *arg, const struct store_log_page *page, const redisReply *failure)
{
    struct gateway_reading *reading = arg;
    struct buf *pack = &reading->packs[reading->tree];
    (void)failure; /* the follower tells it, and waits until it is over */
    if (!page || reading->forgotten) {
        end(reading, false);
        return;
    }
    reading->first = page->first;
    if (page->first > reading->after + 1) {
        end(reading, true);
        return;
    }
    for (unsigned i = 0; i < page->count; i++)
        log_pack_add(pack, &page->records[i]);
    int64_t last = page->count ? page->records[page->count - 1].seq : page->last;
    if (last < page->last && last < reading->upto)
        reading->upto = last;
    if (pack->failed) {
        end(reading, false);
    } else if (++reading->tree < reading->tree_count) {
        read_tree(reading);
    } else {
        give(reading);
        end(reading, true);
    }
}

static void
read_tree(struct gateway_reading *reading)
{
    if (!ask(reading, reading->trees[reading->tree], reading->after, PAGE_RECORDS, on_page))
        end(reading, false);
}

struct gateway_reading *
gateway_log_read(struct gateway_log *log, const struct subscription_filter *filter, int64_t after,
                 const struct gateway_reader *reader)
{
    struct gateway_reading *reading = reading_new(log);
    if (!reading)
        return NULL;
    reading->reader = *reader;
    reading->after = after;
    reading->upto = log->ring.upto;
    reading->tree_count = filter_prefixes(filter, reading->trees);
    return started(reading, ask(reading, reading->trees[0], after, PAGE_RECORDS, on_page));
}

/* ---- places ---- */

static void halve(struct gateway_reading *reading);

static void
on_place(void *arg, const struct store_log_page *page, const redisReply *failure)
{
    struct gateway_reading *reading = arg;
    int64_t middle = reading->low + (reading->high - reading->low) / 2;
    (void)failure;
    if (!page || reading->forgotten) {
        end(reading, false);
        return;
    }
    if (!reading->placed) {
        reading->placed = true;
        reading->place = (struct gateway_place){.first = page->first, .last = page->last};
        reading->low = page->first > 0 ? page->first - 1 : 0;
        reading->high = page->last > reading->low ? page->last : reading->low;
    } else if (!page->count || page->records[0].time_ms >= reading->time_ms) {
        reading->high = middle;
    } else {
        reading->low = page->records[0].seq;
    }
    halve(reading);
}

static void
halve(struct gateway_reading *reading)
{
    int64_t middle = reading->low + (reading->high - reading->low) / 2;
    reading->place.before = reading->low;
    if (reading->time_ms < 0 || reading->low >= reading->high)
        end(reading, true);
    else if (!ask(reading, TEXT_LITERAL(LOG_ALL), middle, 1, on_place))
        end(reading, false);
}

struct gateway_reading *
gateway_log_find(struct gateway_log *log, int64_t time_ms, gateway_log_place_fn *found, void *arg)
{
    struct gateway_reading *reading = reading_new(log);
    if (!reading)
        return NULL;
    reading->found = found;
    reading->arg = arg;
    reading->time_ms = time_ms;
    return started(reading, ask(reading, TEXT_LITERAL(LOG_ALL), 0, 0, on_place));
}

/* ---- what is new ---- */

static void
on_record(void *arg, const struct log_record *record)
{
    struct gateway_log *log = arg;
    gateway_ring_add(&log->ring, record);
}

static void
on_passed(void *arg, int64_t seq)
{
    struct gateway_log *log = arg;
    gateway_ring_passed(&log->ring, seq);
    log->news(log->arg);
}

static void
on_down(void *arg)
{
    (void)arg; /* whatever was asked for has been told */
}

static void
on_up(void *arg)
{
    struct gateway_log *log = arg;
    log->news(log->arg);
}

static int64_t
on_tick(void *arg, int64_t now_ms)
{
    struct gateway_log *log = arg;
    (void)now_ms;
    redis_link_flush(log->link);
    return LOOP_NEVER;
}

struct gateway_log *
gateway_log_new(struct loop *loop, const char *redis, const char *org, gateway_log_news_fn *news,
                void *arg)
{
    static const char *const names[] = {"log", "log:prefix", "log:block"};
    const struct redis_events events = {on_up, on_down, NULL};
    struct gateway_log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->loop = loop;
    log->redis = redis;
    log->org = org;
    log->ring.after = log->ring.upto = -1;
    log->news = news;
    log->arg = arg;
    for (unsigned i = 0; i < 3; i++)
        snprintf(log->keys[i], KEY_MAX, "{%s}:%s", org, names[i]);
    log->link = redis_link_new(loop, redis, &events, log);
    if (!log->link || loop_add_tick(loop, on_tick, log) != 0)
        gateway_log_destroy(&log);
    return log;
}

void
gateway_log_follow(struct gateway_log *log, bool wanted)
{
    if (wanted && !log->follow)
        log->follow = log_follow_new(log->loop, log->redis, log->org, TEXT_LITERAL(""),
                                     LOG_FOLLOW_NEW, on_record, on_passed, log);
    if (!wanted && log->follow) {
        log_follow_destroy(&log->follow);
        gateway_ring_fini(&log->ring);
    }
}

bool
gateway_log_current(const struct gateway_log *log)
{
    return redis_link_up(log->link) && (!log->follow || log_follow_current(log->follow));
}

const struct gateway_ring *
gateway_log_ring(const struct gateway_log *log)
{
    return &log->ring;
}

int64_t
gateway_log_pages(const struct gateway_log *log)
{
    return log->pages;
}

void
gateway_log_destroy(struct gateway_log **log)
{
    struct gateway_log *self = *log;
    if (!self)
        return;
    self->closing = true;
    loop_remove_tick(self->loop, on_tick, self);
    log_follow_destroy(&self->follow);
    redis_link_destroy(&self->link);
    gateway_ring_fini(&self->ring);
    free(self);
    *log = NULL;
}
