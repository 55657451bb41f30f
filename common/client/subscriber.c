/* Notifications without a gap: live by PUB/SUB, what was missed by log.read (design section 4).
 * What may be shown next is decided in stream.c; this file moves the messages. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/client/client.h"
#include "common/client/cursor.h"
#include "common/client/publication.h"
#include "common/client/splice.h"
#include "common/client/stream.h"
#include "common/msg/mp.h"

#define PAGE_LIMIT 1000
#define READ_MAX 256 /* messages read in one go */
#define KEPT_DEFAULT 10000
#define RCVHWM_DEFAULT 10000
#define BACKOFF_FIRST_MS 20
#define BACKOFF_MAX_MS 1000
#define SYNC_MS 200 /* the cursor is put on disk when idle, at most so often */
#define TYPE_MAX 128
#define NEVER INT64_MAX

/* A stream and the reading of the log for it. */
struct feed {
    struct stream stream;
    int64_t from; /* CBM_FROM_NOW or the first seq wanted */
    bool resumed; /* `from` is of the cursor file */
    uint32_t request;
    bool asked_last; /* the request is log.last */
    unsigned tries;
    int64_t retry_at;
    uint8_t *page; /* owned: the answer whose items are being shown */
    struct text items;
    int64_t page_last;
    bool page_idle; /* no record of it was new */
};

struct cbm_subscriber {
    zsock_t *sub;
    struct cbm_client *client;
    struct feed *feeds;
    unsigned feed_count;
    struct cursor cursor;
    int64_t synced_at;
    struct feed *given; /* whose record was shown last and is not kept in the cursor yet */
    int64_t given_seq;
    struct stream_record *record; /* what the event borrows from, if it came live */
    char topic[TOPIC_MAX + 1], type[TYPE_MAX + 1];
    struct cbm_error error;
    enum cbm_next over; /* CBM_LOST or CBM_FAILED for good, else 0 */
    int64_t first, gaps, filled;
};

/* ---- start and end ----------------------------------------------------------------------------
 */

static enum status
add_feed(struct cbm_subscriber *subscriber, const struct cbm_subscriber_options *options,
         const char *prefix, struct error *error)
{
    struct text text = text_of(prefix);
    if (!topic_prefix_valid(text))
        return error_set(error, STATUS_INVALID_ARGUMENT, "prefix",
                         "\"%.100s\" is no prefix that ends at a level: want \"\" or one that ends "
                         "with a dot, such as events.economic.",
                         prefix ? prefix : "(null)");
    for (size_t i = 0; i < options->prefix_count; i++) {
        /* left out if another covers it, or the same came before */
        struct stream other = {0};
        const char *name = options->prefixes[i];
        if (name == prefix || !topic_prefix_valid(text_of(name)))
            continue;
        stream_init(&other, text_of(name), 1);
        bool same = strcmp(name, prefix) == 0;
        if (same ? name < prefix : stream_covers_prefix(&other, text))
            return STATUS_OK;
    }
    struct feed *feed = &subscriber->feeds[subscriber->feed_count++];
    size_t kept = options->pending_max > 0 ? (size_t)options->pending_max : KEPT_DEFAULT;
    stream_init(&feed->stream, text, kept);
    feed->from = options->from;
    int64_t seq = options->cursor_file ? cursor_seq(&subscriber->cursor, prefix) : -1;
    if (seq >= 0) {
        feed->from = seq + 1;
        feed->resumed = true;
    }
    if (feed->from >= 0)
        stream_join(&feed->stream, feed->from > 0 ? feed->from - 1 : 0, true);
    return STATUS_OK;
}

static enum status
subscribe(struct cbm_subscriber *subscriber, const struct cbm_subscriber_options *options,
          struct error *error)
{
    subscriber->sub = link_socket(ZMQ_SUB, error);
    if (!subscriber->sub)
        return error->code;
    zsock_set_rcvhwm(subscriber->sub, options->rcvhwm > 0 ? options->rcvhwm : RCVHWM_DEFAULT);
    for (unsigned i = 0; i < subscriber->feed_count; i++)
        zsock_set_subscribe(subscriber->sub, subscriber->feeds[i].stream.prefix);
    char one[CFG_TEXT_MAX];
    unsigned count = 0;
    const char *at = link_endpoints(options->notify, "CBM_NOTIFY", LINK_NOTIFY_DEFAULT);
    for (; (at = cfg_next_endpoint(at, one, sizeof one)); count++)
        if (zsock_connect(subscriber->sub, "%s", one))
            return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                             "\"%.200s\" is not an endpoint such as tcp://host:5560", one);
    if (count == 0)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "no endpoint of notify is given");
    return STATUS_OK;
}

