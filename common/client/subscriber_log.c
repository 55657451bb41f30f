/* What was missed, by log.read: page after page, the next ones asked for while one is shown. It
 * must not know what comes live. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/client/splice.h"
#include "common/client/subscriber_internal.h"
#include "common/log/record.h"
#include "common/msg/mp.h"

#define PAGE_LIMIT 1000
#define BACKOFF_FIRST_MS 20
#define BACKOFF_MAX_MS 1000

/* ---- asking -----------------------------------------------------------------------------------
 */

static void
send_ask(struct cbm_subscriber *subscriber, struct feed *feed, int64_t after)
{
    struct buf params = {0};
    struct cbm_error error;
    mp_map(&params, feed->asked_last ? 1 : 4);
    mp_string(&params, "prefix");
    mp_string(&params, feed->stream.prefix);
    if (!feed->asked_last) {
        mp_string(&params, "after");
        mp_int(&params, after);
        mp_string(&params, "limit");
        mp_int(&params, PAGE_LIMIT);
        mp_string(&params, "form");
        mp_string(&params, LOG_PACK_FORM);
    }
    uint32_t request = params.failed ? 0
                                     : cbm_send(subscriber->client, "notify",
                                                feed->asked_last ? "log.last" : "log.read",
                                                params.data, params.len, NULL, &error);
    buf_fini(&params);
    if (request)
        feed->asks[feed->ask_count++] = (struct feed_ask){request, after, NULL};
}

static void
free_page(struct feed_page *page)
{
    if (page)
        free(page->memory);
    free(page);
}

/* Asks from `from` on are given up; their answers will be nobody's. */
static void
forget_asks(struct feed *feed, unsigned from)
{
    while (feed->ask_count > from)
        free_page(feed->asks[--feed->ask_count].page);
}

static void
ask(struct cbm_subscriber *subscriber, struct feed *feed, int64_t now)
{
    struct stream *stream = &feed->stream;
    feed->asked_last = !stream->joined;
    subscriber->gaps += stream->joined && !stream->unread && !feed->page_tail && feed->tries == 0;
    send_ask(subscriber, feed, feed->page_tail ? feed->page_tail->next : stream->last);
    if (!feed->ask_count)
        feed->retry_at = now + BACKOFF_MAX_MS;
}

static bool
wants(const struct feed *feed)
{
    const struct feed_page *tail = feed->page_tail;
    if (tail)
        return tail->next < tail->last && feed->page_count < FEED_PAGES_MAX;
    return !feed->stream.joined || stream_behind(&feed->stream);
}

/* Asks for what is behind the pages asked for, as far as it is known where they end. */
static void
ask_ahead(struct cbm_subscriber *subscriber, struct feed *feed)
{
    while (feed->dense && feed->ask_count && feed->ask_count + feed->page_count < FEED_PAGES_MAX) {
        unsigned before = feed->ask_count;
        int64_t after = feed->asks[before - 1].after + PAGE_LIMIT;
        if (after < feed->log_last)
            send_ask(subscriber, feed, after);
        if (feed->ask_count == before)
            return;
    }
}

int64_t
subscriber_log_ask(struct cbm_subscriber *subscriber, int64_t now_ms)
{
    int64_t due = SUBSCRIBER_NEVER;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (!feed->ask_count && wants(feed)) {
            if (now_ms >= feed->retry_at)
                ask(subscriber, feed, now_ms);
            if (!feed->ask_count && feed->retry_at < due)
                due = feed->retry_at;
        }
        ask_ahead(subscriber, feed);
    }
    return due;
}

/* ---- the answers ------------------------------------------------------------------------------
 */

static void
try_later(struct feed *feed)
{
    int64_t wait = (int64_t)BACKOFF_FIRST_MS << (feed->tries < 6 ? feed->tries : 6);
    feed->retry_at = clock_mono_ms() + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
    feed->tries++;
}

static void
refused(struct cbm_subscriber *subscriber, struct feed *feed, const struct cbm_reply *reply)
{
    static const enum status for_good[] = {
        STATUS_INVALID_ARGUMENT, STATUS_FAILED_PRECONDITION, STATUS_PERMISSION_DENIED,
        STATUS_UNAUTHENTICATED,  STATUS_UNIMPLEMENTED,
    };
    subscriber->error = reply->error;
    enum status code = status_of_word(text_of(reply->error.code));
    for (size_t i = 0; i < sizeof for_good / sizeof *for_good; i++)
        if (code == for_good[i])
            subscriber->over = CBM_FAILED;
    if (code == STATUS_FAILED_PRECONDITION) {
        struct text details = {(const char *)reply->details, (uint32_t)reply->details_len};
        subscriber->over = CBM_LOST;
        splice_get_int(details, "first", &subscriber->first);
    }
    try_later(feed);
}

static void
joined_now(struct cbm_subscriber *subscriber, struct feed *feed, struct text result)
{
    int64_t seq;
    if (!splice_get_int(result, "seq", &seq) || seq < 0) {
        try_later(feed);
        return;
    }
    stream_join(&feed->stream, seq, false);
    feed->retry_at = 0;
    subscriber_keep_place(subscriber, feed, seq);
}

/* The result as a page, which owns its bytes from then on; NULL without memory, or if it is none,
 * or one that leads nowhere. */
