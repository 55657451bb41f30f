/* See notify_mailboxes.h. It must not know who asks. */
#include "services/notify/notify_mailboxes.h"

#include <inttypes.h>
#include <string.h>

#include "common/msg/mp.h"
#include "services/notify/notify_subscriptions.h"

#define BEFORE_BYTES_MAX 700 /* of a lease: a mailbox of 1,000 stays below MP_BYTES_MAX */
#define RECEIPTS_READ 16     /* a span of a notice is in fewer */
#define RECEIPTS_SWEPT 32

enum status
notify_mailboxes_load(struct op *op, const struct subscription *subscription, struct mailbox *out)
{
    struct text id = subscription->id;
    *out = (struct mailbox){subscription, op_alloc(op, sizeof *out->state), {0}};
    if (!out->state)
        return op_no_memory(op);
    enum status cursor = op_load(op, "cursor", id, &subscription_cursor_schema, &out->cursor);
    enum status state = op_load(op, "mailbox", id, &mailbox_state_schema, out->state);
    if (cursor == STATUS_OK && state == STATUS_NOT_FOUND) {
        notify_mailbox_begin(out->state, out->cursor.seq);
        return STATUS_OK;
    }
    return cursor != STATUS_OK ? cursor : state;
}

/* ---- how one was given ---- */

struct text
notify_mailboxes_before(struct op *op, const struct mailbox_lease *lease)
{
    struct buf all = {0};
    struct text kept = lease->before;
    struct mp_value head = {.number = 0};
    if (!lease->attempt)
        return TEXT_NONE;
    const char *at = kept.ptr ? mp_read(kept.ptr, &head) : NULL, *end = kept.ptr + kept.len;
    const size_t room = BEFORE_BYTES_MAX - 32 - lease->consumer.len;
    for (; head.number && (size_t)(end - at) > room; head.number--)
        at = mp_skip(mp_skip(at)); /* the oldest goes */
    mp_map(&all, (size_t)head.number + 1);
    if (head.number)
        buf_append(&all, at, (size_t)(end - at));
    mp_int(&all, notify_mailbox_last(lease) - notify_mailbox_first(lease));
    mp_array(&all, 2);
    mp_int(&all, lease->held == INT_NONE ? 0 : lease->held);
    mp_text(&all, lease->consumer);
    struct text bytes = {(const char *)all.data, (uint32_t)all.len};
    bytes = all.failed ? TEXT_NONE : op_join(op, 1, &bytes);
    buf_fini(&all);
    return bytes;
}

/* Adds every time that a lease was given; `acked_at` is when it was acknowledged, INT_NONE if it
 * was not. */
static void
add_attempts(struct delivery *delivery, const struct mailbox_lease *lease)
{
    int64_t first = notify_mailbox_first(lease), last = notify_mailbox_last(lease);
    struct mp_value head = {.number = 0}, value;
    const char *at = lease->before.ptr ? mp_read(lease->before.ptr, &head) : NULL;
    struct delivery_attempt attempt = {.present = true,
                                       .code = INT_NONE,
                                       .outcome = OUTCOME_LAPSED};
    for (; head.number; head.number--) {
        at = mp_read(at, &value);
        attempt.at = first + value.number;
        at = mp_read(mp_read(at, &value), &value);
        attempt.took_ms = value.number;
        at = mp_read(at, &value);
        attempt.consumer = value.type == MP_TEXT ? value.bytes : TEXT_NONE;
        notify_deliveries_add(delivery, &attempt);
    }
    if (!lease->attempt)
        return;
    bool acked = lease->acked == 1 && lease->acked_at != INT_NONE;
    int64_t over = acked ? lease->acked_at : lease->until;
    attempt.at = last;
    attempt.took_ms = over > last ? over - last : 0;
    attempt.outcome = acked ? OUTCOME_TAKEN : OUTCOME_LAPSED;
    attempt.consumer = lease->consumer;
    notify_deliveries_add(delivery, &attempt);
}

/* ---- the dead-letter box ---- */

