/* subscription.create, get, list, delete: see notify_handlers_subscription.h. */
#include "services/notify/notify_handlers_subscription.h"

#include <sodium.h>

#include "common/auth/audience_filter.h"
#include "common/base/zone.h"
#include "common/msg/schema_mp.h"
#include "common/log/filter.h"
#include "services/notify/notify_confirm.h"
#include "services/notify/notify_position.h"
#include "services/notify/notify_secret.h"
#include "services/notify/notify_subscriptions.h"

#define ID_TRIES 4
#define ID_BYTES 5
#define LIMIT_DEFAULT 100
#define LIST_BYTES_MAX (512u * 1024)

static bool
is_secretariat(const struct op *op)
{
    return op_principal(op)->roles & PERMIT_SECRETARIAT;
}

/* ---- one subscription ---- */

static bool
is_mine(const struct op *op, const struct subscription *subscription)
{
    const struct principal *who = op_principal(op);
    return subscription->status != SUBSCRIPTION_DELETED &&
           (is_secretariat(op) || text_is(subscription->owner, who->id));
}

static enum status
refuse_unknown(struct op *op, struct text id)
{
    return error_set(op_error(op), STATUS_NOT_FOUND, "id", "id: you have no subscription %.*s",
                     TEXT_ARG(id));
}

enum status
notify_handlers_own(struct op *op, struct text id, int64_t rev, struct subscription **out)
{
    struct subscription *subscription = *out = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return op_no_memory(op);
    enum status status = op_load(op, "subscription", id, &subscription_schema, subscription);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !is_mine(op, subscription)))
        return refuse_unknown(op, id);
    return status == STATUS_OK ? op_expect_rev(op, rev, subscription->rev) : status;
}

struct text
notify_handlers_tell(struct op *op, struct subscription *subscription, const char *type,
                     const char *from)
{
    char topic[NOTIFY_OWN_TOPIC_MAX];
    if (subscription->status != SUBSCRIPTION_PENDING)
        subscription->pending_since = TIME_NONE;
    struct text saved =
        op_save(op, "subscription", subscription->id, &subscription_schema, subscription);
    op_record_raw(op, type, notify_subscription_topic(subscription, topic), saved, from, NULL,
                  TEXT_NONE);
    return saved;
}

enum status
notify_handlers_begin(struct op *op, struct subscription *subscription, bool another)
{
    int64_t now_ms = 0;
    int64_t asked = notify_of(op)->mail_confirm;
    bool confirmed =
        asked == MAIL_CONFIRM_NO || (asked == MAIL_CONFIRM_OTHERS && is_secretariat(op));
    enum status status = STATUS_OK;
    if (subscription->channel != CHANNEL_MAILBOX)
        status = op_clock(op, &now_ms);
    if (status == STATUS_OK && subscription->channel == CHANNEL_MAIL && !confirmed)
        status = notify_confirm_begin(op, subscription, another, now_ms, &confirmed);
    subscription->status = (int)notify_subscription_begin(subscription, confirmed);
    subscription->pending_since = now_ms;
    return status;
}

static void
index_change(struct op *op, const struct subscription *subscription,
             void change(struct op *op, struct text entry))
{
    change(op, op_format(op, "s|%.*s", TEXT_ARG(subscription->id)));
    change(op,
           op_format(op, "o|%.*s|%.*s", TEXT_ARG(subscription->owner), TEXT_ARG(subscription->id)));
}

/* ---- what may be asked for ---- */

enum status
notify_handlers_may_filter(struct op *op, const struct subscription_filter *filter)
{
    return audience_filter_check(op_principal(op), filter, op_error(op));
}

/* Whether there is such a zone; its form was checked. */
static bool
is_zone(struct text name)
{
    struct zone *zone = zone_open(name);
    bool found = zone != NULL;
    zone_destroy(&zone);
    return found;
}

enum status
notify_handlers_check(struct op *op, const struct subscription *subscription)
{
    const struct notify *notify = notify_of(op);
    char why[200] = "";
    enum status status = notify_subscription_check(subscription, op_now_ms(op), op_error(op));
    if (status == STATUS_OK)
        status = notify_handlers_may_filter(op, &subscription->filter);
    if (status == STATUS_OK && subscription->zone.ptr && !is_zone(subscription->zone))
        status = error_set(op_error(op), STATUS_INVALID_ARGUMENT, "zone",
                           "zone: %.*s is no IANA zone known here", TEXT_ARG(subscription->zone));
    if (status == STATUS_OK && subscription->channel == CHANNEL_WEBHOOK && notify->url_allowed &&
        !notify->url_allowed(notify->url_arg, subscription->url, why))
        status = error_set(op_error(op), STATUS_INVALID_ARGUMENT, "url", "url: %s", why);
    return status;
}

