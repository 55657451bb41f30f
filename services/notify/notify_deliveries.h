/* The deliveries as they are kept: one document each, and how it changes. For the engine, which
 * writes what its tries came to, and for the handlers, by which people look and step in. It must
 * not know sockets.
 *
 * Documents: kind "delivery" ("<subscription>.<seq>"), "cursor" (the subscription). Index entries:
 *   delivery|<subscription>|<seq>                            each of them
 *   dead|<subscription>|<seq>                                those in the dead-letter box
 *   pending|<subscription>|<seq>|<next_at>|<tries>|<topic>   those that wait for another try; the
 *                                                            topic by its hash
 * A seq has 20 digits. No log record is made for an ordinary delivery: who subscribes to all would
 * be told of what it was told. */
#ifndef CBM_NOTIFY_DELIVERIES_H
#define CBM_NOTIFY_DELIVERIES_H

#include "common/msg/messages.h"
#include "common/service/op.h"
#include "services/notify/notify_lane.h"

#define NOTIFY_SEQ_DIGITS "20"

/* "<subscription>.<seq>" */
struct text notify_deliveries_id(struct op *op, struct text subscription, int64_t seq);

/* The value of delivery_outcome for its word. */
int notify_deliveries_outcome(const char *word);

/* "<kind>|<subscription>|<seq>": of an index entry, or where those of a subscription begin. */
struct text notify_deliveries_entry(struct op *op, const char *kind, struct text subscription,
                                    int64_t seq);

/* The seq at the end of such an entry. */
int64_t notify_deliveries_seq(struct text entry);

/* Makes a pending one without topic and type, of a subscription that was made at `created`. */
void notify_deliveries_begin(struct op *op, struct delivery *delivery, struct text subscription,
                             int64_t created, int64_t seq);

/* Adds a try, the latest; of too many the oldest goes. */
void notify_deliveries_add(struct delivery *delivery, const struct delivery_attempt *attempt);

/* Saves a delivery that was op_load-ed and keeps its index entries right; `before` is what it was,
 * NULL if it is new. */
void notify_deliveries_save(struct op *op, const struct delivery *before, struct delivery *after);

/* What may go of deliveries that are done (delivered or discarded) when the log does not reach back
 * to them any more: of those with a seq below `below` the first, for retention, which takes them
 * away. Of `done` the fields of documents and their index entries are in pairs. `next` is where to
 * go on, 0 at the end. */
#define NOTIFY_DONE_MAX 256
struct notify_done {
    unsigned count;
    struct text fields[NOTIFY_DONE_MAX], entries[NOTIFY_DONE_MAX]; /* as long as the run */
    int64_t next;
};
enum status notify_deliveries_done(struct op *op, struct text subscription, int64_t from,
                                   int64_t below, struct notify_done *done);

/* ---- for the engine: operations of the service's own, their parameters and results ---- */

/* Everything that a lane begins with. Parameters: struct notify_load. Result: [store's clock,
 * cursor, failing since (0: it is not), [secret], current, until, [pending entry …]]: the secrets
 * in force, of which the first `current` are so for longer than `until`. A map instead: it took
 * away some of what stood in the index of a deleted subscription of the same id, and is to be asked
 * again. */
#define NOTIFY_LOAD_MAX (NOTIFY_KEPT_MAX + NOTIFY_WINDOW) /* pending ones, the first by seq */
struct notify_load {
    char subscription[TEXT_ID_MAX + 1];
    int64_t after;   /* the cursor, if there is none yet */
    int64_t created; /* of the subscription */
};
op_handler_fn notify_deliveries_load;

/* Takes an entry of `pending|` apart. */
struct notify_pending {
    int64_t seq, next_at;
    unsigned tries;
    uint64_t topic;
};
bool notify_deliveries_pending(struct text entry, struct notify_pending *out);

/* Reads the log. Result: [first, [seq …], [next, last, full, records] …]: the seqs in these pages
 * that have documents already, then one for each prefix, the records as a pack
 * (common/log/record.h). */
#define NOTIFY_READ_PREFIXES_MAX 3
#define NOTIFY_READ_MAX 128
#define NOTIFY_KNOWN_MAX (NOTIFY_READ_PREFIXES_MAX * NOTIFY_READ_MAX)
struct notify_read {
    char subscription[TEXT_ID_MAX + 1];
    int64_t after;
    unsigned prefix_count;
    char prefixes[NOTIFY_READ_PREFIXES_MAX][TOPIC_MAX + 1];
};
op_handler_fn notify_deliveries_read;

/* Reads the records of pending deliveries again. Result: [pack …], one of each: empty if it does
 * not wait any more, nil if the record is no longer kept. */
#define NOTIFY_AGAIN_MAX 200
struct notify_again {
    char subscription[TEXT_ID_MAX + 1];
    unsigned count;
    int64_t seqs[NOTIFY_AGAIN_MAX];
};
op_handler_fn notify_deliveries_again;

/* Writes what tries came to, and the cursor. Result: {cursor}. */
#define NOTIFY_SETTLE_MAX 64
struct notify_settle_item {
    int64_t seq;
    bool kept;
    unsigned tries;
    struct text topic, type; /* of a fresh one; they live in the parameters, behind the items */
    struct notify_result result;
};
struct notify_settle {
    char subscription[TEXT_ID_MAX + 1];
    int64_t created;  /* of the subscription: older documents are another's */
    int64_t from, to; /* what is between has documents */
    bool health;      /* that it fails, or does no more, is new: since when, 0: it does not */
    int64_t failing_since;
    unsigned count;
    struct notify_settle_item items[];
};
op_handler_fn notify_deliveries_settle;

/* Records that the subscription had not got are no longer kept: tells it and goes on behind them.
 */
struct notify_missed {
    char subscription[TEXT_ID_MAX + 1];
    int64_t from, to;
};
op_handler_fn notify_deliveries_missed;

#endif
