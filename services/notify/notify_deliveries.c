/* See notify_deliveries.h. It must not know when something is tried. */
#include "services/notify/notify_deliveries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/mp.h"
#include "services/notify/notify_subscriptions.h"

#define TAKE_OVER_MAX 500 /* index entries a step */
#define SEQ_FORMAT "%0" NOTIFY_SEQ_DIGITS PRId64

static void
tell(struct op *op, const struct subscription *subscription, const char *type,
     const struct schema *schema, const void *message)
{
    char topic[NOTIFY_OWN_TOPIC_MAX];
    op_record(op, type, notify_subscription_topic(subscription, topic), schema, message, NULL, NULL,
              TEXT_NONE);
}

struct text
notify_deliveries_id(struct op *op, struct text subscription, int64_t seq)
{
    return op_format(op, "%.*s.%" PRId64, TEXT_ARG(subscription), seq);
}

struct text
notify_deliveries_entry(struct op *op, const char *kind, struct text subscription, int64_t seq)
{
    return op_format(op, "%s|%.*s|" SEQ_FORMAT, kind, TEXT_ARG(subscription), seq);
}

static struct text
pending_entry(struct op *op, const struct delivery *delivery)
{
    return op_format(op, "pending|%.*s|" SEQ_FORMAT "|%" PRId64 "|%" PRId64 "|%016" PRIx64,
                     TEXT_ARG(delivery->subscription), delivery->seq, delivery->next_at,
                     delivery->tries, notify_lane_hash(delivery->topic));
}

bool
notify_deliveries_pending(struct text entry, struct notify_pending *out)
{
    char copy[2 * TEXT_ID_MAX + 128];
    if (entry.len >= sizeof copy)
        return false;
    memcpy(copy, entry.ptr, entry.len);
    copy[entry.len] = '\0';
    const char *id = strchr(copy, '|'), *rest = id ? strchr(id + 1, '|') : NULL;
    return rest && sscanf(rest, "|%" SCNd64 "|%" SCNd64 "|%u|%" SCNx64, &out->seq, &out->next_at,
                          &out->tries, &out->topic) == 4;
}

/* The index entry that a delivery has besides its own; absent if none. */
static struct text
standing_entry(struct op *op, const struct delivery *delivery)
{
    if (delivery->status == DELIVERY_PENDING)
        return pending_entry(op, delivery);
    if (delivery->status == DELIVERY_DEAD)
        return notify_deliveries_entry(op, "dead", delivery->subscription, delivery->seq);
    return TEXT_NONE;
}

void
notify_deliveries_save(struct op *op, const struct delivery *before, struct delivery *after)
{
    struct text old = before ? standing_entry(op, before) : TEXT_NONE;
    struct text new = standing_entry(op, after);
    if (!before)
        op_index_add(op, notify_deliveries_entry(op, "delivery", after->subscription, after->seq));
    if (old.ptr && !text_equal(old, new))
        op_index_remove(op, old);
    if (new.ptr && !text_equal(old, new))
        op_index_add(op, new);
    op_save(op, "delivery", notify_deliveries_id(op, after->subscription, after->seq),
            &delivery_schema, after);
}

void
notify_deliveries_begin(struct op *op, struct delivery *delivery, struct text subscription,
                        int64_t created, int64_t seq)
{
    schema_init(&delivery_schema, delivery);
    delivery->present = true;
    delivery->subscription = subscription;
    delivery->seq = seq;
    delivery->id = op_format(op, "%" PRId64, seq); /* that of the record */
    delivery->status = DELIVERY_PENDING;
    delivery->tries = 0;
    delivery->subscribed = created;
}

/* ---- what a lane begins with ---- */

static void
write_secrets(const struct subscription_secret *secret, int64_t now_ms, struct buf *out)
{
    bool former = secret->previous_until != TIME_NONE && secret->previous_until > now_ms;
    const struct text all[] = {secret->current, secret->key, former ? secret->previous : TEXT_NONE,
                               former ? secret->previous_key : TEXT_NONE};
    unsigned count = 0;
    for (unsigned i = 0; i < 4; i++)
        count += all[i].ptr != NULL;
    mp_array(out, count);
    for (unsigned i = 0; i < 4; i++)
        if (all[i].ptr)
            mp_text(out, all[i]);
    mp_int(out, (secret->current.ptr != NULL) + (secret->key.ptr != NULL));
    mp_int(out, former ? secret->previous_until : 0);
}