/* ---- subscription.create ---- */

/* The n-th try of an id for one without: the same in every run of the request. */
static struct text
made_id(struct op *op, const struct subscription_create *in, unsigned n)
{
    unsigned char digest[crypto_generichash_BYTES_MIN];
    char hex[2 * ID_BYTES + 1];
    struct text seed =
        op_format(op, "%s %lld %u %d %.*s", op_principal(op)->id, (long long)op_now_ms(op), n,
                  in->channel, TEXT_ARG(in->filter.topics.items[0]));
    crypto_generichash(digest, sizeof digest, (const unsigned char *)seed.ptr, seed.len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, digest, ID_BYTES);
    return op_format(op, "%s-%s", channel_words[in->channel - 1], hex);
}

/* Whether the id is free: `there` gets what was deleted under it. */
static enum status
find_free(struct op *op, struct text id, struct subscription *there)
{
    enum status status = op_load_new(op, "subscription", id);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = op_load(op, "subscription", id, &subscription_schema, there);
    if (status == STATUS_OK && there->status != SUBSCRIPTION_DELETED)
        return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                         "id: there is a subscription %.*s already; leave the id out to get a "
                         "free one",
                         TEXT_ARG(id));
    return status;
}

static enum status
choose_id(struct op *op, const struct subscription_create *in, struct text *id)
{
    struct subscription *there = op_alloc(op, sizeof *there);
    if (!there)
        return op_no_memory(op);
    *id = in->id;
    if (in->id.ptr)
        return find_free(op, in->id, there);
    enum status status = STATUS_ALREADY_EXISTS;
    for (unsigned n = 0; n < ID_TRIES && status == STATUS_ALREADY_EXISTS; n++) {
        *id = made_id(op, in, n);
        status = find_free(op, *id, there);
    }
    return status;
}

/* Counts one more, or one less, of an owner. */
static enum status
count_owned(struct op *op, struct text owner, int change)
{
    struct subscription_quota quota;
    enum status status = op_load(op, "quota", owner, &subscription_quota_schema, &quota);
    if (status == STATUS_NOT_FOUND)
        quota = (struct subscription_quota){.present = true};
    else if (status != STATUS_OK)
        return status;
    if (change > 0 && quota.count >= NOTIFY_SUBSCRIPTIONS_MAX && !is_secretariat(op))
        return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, NULL,
                         "you have %d subscriptions, which is the most: delete one first",
                         NOTIFY_SUBSCRIPTIONS_MAX);
    quota.count += quota.count || change > 0 ? change : 0;
    op_save(op, "quota", owner, &subscription_quota_schema, &quota);
    return STATUS_OK;
}

/* The document as it is asked for, but its id and where it begins. */
static struct subscription *
asked_for(struct op *op, const struct subscription_create *in)
{
    const struct principal *who = op_principal(op);
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return NULL;
    schema_init(&subscription_schema, subscription);
    subscription->present = true;
    schema_copy(&subscription_schema, subscription, &subscription_create_schema, in);
    subscription->owner = text_of(who->id);
    if (*who->member)
        subscription->member = text_of(who->member);
    if (!in->payload)
        subscription->payload = PAYLOAD_FULL;
    subscription->created = op_now_ms(op);
    return subscription;
}

enum status
subscription_create_handle(struct op *op, const void *params)
{
    const struct subscription_create *in = params;
    struct notify_secret made;
    struct notify_beside beside;
    struct text kept;
    if (op_repeats(op, &kept))
        return notify_handlers_answer_again(op, kept);
    struct subscription *subscription = asked_for(op, in);
    if (!subscription)
        return op_no_memory(op);
    enum status status = notify_handlers_check(op, subscription);
    if (status != STATUS_OK)
        return status;
    enum status position = notify_position(op, in->from, "from", &subscription->after);
    status = choose_id(op, in, &subscription->id);
    if (status == STATUS_OK)
        status = position;
    if (status == STATUS_OK)
        status = notify_handlers_begin(op, subscription, true);
    if (status == STATUS_OK)
        status = notify_handlers_beside(op, subscription->id, &beside);
    if (status == STATUS_OK)
        status = count_owned(op, subscription->owner, 1);
    if (status != STATUS_OK)
        return status;
    bool webhook = subscription->channel == CHANNEL_WEBHOOK;
    if (webhook) {
        notify_secret_make(&made);
        subscription->public_key = text_of(made.public_key);
        subscription->rotated = subscription->created;
        notify_handlers_set_secret(op, subscription->id, &beside, &made, TIME_NONE);
    }
    notify_handlers_set_cursor(op, subscription->id, &beside, subscription->after);
    notify_handlers_schedule(op, NULL, subscription);
    index_change(op, subscription, op_index_add);
    struct text saved = notify_handlers_tell(op, subscription, "subscription.created", NULL);
    status = notify_handlers_answer_made(op, subscription,
                                         webhook ? text_of(made.secret) : TEXT_NONE, saved);
    if (webhook)
        notify_secret_forget(&made);
    return status;
}

