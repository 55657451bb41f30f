/* notice.proof: that a subscription was told of a record, when, and what its endpoint said, signed
 * and bound to the chain of the log (docs/proof.md). It must not know sockets or Redis. */
#include <string.h>

#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"
#include "services/notify/notify_chain.h"
#include "services/notify/notify_handlers_subscription.h"
#include "services/notify/notify_mailboxes.h"
#include "services/notify/notify_proof.h"
#include "services/notify/notify_subscriptions.h"

#define SPAN_MAX 100
#define SIGNED_HEAD "CBM notice 1\n" /* before the bytes that are signed */

struct asked {
    const struct subscription *subscription;
    const struct notify_subscription *matching; /* NULL while this replica does not know it */
    int64_t settled;                            /* up to this seq */
    struct mailbox_state *mailbox;              /* NULL if it is none, or was never fetched from */
    const struct mailbox_run *runs;             /* of a mailbox: what of the span is settled */
    unsigned run_count;
};

/* What is known of a record that was given out of a mailbox. */
static void
add_times(const struct asked *asked, struct notice_item *item)
{
    const struct mailbox_lease *lease =
        asked->mailbox ? notify_mailbox_find(asked->mailbox, item->seq) : NULL;
    if (lease && lease->attempt) {
        item->attempt = lease->attempt;
        item->first = notify_mailbox_first(lease);
        item->last = notify_mailbox_last(lease);
        item->settled = lease->acked == 1;
        if (lease->acked_at != INT_NONE)
            item->acked = lease->acked_at;
        else
            item->until = lease->until;
    }
    for (unsigned i = 0; !lease && !item->delivery.ptr && i < asked->run_count; i++) {
        const struct mailbox_run *run = &asked->runs[i];
        if (run->from > item->seq || run->to < item->seq)
            continue;
        item->attempt = run->attempt;
        item->first = run->first;
        item->last = run->last;
        item->acked = run->acked;
    }
}

/* Adds a record, if it was for the subscription. */
static enum status
add(struct op *op, const struct asked *asked, const struct log_record *record,
    struct notice *notice)
{
    struct chain_hash leaf;
    char hex[CHAIN_HEX_MAX];
    struct text bytes = TEXT_NONE;
    enum status status =
        op_peek(op, "delivery", notify_deliveries_id(op, asked->subscription->id, record->seq),
                NULL, NULL, &bytes);
    bool tried = status == STATUS_OK;
    if (!tried && status != STATUS_NOT_FOUND)
        return status;
    if (!tried && (!asked->matching || !record->topic.ptr ||
                   !notify_subscription_matches(asked->matching, record)))
        return STATUS_OK;
    chain_leaf(record->seq, record->stored, &leaf);
    chain_print(&leaf, hex);
    struct notice_item *item = &notice->items.items[notice->items.count++];
    *item = (struct notice_item){.present = true,
                                 .seq = record->seq,
                                 .leaf = op_format(op, "%s", hex),
                                 .settled = record->seq <= asked->settled,
                                 .attempt = INT_NONE,
                                 .until = TIME_NONE,
                                 .first = TIME_NONE,
                                 .last = TIME_NONE,
                                 .acked = TIME_NONE,
                                 .delivery = tried ? bytes : TEXT_NONE};
    add_times(asked, item);
    return STATUS_OK;
}

static enum status
add_all(struct op *op, const struct asked *asked, struct notify_proof *proof, struct notice *notice)
{
    struct op_log_page page;
    enum status status = op_log_read(op, TEXT_LITERAL(LOG_ALL), proof->from - 1,
                                     (unsigned)(proof->to - proof->from + 1), &page);
    if (status != STATUS_OK)
        return status;
    if (page.count && page.next < proof->to) /* a page ends when it is large */
        proof->to = notice->to = page.next;
    for (unsigned i = 0; i < page.count && page.records[i].seq <= proof->to; i++) {
        enum status one = add(op, asked, &page.records[i], notice);
        status = one != STATUS_OK ? one : status; /* ask for all in one round */
    }
    if (status == STATUS_OK && !notice->items.count)
        return error_set(op_error(op), STATUS_NOT_FOUND, "seq",
                         "seq: no record of these was for the subscription %.*s",
                         TEXT_ARG(asked->subscription->id));
    return status;
}