int64_t
notify_deliveries_seq(struct text entry)
{
    int64_t seq = 0;
    for (uint32_t i = entry.len > 20 ? entry.len - 20 : 0; i < entry.len; i++)
        seq = seq * 10 + (entry.ptr[i] - '0');
    return seq;
}

/* Takes out of the index what stands there of a deleted subscription of the same id; when nothing
 * does, it is this one's. STATUS_OK if it was so before. */
static enum status
take_over(struct op *op, const struct notify_load *in, bool *ours)
{
    static const char *const kinds[] = {"delivery", "pending", "dead"};
    struct text id = text_of(in->subscription);
    struct subscription_served served;
    enum status status = op_load(op, "served", id, &subscription_served_schema, &served);
    *ours = status == STATUS_OK && served.created == in->created;
    if (*ours || (status != STATUS_OK && status != STATUS_NOT_FOUND))
        return status;
    unsigned left = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct op_range range;
        status = op_scan(op, notify_deliveries_entry(op, kinds[i], id, 0),
                         op_format(op, "%s|%.*s|~", kinds[i], TEXT_ARG(id)), TAKE_OVER_MAX, &range);
        if (status != STATUS_OK)
            return status;
        for (unsigned k = 0; k < range.count; k++)
            op_index_remove(op, range.items[k]);
        left += range.count;
    }
    served = (struct subscription_served){.present = true, .created = in->created};
    if (!left)
        op_save(op, "served", id, &subscription_served_schema, &served);
    return STATUS_OK;
}

enum status
notify_deliveries_load(struct op *op, const void *params)
{
    const struct notify_load *in = params;
    struct text id = text_of(in->subscription);
    struct subscription_cursor cursor = {.seq = in->after};
    struct subscription_health health = {.failing_since = TIME_NONE};
    struct subscription_secret secret;
    struct op_range pending;
    int64_t now_ms = 0;
    bool ours;
    enum status mine = take_over(op, in, &ours);
    if (mine != STATUS_OK || !ours)
        return mine;
    schema_init(&subscription_secret_schema, &secret);
    enum status clock = op_clock(op, &now_ms);
    enum status secrets = op_peek(op, "secret", id, &subscription_secret_schema, &secret, NULL);
    enum status known = op_peek(op, "health", id, &subscription_health_schema, &health, NULL);
    enum status scanned =
        op_scan(op, notify_deliveries_entry(op, "pending", id, 0),
                op_format(op, "pending|%.*s|~", TEXT_ARG(id)), NOTIFY_LOAD_MAX, &pending);
    enum status status = op_peek(op, "cursor", id, &subscription_cursor_schema, &cursor, NULL);
    if (status == STATUS_AGAIN || (status != STATUS_OK && status != STATUS_NOT_FOUND))
        return status;
    if (clock != STATUS_OK || scanned != STATUS_OK)
        return clock != STATUS_OK ? clock : scanned;
    if (secrets != STATUS_OK && secrets != STATUS_NOT_FOUND)
        return secrets;
    if (known != STATUS_OK && known != STATUS_NOT_FOUND)
        return known;
    bool failing = health.failing_since != TIME_NONE && health.created == in->created;
    struct buf *out = op_result(op);
    mp_array(out, 7);
    mp_int(out, now_ms);
    mp_int(out, cursor.seq);
    mp_int(out, failing ? health.failing_since : 0);
    write_secrets(&secret, now_ms, out);
    mp_array(out, pending.count);
    for (unsigned i = 0; i < pending.count; i++)
        mp_text(out, pending.items[i]);
    return STATUS_OK;
}

/* ---- reading the log ---- */

static void
write_pack(struct buf *out, const struct log_record *records, unsigned count)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++)
        len += log_pack_len(&records[i]);
    mp_bin_head(out, len);
    for (unsigned i = 0; i < count; i++)
        log_pack_add(out, &records[i]);
}

