/* What was missed, by log.read: page after page, the next asked for while one is shown. It must not
 * know what comes live. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/client/splice.h"
#include "common/client/subscriber_internal.h"
#include "common/msg/mp.h"

#define PAGE_LIMIT 1000
#define PAGES_MAX 3 /* kept before they are shown */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_MAX_MS 1000

/* ---- asking -----------------------------------------------------------------------------------
 */

static void
send_ask(struct cbm_subscriber *subscriber, struct feed *feed, struct feed_ask *ask)
{
    struct buf params = {0};
    struct cbm_error error;
    mp_map(&params, feed->asked_last ? 1 : 3);
    mp_string(&params, "prefix");
    mp_string(&params, feed->stream.prefix);
    if (!feed->asked_last) {
        mp_string(&params, "after");
        mp_int(&params, ask->after);
        mp_string(&params, "limit");
        mp_int(&params, PAGE_LIMIT);
    }
    if (!params.failed)
        ask->request =
            cbm_send(subscriber->client, "notify", feed->asked_last ? "log.last" : "log.read",
                     params.data, params.len, NULL, &error);
    buf_fini(&params);
}

static void
forget(struct feed_ask *ask)
{
    free(ask->page);
    *ask = (struct feed_ask){0};
}

static void
ask(struct cbm_subscriber *subscriber, struct feed *feed, int64_t now)
{
    struct stream *stream = &feed->stream;
    feed->asked_last = !stream->joined;
    feed->ask.after = feed->page_tail ? feed->page_tail->next : stream->last;
    subscriber->gaps += stream->joined && !stream->unread && !feed->page_tail && feed->tries == 0;
    send_ask(subscriber, feed, &feed->ask);
    if (!feed->ask.request)
        feed->retry_at = now + BACKOFF_MAX_MS;
}

static bool
wants(const struct feed *feed)
{
    const struct feed_page *tail = feed->page_tail;
    if (tail)
        return tail->next < tail->last && feed->page_count < PAGES_MAX;
    return !feed->stream.joined || stream_behind(&feed->stream);
}

