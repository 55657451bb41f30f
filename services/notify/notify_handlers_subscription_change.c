/* subscription.update, pause, resume, rotate: see notify_handlers_subscription.h. */
#include "services/notify/notify_handlers_subscription.h"

#include "common/service/due.h"
#include "services/notify/notify_confirm.h"
#include "services/notify/notify_subscriptions.h"

#define OVERLAP_DEFAULT_MS DATE_DAY_MS
#define OVERLAP_MAX_MS (30 * DATE_DAY_MS)

static enum status
unchanged(struct op *op, const struct subscription *subscription)
{
    char topic[NOTIFY_OWN_TOPIC_MAX];
    return op_answer_unchanged(op, &subscription_schema, subscription,
                               notify_subscription_topic(subscription, topic));
}

/* It begins anew: what its endpoint was before does not count. */
static enum status
begin_anew(struct op *op, struct subscription *subscription, bool another)
{
    struct subscription_health health;
    struct text id = subscription->id;
    enum status begun = notify_handlers_begin(op, subscription, another);
    enum status status = op_load(op, "health", id, &subscription_health_schema, &health);
    if (status == STATUS_OK && health.failing_since != TIME_NONE) {
        health.failing_since = TIME_NONE;
        op_save(op, "health", id, &subscription_health_schema, &health);
    }
    subscription->reason = TEXT_NONE;
    return begun != STATUS_OK || status == STATUS_NOT_FOUND ? begun : status;
}

/* ---- pause, resume ---- */

enum status
subscription_pause_handle(struct op *op, const void *params)
{
    const struct subscription_pause *in = params;
    struct subscription *subscription;
    enum status status = notify_handlers_own(op, in->id, in->rev, &subscription);
    if (status != STATUS_OK)
        return status;
    const char *from = notify_subscription_word(subscription);
    if (subscription->status == SUBSCRIPTION_PAUSED)
        return unchanged(op, subscription);
    if (subscription->status == SUBSCRIPTION_EXPIRED)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: the subscription is expired; update it with a later `expires`");
    subscription->status = SUBSCRIPTION_PAUSED;
    subscription->reason = in->reason;
    op_answer_raw(op, notify_handlers_tell(op, subscription, "subscription.paused", from));
    return STATUS_OK;
}

enum status
subscription_resume_handle(struct op *op, const void *params)
{
    const struct subscription_ref *in = params;
    struct subscription *subscription;
    enum status status = notify_handlers_own(op, in->id, in->rev, &subscription);
    if (status != STATUS_OK)
        return status;
    const char *from = notify_subscription_word(subscription);
    if (subscription->status == SUBSCRIPTION_EXPIRED)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: the subscription is expired; update it with a later `expires`");
    bool waits = subscription->status == SUBSCRIPTION_PENDING && /* for another mail */
                 subscription->channel == CHANNEL_MAIL;
    if (subscription->status != SUBSCRIPTION_PAUSED &&
        subscription->status != SUBSCRIPTION_DISABLED && !waits)
        return unchanged(op, subscription);
    status = begin_anew(op, subscription, false);
    if (status != STATUS_OK)
        return status;
    op_answer_raw(op, notify_handlers_tell(op, subscription, "subscription.resumed", from));
    notify_handlers_notice(op, subscription, NOTIFY_NOTICE "resumed", TIME_NONE);
    return STATUS_OK;
}

/* ---- update ---- */

/* What belongs to the channel that it leaves. */
static void
leave_channel(struct subscription *subscription)
{
    subscription->url = subscription->address = subscription->public_key = TEXT_NONE;
    subscription->content = webhook_content_absent;
    subscription->digest = mail_digest_absent;
    subscription->ordered = BOOL_NONE;
    subscription->rate = subscription->concurrency = INT_NONE;
    subscription->quiet.present = false;
    subscription->rotated = TIME_NONE;
}

/* Whether it has another endpoint. */
static bool
is_another(const struct subscription *before, const struct subscription *after)
{
    return before->channel != after->channel || !text_equal(before->url, after->url) ||
           !text_equal(before->address, after->address);
}

/* Saves what follows from another channel: the cursor stays where it is. `made` gets new secrets
 * for a webhook. */
static void
change_channel(struct op *op, struct subscription *subscription, struct notify_beside *beside,
               struct notify_secret *made)
{
    bool webhook = subscription->channel == CHANNEL_WEBHOOK;
    if (webhook) {
        notify_secret_make(made);
        subscription->public_key = text_of(made->public_key);
        subscription->rotated = op_now_ms(op);
    }
    notify_handlers_set_secret(op, subscription->id, beside, webhook ? made : NULL, TIME_NONE);
    notify_handlers_set_cursor(op, subscription->id, beside, beside->cursor.seq);
}

