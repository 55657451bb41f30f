/* subscription.rehearse: see notify_handlers_subscription.h. It must not know subscriptions that
 * exist. */
#include "services/notify/notify_handlers_subscription.h"

#include "services/notify/notify_history.h"
#include "services/notify/notify_position.h"

#define LIMIT_DEFAULT 20
#define ROUNDS 8

/* Where it begins and ends, each as notify_position has it. */
static enum status
positions(struct op *op, const struct subscription_rehearse *in, struct notify_history *history)
{
    const struct text start = {"\xa5start", 6};
    enum status from =
        notify_position(op, in->from.ptr ? in->from : start, "from", &history->after);
    enum status to = notify_position(op, in->to, "to", &history->upto);
    return from != STATUS_OK ? from : to;
}

static void
list_matches(const struct notify_history *history, struct subscription_rehearsal *out)
{
    for (unsigned i = 0; i < history->count; i++) {
        const struct log_record *record = history->records[i];
        out->items.items[i] = (struct subscription_match){.present = true,
                                                          .seq = record->seq,
                                                          .topic = record->topic,
                                                          .type = log_record_type(record),
                                                          .time = record->time_ms};
    }
    out->items.count = history->count;
}

enum status
subscription_rehearse_handle(struct op *op, const void *params)
{
    const struct subscription_rehearse *in = params;
    struct notify_history history = {.filter = &in->filter,
                                     .owner = op_principal(op),
                                     .all = true,
                                     .limit = in->limit == INT_NONE ? LIMIT_DEFAULT
                                                                    : (unsigned)in->limit,
                                     .rounds = ROUNDS};
    struct subscription_rehearsal *out = op_alloc(op, sizeof *out);
    if (!out)
        return op_no_memory(op);
    enum status status = filter_check(&in->filter, op_error(op));
    if (status == STATUS_OK)
        status = notify_handlers_may_filter(op, &in->filter);
    if (status == STATUS_OK)
        status = positions(op, in, &history);
    if (status == STATUS_OK)
        status = notify_history_read(op, &history);
    if (status != STATUS_OK)
        return status;
    schema_init(&subscription_rehearsal_schema, out);
    out->present = true;
    out->matched = history.matched;
    out->examined = history.examined;
    out->from = history.after;
    out->to = history.scanned;
    if (!history.ended)
        out->next = history.scanned;
    list_matches(&history, out);
    op_answer(op, &subscription_rehearsal_schema, out);
    return STATUS_OK;
}
