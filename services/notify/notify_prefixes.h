/* The prefixes that somebody subscribes to, in which form, the last seq published under each, and
 * when its next watermark is due. Pure: no socket, no store, no clock; what is to be sent or asked
 * is taken from it. It must not know messages.
 *
 *   subscribe → TO_ASK → ASKED ──answer is passed──→ SOON ⇄ RESTING
 *                  ↑        │  └answer is ahead→ HELD ↑
 *                  └ no answer in time                └ the tail has passed it
 *
 * A record published under a prefix makes its seq known at once, whatever was asked. */
#ifndef CBM_NOTIFY_PREFIXES_H
#define CBM_NOTIFY_PREFIXES_H

#include "services/notify/notify_batches.h"
#include "services/notify/notify_holders.h"

#define NOTIFY_WATERMARK_MS                                                                        \
    900 /* at least once a second is promised: some room for a busy loop                           \
         */
#define NOTIFY_WATERMARK_MIN_MS 20 /* many subscribers to one prefix at once share a watermark */
#define NOTIFY_ASK_MS 2000         /* a question to the store without an answer is asked again */
#define NOTIFY_ASKED_MAX 256       /* questions under way at once */

struct notify_prefixes;

/* How a subscriber to a prefix wants to have it; a prefix may have subscribers of both. */
enum notify_form {
    NOTIFY_FRAMES = 1,  /* each record in three frames */
    NOTIFY_COMPACT = 2, /* in batches */
};

/* A prefix that is subscribed to compactly has a batch; it lives until the last unsubscription of
 * that form, before which what is begun must be flushed. */

/* Holds at most `max` prefixes. `key` is random: prefixes are chosen outside, and must not be able
 * to be chosen so that they all fall on one place of the hash table. NULL when out of memory. */
struct notify_prefixes *notify_prefixes_new(uint32_t max, const uint64_t key[2]);
void notify_prefixes_destroy(struct notify_prefixes **prefixes);

/* A peer subscribed (also: again) to a valid prefix: its watermark is due at once. False if there
 * are too many prefixes or no memory: it gets none. Times are monotonic ms. */
bool notify_prefixes_subscribe(struct notify_prefixes *prefixes, struct text prefix,
                               enum notify_form form, struct notify_peer peer, int64_t now_ms);

/* A peer does not subscribe to it in that form any more: what it never did is ignored, so that
 * nobody ends what others have. A connection that ended (libzmq does not say which) counts as one.
 */
void notify_prefixes_unsubscribe(struct notify_prefixes *prefixes, struct text prefix,
                                 enum notify_form form, struct notify_peer peer);
void notify_prefixes_gone(struct notify_prefixes *prefixes, struct text prefix,
                          enum notify_form form);

/* A record is published; seqs only grow. Who wants it, as far as the prefixes tell. */
struct notify_wanted {
    bool frames;
    unsigned count;
    struct notify_batch *batches[TOPIC_LEVELS_MAX + 1]; /* it belongs into each */
};
void notify_prefixes_published(struct notify_prefixes *prefixes, struct text topic, int64_t seq,
                               int64_t now_ms, struct notify_wanted *wanted);

/* The next prefix whose last seq is to be asked of the store; false if there is none now. Borrowed
 * until the next call. */
bool notify_prefixes_next_ask(struct notify_prefixes *prefixes, int64_t now_ms,
                              struct text *prefix);

/* The question could not be put: it is asked again later. */
void notify_prefixes_unasked(struct notify_prefixes *prefixes, struct text prefix);

/* The store's answer: `last` (0: no record). Records up to `passed` have been put on the socket; an
 * answer ahead of that is held until notify_prefixes_passed says so. Unknown prefixes are ignored.
 */
void notify_prefixes_answered(struct notify_prefixes *prefixes, struct text prefix, int64_t last,
                              int64_t passed, int64_t now_ms);
void notify_prefixes_passed(struct notify_prefixes *prefixes, int64_t passed, int64_t now_ms);

/* The next watermark that is due; it counts as sent. False if there is none now. */
struct notify_due {
    struct text prefix; /* borrowed until the next call */
    int64_t seq;
    bool frames;                /* as a message of two frames */
    struct notify_batch *batch; /* in its batch, unless NULL */
};
bool notify_prefixes_next_due(struct notify_prefixes *prefixes, int64_t now_ms,
                              struct notify_due *due);

/* When the next watermark or repeated question is due, INT64_MAX for none. Questions not put yet
 * are not part of it. */
int64_t notify_prefixes_next_ms(const struct notify_prefixes *prefixes);

uint32_t notify_prefixes_count(const struct notify_prefixes *prefixes);

#endif
