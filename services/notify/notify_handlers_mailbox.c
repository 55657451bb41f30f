/* mailbox.fetch, ack: see notify_handlers_subscription.h. What is given out and what is
 * acknowledged is one document of the mailbox (kind "mailbox"), changed by one commit: so whatever
 * replica dies when, nothing acknowledged is given again and nothing is lost. */
#include "services/notify/notify_handlers_subscription.h"

#include "common/msg/schema_mp.h"
#include "services/notify/notify_history.h"
#include "services/notify/notify_mailboxes.h"
#include "services/notify/notify_subscriptions.h"

#define LIMIT_DEFAULT 100
#define VISIBILITY_DEFAULT_MS 30000
#define VISIBILITY_MAX_MS (12 * 3600 * INT64_C(1000))
#define AGAIN_MAX 200 /* records given again at a fetch: each is looked up */
#define DEAD_MAX 32   /* … that are given up: each is told */
#define ROUNDS 4
#define SCANNED_LAG 1000 /* seqs passed without a match, then that is kept */
#define PAGE_BYTES_MAX (MP_BYTES_MAX - 65536)

/* Loads a mailbox that the asker may use. */
static enum status
load(struct op *op, struct text id, struct mailbox *out)
{
    struct subscription *subscription;
    enum status own = notify_handlers_own(op, id, INT_NONE, &subscription);
    if (own == STATUS_AGAIN)
        subscription->id = id; /* ask for all in one round */
    else if (own != STATUS_OK)
        return own;
    enum status status = notify_mailboxes_load(op, subscription, out);
    if (own != STATUS_OK)
        return own;
    if (subscription->channel != CHANNEL_MAILBOX)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: %.*s is no mailbox but a %s", TEXT_ARG(id),
                         channel_words[subscription->channel - 1]);
    return status;
}

/* ---- mailbox.fetch ---- */

/* A fetch under way. */
struct fetch {
    struct mailbox mailbox;
    struct principal owner;
    struct text own_topic;
    unsigned limit, dead; /* dead: given up */
    struct mailbox_offer offer;
    size_t bytes;
    struct mailbox_page *page;
};

/* Whether it fits into the answer, at least one always does. */
static bool
fits(const struct fetch *fetch, const struct log_record *record)
{
    size_t bytes = LOG_ITEM_ROOM + (size_t)record->stored.len + record->topic.len;
    return !fetch->page->items.count || fetch->bytes + bytes <= PAGE_BYTES_MAX;
}

static enum status
add_item(struct op *op, struct fetch *fetch, const struct log_record *record, int64_t attempt,
         struct text given_to)
{
    struct buf meta = {0};
    struct mailbox_item *item = &fetch->page->items.items[fetch->page->items.count];
    if (log_record_meta(record, &meta) != STATUS_OK || meta.failed) {
        buf_fini(&meta);
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the record %lld is damaged",
                         (long long)record->seq);
    }
    struct text bytes = {(const char *)meta.data, (uint32_t)meta.len};
    *item = (struct mailbox_item){.present = true,
                                  .seq = record->seq,
                                  .topic = record->topic,
                                  .meta = op_join(op, 1, &bytes),
                                  .attempt = attempt,
                                  .given_to = given_to};
    buf_fini(&meta);
    if (fetch->mailbox.subscription->payload == PAYLOAD_FULL)
        item->data = record->data;
    fetch->bytes += LOG_ITEM_ROOM + (size_t)record->stored.len + record->topic.len;
    fetch->page->items.count++;
    return STATUS_OK;
}