int64_t
subscriber_log_ask(struct cbm_subscriber *subscriber, int64_t now_ms)
{
    int64_t due = SUBSCRIBER_NEVER;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (!feed->ask.request && wants(feed)) {
            if (now_ms >= feed->retry_at)
                ask(subscriber, feed, now_ms);
            if (!feed->ask.request && feed->retry_at < due)
                due = feed->retry_at;
        }
        int64_t behind = feed->ask.after + PAGE_LIMIT;
        if (feed->ask.request && !feed->guess.request && !feed->guess.page && feed->dense &&
            behind < feed->log_last) {
            feed->guess.after = behind;
            send_ask(subscriber, feed, &feed->guess);
        }
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
    forget(&feed->guess);
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

/* A copy of the result as a page; NULL without memory, or if it is none, or one that leads nowhere.
 */
static struct feed_page *
page_new(struct text result, int64_t after)
{
    static const struct text keys[] = {{"items", 5}, {"next", 4}, {"last", 4}};
    struct text value[3];
    struct feed_page *page = malloc(sizeof *page + result.len);
    if (!page)
        return NULL;
    memcpy(page->bytes, result.ptr, result.len);
    result.ptr = page->bytes;
    page->behind = NULL;
    page->after = after;
    page->idle = true;
    if (splice_fields(result.ptr, keys, value, 3) &&
        splice_array(value[0], &page->count, &page->items) && splice_int(value[1], &page->next) &&
        splice_int(value[2], &page->last) && (page->next > after || page->next >= page->last))
        return page;
    free(page);
    return NULL;
}

static void
append(struct feed *feed, struct feed_page *page)
{
    if (feed->page_tail)
        feed->page_tail->behind = page;
    else
        feed->page = page;
    feed->page_tail = page;
    feed->page_count++;
    feed->dense = page->count == PAGE_LIMIT && page->next == page->after + PAGE_LIMIT;
    feed->log_last = page->last;
}

static void
take_page(struct cbm_subscriber *subscriber, struct feed *feed, struct text result)
{
    struct feed_page *page = page_new(result, feed->ask.after);
    if (!page) {
        forget(&feed->guess);
        try_later(feed);
        return;
    }
    append(feed, page);
    if (feed->resumed && page->last < feed->stream.last) {
        char message[200];
        snprintf(message, sizeof message,
                 "the log ends at seq %" PRId64 ", before the place kept, %" PRId64
                 ": it is another log; remove the cursor file to start anew",
                 page->last, feed->stream.last);
        subscriber_give_up(subscriber, CBM_FAILED, STATUS_FAILED_PRECONDITION, message);
    }
    feed->resumed = false;
    if (feed->guess.after != page->next) {
        forget(&feed->guess);
    } else if (feed->guess.page) {
        append(feed, feed->guess.page);
        feed->guess = (struct feed_ask){0};
    } else {
        feed->ask = feed->guess; /* it is the next now */
        feed->guess = (struct feed_ask){0};
    }
}

static void
take_answer(struct cbm_subscriber *subscriber, struct feed *feed, const struct cbm_reply *reply)
{
    struct text result = {(const char *)reply->result, (uint32_t)reply->result_len};
    feed->ask.request = 0;
    if (reply->error.code[0]) {
        refused(subscriber, feed, reply);
        return;
    }
    subscriber->error = (struct cbm_error){0};
    if (feed->asked_last)
        joined_now(subscriber, feed, result);
    else
        take_page(subscriber, feed, result);
}

void
subscriber_log_reply(void *arg, const struct cbm_reply *reply)
{
    struct cbm_subscriber *subscriber = arg;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (feed->ask.request == reply->id) {
            take_answer(subscriber, feed, reply);
        } else if (feed->guess.request == reply->id) {
            struct text result = {(const char *)reply->result, (uint32_t)reply->result_len};
            feed->guess.request = 0;
            if (!reply->error.code[0]) /* else it is asked again when it is the next */
                feed->guess.page = page_new(result, feed->guess.after);
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
    free(page);
    return feed->page;
}

void
subscriber_log_end(struct feed *feed)
{
    forget(&feed->guess);
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

/* The next item of a page; false if it is no record. */
static bool
take_item(const struct stream *stream, struct text *items, struct feed_record *record)
{
    static const struct text item_keys[] = {{"topic", 5}, {"meta", 4}, {"data", 4}};
    static const struct text meta_keys[] = {{"type", 4}, {"seq", 3}};
    struct text item[3], meta[2];
    const char *end = splice_fields(items->ptr, item_keys, item, 3);
    if (!end || !splice_text(item[0], &record->topic) || !item[1].ptr || !item[2].ptr ||
        !splice_fields(item[1].ptr, meta_keys, meta, 2) || !splice_int(meta[1], &record->seq))
        return false;
    items->len -= (uint32_t)(end - items->ptr);
    items->ptr = end;
    record->meta = item[1];
    record->data = item[2];
    if (!splice_text(meta[0], &record->type))
        record->type = TEXT_NONE;
    return topic_valid(record->topic) && stream_covers(stream, record->topic);
}

bool
subscriber_log_next(struct cbm_subscriber *subscriber, struct feed *feed,
                    struct feed_record *record)
{
    while (feed->page) {
        struct feed_page *page = feed->page;
        while (page->items.len) {
            if (!take_item(&feed->stream, &page->items, record)) {
                subscriber_give_up(subscriber, CBM_FAILED, STATUS_INTERNAL,
                                   "log.read answered what is no record");
                return false;
            }
            if (!stream_pass(&feed->stream, record->seq))
                continue;
            subscriber->filled++;
            page->idle = false;
            return true;
        }
        end_page(feed);
    }
    return false;
}