static enum status
set_up(struct cbm_subscriber *subscriber, const struct cbm_subscriber_options *options,
       struct error *error)
{
    if (options->prefix_count < 1 || options->prefix_count > CBM_PREFIXES_MAX || !options->prefixes)
        return error_set(error, STATUS_INVALID_ARGUMENT, "prefixes", "want 1 to %d prefixes",
                         CBM_PREFIXES_MAX);
    if (options->from < CBM_FROM_NOW)
        return error_set(error, STATUS_INVALID_ARGUMENT, "from",
                         "from: want a seq, CBM_FROM_START or CBM_FROM_NOW");
    subscriber->feeds = calloc(options->prefix_count, sizeof *subscriber->feeds);
    if (!subscriber->feeds)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    enum status status = STATUS_OK;
    if (options->cursor_file)
        status = cursor_open(&subscriber->cursor, options->cursor_file, error);
    for (size_t i = 0; status == STATUS_OK && i < options->prefix_count; i++)
        status = add_feed(subscriber, options, options->prefixes[i], error);
    return status == STATUS_OK ? subscribe(subscriber, options, error) : status;
}

struct cbm_subscriber *
cbm_subscriber_new(const struct cbm_subscriber_options *options, struct cbm_error *failure)
{
    struct error error = {0};
    struct cbm_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber) {
        error_set(&error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    } else {
        subscriber->cursor.fd = -1;
        set_up(subscriber, options, &error);
    }
    client_error(failure, &error);
    if (subscriber && error.code == STATUS_OK) {
        struct cbm_error why;
        subscriber->client = cbm_client_new(options->bus, &why);
        if (subscriber->client)
            return subscriber;
        if (failure)
            *failure = why;
    }
    cbm_subscriber_destroy(&subscriber);
    return NULL;
}

void
cbm_subscriber_destroy(struct cbm_subscriber **pointer)
{
    struct cbm_subscriber *subscriber = *pointer;
    *pointer = NULL;
    if (!subscriber)
        return;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        stream_fini(&subscriber->feeds[i].stream);
        free(subscriber->feeds[i].page);
    }
    free(subscriber->feeds);
    free(subscriber->record);
    cursor_close(&subscriber->cursor);
    zsock_destroy(&subscriber->sub);
    cbm_client_destroy(&subscriber->client);
    free(subscriber);
}

static void
give_up(struct cbm_subscriber *subscriber, enum cbm_next how, enum status code, const char *message)
{
    struct error error = {0};
    error_set(&error, code, NULL, "%s", message);
    client_error(&subscriber->error, &error);
    subscriber->over = how;
}

/* ---- the cursor -------------------------------------------------------------------------------
 */

static int
keep_place(struct cbm_subscriber *subscriber, const struct feed *feed, int64_t seq)
{
    if (!subscriber->cursor.path || cursor_put(&subscriber->cursor, feed->stream.prefix, seq) == 0)
        return 0;
    char message[200];
    snprintf(message, sizeof message, "cannot keep the place in the cursor file: %s",
             strerror(errno));
    give_up(subscriber, CBM_FAILED, STATUS_INTERNAL, message);
    return -1;
}

static int
keep_given(struct cbm_subscriber *subscriber)
{
    struct feed *feed = subscriber->given;
    subscriber->given = NULL;
    return feed ? keep_place(subscriber, feed, subscriber->given_seq) : 0;
}

int
cbm_subscriber_save(struct cbm_subscriber *subscriber)
{
    return keep_given(subscriber) || cursor_sync(&subscriber->cursor) ? -1 : 0;
}

/* ---- live -------------------------------------------------------------------------------------
 */

static struct feed *
feed_of(struct cbm_subscriber *subscriber, struct text topic)
{
    for (unsigned i = 0; i < subscriber->feed_count; i++)
        if (stream_covers(&subscriber->feeds[i].stream, topic))
            return &subscriber->feeds[i];
    return NULL;
}

static void
take_watermark(struct cbm_subscriber *subscriber, const struct publication *publication)
{
    for (unsigned i = 0; i < subscriber->feed_count; i++)
        if (text_is(publication->topic, subscriber->feeds[i].stream.prefix))
            stream_exists(&subscriber->feeds[i].stream, publication->seq);
}

static void
take_record(struct cbm_subscriber *subscriber, const struct publication *publication)
{
    struct feed *feed = feed_of(subscriber, publication->topic);
    int64_t prev;
    if (!feed || !publication_prev(publication, feed->stream.level, &prev))
        return;
    struct stream_record *record = stream_record_new(publication->seq, prev, publication->topic,
                                                     publication->meta, publication->data);
    if (record)
        stream_add(&feed->stream, record);
    else
        stream_exists(&feed->stream, publication->seq); /* no memory: it is read again later */
}