/* The record of a lease, in whichever tree it lies; NULL if it is not kept any more. */
static enum status
find_record(struct op *op, const struct fetch *fetch, int64_t seq, const struct log_record **record)
{
    struct text prefixes[NOTIFY_HISTORY_TREES];
    unsigned count = filter_prefixes(&fetch->mailbox.subscription->filter, prefixes);
    bool again = false;
    prefixes[count++] = fetch->own_topic;
    *record = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct op_log_page page;
        enum status status = op_log_read(op, prefixes[i], seq - 1, 1, &page);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
        again = again || status == STATUS_AGAIN;
        if (status == STATUS_OK && page.count && page.records[0].seq == seq)
            *record = page.records;
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

/* One whose time is over: it is given again, or up. */
static enum status
give_one_again(struct op *op, struct fetch *fetch, struct mailbox_lease *lease)
{
    const struct log_record *record;
    int64_t max = notify_of(op)->mailbox_tries;
    enum status status = find_record(op, fetch, lease->seq, &record);
    if (status != STATUS_OK)
        return status;
    bool dead = !record || (max && lease->attempt >= max);
    if (dead && ++fetch->dead <= DEAD_MAX)
        return notify_mailboxes_bury(op, &fetch->mailbox, lease, record);
    if (dead || !fits(fetch, record))
        return STATUS_OK;
    status = add_item(op, fetch, record, lease->attempt + 1, lease->consumer);
    notify_mailbox_give_again(lease, &fetch->offer, notify_mailboxes_before(op, lease));
    return status;
}

/* What was given before and not acknowledged in time. */
static enum status
give_again(struct op *op, struct fetch *fetch)
{
    struct mailbox_lease *lease;
    enum status result = STATUS_OK;
    unsigned at = 0;
    unsigned max = fetch->limit < AGAIN_MAX ? fetch->limit : AGAIN_MAX;
    for (unsigned n = 0; n < max; n++) {
        lease = notify_mailbox_due(fetch->mailbox.state, &at, fetch->offer.at_ms);
        if (!lease)
            break;
        enum status status = give_one_again(op, fetch, lease);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
        if (status == STATUS_AGAIN)
            result = status; /* ask for all in one round */
    }
    return result;
}

/* What comes behind all that was given so far. */
static enum status
give_new(struct op *op, struct fetch *fetch)
{
    struct mailbox_state *state = fetch->mailbox.state;
    unsigned given = fetch->page->items.count, room = NOTIFY_LEASES_MAX - state->leases.count;
    unsigned limit = fetch->limit - given < room ? fetch->limit - given : room;
    struct notify_history history = {.filter = &fetch->mailbox.subscription->filter,
                                     .owner = &fetch->owner,
                                     .own_topic = fetch->own_topic,
                                     .after = state->scanned,
                                     .upto = INT64_MAX,
                                     .limit = limit,
                                     .rounds = limit ? ROUNDS : 0};
    enum status status = notify_history_read(op, &history);
    if (status != STATUS_OK)
        return status;
    fetch->page->last = history.last;
    int64_t scanned = history.scanned;
    for (unsigned i = 0; i < history.count; i++) {
        const struct log_record *record = history.records[i];
        if (!fits(fetch, record)) {
            scanned = record->seq - 1;
            history.ended = false;
            break;
        }
        status = add_item(op, fetch, record, 1, TEXT_NONE);
        if (status != STATUS_OK)
            return status;
        notify_mailbox_give(state, record->seq, &fetch->offer);
    }
    if (limit && !history.ended)
        fetch->page->next = scanned;
    bool far = fetch->page->items.count || scanned - state->scanned > SCANNED_LAG;
    if (limit && far)
        state->scanned = scanned;
    return STATUS_OK;
}

/* Reads what the request says, and who the mailbox is for. */
static enum status
begin(struct op *op, const struct mailbox_fetch *in, struct fetch *fetch)
{
    const struct subscription *subscription = fetch->mailbox.subscription;
    int64_t visibility = VISIBILITY_DEFAULT_MS;
    char topic[NOTIFY_OWN_TOPIC_MAX];
    if (subscription->status != SUBSCRIPTION_ACTIVE)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: the subscription is %s", notify_subscription_word(subscription));
    if (in->visibility.ptr &&
        (!duration_parse(in->visibility, &visibility) || visibility > VISIBILITY_MAX_MS))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "visibility",
                         "visibility: want an ISO 8601 duration up to PT12H, as PT30S is one");
    if (!notify_subscriptions_owner(notify_of(op)->subscriptions, subscription->owner,
                                    &fetch->owner))
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: the owner of the subscription was revoked");
    struct text own = notify_subscription_topic(subscription, topic);
    fetch->own_topic = op_join(op, 1, &own);
    fetch->limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    fetch->offer.until_ms = fetch->offer.at_ms + visibility;
    fetch->offer.consumer = in->consumer;
    fetch->page = op_alloc(op, sizeof *fetch->page);
    if (!fetch->page)
        return op_no_memory(op);
    schema_init(&mailbox_page_schema, fetch->page);
    fetch->page->present = true;
    return STATUS_OK;
}

/* Answers the page, of which the key keeps only which records they were. */
static enum status
answer(struct op *op, const struct fetch *fetch)
{
    struct mailbox_state *given = op_alloc(op, sizeof *given);
    struct buf kept = {0};
    if (!given)
        return op_no_memory(op);
    notify_mailbox_begin(given, fetch->page->last);
    for (uint32_t i = 0; i < fetch->page->items.count; i++) {
        const struct mailbox_item *item = &fetch->page->items.items[i];
        const struct mailbox_offer offer = {0, fetch->offer.until_ms, item->given_to};
        notify_mailbox_give(given, item->seq, &offer);
        given->leases.items[i].attempt = item->attempt;
    }
    schema_encode(&mailbox_state_schema, given, &kept);
    if (!kept.failed)
        op_answer_apart(op, &mailbox_page_schema, fetch->page,
                        (struct text){(const char *)kept.data, (uint32_t)kept.len});
    enum status status = kept.failed ? op_no_memory(op) : STATUS_OK;
    buf_fini(&kept);
    return status;
}

