/* delivery.list, get, redeliver, discard; subscription.test: people look at what was sent, and step
 * in. See notify_deliveries.h. It must not know sockets or Redis. */
#include <stdlib.h>

#include "common/msg/mp.h"
#include "services/notify/notify_engine.h"
#include "services/notify/notify_handlers_subscription.h"
#include "services/notify/notify_mailboxes.h"

#define LIMIT_DEFAULT 100
#define LIST_BYTES_MAX (512u * 1024)
#define SPAN_MAX 500 /* deliveries that one request acts on */

/* The subscription, if it is the asker's. */
static enum status
own(struct op *op, struct text id, struct subscription **out)
{
    return notify_handlers_own(op, id, INT_NONE, out);
}

/* Whether it is of this subscription, and not of a deleted one that had the same id. */
static bool
is_of(const struct delivery *delivery, const struct subscription *subscription)
{
    return delivery->subscribed == TIME_NONE || delivery->subscribed == subscription->created;
}

/* ---- looking ---- */

enum status
delivery_get_handle(struct op *op, const void *params)
{
    const struct delivery_get *in = params;
    struct subscription *subscription;
    struct delivery *delivery = op_alloc(op, sizeof *delivery);
    struct op_range range;
    struct text bytes;
    if (!delivery)
        return op_no_memory(op);
    enum status status = own(op, in->subscription, &subscription);
    if (status != STATUS_OK)
        return status;
    struct text entry = notify_deliveries_entry(op, "delivery", in->subscription, in->seq);
    status = op_scan(op, entry, op_format(op, "%.*s!", TEXT_ARG(entry)), 1, &range);
    if (status == STATUS_OK && !range.count)
        status = STATUS_NOT_FOUND;
    if (status == STATUS_OK)
        status = op_peek(op, "delivery", notify_deliveries_id(op, in->subscription, in->seq),
                         &delivery_schema, delivery, &bytes);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !is_of(delivery, subscription)))
        return error_set(op_error(op), STATUS_NOT_FOUND, "seq",
                         "seq: there is no delivery of it to %.*s", TEXT_ARG(in->subscription));
    if (status == STATUS_OK)
        op_answer_raw(op, bytes);
    return status;
}

/* The seq of an entry of `delivery|`, `dead|` or `pending|` of the subscription. */
static int64_t
seq_of(struct text entry, struct text prefix)
{
    int64_t seq = 0;
    for (uint32_t i = prefix.len - 20; i < prefix.len && i < entry.len; i++)
        seq = seq * 10 + (entry.ptr[i] - '0');
    return seq;
}

/* Where those of a status stand in the index. */
static const char *
kind_of(int status)
{
    return status == DELIVERY_DEAD ? "dead" : status == DELIVERY_PENDING ? "pending" : "delivery";
}

/* A cursor is a seq: that of the last one looked at. */
static enum status
read_cursor(struct op *op, struct text cursor, int64_t *from)
{
    int64_t seq = 0;
    for (uint32_t i = 0; i < cursor.len; i++) {
        if (cursor.ptr[i] < '0' || cursor.ptr[i] > '9' || cursor.len > 18)
            return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                             "cursor: want `next` of the page before");
        seq = seq * 10 + (cursor.ptr[i] - '0');
    }
    if (cursor.len && seq + 1 > *from)
        *from = seq + 1;
    return STATUS_OK;
}

/* The items of a page that are wanted. `last` gets the seq of the last one looked at. */
static enum status
list_items(struct op *op, const struct delivery_list *in, const struct subscription *subscription,
           const struct op_range *range, int64_t *last)
{
    unsigned limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    struct text prefix = notify_deliveries_entry(op, kind_of(in->status), in->subscription, 0);
    struct delivery *delivery = op_alloc(op, sizeof *delivery);
    enum status result = STATUS_OK;
    size_t bytes = 0;
    if (!delivery)
        return op_no_memory(op);
    for (unsigned i = 0; i < range->count && i < limit && bytes < LIST_BYTES_MAX; i++) {
        struct text document;
        int64_t seq = seq_of(range->items[i], prefix);
        enum status status =
            op_peek(op, "delivery", notify_deliveries_id(op, in->subscription, seq),
                    &delivery_schema, delivery, &document);
        if (status == STATUS_AGAIN)
            result = STATUS_AGAIN;
        else if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            return status;
        *last = seq;
        if (status != STATUS_OK || (in->status && in->status != delivery->status) ||
            !is_of(delivery, subscription))
            continue;
        bytes += document.len;
        op_list_item_raw(op, document);
    }
    return result;
}

