/* The deliveries of one subscription that are at hand: what was matched and not yet settled, and
 * what waits for its next try; which of them may be tried now, and how far the cursor may go. Pure:
 * no socket, no store; time is an argument, by the store's clock in ms.
 *
 *   WAITING --pick--> SENDING --sent--> SENT --write--> WRITING --written--> gone, if it is settled
 *      ^                                                    |
 *      +------------------- to be tried again --------------+
 *
 * An item is fresh until it has a document in the store; the cursor stands before the first fresh
 * one, so that none is forgotten. */
#ifndef CBM_NOTIFY_LANE_H
#define CBM_NOTIFY_LANE_H

#include "common/log/record.h"
#include "services/notify/notify_retry.h"

#define NOTIFY_WINDOW 256    /* fresh items of a lane */
#define NOTIFY_KEPT_MAX 1024 /* items of a lane that wait for another try: then no fresh begin */
#define NOTIFY_ERROR_MAX 160
#define NOTIFY_BODY_MAX 256

enum notify_item_state {
    NOTIFY_ITEM_WAITING,
    NOTIFY_ITEM_SENDING,
    NOTIFY_ITEM_SENT,
    NOTIFY_ITEM_WRITING,
};

/* What a try came to. */
enum notify_verdict {
    NOTIFY_DELIVERED,
    NOTIFY_AGAIN,   /* at next_at */
    NOTIFY_DEAD,    /* it was the last */
    NOTIFY_PUT_OFF, /* no try was made: at next_at */
};
struct notify_result {
    enum notify_verdict verdict;
    int64_t at_ms, took_ms, next_at;
    int code; /* 0: none */
    const char *outcome;
    char error[NOTIFY_ERROR_MAX + 1], body[NOTIFY_BODY_MAX + 1];
};

struct notify_item {
    struct notify_item *next, *prev;
    enum notify_item_state state;
    int64_t seq, next_at;
    uint64_t topic; /* its hash */
    unsigned tries;
    bool kept;                    /* it has a document; else it is fresh */
    struct text stored;           /* owned: the record; absent: to be read from the log */
    struct notify_result *result; /* owned: from SENT on */
};

/* An embedded value: zeroed but for `held` it is empty. */
struct notify_lane {
    struct notify_item *first, *last; /* owned, by seq */
    unsigned fresh, kept, sending, sent;
    unsigned allowed; /* tries at once: one more after each that was taken, one after a failure */
    int64_t rate_us;  /* when the next may begin if none is to be ahead of the rate */
    struct notify_circuit circuit;
    int64_t *held; /* borrowed: the bytes of records that are held are counted here */
};

struct notify_lane_limits {
    unsigned concurrency, rate; /* rate: a second */
    bool ordered;
};

uint64_t notify_lane_hash(struct text topic);

/* Puts in a record that was matched, which is copied: in order of seq, behind all fresh ones. False
 * without memory. */
bool notify_lane_add(struct notify_lane *lane, const struct log_record *record);

/* Whether another fresh one fits. */
bool notify_lane_full(const struct notify_lane *lane);

/* Puts in one that has a document, or tells when its next try is if it is here already. NULL
 * without memory, else the item. */
struct notify_item *notify_lane_keep(struct notify_lane *lane, int64_t seq, uint64_t topic,
                                     unsigned tries, int64_t next_at);

/* The next that may be tried now: it is SENDING then. NULL if there is none; `wake` is when there
 * may be one by time alone (INT64_MAX: not by time). */
struct notify_item *notify_lane_pick(struct notify_lane *lane,
                                     const struct notify_lane_limits *limits, int64_t now_ms,
                                     int64_t *wake);

/* Another that is due, behind `item`, which goes along with what was picked: it is SENDING then.
 * NULL if there is none. */
struct notify_item *notify_lane_join(struct notify_lane *lane, struct notify_item *item,
                                     int64_t now_ms);

/* It was not begun after all: it waits until `next_at`. */
void notify_lane_unpick(struct notify_lane *lane, struct notify_item *item, int64_t next_at);

/* Its try is over; the result is taken over. It also tells the circuit, unless it was put off. */
void notify_lane_sent(struct notify_lane *lane, struct notify_item *item,
                      struct notify_result *result, const struct notify_retry *retry);

/* What is to be written: SENT items become WRITING, at most `max`; returns how many. `items` gets
 * them. */
unsigned notify_lane_write(struct notify_lane *lane, struct notify_item **items, unsigned max);

/* How far the cursor may be when what is being written is written: up to before the first fresh
 * item that is not; `passed` if there is none. */
int64_t notify_lane_cursor(const struct notify_lane *lane, int64_t passed);

/* All that was being written is (or, if not, has to be again). */
void notify_lane_written(struct notify_lane *lane, bool done);

/* Takes out an item that waits. */
void notify_lane_drop(struct notify_lane *lane, struct notify_item *item);

void notify_lane_fini(struct notify_lane *lane);

#endif