static struct feed_page *
page_new(struct cbm_subscriber *subscriber, struct text result, int64_t after)
{
    static const struct text keys[] = {{"records", 7}, {"next", 4}, {"last", 4}};
    struct text value[3];
    struct feed_page read = {.memory = (void *)result.ptr, .idle = true};
    if (!splice_fields(result.ptr, keys, value, 3) || !splice_bin(value[0], &read.pack) ||
        !splice_int(value[1], &read.next) || !splice_int(value[2], &read.last) ||
        (read.next <= after && read.next < read.last))
        return NULL;
    struct feed_page *page = malloc(sizeof *page);
    if (!page)
        return NULL;
    client_keep_result(subscriber->client);
    *page = read;
    return page;
}

static void
append(struct cbm_subscriber *subscriber, struct feed *feed, struct feed_page *page)
{
    if (feed->page_tail)
        feed->page_tail->behind = page;
    else
        feed->page = page;
    feed->page_tail = page;
    feed->page_count++;
    feed->log_last = page->last;
    if (feed->resumed && page->last < feed->stream.last) {
        char message[200];
        snprintf(message, sizeof message,
                 "the log ends at seq %" PRId64 ", before the place kept, %" PRId64
                 ": it is another log; remove the cursor file to start anew",
                 page->last, feed->stream.last);
        subscriber_give_up(subscriber, CBM_FAILED, STATUS_FAILED_PRECONDITION, message);
    }
    feed->resumed = false;
}

/* The pages that are here, up to the first that is not. */
static void
take_pages(struct cbm_subscriber *subscriber, struct feed *feed)
{
    while (feed->ask_count && feed->asks[0].page) {
        struct feed_ask taken = feed->asks[0];
        feed->ask_count--;
        memmove(feed->asks, feed->asks + 1, feed->ask_count * sizeof *feed->asks);
        feed->dense = taken.page->next == taken.after + PAGE_LIMIT;
        append(subscriber, feed, taken.page);
        if (feed->ask_count && feed->asks[0].after != taken.page->next)
            forget_asks(feed, 0);
    }
}

/* The answer to ask number `at`. */
static void
take_answer(struct cbm_subscriber *subscriber, struct feed *feed, unsigned at,
            const struct cbm_reply *reply)
{
    struct text result = {(const char *)reply->result, (uint32_t)reply->result_len};
    bool failed = reply->error.code[0];
    if (!failed && !feed->asked_last)
        feed->asks[at].page = page_new(subscriber, result, feed->asks[at].after);
    feed->asks[at].request = 0;
    if (!feed->asks[at].page)
        forget_asks(feed, at); /* if it is not the next, it is asked for again when it is */
    if (at == 0 && failed) {
        refused(subscriber, feed, reply);
        return;
    }
    if (at == 0)
        subscriber->error = (struct cbm_error){0};
    if (feed->asked_last)
        joined_now(subscriber, feed, result);
    else if (at == 0 && !feed->ask_count)
        try_later(feed);
    take_pages(subscriber, feed);
}

void
subscriber_log_reply(void *arg, const struct cbm_reply *reply)
{
    struct cbm_subscriber *subscriber = arg;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        for (unsigned at = 0; at < feed->ask_count; at++)
            if (feed->asks[at].request == reply->id) {
                take_answer(subscriber, feed, at, reply);
                return;
            }
    }
}

/* ---- showing ----------------------------------------------------------------------------------
 */

static struct feed_page *
drop_page(struct feed *feed)
{
    struct feed_page *page = feed->page;
    feed->page = page->behind;
    if (!feed->page)
        feed->page_tail = NULL;
    feed->page_count--;
    free_page(page);
    return feed->page;
}

void
subscriber_log_end(struct feed *feed)
{
    forget_asks(feed, 0);
    while (feed->page)
        drop_page(feed);
}

/* After the last item of a page: what is next. */
static void
end_page(struct feed *feed)
{
    struct stream *stream = &feed->stream;
    bool idle = feed->page->idle;
    stream->unread = feed->page->next < feed->page->last;
    drop_page(feed);
    if (!idle) {
        feed->tries = 0;
        feed->retry_at = 0;
    } else if (!stream->unread && stream->last < stream->high) {
        try_later(feed); /* whoever answered does not know yet what was published */
    }
}

/* What is shown of a record; false if it is damaged. */
static bool
fill(struct cbm_subscriber *subscriber, const struct log_record *from, struct feed_record *record)
{
    struct buf *meta = &subscriber->meta;
    struct log_attributes its;
    buf_clear(meta);
    if (!log_record_attributes(from, &its) || log_record_meta_with(from, &its, meta) != STATUS_OK ||
        meta->failed || mp_scan(from->data.ptr, from->data.len, NULL) != STATUS_OK)
        return false;
    *record = (struct feed_record){.seq = from->seq,
                                   .topic = from->topic,
                                   .type = its.type,
                                   .meta = {(const char *)meta->data, (uint32_t)meta->len},
                                   .data = from->data};
    return true;
}

bool
subscriber_log_next(struct cbm_subscriber *subscriber, struct feed *feed,
                    struct feed_record *record)
{
    struct log_record read;
    for (; feed->page; end_page(feed)) {
        struct feed_page *page = feed->page;
        int got;
        while ((got = log_pack_next(&page->pack, &read)) > 0) {
            if (!stream_covers(&feed->stream, read.topic))
                break;
            if (!stream_pass(&feed->stream, read.seq))
                continue;
            if (!fill(subscriber, &read, record))
                break;
            subscriber->filled++;
            page->idle = false;
            return true;
        }
        if (got != 0) {
            subscriber_give_up(subscriber, CBM_FAILED, STATUS_INTERNAL,
                               "log.read answered what is no record");
            return false;
        }
    }
    return false;
}