static enum status
find_span(struct op *op, const struct notice_proof *in, struct notify_proof *proof)
{
    bool one = in->seq != INT_NONE, span = in->from != INT_NONE;
    if (one == span || (span && in->to != INT_NONE && in->to < in->from))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "seq",
                         "seq: want either `seq`, or `from` and `to`");
    int64_t from = one ? in->seq : in->from, to = one || in->to == INT_NONE ? from : in->to;
    *proof =
        (struct notify_proof){.from = from, .to = to - from < SPAN_MAX ? to : from + SPAN_MAX - 1};
    return notify_proof_find(op, proof);
}

/* What is known of the subscription, and from a seq on. */
static enum status
load(struct op *op, struct text id, int64_t from, struct asked *asked)
{
    struct subscription *subscription;
    struct subscription_cursor cursor;
    struct mailbox_state *state = op_alloc(op, sizeof *state);
    if (!state)
        return op_no_memory(op);
    enum status status = notify_handlers_own(op, id, INT_NONE, &subscription);
    enum status moved = op_peek(op, "cursor", id, &subscription_cursor_schema, &cursor, NULL);
    if (status != STATUS_OK)
        return status;
    enum status given = op_peek(op, "mailbox", id, &mailbox_state_schema, state, NULL);
    if (moved != STATUS_OK && moved != STATUS_NOT_FOUND)
        return moved;
    if (given != STATUS_OK && given != STATUS_NOT_FOUND)
        return given;
    *asked = (struct asked){
        .subscription = subscription,
        .matching = notify_subscriptions_get(notify_of(op)->subscriptions, id),
        .settled = moved == STATUS_OK ? cursor.seq : 0,
        .mailbox = given == STATUS_OK ? state : NULL,
    };
    return asked->mailbox ? notify_mailboxes_runs(op, subscription, state, from, &asked->runs,
                                                  &asked->run_count)
                          : STATUS_OK;
}

/* Encodes the notice and signs it. */
static enum status
write_signed(struct op *op, const struct notice *notice, struct buf *out)
{
    const struct chain_key *key = notify_chain_key(notify_of(op)->chain);
    char signature[CHAIN_SIGNATURE_MAX];
    struct buf bytes = {0};
    buf_append(&bytes, SIGNED_HEAD, sizeof SIGNED_HEAD - 1);
    schema_encode(&notice_schema, notice, &bytes);
    if (bytes.failed) {
        buf_fini(&bytes);
        return op_no_memory(op);
    }
    chain_sign(key, (struct text){(const char *)bytes.data, (uint32_t)bytes.len}, signature);
    mp_string(out, "notice");
    mp_bin(out, bytes.data + sizeof SIGNED_HEAD - 1, bytes.len - (sizeof SIGNED_HEAD - 1));
    mp_string(out, "signature");
    mp_string(out, signature);
    mp_string(out, "key");
    mp_string(out, key->public);
    buf_fini(&bytes);
    return STATUS_OK;
}

enum status
notice_proof_handle(struct op *op, const void *params)
{
    const struct notice_proof *in = params;
    struct asked asked = {0};
    struct notify_proof *proof = op_alloc(op, sizeof *proof);
    struct notice *notice = op_alloc(op, sizeof *notice);
    int64_t now_ms;
    if (!proof || !notice)
        return op_no_memory(op);
    int64_t from = in->seq != INT_NONE ? in->seq : in->from != INT_NONE ? in->from : 1;
    enum status clock = op_clock(op, &now_ms), status = load(op, in->subscription, from, &asked);
    if (status == STATUS_OK)
        status = find_span(op, in, proof);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    schema_init(&notice_schema, notice);
    notice->subscription = asked.subscription->id;
    notice->owner = asked.subscription->owner;
    notice->channel = asked.subscription->channel;
    notice->from = proof->from;
    notice->to = proof->to;
    notice->made = now_ms;
    status = add_all(op, &asked, proof, notice);
    if (status != STATUS_OK)
        return status;
    struct buf *out = op_result(op);
    mp_map(out, 4);
    status = write_signed(op, notice, out);
    if (status != STATUS_OK)
        return status;
    mp_string(out, "log");
    return notify_proof_answer(op, proof, proof->to, out);
}