/* The same request again: the same records. */
static enum status
answer_again(struct op *op, struct fetch *fetch, struct text kept)
{
    struct mailbox_state *given = op_alloc(op, sizeof *given);
    bool again = false;
    if (!given)
        return op_no_memory(op);
    if (schema_decode_bytes(&mailbox_state_schema, kept.ptr, kept.len, given, SCHEMA_STORED,
                            op_error(op)) != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored answer is damaged");
    fetch->page->last = given->scanned;
    for (uint32_t i = 0; i < given->leases.count; i++) {
        const struct mailbox_lease *lease = &given->leases.items[i];
        const struct log_record *record;
        enum status status = find_record(op, fetch, lease->seq, &record);
        again = again || status == STATUS_AGAIN;
        if (status == STATUS_OK && record)
            status = add_item(op, fetch, record, lease->attempt, lease->consumer);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
    }
    op_answer(op, &mailbox_page_schema, fetch->page);
    return again ? STATUS_AGAIN : STATUS_OK;
}

enum status
mailbox_fetch_handle(struct op *op, const void *params)
{
    const struct mailbox_fetch *in = params;
    struct fetch fetch = {.limit = 0};
    struct text kept;
    enum status clock = op_clock(op, &fetch.offer.at_ms);
    enum status status = load(op, in->id, &fetch.mailbox);
    if (status == STATUS_OK)
        status = clock;
    if (status == STATUS_OK)
        status = begin(op, in, &fetch);
    if (status != STATUS_OK)
        return status;
    if (op_repeats(op, &kept))
        return answer_again(op, &fetch, kept);
    int64_t scanned = fetch.mailbox.state->scanned;
    unsigned waiting = notify_mailbox_waiting(fetch.mailbox.state);
    status = give_again(op, &fetch);
    if (status == STATUS_OK)
        status = give_new(op, &fetch);
    if (status != STATUS_OK)
        return status;
    if (fetch.page->items.count || fetch.mailbox.state->scanned != scanned ||
        notify_mailbox_waiting(fetch.mailbox.state) != waiting)
        status = notify_mailboxes_save(op, &fetch.mailbox);
    if (status != STATUS_OK)
        return status;
    if (fetch.page->items.count)
        return answer(op, &fetch);
    op_answer(op, &mailbox_page_schema, fetch.page);
    return STATUS_OK;
}

/* ---- mailbox.ack ---- */

static enum status
refuse_unknown(struct op *op, const char *field, int64_t seq)
{
    return error_set(op_error(op), STATUS_INVALID_ARGUMENT, field,
                     "%s: %lld was not given out of this mailbox", field, (long long)seq);
}

enum status
mailbox_ack_handle(struct op *op, const void *params)
{
    const struct mailbox_ack *in = params;
    struct mailbox mailbox;
    int64_t last, now_ms;
    enum status seq = op_seq(op, &last), clock = op_clock(op, &now_ms);
    enum status status = load(op, in->id, &mailbox);
    if (status == STATUS_OK)
        status = seq != STATUS_OK ? seq : clock;
    if (status != STATUS_OK)
        return status;
    if (in->seq == INT_NONE && !in->seqs.count)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "seq",
                         "seq: want seq (this one and all before it), or single ones in seqs");
    if (in->seq != INT_NONE && in->seq > last)
        return refuse_unknown(op, "seq", in->seq);
    struct mailbox_state *state = mailbox.state;
    int64_t scanned = state->scanned;
    unsigned waiting = notify_mailbox_waiting(state);
    if (in->seq != INT_NONE)
        notify_mailbox_ack(state, in->seq, now_ms);
    for (uint32_t i = 0; i < in->seqs.count; i++)
        if (!notify_mailbox_ack_one(state, in->seqs.items[i], now_ms))
            return refuse_unknown(op, "seqs", in->seqs.items[i]);
    if (state->scanned != scanned || notify_mailbox_waiting(state) != waiting)
        status = notify_mailboxes_save(op, &mailbox);
    if (status != STATUS_OK)
        return status;
    struct mailbox_acked answer = {.present = true,
                                   .id = in->id,
                                   .cursor = notify_mailbox_cursor(state),
                                   .waiting = notify_mailbox_waiting(state)};
    op_answer(op, &mailbox_acked_schema, &answer);
    return STATUS_OK;
}
