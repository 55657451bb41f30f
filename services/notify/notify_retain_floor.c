/* What holds the log back (notify_retain.h): the slowest subscription, and what is not signed yet.
 * It must not know what is trimmed. */
#include "services/notify/notify_chain.h"
#include "services/notify/notify_deliveries.h"
#include "services/notify/notify_retain.h"

#define PAGE_MAX 1000
#define BY_ID "s|" /* the index of subscriptions (notify_handlers_subscription.h) */

/* Whether the subscription goes on, and so has a right to what it did not get: one that was
 * disabled is told what it missed when it is resumed. */
static bool
goes_on(const struct subscription *subscription)
{
    return subscription->status == SUBSCRIPTION_PENDING ||
           subscription->status == SUBSCRIPTION_ACTIVE ||
           subscription->status == SUBSCRIPTION_PAUSED;
}

/* What waits for another try needs its record. */
static enum status
first_pending(struct op *op, struct text id, int64_t *seq)
{
    struct op_range range;
    struct notify_pending pending;
    enum status status = op_scan(op, notify_deliveries_entry(op, "pending", id, 0),
                                 notify_deliveries_entry(op, "pending", id, INT64_MAX), 1, &range);
    if (status == STATUS_OK)
        *seq = range.count && notify_deliveries_pending(range.items[0], &pending) ? pending.seq
                                                                                  : INT64_MAX;
    return status;
}

/* Up to where one subscription lets go. */
static enum status
floor_of(struct op *op, struct text id, struct subscription *subscription, int64_t *seq)
{
    struct subscription_cursor cursor;
    int64_t pending;
    *seq = INT64_MAX;
    enum status status = op_peek(op, "subscription", id, &subscription_schema, subscription, NULL);
    enum status moved = op_peek(op, "cursor", id, &subscription_cursor_schema, &cursor, NULL);
    enum status waits = first_pending(op, id, &pending);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !goes_on(subscription)))
        return STATUS_OK;
    if (status != STATUS_OK || waits != STATUS_OK)
        return status != STATUS_OK ? status : waits;
    if (moved != STATUS_OK && moved != STATUS_NOT_FOUND)
        return moved;
    *seq = moved == STATUS_OK ? cursor.seq : subscription->after;
    if (pending <= *seq)
        *seq = pending - 1;
    return STATUS_OK;
}

/* Lowers the floor to what the subscriptions need. */
static enum status
add_subscriptions(struct op *op, struct notify_floor *out)
{
    struct text from = TEXT_LITERAL(BY_ID);
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return op_no_memory(op);
    enum status failed = STATUS_OK;
    for (struct op_range page = {.count = PAGE_MAX}; page.count == PAGE_MAX;) {
        enum status result = op_scan(op, from, TEXT_LITERAL("s}"), PAGE_MAX, &page);
        for (unsigned i = 0; result == STATUS_OK && i < page.count; i++) {
            struct text id = {page.items[i].ptr + 2, page.items[i].len - 2};
            int64_t seq;
            enum status status = floor_of(op, id, subscription, &seq);
            if (status == STATUS_OK && seq < out->seq)
                *out = (struct notify_floor){seq, op_format(op, "subscription %.*s", TEXT_ARG(id))};
            else if (status != STATUS_OK)
                failed = status; /* ask for all of the page in one round */
        }
        if (result != STATUS_OK || failed != STATUS_OK)
            return result != STATUS_OK ? result : failed;
        if (page.count)
            from = op_format(op, "%.*s\x01", TEXT_ARG(page.items[page.count - 1]));
    }
    return STATUS_OK;
}

enum status
notify_retain_floor(struct op *op, struct notify_floor *out)
{
    struct checkpoint head;
    enum status status =
        op_peek(op, NOTIFY_CHAIN, text_of(NOTIFY_CHAIN_HEAD), &checkpoint_schema, &head, NULL);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *out = (struct notify_floor){.seq = status == STATUS_OK ? head.seq : 0,
                                 .what = TEXT_LITERAL("checkpoint")};
    return add_subscriptions(op, out);
}