/* Reads one message; what is not one of ours is passed over (if it was one, it shows as a gap).
 * False if there is none. */
static bool
read_message(struct cbm_subscriber *subscriber)
{
    struct publication publication;
    enum publication_kind kind = publication_receive(zsock_resolve(subscriber->sub), &publication);
    if (kind == PUBLICATION_WATERMARK)
        take_watermark(subscriber, &publication);
    else if (kind == PUBLICATION_RECORD)
        take_record(subscriber, &publication);
    publication_close(&publication);
    return kind != PUBLICATION_NONE;
}

/* ---- the log ----------------------------------------------------------------------------------
 */

static void
ask(struct cbm_subscriber *subscriber, struct feed *feed, int64_t now)
{
    struct buf params = {0};
    struct stream *stream = &feed->stream;
    struct cbm_error error;
    feed->asked_last = !stream->joined;
    mp_map(&params, feed->asked_last ? 1 : 3);
    mp_string(&params, "prefix");
    mp_string(&params, stream->prefix);
    if (!feed->asked_last) {
        mp_string(&params, "after");
        mp_int(&params, stream->last);
        mp_string(&params, "limit");
        mp_int(&params, PAGE_LIMIT);
        subscriber->gaps += !stream->unread && feed->tries == 0;
    }
    if (!params.failed)
        feed->request =
            cbm_send(subscriber->client, "notify", feed->asked_last ? "log.last" : "log.read",
                     params.data, params.len, NULL, &error);
    buf_fini(&params);
    if (!feed->request)
        feed->retry_at = now + BACKOFF_MAX_MS;
}

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
    keep_place(subscriber, feed, seq);
}

static void
take_page(struct cbm_subscriber *subscriber, struct feed *feed, struct text result)
{
    struct text list;
    uint32_t count;
    feed->page = malloc(result.len);
    if (!feed->page) {
        try_later(feed);
        return;
    }
    memcpy(feed->page, result.ptr, result.len);
    result.ptr = (const char *)feed->page;
    if (!splice_get(result, "items", &list) || !splice_array(list, &count, &feed->items) ||
        !splice_get_int(result, "last", &feed->page_last)) {
        free(feed->page);
        feed->page = NULL;
        try_later(feed);
        return;
    }
    if (feed->resumed && feed->page_last < feed->stream.last) {
        char message[200];
        snprintf(message, sizeof message,
                 "the log ends at seq %" PRId64 ", before the place kept, %" PRId64
                 ": it is another log; remove the cursor file to start anew",
                 feed->page_last, feed->stream.last);
        give_up(subscriber, CBM_FAILED, STATUS_FAILED_PRECONDITION, message);
    }
    feed->resumed = false;
    feed->page_idle = true;
}

static void
on_reply(void *arg, const struct cbm_reply *reply)
{
    struct cbm_subscriber *subscriber = arg;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (feed->request != reply->id)
            continue;
        feed->request = 0;
        struct text result = {(const char *)reply->result, (uint32_t)reply->result_len};
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
}

/* After the last item of a page: what is next. */
static void
end_page(struct feed *feed)
{
    struct stream *stream = &feed->stream;
    bool more = !feed->page_idle && stream->last < feed->page_last;
    free(feed->page);
    feed->page = NULL;
    stream->unread = more;
    if (!feed->page_idle) {
        feed->tries = 0;
        feed->retry_at = 0;
    } else if (stream->last < stream->high) {
        try_later(feed); /* whoever answered does not know yet what was published */
    }
}

/* ---- showing ----------------------------------------------------------------------------------
 */

static bool
show(struct cbm_subscriber *subscriber, struct feed *feed, int64_t seq, struct text topic,
     struct text meta, struct text data, struct cbm_event *event)
{
    struct text type = TEXT_NONE;
    splice_get_text(meta, "type", &type);
    snprintf(subscriber->topic, sizeof subscriber->topic, "%.*s", TEXT_ARG(topic));
    snprintf(subscriber->type, sizeof subscriber->type, "%.*s", TEXT_ARG(type));
    *event = (struct cbm_event){.seq = seq,
                                .topic = subscriber->topic,
                                .type = subscriber->type,
                                .meta = (const uint8_t *)meta.ptr,
                                .data = (const uint8_t *)data.ptr,
                                .meta_len = meta.len,
                                .data_len = data.len};
    subscriber->given = feed;
    subscriber->given_seq = seq;
    return true;
}