enum status
delivery_list_handle(struct op *op, const void *params)
{
    const struct delivery_list *in = params;
    unsigned limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    int64_t from = in->from == INT_NONE ? 1 : in->from, last = 0, seq;
    int64_t to = in->to == INT_NONE || in->to == INT64_MAX ? INT64_MAX - 1 : in->to;
    struct subscription *subscription;
    struct op_range range;
    enum status status = read_cursor(op, in->cursor, &from);
    if (status != STATUS_OK)
        return status;
    enum status clock = op_seq(op, &seq);
    enum status mine = own(op, in->subscription, &subscription);
    struct text begin = notify_deliveries_entry(op, kind_of(in->status), in->subscription, from);
    status = op_scan(op, begin,
                     notify_deliveries_entry(op, kind_of(in->status), in->subscription, to + 1),
                     limit + 1, &range);
    if (mine != STATUS_OK || status != STATUS_OK)
        return mine != STATUS_OK ? mine : status;
    op_list_begin(op);
    status = list_items(op, in, subscription, &range, &last);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    bool more = range.count && seq_of(range.items[range.count - 1], begin) != last;
    op_list_end(op, more ? op_format(op, "%lld", (long long)last) : TEXT_NONE, seq);
    return STATUS_OK;
}

/* ---- stepping in ---- */

/* Which seqs are meant. */
static enum status
read_span(struct op *op, const struct delivery_choice *in, int64_t *from, int64_t *to)
{
    bool one = in->seq != INT_NONE, span = in->from != INT_NONE && in->to != INT_NONE;
    if (one == span || (one && (in->from != INT_NONE || in->to != INT_NONE)))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "seq",
                         "want either `seq`, or `from` and `to`");
    *from = one ? in->seq : in->from;
    *to = one ? in->seq : in->to;
    if (*from > *to)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "to", "to: it is before `from`");
    return STATUS_OK;
}

/* What somebody steps in at. */
struct stepping {
    const struct subscription *subscription;
    struct mailbox mailbox; /* if it is one */
    bool again;
    struct delivery_span done;
};

/* Changes one delivery, or lets it stay as it is. */
static enum status
step_in(struct op *op, struct stepping *stepping, struct delivery *delivery)
{
    const struct delivery before = *delivery;
    bool again = stepping->again;
    bool waits = delivery->status == DELIVERY_PENDING || delivery->status == DELIVERY_DEAD;
    if ((!again && !waits) || !is_of(delivery, stepping->subscription))
        return STATUS_OK;
    enum status status = stepping->mailbox.state ? notify_mailboxes_step_in(op, &stepping->mailbox,
                                                                            delivery->seq, again)
                                                 : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    delivery->status = again ? DELIVERY_PENDING : DELIVERY_DISCARDED;
    delivery->next_at = again ? op_now_ms(op) : TIME_NONE;
    if (again)
        delivery->tries = 0;
    notify_deliveries_save(op, &before, delivery);
    stepping->done.count++;
    return STATUS_OK;
}

/* Changes those of a span. */
static enum status
change_all(struct op *op, const struct op_range *range, struct text prefix,
           struct stepping *stepping)
{
    struct delivery **deliveries = op_alloc(op, (range->count + 1) * sizeof *deliveries);
    enum status result = STATUS_OK;
    if (!deliveries)
        return op_no_memory(op);
    if (stepping->subscription->channel == CHANNEL_MAILBOX)
        result = notify_mailboxes_load(op, stepping->subscription, &stepping->mailbox);
    for (unsigned i = 0; i < range->count; i++) {
        deliveries[i] = op_alloc(op, sizeof **deliveries);
        if (!deliveries[i])
            return op_no_memory(op);
        struct text id =
            notify_deliveries_id(op, stepping->done.subscription, seq_of(range->items[i], prefix));
        enum status status = op_load(op, "delivery", id, &delivery_schema, deliveries[i]);
        if (status == STATUS_NOT_FOUND)
            deliveries[i] = NULL;
        else if (status != STATUS_OK)
            result = status;
    }
    for (unsigned i = 0; i < range->count && result == STATUS_OK; i++)
        if (deliveries[i])
            result = step_in(op, stepping, deliveries[i]);
    if (result == STATUS_OK && stepping->done.count && stepping->mailbox.state)
        result = notify_mailboxes_save(op, &stepping->mailbox);
    return result;
}

