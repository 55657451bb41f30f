/* See notify_engine_status.h. It must not know sockets. */
#include "services/notify/notify_engine_status.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "services/notify/notify_handlers_subscription.h"

struct change {
    char id[TEXT_ID_MAX + 1], reason[400];
    enum subscription_status status;
};

static enum status
change_status(struct op *op, const void *params)
{
    const struct change *in = params;
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    if (!subscription)
        return op_no_memory(op);
    enum status status =
        op_load(op, "subscription", text_of(in->id), &subscription_schema, subscription);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    bool pending = subscription->status == SUBSCRIPTION_PENDING;
    if (!pending &&
        (in->status == SUBSCRIPTION_ACTIVE || subscription->status != SUBSCRIPTION_ACTIVE))
        return STATUS_OK; /* somebody else was first */
    const char *from = notify_subscription_word(subscription);
    subscription->status = (int)in->status;
    subscription->reason = in->reason[0] ? text_of(in->reason) : TEXT_NONE;
    bool active = in->status == SUBSCRIPTION_ACTIVE;
    notify_handlers_tell(op, subscription,
                         active ? "subscription.activated" : "subscription.disabled", from);
    if (!active)
        notify_handlers_notice(op, subscription, NOTIFY_NOTICE "disabled", TIME_NONE);
    return STATUS_OK;
}

static void
on_changed(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    (void)result;
    lane->changing = false;
    if (lane->verifying)
        lane->verify_at = clock_mono_ms() + ENGINE_AGAIN_MS; /* the change is on its way here */
    if (status != STATUS_OK)
        engine_warn(lane->engine, "the status of a subscription cannot be written", lane,
                    status_word(status));
    engine_over(lane);
}

void
engine_set_status(struct lane *lane, enum subscription_status status, const char *reason)
{
    struct change in = {.status = status};
    if (lane->changing)
        return;
    memcpy(in.id, lane->id, sizeof in.id);
    snprintf(in.reason, sizeof in.reason, "%s", reason);
    text_trim_cut(in.reason);
    engine_submit(lane, &lane->changing, change_status, &in, sizeof in, on_changed);
}