static bool
show_from_page(struct cbm_subscriber *subscriber, struct feed *feed, struct cbm_event *event)
{
    struct text item, topic, meta, data;
    int64_t seq;
    while (splice_next(&feed->items, &item)) {
        if (!splice_get_text(item, "topic", &topic) || !splice_get(item, "meta", &meta) ||
            !splice_get(item, "data", &data) || !splice_get_int(meta, "seq", &seq) ||
            !topic_valid(topic) || !stream_covers(&feed->stream, topic)) {
            give_up(subscriber, CBM_FAILED, STATUS_INTERNAL, "log.read answered what is no record");
            return false;
        }
        if (!stream_pass(&feed->stream, seq))
            continue;
        subscriber->filled++;
        feed->page_idle = false;
        return show(subscriber, feed, seq, topic, meta, data, event);
    }
    end_page(feed);
    return false;
}

static bool
show_next(struct cbm_subscriber *subscriber, struct cbm_event *event)
{
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (feed->page && show_from_page(subscriber, feed, event))
            return true;
        if (subscriber->over)
            return false;
        struct stream_record *record = stream_take(&feed->stream);
        if (!record)
            continue;
        feed->tries = 0;
        subscriber->record = record;
        const char *meta = (const char *)record->bytes + record->topic_len + 1;
        return show(subscriber, feed, record->seq,
                    (struct text){(const char *)record->bytes, record->topic_len},
                    (struct text){meta, record->meta_len},
                    (struct text){meta + record->meta_len, record->data_len}, event);
    }
    return false;
}

/* ---- the turn ---------------------------------------------------------------------------------
 */

/* Asks for what is missing; returns when it wants to be called next. */
static int64_t
ask_all(struct cbm_subscriber *subscriber, int64_t now)
{
    int64_t due = NEVER;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (feed->request || feed->page || (feed->stream.joined && !stream_behind(&feed->stream)))
            continue;
        if (now >= feed->retry_at)
            ask(subscriber, feed, now);
        if (!feed->request && feed->retry_at < due)
            due = feed->retry_at;
    }
    return due;
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Waits for input until `until`. -1 if a signal came. */
static int
wait_for_input(struct cbm_subscriber *subscriber, int64_t until)
{
    zmq_pollitem_t items[1 + CLIENT_POLL_MAX];
    items[0] = (zmq_pollitem_t){zsock_resolve(subscriber->sub), 0, ZMQ_POLLIN, 0};
    int count = 1 + client_poll_items(subscriber->client, items + 1);
    int64_t now = clock_mono_ms();
    if (subscriber->cursor.path && subscriber->cursor.dirty) {
        if (now - subscriber->synced_at >= SYNC_MS) {
            cursor_sync(&subscriber->cursor); /* nothing is at hand: time to put it on disk */
            subscriber->synced_at = now = clock_mono_ms();
        } else {
            until = earlier(until, subscriber->synced_at + SYNC_MS);
        }
    }
    int64_t wait = until == NEVER ? -1 : until > now ? until - now : 0;
    return zmq_poll(items, count, wait) < 0 && zmq_errno() == EINTR ? -1 : 0;
}

enum cbm_next
cbm_subscriber_next(struct cbm_subscriber *subscriber, int timeout_ms, struct cbm_event *event)
{
    *event = (struct cbm_event){0};
    int64_t until = timeout_ms < 0 ? NEVER : clock_mono_ms() + timeout_ms;
    free(subscriber->record);
    subscriber->record = NULL;
    keep_given(subscriber);
    while (!subscriber->over) {
        if (show_next(subscriber, event))
            return CBM_EVENT;
        if (subscriber->over)
            break;
        int count = 0;
        while (count < READ_MAX && read_message(subscriber))
            count++;
        int64_t now = clock_mono_ms();
        client_turn(subscriber->client, now);
        count += client_deliver(subscriber->client, on_reply, subscriber);
        if (count)
            continue; /* something came: it may be shown */
        int64_t due = earlier(ask_all(subscriber, now), client_due_ms(subscriber->client));
        if (now >= until || wait_for_input(subscriber, earlier(due, until)) < 0)
            return CBM_TIMEOUT;
    }
    return subscriber->over;
}

bool
cbm_subscriber_joined(const struct cbm_subscriber *subscriber)
{
    for (unsigned i = 0; i < subscriber->feed_count; i++)
        if (!subscriber->feeds[i].stream.joined)
            return false;
    return true;
}

int64_t
cbm_subscriber_seq(const struct cbm_subscriber *subscriber)
{
    return subscriber->feeds[0].stream.last;
}

const struct cbm_error *
cbm_subscriber_error(const struct cbm_subscriber *subscriber)
{
    return &subscriber->error;
}

int64_t
cbm_subscriber_first(const struct cbm_subscriber *subscriber)
{
    return subscriber->first;
}

void
cbm_subscriber_counts(const struct cbm_subscriber *subscriber, int64_t *gaps, int64_t *filled)
{
    *gaps = subscriber->gaps;
    *filled = subscriber->filled;
}