static void
answer_span(struct op *op, const struct delivery_span *done, bool more)
{
    struct buf *out = op_result(op);
    mp_map(out, 5);
    mp_string(out, "subscription");
    mp_text(out, done->subscription);
    mp_string(out, "from");
    mp_int(out, done->from);
    mp_string(out, "to");
    mp_int(out, done->to);
    mp_string(out, "count");
    mp_int(out, done->count);
    mp_string(out, "more");
    mp_bool(out, more);
}

static enum status
change_span(struct op *op, const struct delivery_choice *in, bool again)
{
    struct stepping stepping = {.again = again,
                                .done = {.present = true, .subscription = in->subscription}};
    struct delivery_span *done = &stepping.done;
    struct subscription *subscription;
    struct op_range range;
    char topic[NOTIFY_OWN_TOPIC_MAX];
    enum status status = read_span(op, in, &done->from, &done->to);
    if (status != STATUS_OK)
        return status;
    enum status mine = own(op, in->subscription, &subscription);
    struct text begin = notify_deliveries_entry(op, "delivery", in->subscription, done->from);
    int64_t upto = done->to == INT64_MAX ? done->to : done->to + 1;
    status = op_scan(op, begin, notify_deliveries_entry(op, "delivery", in->subscription, upto),
                     SPAN_MAX + 1, &range);
    if (mine != STATUS_OK || status != STATUS_OK)
        return mine != STATUS_OK ? mine : status;
    bool more = range.count > SPAN_MAX;
    if (more)
        done->to = seq_of(range.items[--range.count], begin) - 1;
    if (in->seq != INT_NONE && !range.count)
        return error_set(op_error(op), STATUS_NOT_FOUND, "seq",
                         "seq: there is no delivery of it to %.*s", TEXT_ARG(in->subscription));
    stepping.subscription = subscription;
    status = change_all(op, &range, begin, &stepping);
    if (status != STATUS_OK)
        return status;
    if (done->count)
        op_record(op, again ? "delivery.redelivered" : "delivery.discarded",
                  notify_subscription_topic(subscription, topic), &delivery_span_schema, done, NULL,
                  NULL, TEXT_NONE);
    answer_span(op, done, more);
    return STATUS_OK;
}

enum status
delivery_redeliver_handle(struct op *op, const void *params)
{
    return change_span(op, params, true);
}

enum status
delivery_discard_handle(struct op *op, const void *params)
{
    return change_span(op, params, false);
}

/* ---- subscription.test ---- */

static void
add_secret(struct lane_secrets *secrets, struct text secret)
{
    if (!secret.ptr || secrets->count == NOTIFY_SECRETS_MAX || secret.len >= sizeof *secrets->texts)
        return;
    memcpy(secrets->texts[secrets->count], secret.ptr, secret.len);
    secrets->texts[secrets->count++][secret.len] = '\0';
}

static void
answer_ping(struct op *op, const struct notify_result *result)
{
    struct delivery_attempt answer = {
        .present = true,
        .at = op_now_ms(op),
        .took_ms = result->took_ms,
        .code = result->code ? result->code : INT_NONE,
        .error = result->error[0] ? text_of(result->error) : TEXT_NONE,
        .body = result->body[0] ? text_of(result->body) : TEXT_NONE,
    };
    answer.outcome = notify_deliveries_outcome(result->outcome);
    op_answer(op, &delivery_attempt_schema, &answer);
}

enum status
subscription_test_handle(struct op *op, const void *params)
{
    const struct subscription_test *in = params;
    struct subscription *subscription;
    struct subscription_secret secret;
    struct lane_secrets secrets = {0};
    const struct notify_result *result;
    enum status status = own(op, in->id, &subscription);
    if (status != STATUS_OK)
        return status;
    if (subscription->channel == CHANNEL_MAILBOX)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: %.*s is a mailbox: there is nowhere to send to", TEXT_ARG(in->id));
    if (subscription->channel == CHANNEL_MAIL && subscription->status != SUBSCRIPTION_ACTIVE &&
        notify_of(op)->mail_confirm)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: %.*s is %s: mail goes only to an address that is confirmed",
                         TEXT_ARG(in->id), notify_subscription_word(subscription));
    status = op_peek(op, "secret", in->id, &subscription_secret_schema, &secret, NULL);
    if (status == STATUS_OK) {
        add_secret(&secrets, secret.current);
        add_secret(&secrets, secret.key);
        secrets.current = secrets.count;
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }
    if (!notify_engine_ping(notify_of(op)->engine, subscription, op_now_ms(op), &secrets, &result))
        return op_wait(op);
    answer_ping(op, result);
    return STATUS_OK;
}
