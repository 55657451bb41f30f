/* subscription.confirm: see notify_handlers_subscription.h. A wrong code is no error but an answer,
 * for that it was given is to be kept. */
#include "services/notify/notify_confirm.h"
#include "services/notify/notify_handlers_subscription.h"

enum status
subscription_confirm_handle(struct op *op, const void *params)
{
    const struct subscription_confirm *in = params;
    struct subscription *subscription;
    int64_t now_ms;
    int left = -1;
    enum status clock = op_clock(op, &now_ms);
    enum status status = notify_handlers_own(op, in->id, INT_NONE, &subscription);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    bool pending = subscription->status == SUBSCRIPTION_PENDING;
    if (subscription->channel != CHANNEL_MAIL ||
        (!pending && subscription->status != SUBSCRIPTION_ACTIVE))
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: %.*s is no mail that waits to be confirmed; it is %s",
                         TEXT_ARG(in->id), notify_subscription_word(subscription));
    if (pending)
        status = notify_confirm_try(op, subscription, in->code, now_ms, &left);
    if (status != STATUS_OK)
        return status;
    if (pending && left < 0) {
        subscription->status = SUBSCRIPTION_ACTIVE;
        subscription->reason = TEXT_NONE;
        notify_handlers_tell(op, subscription, "subscription.activated",
                             subscription_status_words[SUBSCRIPTION_PENDING - 1]);
    }
    const struct subscription_confirmed answer = {.present = true,
                                                  .id = in->id,
                                                  .status = subscription->status,
                                                  .left = left < 0 ? INT_NONE : left};
    op_answer(op, &subscription_confirmed_schema, &answer);
    return STATUS_OK;
}