/* ---- subscription.get, list, delete ---- */

enum status
subscription_get_handle(struct op *op, const void *params)
{
    const struct subscription_get *in = params;
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    struct text bytes;
    if (!subscription)
        return op_no_memory(op);
    enum status status =
        op_peek(op, "subscription", in->id, &subscription_schema, subscription, &bytes);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !is_mine(op, subscription)))
        return refuse_unknown(op, in->id);
    if (status == STATUS_OK)
        op_answer_raw(op, bytes);
    return status;
}

struct text
notify_handlers_entry_id(struct text entry)
{
    uint32_t at = entry.len;
    while (at && entry.ptr[at - 1] != '|')
        at--;
    return (struct text){entry.ptr + at, entry.len - at};
}

/* The items of a page that are wanted. `last` gets the id of the last one looked at. */
static enum status
list_items(struct op *op, const struct subscription_list *in, const struct op_range *range,
           unsigned limit, struct text *last)
{
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    enum status result = STATUS_OK;
    size_t bytes = 0;
    if (!subscription)
        return op_no_memory(op);
    for (unsigned i = 0; i < range->count && i < limit && bytes < LIST_BYTES_MAX; i++) {
        struct text document, id = notify_handlers_entry_id(range->items[i]);
        enum status status =
            op_peek(op, "subscription", id, &subscription_schema, subscription, &document);
        if (status == STATUS_AGAIN)
            result = STATUS_AGAIN;
        else if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            return status;
        *last = id;
        if (status != STATUS_OK || !is_mine(op, subscription) ||
            (in->channel && in->channel != subscription->channel) ||
            (in->status && in->status != subscription->status))
            continue;
        bytes += document.len;
        op_list_item_raw(op, document);
    }
    return result;
}

enum status
subscription_list_handle(struct op *op, const void *params)
{
    const struct subscription_list *in = params;
    unsigned limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    struct text prefix =
        is_secretariat(op) ? TEXT_LITERAL("s|") : op_format(op, "o|%s|", op_principal(op)->id);
    struct text last = TEXT_NONE;
    struct op_range range;
    int64_t seq;
    if (in->cursor.len && !text_is_id(in->cursor))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before, which is an id");
    enum status clock = op_seq(op, &seq);
    struct text from = in->cursor.len
                           ? op_format(op, "%.*s%.*s!", TEXT_ARG(prefix), TEXT_ARG(in->cursor))
                           : prefix;
    struct text upto = op_format(op, "%.*s}", (int)prefix.len - 1, prefix.ptr); /* behind `|` */
    enum status status = op_scan(op, from, upto, limit + 1, &range);
    if (status != STATUS_OK)
        return status;
    op_list_begin(op);
    status = list_items(op, in, &range, limit, &last);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    bool more =
        range.count && !text_equal(last, notify_handlers_entry_id(range.items[range.count - 1]));
    op_list_end(op, more ? last : TEXT_NONE, seq);
    return STATUS_OK;
}

enum status
subscription_delete_handle(struct op *op, const void *params)
{
    const struct subscription_ref *in = params;
    struct notify_beside beside;
    struct subscription *subscription;
    enum status status = notify_handlers_own(op, in->id, in->rev, &subscription);
    if (status == STATUS_OK)
        status = notify_handlers_beside(op, in->id, &beside);
    if (status == STATUS_OK)
        status = count_owned(op, subscription->owner, -1);
    if (status == STATUS_OK)
        status = notify_confirm_forget(op, in->id);
    if (status != STATUS_OK)
        return status;
    const char *from = notify_subscription_word(subscription);
    index_change(op, subscription, op_index_remove);
    notify_handlers_schedule(op, subscription, NULL);
    notify_handlers_set_secret(op, in->id, &beside, NULL, TIME_NONE);
    beside.mailbox->settled.count = 0; /* its id may be used again */
    notify_handlers_set_cursor(op, in->id, &beside, beside.cursor.seq);
    subscription->status = SUBSCRIPTION_DELETED;
    subscription->url = subscription->address = subscription->public_key = TEXT_NONE;
    op_answer_raw(op, notify_handlers_tell(op, subscription, "subscription.deleted", from));
    return STATUS_OK;
}
