/* Notifications without a gap: live by PUB/SUB, what was missed by log.read (design section 4).
 * What may be shown next is decided in stream.c; this file shows it, and waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/client/splice.h"
#include "common/client/subscriber_internal.h"

#define SYNC_MS 200  /* the cursor is put on disk when idle, at most so often */
#define SHOWN_MAX 64 /* records shown before the requests get their turn */

void
subscriber_give_up(struct cbm_subscriber *subscriber, enum cbm_next how, enum status code,
                   const char *message)
{
    struct error error = {0};
    error_set(&error, code, NULL, "%s", message);
    client_error(&subscriber->error, &error);
    subscriber->over = how;
}

/* ---- the cursor -------------------------------------------------------------------------------
 */

int
subscriber_keep_place(struct cbm_subscriber *subscriber, const struct feed *feed, int64_t seq)
{
    if (!subscriber->cursor.path || cursor_put(&subscriber->cursor, feed->stream.prefix, seq) == 0)
        return 0;
    char message[200];
    snprintf(message, sizeof message, "cannot keep the place in the cursor file: %s",
             strerror(errno));
    subscriber_give_up(subscriber, CBM_FAILED, STATUS_INTERNAL, message);
    return -1;
}

static int
keep_given(struct cbm_subscriber *subscriber)
{
    struct feed *feed = subscriber->given;
    subscriber->given = NULL;
    return feed ? subscriber_keep_place(subscriber, feed, subscriber->given_seq) : 0;
}

int
cbm_subscriber_save(struct cbm_subscriber *subscriber)
{
    return keep_given(subscriber) || cursor_sync(&subscriber->cursor) ? -1 : 0;
}

/* ---- showing ----------------------------------------------------------------------------------
 */

static void
copy_text(char *out, size_t max, struct text text)
{
    size_t len = text.len < max ? text.len : max;
    if (len)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static void
show(struct cbm_subscriber *subscriber, struct feed *feed, const struct feed_record *record,
     struct cbm_event *event)
{
    copy_text(subscriber->topic, TOPIC_MAX, record->topic);
    copy_text(subscriber->type, SUBSCRIBER_TYPE_MAX, record->type);
    *event = (struct cbm_event){.seq = record->seq,
                                .topic = subscriber->topic,
                                .type = subscriber->type,
                                .meta = (const uint8_t *)record->meta.ptr,
                                .data = (const uint8_t *)record->data.ptr,
                                .meta_len = record->meta.len,
                                .data_len = record->data.len};
    feed->tries = 0;
    subscriber->given = feed;
    subscriber->given_seq = record->seq;
}

/* The next of those that came too early and were kept. */
static bool
take_kept(struct cbm_subscriber *subscriber, struct feed *feed, struct feed_record *record)
{
    struct stream_record *kept = stream_take(&feed->stream);
    if (!kept)
        return false;
    const char *meta = (const char *)kept->bytes + kept->topic_len + 1;
    subscriber->record = kept;
    *record = (struct feed_record){.seq = kept->seq,
                                   .topic = {(const char *)kept->bytes, kept->topic_len},
                                   .meta = {meta, kept->meta_len},
                                   .data = {meta + kept->meta_len, kept->data_len}};
    splice_get_text(record->meta, "type", &record->type);
    return true;
}

/* The feed whose next record is at hand; NULL if there is none. */
static struct feed *
take_next(struct cbm_subscriber *subscriber, struct feed_record *record)
{
    for (unsigned i = 0; i < subscriber->feed_count && !subscriber->over; i++) {
        struct feed *feed = &subscriber->feeds[i];
        if (subscriber_log_next(subscriber, feed, record) ||
            (!subscriber->over && take_kept(subscriber, feed, record)))
            return feed;
    }
    return subscriber->over ? NULL : subscriber_live_next(subscriber, record);
}

/* ---- the turn ---------------------------------------------------------------------------------
 */

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
    int64_t wait = until == SUBSCRIBER_NEVER ? -1 : until > now ? until - now : 0;
    return zmq_poll(items, count, wait) < 0 && zmq_errno() == EINTR ? -1 : 0;
}

/* The requests' turn: what is missing is asked for, what was answered taken. Returns whether
 * something was answered; `due` is when it wants to be called next. */
static bool
turn_requests(struct cbm_subscriber *subscriber, int64_t now, int64_t *due)
{
    struct error why;
    *due = subscriber_log_ask(subscriber, now);
    client_turn(subscriber->client, now);
    if (client_refused(subscriber->client, &why)) { /* so does notify: nothing more would come */
        subscriber_give_up(subscriber, CBM_FAILED, why.code, why.message);
        return true;
    }
    if (client_deliver(subscriber->client, subscriber_log_reply, subscriber) == 0)
        return false;
    subscriber_log_ask(subscriber, now); /* goes out while the answer is shown */
    client_turn(subscriber->client, now);
    return true;
}

enum cbm_next
cbm_subscriber_next(struct cbm_subscriber *subscriber, int timeout_ms, struct cbm_event *event)
{
    int64_t until = 0, due;
    *event = (struct cbm_event){0};
    free(subscriber->record);
    subscriber->record = NULL;
    keep_given(subscriber);
    if (++subscriber->shown % SHOWN_MAX == 0)
        turn_requests(subscriber, clock_mono_ms(), &due);
    for (bool first = true; !subscriber->over; first = false) {
        struct feed_record record;
        struct feed *feed = take_next(subscriber, &record);
        if (feed) {
            show(subscriber, feed, &record, event);
            return CBM_EVENT;
        }
        if (subscriber->over)
            break;
        int64_t now = clock_mono_ms();
        if (first)
            until = timeout_ms < 0 ? SUBSCRIBER_NEVER : now + timeout_ms;
        if (turn_requests(subscriber, now, &due))
            continue; /* it may be shown */
        due = earlier(due, client_due_ms(subscriber->client));
        due = earlier(due, subscriber_live_check(subscriber, now));
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