static enum status
save_update(struct op *op, const struct subscription *before, struct subscription *subscription,
            struct notify_beside *beside)
{
    struct notify_secret made = {{0}};
    bool moved = before->channel != subscription->channel;
    bool another = is_another(before, subscription);
    bool paused = subscription->status == SUBSCRIPTION_PAUSED;
    enum status begun = STATUS_OK;
    if (!paused && (another || subscription->status == SUBSCRIPTION_EXPIRED))
        begun = begin_anew(op, subscription, another);
    else if (another) /* it begins when it is resumed */
        begun = notify_confirm_forget(op, subscription->id);
    if (begun != STATUS_OK)
        return begun;
    if (moved)
        change_channel(op, subscription, beside, &made);
    notify_handlers_schedule(op, before, subscription);
    struct text saved = notify_handlers_tell(op, subscription, "subscription.updated", NULL);
    bool secret = moved && subscription->channel == CHANNEL_WEBHOOK;
    enum status status =
        notify_handlers_answer_made(op, subscription, secret ? text_of(made.secret) : TEXT_NONE,
                                    saved);
    notify_secret_forget(&made);
    return status;
}

enum status
subscription_update_handle(struct op *op, const void *params)
{
    const struct subscription_update *in = params;
    struct subscription *subscription, *before = op_alloc(op, sizeof *before);
    struct notify_beside beside;
    struct text kept;
    if (op_repeats(op, &kept))
        return notify_handlers_answer_again(op, kept);
    if (!before)
        return op_no_memory(op);
    enum status status = notify_handlers_own(op, in->id, in->rev, &subscription);
    enum status others = notify_handlers_beside(op, in->id, &beside);
    if (status != STATUS_OK || others != STATUS_OK)
        return status != STATUS_OK ? status : others;
    *before = *subscription;
    if (in->channel && in->channel != subscription->channel)
        leave_channel(subscription);
    schema_copy(&subscription_schema, subscription, &subscription_update_schema, in);
    subscription->rev = before->rev;
    if (schema_same(&subscription_schema, before, subscription))
        return unchanged(op, subscription);
    status = notify_handlers_check(op, subscription);
    if (status == STATUS_OK)
        status = save_update(op, before, subscription, &beside);
    return status;
}

/* ---- rotate ---- */

enum status
subscription_rotate_handle(struct op *op, const void *params)
{
    const struct subscription_rotate *in = params;
    struct subscription *subscription;
    struct notify_beside beside;
    struct notify_secret made;
    struct text kept;
    int64_t overlap = OVERLAP_DEFAULT_MS;
    if (op_repeats(op, &kept))
        return notify_handlers_answer_again(op, kept);
    if (in->overlap.ptr && (!duration_parse(in->overlap, &overlap) || overlap > OVERLAP_MAX_MS))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "overlap",
                         "overlap: want an ISO 8601 duration up to P30D, as PT24H is one");
    enum status status = notify_handlers_own(op, in->id, in->rev, &subscription);
    enum status others = notify_handlers_beside(op, in->id, &beside);
    if (status != STATUS_OK || others != STATUS_OK)
        return status != STATUS_OK ? status : others;
    if (subscription->channel != CHANNEL_WEBHOOK)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: only a webhook has a secret, %.*s is a %s", TEXT_ARG(in->id),
                         channel_words[subscription->channel - 1]);
    struct subscription *before = op_alloc(op, sizeof *before);
    if (!before)
        return op_no_memory(op);
    *before = *subscription;
    int64_t until = overlap ? op_now_ms(op) + overlap : TIME_NONE;
    notify_secret_make(&made);
    notify_handlers_set_secret(op, in->id, &beside, &made, until);
    subscription->public_key = text_of(made.public_key);
    subscription->rotated = op_now_ms(op);
    notify_handlers_schedule(op, before, subscription);
    if (until != TIME_NONE)
        op_index_add(op, due_entry(op, NOTIFY_DUE_PREFIX, until, in->id));
    struct text saved = notify_handlers_tell(op, subscription, "subscription.rotated", NULL);
    notify_handlers_notice(op, subscription, NOTIFY_NOTICE "rotated", until);
    status = notify_handlers_answer_made(op, subscription, text_of(made.secret), saved);
    notify_secret_forget(&made);
    return status;
}