static bool
is_full(const struct op_log_page *page)
{
    return page->count && page->next < page->last;
}

/* Those of the pages that have documents: an earlier server of the subscription settled them and
 * could not move the cursor yet. */
static enum status
find_known(struct op *op, const struct notify_read *in, const struct op_log_page *pages,
           struct op_range *known)
{
    struct text id = text_of(in->subscription);
    int64_t upto = INT64_MAX;
    for (unsigned i = 0; i < in->prefix_count; i++)
        if (is_full(&pages[i]) && pages[i].next < upto)
            upto = pages[i].next;
    return op_scan(op, notify_deliveries_entry(op, "delivery", id, in->after + 1),
                   upto == INT64_MAX ? op_format(op, "delivery|%.*s|~", TEXT_ARG(id))
                                     : notify_deliveries_entry(op, "delivery", id, upto + 1),
                   NOTIFY_KNOWN_MAX, known);
}

enum status
notify_deliveries_read(struct op *op, const void *params)
{
    const struct notify_read *in = params;
    struct op_log_page pages[NOTIFY_READ_PREFIXES_MAX];
    struct op_range known;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < in->prefix_count; i++) {
        enum status one =
            op_log_read(op, text_of(in->prefixes[i]), in->after, NOTIFY_READ_MAX, &pages[i]);
        if (one != STATUS_OK)
            status = one;
    }
    if (status == STATUS_OK)
        status = find_known(op, in, pages, &known);
    if (status != STATUS_OK)
        return status;
    struct buf *out = op_result(op);
    mp_array(out, in->prefix_count + 2);
    mp_int(out, pages[0].first);
    mp_array(out, known.count);
    for (unsigned i = 0; i < known.count; i++)
        mp_int(out, notify_deliveries_seq(known.items[i]));
    for (unsigned i = 0; i < in->prefix_count; i++) {
        mp_array(out, 4);
        mp_int(out, pages[i].next);
        mp_int(out, pages[i].last);
        mp_bool(out, is_full(&pages[i]));
        write_pack(out, pages[i].records, pages[i].count);
    }
    return STATUS_OK;
}

