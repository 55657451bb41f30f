/* What the files of the subscriber share: subscriber.c shows records and waits, subscriber_start.c
 * begins and ends, subscriber_live.c listens, subscriber_log.c reads what was missed. It must not
 * know what may be shown next: that is stream.c's. */
#ifndef CBM_CLIENT_SUBSCRIBER_INTERNAL_H
#define CBM_CLIENT_SUBSCRIBER_INTERNAL_H

#include "common/client/client.h"
#include "common/client/cursor.h"
#include "common/client/publication.h"
#include "common/client/stream.h"

#define SUBSCRIBER_TYPE_MAX 128
#define SUBSCRIBER_NEVER INT64_MAX

/* An answer of log.read, whose records are shown one after another. */
struct feed_page {
    struct feed_page *behind;
    void *memory;       /* owned */
    struct text pack;   /* of record.h, over it: not shown yet */
    int64_t next, last; /* where the page ends, and the log */
    bool idle;          /* no record of it was new */
};

/* Pages asked for and pages not shown yet, together: what is asked for when one has been shown, and
 * not as it comes, keeps everybody on the way at work, each on a page of its own. */
#define FEED_PAGES_MAX 8

/* A stream and the reading of the log for it. */
struct feed {
    struct stream stream;
    int64_t from;    /* CBM_FROM_NOW or the first seq wanted */
    bool resumed;    /* `from` is of the cursor file */
    bool asked_last; /* what is asked is log.last, else pages */
    /* What is asked: the next page, and where the log is dense (the last page was full, of one seq
     * after the other) those behind it at the same time, whose answers wait for it. */
    struct feed_ask {
        uint32_t request; /* 0: answered */
        int64_t after;
        struct feed_page *page; /* owned */
    } asks[FEED_PAGES_MAX];
    unsigned ask_count;
    bool dense;
    int64_t log_last; /* as the last page told */
    unsigned tries;
    int64_t retry_at;
    struct feed_page *page, *page_tail; /* owned: one follows on the other */
    unsigned page_count;
};

struct cbm_subscriber {
    zsock_t *sub;
    struct publication live; /* the message being read */
    bool frames;             /* records are asked for in frames too: no batches come */
    int64_t heard_at;        /* when a batch came, monotonic ms */
    struct cbm_client *client;
    struct feed *feeds;
    unsigned feed_count;
    struct cursor cursor;
    int64_t synced_at;
    struct feed *given; /* whose record was shown last and is not kept in the cursor yet */
    int64_t given_seq;
    struct stream_record *record; /* what the event borrows from, if it came live */
    struct buf meta;              /* … if it was read */
    char topic[TOPIC_MAX + 1], type[SUBSCRIBER_TYPE_MAX + 1];
    struct cbm_error error;
    enum cbm_next over; /* CBM_LOST or CBM_FAILED for good, else 0 */
    int64_t first, gaps, filled;
    unsigned shown;
};

/* A record that is to be shown; all borrowed. */
struct feed_record {
    int64_t seq;
    struct text topic, type, meta, data;
};

/* Ends for good with that reason. */
void subscriber_give_up(struct cbm_subscriber *subscriber, enum cbm_next how, enum status code,
                        const char *message);

/* Notes in the cursor file that a feed has passed `seq`. 0, or -1 after subscriber_give_up. */
int subscriber_keep_place(struct cbm_subscriber *subscriber, const struct feed *feed, int64_t seq);

/* ---- subscriber_live.c ----
 */

/* Subscribes to every feed's prefix on the socket, which exists. */
void subscriber_live_begin(struct cbm_subscriber *subscriber);

/* Reads until a record comes that may be shown at once, which then counts as passed: its feed, and
 * `record` is borrowed until the next call. NULL if none came. */
struct feed *subscriber_live_next(struct cbm_subscriber *subscriber, struct feed_record *record);

/* To be called when there is nothing to read: a publisher that sends no batches is asked for
 * frames. Returns when it wants to be called again. */
int64_t subscriber_live_check(struct cbm_subscriber *subscriber, int64_t now_ms);

/* ---- subscriber_log.c ----
 */

/* Asks for what is missing; returns when it wants to be called next. */
int64_t subscriber_log_ask(struct cbm_subscriber *subscriber, int64_t now_ms);

/* Takes an answer of the client's. */
cbm_reply_fn subscriber_log_reply;

/* The next record of the feed's pages, which counts as passed; false if there is none, or after
 * subscriber_give_up. Borrowed until the next call. */
bool subscriber_log_next(struct cbm_subscriber *subscriber, struct feed *feed,
                         struct feed_record *record);

void subscriber_log_end(struct feed *feed); /* frees the pages */

#endif
