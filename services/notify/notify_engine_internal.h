/* What the files of the engine share. Nothing else includes it. */
#ifndef CBM_NOTIFY_ENGINE_INTERNAL_H
#define CBM_NOTIFY_ENGINE_INTERNAL_H

#include "services/notify/notify_cloudevent.h"
#include "services/notify/notify_confirm.h"
#include "services/notify/notify_deliveries.h"
#include "services/notify/notify_engine.h"
#include "services/notify/notify_hash.h"
#include "services/notify/notify_leases.h"
#include "services/notify/notify_when.h"

#define ENGINE_HELD_MAX (64 * 1024 * 1024) /* bytes of records that wait for their first try */
#define ENGINE_AGAIN_MS 500                /* what the store or memory refused is asked again */
#define ENGINE_WARN_MS 10000

/* One subscription that is served here.
 *
 *   loading --> behind <--> current      `leaving` from any of them; then it is freed when all that
 *                                        was begun is over and written down
 *
 * A lane that is current gets its records as they are published; one that is behind reads them from
 * the log, until it has read all that it missed. */
struct lane {
    struct notify_link link; /* in the table */
    struct lane *ready_next; /* in the list of those with something to do now */
    bool ready;
    struct notify_engine *engine;
    char id[TEXT_ID_MAX + 1];
    unsigned shard;
    struct notify_lane queue;
    struct lane_secrets secrets;

    unsigned ops; /* operations and tries under way: it lives until they are over */
    bool writing; /* an operation on its documents is under way: one at a time */
    bool reading; /* … on the log */
    bool loaded, reload, leaving;
    bool current;
    int64_t created;      /* of the subscription */
    int64_t told_failing; /* since when it fails, as it is in the store; 0: it does not */
    int64_t telling;      /* … as it is being written */
    int64_t cursor;       /* as it is in the store */
    int64_t read_seq;     /* if it is behind: all up to here was looked at */
    int64_t seen_seq;     /* the last that was published for it while it was behind */
    int64_t seen_before;  /* … when it began to read: what was published before, it reads */
    bool more;            /* pending ones in the store beyond those at hand */
    int64_t wake_at;      /* monotonic */
    int64_t not_before;   /* monotonic: no operation before */

    /* of a webhook whose endpoint has not proved itself yet, or mail to an address that is not
     * confirmed */
    bool verifying, proving, changing; /* proving: a try is under way; changing: its status is */
    bool asked_again;                  /* for another mail */
    char code[NOTIFY_CODE_MAX];        /* of the mail to be sent */
    unsigned verify_tries;
    int64_t verify_at; /* monotonic */
};

/* A try under way. */
enum try_kind { TRY_DELIVERY, TRY_VERIFY, TRY_PING };

struct
try {
    struct try *next, *prev;
    struct notify_engine *engine;
    enum try_kind kind;
    struct lane *lane;                           /* NULL of a ping */
    unsigned count;                              /* of items */
    struct notify_item *items[NOTIFY_AGAIN_MAX]; /* of deliveries; more than one of a digest */
    struct engine_ping *ping;
    int64_t at_ms; /* by the store's clock */
    char challenge[33];
};

struct notify_engine {
    struct loop *loop;
    struct service *service;
    struct notify_sender *sender;
    struct notify_subscriptions *subscriptions;
    struct notify_leases *leases; /* owned */
    struct notify_retry retry;
    int64_t disable_after_ms, deliveries_max;
    struct notify_hash lanes; /* struct lane */
    struct lane *ready_first, *ready_last;
    struct try *tries;         /* owned: those under way */
    struct engine_ping *pings; /* owned */
    int64_t next_wake;         /* monotonic: the earliest wake_at may be */
    int64_t stream_seq;        /* the last that was published, -1: not known yet */
    bool draining;
    int64_t giving_since[NOTIFY_SHARDS]; /* monotonic; 0: it is not being given back */
    int64_t warned_ms, untold;
    int64_t count_at;                /* monotonic */
    bool look_again;                 /* a lane could not be made */
    const struct log_record *record; /* the one that is being matched */
    uint32_t random;
    int64_t held; /* bytes of records */
    int64_t sent, failed, dead, under_way, lane_count, pending, circuits, oldest_s; /* gauges */
    struct notify_cloudevent event;
    struct buf mail;
    struct zone_set zones;
    char from[CFG_TEXT_MAX], org[64]; /* of mails */
};

/* ---- notify_engine.c ---- */
struct lane *engine_lane(const struct notify_engine *engine, struct text id);
void engine_ready(struct lane *lane);                     /* it has something to do, in this turn */
int64_t engine_clock(const struct notify_engine *engine); /* the store's, now */
uint32_t engine_random(struct notify_engine *engine);
void engine_warn(struct notify_engine *engine, const char *what, const struct lane *lane,
                 const char *why);
/* Submits an operation on a lane and sets `busy`, which `done` clears; false if it cannot be now.
 */
bool engine_submit(struct lane *lane, bool *busy, op_handler_fn *handler, const void *params,
                   size_t size, service_done_fn *done);
/* An operation or a try of the lane is over. */
void engine_over(struct lane *lane);
/* Whether the lane should be there and may begin something. */
bool engine_serves(const struct lane *lane, int64_t now_ms);

/* ---- notify_engine_lane.c ---- */
void lane_work(struct lane *lane, int64_t now_ms);
/* A record that the subscription matches was published. */
void lane_published(struct lane *lane, const struct log_record *record);
/* All of the log up to here was looked at. */
int64_t lane_passed(const struct lane *lane);
/* Whether a record may be sent to it: it is not told of what its own deliveries come to. */
bool lane_takes(const struct log_record *record);

/* ---- notify_engine_mail.c ---- */
/* Puts off what its mail is not due of yet. Returns the end of the quiet hours, if these are. */
int64_t lane_put_off(struct lane *lane, const struct subscription *document, int64_t now_ms);
/* Begin the attempt of a mail: one of all records, or the answer to a ping. */
bool engine_mail(struct try *try, const struct subscription *document, unsigned count,
                 const struct log_record *records, notify_receipt_fn *fn);
bool engine_mail_confirm(struct try *try, const struct subscription *document,
                         notify_receipt_fn *fn);
bool engine_mail_ping(struct try *try, const struct subscription *document, notify_receipt_fn *fn);

/* ---- notify_engine_try.c ---- */
/* Begins a try of a picked item; its record may have to be read first. */
void engine_try(struct lane *lane, const struct subscription *document, struct notify_item *item);
/* A try is counted and keeps its lane (NULL: none) until it ends. NULL without memory. */
struct try *engine_begin_try(struct notify_engine *engine, enum try_kind kind, struct lane *lane);
void engine_end_try(struct try *try);
/* What a try came to, without what follows from it. */
void engine_fill_result(struct notify_result *result, const struct try *try,
                        const struct notify_receipt *receipt);
/* The secrets that are in force at the time of the post, which borrows them. */
void engine_add_secrets(struct notify_post *post, const struct lane_secrets *secrets);
void engine_forget_tries(struct notify_engine *engine);

/* ---- notify_engine_confirm.c ---- */
void engine_confirm(struct lane *lane, int64_t now_ms);

/* ---- notify_engine_ping.c ---- */
void engine_verify(struct lane *lane, int64_t now_ms);
void engine_forget_pings(struct notify_engine *engine);

#endif