/* One record, to be written behind the others. */
static enum status
read_again(struct op *op, const struct notify_again *in, int64_t seq, struct buf *out)
{
    struct delivery *delivery = op_alloc(op, sizeof *delivery);
    struct op_log_page page;
    if (!delivery)
        return op_no_memory(op);
    struct text id = notify_deliveries_id(op, text_of(in->subscription), seq);
    enum status status = op_peek(op, "delivery", id, &delivery_schema, delivery, NULL);
    if (status == STATUS_NOT_FOUND ||
        (status == STATUS_OK && delivery->status != DELIVERY_PENDING)) {
        mp_bin(out, "", 0);
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = op_log_read(op, delivery->topic, seq - 1, 1, &page);
    if (status != STATUS_OK)
        return status;
    if (page.count && page.records[0].seq == seq)
        write_pack(out, page.records, 1);
    else
        mp_nil(out);
    return STATUS_OK;
}

enum status
notify_deliveries_again(struct op *op, const void *params)
{
    const struct notify_again *in = params;
    struct buf *out = op_result(op);
    enum status status = STATUS_OK;
    mp_array(out, in->count);
    for (unsigned i = 0; i < in->count; i++) {
        enum status one = read_again(op, in, in->seqs[i], out);
        if (one != STATUS_OK)
            status = one;
    }
    return status;
}

/* ---- what tries came to ---- */

int
notify_deliveries_outcome(const char *word)
{
    int outcome = 1;
    while (outcome < delivery_outcome_end - 1 &&
           strcmp(delivery_outcome_words[outcome - 1], word) != 0)
        outcome++;
    return outcome;
}

void
notify_deliveries_add(struct delivery *delivery, const struct delivery_attempt *attempt)
{
    const unsigned max = sizeof delivery->attempts.items / sizeof *delivery->attempts.items;
    uint32_t *count = &delivery->attempts.count;
    if (*count == max)
        memmove(delivery->attempts.items, delivery->attempts.items + 1,
                --*count * sizeof *delivery->attempts.items);
    delivery->attempts.items[(*count)++] = *attempt;
}

static bool
add_attempt(struct delivery *delivery, const struct notify_result *result)
{
    uint32_t count = delivery->attempts.count;
    if (count && delivery->attempts.items[count - 1].at == result->at_ms)
        return false; /* it was written before, by a commit whose answer was lost */
    const struct delivery_attempt attempt = {
        .present = true,
        .at = result->at_ms,
        .took_ms = result->took_ms,
        .code = result->code ? result->code : INT_NONE,
        .outcome = notify_deliveries_outcome(result->outcome),
        .error = result->error[0] ? text_of(result->error) : TEXT_NONE,
        .body = result->body[0] ? text_of(result->body) : TEXT_NONE,
    };
    notify_deliveries_add(delivery, &attempt);
    return true;
}

static void
apply(struct delivery *delivery, const struct notify_settle_item *item)
{
    static const int statuses[] = {[NOTIFY_DELIVERED] = DELIVERY_DELIVERED,
                                   [NOTIFY_AGAIN] = DELIVERY_PENDING,
                                   [NOTIFY_DEAD] = DELIVERY_DEAD,
                                   [NOTIFY_PUT_OFF] = DELIVERY_PENDING};
    if (item->result.verdict != NOTIFY_PUT_OFF && !add_attempt(delivery, &item->result))
        return;
    if (delivery->status != DELIVERY_PENDING && item->result.verdict != NOTIFY_DELIVERED)
        return; /* somebody discarded it, or another replica brought it home */
    delivery->status = statuses[item->result.verdict];
    delivery->tries = item->tries;
    delivery->next_at = delivery->status == DELIVERY_PENDING ? item->result.next_at : TIME_NONE;
}

/* Whether it is of a deleted subscription that had the same id. */
static bool
is_anothers(const struct delivery *delivery, int64_t created)
{
    return delivery->subscribed != created;
}

/* One delivery: loads it, and saves what it is now. */
static enum status
settle_one(struct op *op, const struct notify_settle *in, const struct notify_settle_item *item,
           const struct subscription *subscription)
{
    struct text id = notify_deliveries_id(op, text_of(in->subscription), item->seq);
    struct delivery *delivery = op_alloc(op, sizeof *delivery);
    struct delivery *before = op_alloc(op, sizeof *before);
    if (!delivery || !before)
        return op_no_memory(op);
    enum status status = item->kept ? STATUS_OK : op_load_new(op, "delivery", id);
    if (status == STATUS_OK)
        status = op_load(op, "delivery", id, &delivery_schema, delivery);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    bool is_new = status == STATUS_NOT_FOUND || (!item->kept && is_anothers(delivery, in->created));
    if (is_new && !item->topic.ptr)
        return STATUS_OK; /* it was trimmed away */
    if (is_new) {
        notify_deliveries_begin(op, delivery, text_of(in->subscription), in->created, item->seq);
        delivery->topic = item->topic;
        delivery->type = item->type;
    }
    *before = *delivery;
    apply(delivery, item);
    notify_deliveries_save(op, is_new ? NULL : before, delivery);
    if (delivery->status == DELIVERY_DEAD && before->status != DELIVERY_DEAD)
        tell(op, subscription, "delivery.dead", &delivery_schema, delivery);
    return STATUS_OK;
}

/* The cursor goes on to `in->to`, unless it was set back meanwhile, or is there already. */
static enum status
move_cursor(struct op *op, const struct notify_settle *in, struct subscription_cursor *cursor)
{
    struct text id = text_of(in->subscription);
    enum status status = op_load(op, "cursor", id, &subscription_cursor_schema, cursor);
    if (status == STATUS_NOT_FOUND)
        *cursor = (struct subscription_cursor){.present = true, .seq = in->from};
    else if (status != STATUS_OK)
        return status;
    if (cursor->seq < in->from || cursor->seq >= in->to)
        return STATUS_OK;
    cursor->seq = in->to;
    op_save(op, "cursor", id, &subscription_cursor_schema, cursor);
    return STATUS_OK;
}

/* Keeps since when it fails, for who serves it next. */
static enum status
save_health(struct op *op, const struct notify_settle *in)
{
    struct text id = text_of(in->subscription);
    struct subscription_health health = {0};
    if (!in->health)
        return STATUS_OK;
    enum status status = op_load(op, "health", id, &subscription_health_schema, &health);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    health.present = true;
    health.created = in->created;
    health.failing_since = in->failing_since ? in->failing_since : TIME_NONE;
    op_save(op, "health", id, &subscription_health_schema, &health);
    return STATUS_OK;
}

static bool
any_dead(const struct notify_settle *in)
{
    for (unsigned i = 0; i < in->count; i++)
        if (in->items[i].result.verdict == NOTIFY_DEAD)
            return true;
    return false;
}

enum status
notify_deliveries_settle(struct op *op, const void *params)
{
    const struct notify_settle *in = params;
    struct subscription_cursor cursor;
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return op_no_memory(op);
    enum status status = STATUS_OK, one;
    if (any_dead(in))
        status = op_peek(op, "subscription", text_of(in->subscription), &subscription_schema,
                         subscription, NULL);
    if (status == STATUS_OK)
        for (unsigned i = 0; i < in->count; i++)
            if ((one = settle_one(op, in, &in->items[i], subscription)) != STATUS_OK)
                status = one;
    one = move_cursor(op, in, &cursor);
    enum status health = save_health(op, in);
    if (one != STATUS_OK || status != STATUS_OK || health != STATUS_OK)
        return status != STATUS_OK ? status : one != STATUS_OK ? one : health;
    struct buf *out = op_result(op);
    mp_map(out, 1);
    mp_string(out, "cursor");
    mp_int(out, cursor.seq);
    return STATUS_OK;
}

enum status
notify_deliveries_missed(struct op *op, const void *params)
{
    const struct notify_missed *in = params;
    struct text id = text_of(in->subscription);
    struct subscription_cursor cursor;
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return op_no_memory(op);
    enum status found = op_peek(op, "subscription", id, &subscription_schema, subscription, NULL);
    enum status status = op_load(op, "cursor", id, &subscription_cursor_schema, &cursor);
    if (found != STATUS_OK)
        return found;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_OK && cursor.seq >= in->to)
        return STATUS_OK; /* it was told before */
    cursor.present = true;
    cursor.seq = in->to;
    op_save(op, "cursor", id, &subscription_cursor_schema, &cursor);
    const struct subscription_missed notice = {
        .present = true, .id = id, .from = in->from, .to = in->to};
    tell(op, subscription, "subscription.notice.missed", &subscription_missed_schema, &notice);
    return STATUS_OK;
}

