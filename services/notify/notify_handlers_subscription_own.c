/* What the service does to subscriptions by itself: it reads them all for its table, disables those
 * of who was revoked, and does what their time has come for. See notify_handlers_subscription.h. */
#include "services/notify/notify_handlers_subscription.h"

#include "common/service/chores.h"
#include "common/service/due.h"
#include "services/notify/notify_subscriptions.h"

#define PAGE_DOCUMENTS 256
#define DAY_MS DATE_DAY_MS

/* Loads one whoever owns it; STATUS_NOT_FOUND if it is deleted too. */
static enum status
load_any(struct op *op, struct text id, struct subscription **out)
{
    struct subscription *subscription = *out = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return op_no_memory(op);
    enum status status = op_load(op, "subscription", id, &subscription_schema, subscription);
    return status == STATUS_OK && subscription->status == SUBSCRIPTION_DELETED ? STATUS_NOT_FOUND
                                                                               : status;
}

/* ---- the table, and revoked owners ---- */

enum status
notify_handlers_page(struct op *op, const void *params)
{
    const struct notify_page *in = params;
    struct text from = *in->from ? text_of(in->from) : TEXT_LITERAL("s|"), bytes;
    struct op_range range;
    bool again = false;
    enum status status = op_scan(op, from, TEXT_LITERAL("s}"), PAGE_DOCUMENTS + 1, &range);
    if (status != STATUS_OK)
        return status;
    unsigned count = range.count > PAGE_DOCUMENTS ? PAGE_DOCUMENTS : range.count, there = 0;
    struct text *documents = op_alloc(op, (count + 1) * sizeof *documents);
    if (!documents)
        return op_no_memory(op);
    for (unsigned i = 0; i < count; i++) {
        status = op_peek(op, "subscription", notify_handlers_entry_id(range.items[i]), NULL, NULL,
                         &bytes);
        again = again || status == STATUS_AGAIN;
        if (status == STATUS_OK)
            documents[there++] = bytes;
    }
    if (again)
        return STATUS_AGAIN;
    struct buf *out = op_result(op);
    mp_array(out, there + 1);
    mp_text(out, range.count > count ? range.items[count] : TEXT_NONE);
    for (unsigned i = 0; i < there; i++)
        mp_bin(out, documents[i].ptr, documents[i].len);
    return STATUS_OK;
}

enum status
notify_handlers_disable(struct op *op, const void *params)
{
    struct subscription *subscription;
    struct principal owner;
    struct text id, data;
    chores_read(params, &id, &data);
    enum status status = load_any(op, id, &subscription);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || subscription->status == SUBSCRIPTION_DISABLED ||
        notify_subscriptions_owner(notify_of(op)->subscriptions, subscription->owner, &owner))
        return status;
    const char *from = notify_subscription_word(subscription);
    subscription->status = SUBSCRIPTION_DISABLED;
    subscription->reason = TEXT_LITERAL("its owner was revoked");
    notify_handlers_tell(op, subscription, "subscription.disabled", from);
    return STATUS_OK;
}

/* ---- the clock ---- */

/* When it is told that it will end: a day before, or at half its life if that is later. */
static int64_t
expiring_at(const struct subscription *subscription)
{
    int64_t half = (subscription->expires - subscription->created) / 2;
    return subscription->expires - (half < DAY_MS ? half : DAY_MS);
}

static int64_t
key_due_at(const struct subscription *subscription)
{
    return subscription->rotated + NOTIFY_KEY_LIFE_MS;
}

static void
change_due(struct op *op, const struct subscription *subscription,
           void change(struct op *op, struct text entry))
{
    struct text id = subscription->id;
    if (subscription->expires != TIME_NONE) {
        change(op, due_entry(op, NOTIFY_DUE_PREFIX, expiring_at(subscription), id));
        change(op, due_entry(op, NOTIFY_DUE_PREFIX, subscription->expires, id));
        due_clock_hint(notify_of(op)->subscription_clock, subscription->expires);
    }
    if (subscription->rotated != TIME_NONE)
        change(op, due_entry(op, NOTIFY_DUE_PREFIX, key_due_at(subscription), id));
}

void
notify_handlers_schedule(struct op *op, const struct subscription *before,
                         const struct subscription *after)
{
    if (before)
        change_due(op, before, op_index_remove);
    if (after)
        change_due(op, after, op_index_add);
}

void
notify_handlers_notice(struct op *op, const struct subscription *subscription, const char *type,
                       int64_t until_ms)
{
    char topic[NOTIFY_OWN_TOPIC_MAX];
    struct subscription_notice notice = {.present = true,
                                         .id = subscription->id,
                                         .status = subscription->status,
                                         .expires = subscription->expires,
                                         .rotated = subscription->rotated,
                                         .until = until_ms,
                                         .reason = subscription->reason};
    op_record(op, type, notify_subscription_topic(subscription, topic), &subscription_notice_schema,
              &notice, NULL, NULL, TEXT_NONE);
}

/* The former secrets, whose overlap is over, are destroyed. */
static enum status
end_overlap(struct op *op, const struct due *due)
{
    struct subscription_secret secret;
    enum status status =
        op_load(op, "secret", text_of(due->id), &subscription_secret_schema, &secret);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || secret.previous_until == TIME_NONE ||
        secret.previous_until > due->at_ms)
        return status;
    secret.previous = secret.previous_key = TEXT_NONE;
    secret.previous_until = TIME_NONE;
    op_save(op, "secret", text_of(due->id), &subscription_secret_schema, &secret);
    return STATUS_OK;
}

enum status
notify_handlers_due(struct op *op, const void *params)
{
    const struct due *due = params;
    struct subscription *subscription;
    enum status overlap = end_overlap(op, due);
    enum status status = load_any(op, text_of(due->id), &subscription);
    if (overlap != STATUS_OK)
        return overlap;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    op_not_before(op, due->at_ms);
    op_index_remove(op, due_entry(op, NOTIFY_DUE_PREFIX, due->at_ms, text_of(due->id)));
    if (status == STATUS_NOT_FOUND || subscription->status == SUBSCRIPTION_EXPIRED)
        return STATUS_OK;
    if (subscription->expires != TIME_NONE && due->at_ms == subscription->expires) {
        const char *from = notify_subscription_word(subscription);
        subscription->status = SUBSCRIPTION_EXPIRED;
        notify_handlers_tell(op, subscription, "subscription.expired", from);
    } else if (subscription->expires != TIME_NONE && due->at_ms == expiring_at(subscription)) {
        notify_handlers_notice(op, subscription, NOTIFY_NOTICE "expiring", TIME_NONE);
    } else if (subscription->rotated != TIME_NONE && due->at_ms == key_due_at(subscription)) {
        notify_handlers_notice(op, subscription, NOTIFY_NOTICE "key_due", TIME_NONE);
    }
    return STATUS_OK;
}