/* Its delivery, to be saved; a new one needs the record. STATUS_NOT_FOUND without. */
static enum status
load_delivery(struct op *op, const struct subscription *subscription, int64_t seq,
              const struct log_record *record, struct delivery **before, struct delivery **after)
{
    struct delivery *delivery = *after = op_alloc(op, sizeof *delivery);
    *before = op_alloc(op, sizeof **before);
    if (!delivery || !*before)
        return op_no_memory(op);
    enum status status = op_load(op, "delivery", notify_deliveries_id(op, subscription->id, seq),
                                 &delivery_schema, delivery);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_OK && delivery->subscribed == subscription->created) {
        **before = *delivery;
        return STATUS_OK;
    }
    if (!record)
        return STATUS_NOT_FOUND;
    *before = NULL;
    notify_deliveries_begin(op, delivery, subscription->id, subscription->created, seq);
    delivery->topic = record->topic;
    delivery->type = log_record_type(record);
    return STATUS_OK;
}

enum status
notify_mailboxes_bury(struct op *op, struct mailbox *mailbox, struct mailbox_lease *lease,
                      const struct log_record *record)
{
    const struct subscription *subscription = mailbox->subscription;
    struct delivery *before, *delivery;
    char own[NOTIFY_OWN_TOPIC_MAX];
    enum status status = load_delivery(op, subscription, lease->seq, record, &before, &delivery);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    notify_mailbox_drop(lease);
    if (status == STATUS_NOT_FOUND || !delivery->type.ptr)
        return STATUS_OK;
    add_attempts(delivery, lease);
    delivery->status = DELIVERY_DEAD;
    delivery->tries = lease->attempt;
    delivery->next_at = TIME_NONE;
    notify_deliveries_save(op, before, delivery);
    struct text topic = notify_subscription_topic(subscription, own);
    if (!text_equal(delivery->topic, topic))
        op_record(op, "delivery.dead", topic, &delivery_schema, delivery, NULL, NULL, TEXT_NONE);
    return STATUS_OK;
}

enum status
notify_mailboxes_step_in(struct op *op, struct mailbox *mailbox, int64_t seq, bool again)
{
    struct mailbox_lease *lease = notify_mailbox_find(mailbox->state, seq);
    if (!again && lease)
        notify_mailbox_drop(lease);
    if (again && !notify_mailbox_return(mailbox->state, seq, op_now_ms(op)))
        return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, "seq",
                         "seq: %d records of the mailbox are out, which is the most: acknowledge "
                         "some first",
                         NOTIFY_LEASES_MAX);
    return STATUS_OK;
}

/* What came back and was acknowledged is delivered. */
static enum status
deliver_returned(struct op *op, struct mailbox *mailbox)
{
    enum status result = STATUS_OK;
    for (uint32_t i = 0; i < mailbox->state->leases.count; i++) {
        const struct mailbox_lease *lease = &mailbox->state->leases.items[i];
        struct delivery *before, *delivery;
        if (lease->returned == BOOL_NONE || lease->acked != 1 || lease->acked_at == INT_NONE)
            continue;
        enum status status =
            load_delivery(op, mailbox->subscription, lease->seq, NULL, &before, &delivery);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            result = status; /* ask for all in one round */
        if (status != STATUS_OK || result != STATUS_OK)
            continue;
        add_attempts(delivery, lease);
        delivery->status = DELIVERY_DELIVERED;
        delivery->tries = lease->attempt;
        delivery->next_at = TIME_NONE;
        notify_deliveries_save(op, before, delivery);
    }
    return result;
}

/* ---- what is settled ---- */

/* A receipt's id (`kind` "", a dot between its parts) or its index entry: by when the subscription
 * was made, for receipts of another of the same id are none of this one's. */
static struct text
receipt_of(struct op *op, const char *kind, char between, const struct subscription *subscription,
           int64_t seq)
{
    return op_format(op, "%s%.*s%c%" PRId64 "%c%0" NOTIFY_SEQ_DIGITS PRId64, kind,
                     TEXT_ARG(subscription->id), between, subscription->created, between, seq);
}

static struct text
receipt_id(struct op *op, const struct subscription *subscription, int64_t seq)
{
    return receipt_of(op, "", '.', subscription, seq);
}

static struct text
receipt_entry(struct op *op, const struct subscription *subscription, int64_t seq)
{
    return receipt_of(op, "receipt|", '|', subscription, seq);
}