/* ---- retention ---- */

enum status
notify_deliveries_done(struct op *op, struct text subscription, int64_t from, int64_t below,
                       struct notify_done *done)
{
    struct op_range range;
    struct delivery *delivery = op_alloc(op, sizeof *delivery);
    if (!delivery)
        return op_no_memory(op);
    enum status status = op_scan(op, notify_deliveries_entry(op, "delivery", subscription, from),
                                 notify_deliveries_entry(op, "delivery", subscription, below),
                                 NOTIFY_DONE_MAX, &range);
    if (status != STATUS_OK)
        return status;
    *done = (struct notify_done){0};
    for (unsigned i = 0; i < range.count; i++) {
        struct text id =
            notify_deliveries_id(op, subscription, notify_deliveries_seq(range.items[i]));
        enum status one = op_peek(op, "delivery", id, &delivery_schema, delivery, NULL);
        if (one != STATUS_OK && one != STATUS_NOT_FOUND)
            status = one;
        if (one != STATUS_OK ||
            (delivery->status != DELIVERY_DELIVERED && delivery->status != DELIVERY_DISCARDED))
            continue;
        done->fields[done->count] = op_format(op, "delivery/%.*s", TEXT_ARG(id));
        done->entries[done->count++] = range.items[i];
    }
    if (range.count == NOTIFY_DONE_MAX)
        done->next = notify_deliveries_seq(range.items[range.count - 1]) + 1;
    return status;
}