/* The runs go into the state; if it has no room for them, into receipts. */
static enum status
keep_runs(struct op *op, struct mailbox *mailbox, const struct mailbox_run *runs, unsigned count)
{
    struct mailbox_state *state = mailbox->state;
    struct mailbox_receipt *receipt = op_alloc(op, sizeof *receipt);
    if (!receipt)
        return op_no_memory(op);
    for (; count > NOTIFY_RUNS_MAX; count -= NOTIFY_RUNS_MAX, runs += NOTIFY_RUNS_MAX) {
        int64_t last = runs[NOTIFY_RUNS_MAX - 1].to;
        struct text id = receipt_id(op, mailbox->subscription, last);
        enum status status = op_load_new(op, "receipt", id);
        if (status != STATUS_NOT_FOUND)
            return status;
        *receipt = (struct mailbox_receipt){.present = true};
        receipt->runs.count = NOTIFY_RUNS_MAX;
        memcpy(receipt->runs.items, runs, sizeof receipt->runs.items);
        op_save(op, "receipt", id, &mailbox_receipt_schema, receipt);
        op_index_add(op, receipt_entry(op, mailbox->subscription, last));
    }
    state->settled.count = count;
    memcpy(state->settled.items, runs, count * sizeof *runs);
    return STATUS_OK;
}

enum status
notify_mailboxes_save(struct op *op, struct mailbox *mailbox)
{
    struct mailbox_state *state = mailbox->state;
    struct text id = mailbox->subscription->id;
    size_t max = (size_t)state->leases.count + NOTIFY_RUNS_MAX;
    struct mailbox_run *runs = op_alloc(op, max * sizeof *runs);
    if (!runs)
        return op_no_memory(op);
    enum status status = deliver_returned(op, mailbox);
    if (status == STATUS_OK)
        status = keep_runs(op, mailbox, runs, notify_mailbox_settle(state, runs));
    if (status != STATUS_OK)
        return status;
    int64_t cursor = notify_mailbox_cursor(state);
    op_save(op, "mailbox", id, &mailbox_state_schema, state);
    if (cursor == mailbox->cursor.seq)
        return STATUS_OK;
    mailbox->cursor.seq = cursor;
    op_save(op, "cursor", id, &subscription_cursor_schema, &mailbox->cursor);
    return STATUS_OK;
}

enum status
notify_mailboxes_runs(struct op *op, const struct subscription *subscription,
                      const struct mailbox_state *state, int64_t from,
                      const struct mailbox_run **runs, unsigned *count)
{
    struct op_range range;
    *count = 0;
    enum status status = op_scan(op, receipt_entry(op, subscription, from),
                                 receipt_entry(op, subscription, INT64_MAX), RECEIPTS_READ, &range);
    if (status != STATUS_OK)
        return status;
    struct mailbox_receipt *receipt = op_alloc(op, sizeof *receipt);
    struct mailbox_run *all = op_alloc(op, (range.count + 1) * NOTIFY_RUNS_MAX * sizeof *all);
    if (!receipt || !all)
        return op_no_memory(op);
    for (unsigned i = 0; i < range.count; i++) {
        struct text id = receipt_id(op, subscription, notify_deliveries_seq(range.items[i]));
        enum status one = op_peek(op, "receipt", id, &mailbox_receipt_schema, receipt, NULL);
        if (one != STATUS_OK && one != STATUS_NOT_FOUND)
            status = one;
        if (one != STATUS_OK)
            continue;
        memcpy(all + *count, receipt->runs.items, receipt->runs.count * sizeof *all);
        *count += receipt->runs.count;
    }
    if (state) {
        memcpy(all + *count, state->settled.items, state->settled.count * sizeof *all);
        *count += state->settled.count;
    }
    *runs = all;
    return status;
}

/* ---- retention ---- */

enum status
notify_mailboxes_done(struct op *op, struct text subscription, int64_t below,
                      struct notify_done *done)
{
    struct op_range range;
    struct text begin = op_format(op, "receipt|%.*s|", TEXT_ARG(subscription));
    enum status status = op_scan(op, begin, op_format(op, "receipt|%.*s|~", TEXT_ARG(subscription)),
                                 RECEIPTS_SWEPT, &range);
    if (status != STATUS_OK)
        return status;
    for (unsigned i = 0; i < range.count && done->count < NOTIFY_DONE_MAX; i++) {
        struct text entry = range.items[i];
        struct text ends[] = {{entry.ptr + begin.len, entry.len - begin.len - 21},
                              {entry.ptr + entry.len - 20, 20}};
        if (notify_deliveries_seq(entry) >= below)
            continue;
        done->fields[done->count] = op_format(op, "receipt/%.*s.%.*s.%.*s", TEXT_ARG(subscription),
                                              TEXT_ARG(ends[0]), TEXT_ARG(ends[1]));
        done->entries[done->count++] = entry;
    }
    return STATUS_OK;
}
