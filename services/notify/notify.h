/* What a handler of notify finds behind op_service: the parts of the process, each of its own
 * header. It must not know what they do. */
#ifndef CBM_NOTIFY_NOTIFY_H
#define CBM_NOTIFY_NOTIFY_H

#include "common/base/text.h"
#include "common/service/op.h"

/* Whose mail goes only to addresses that were confirmed: CBM_MAIL_CONFIRM, in its words' order. */
enum notify_mail_confirm { MAIL_CONFIRM_NO, MAIL_CONFIRM_OTHERS, MAIL_CONFIRM_YES };

struct notify {
    struct service *service; /* the first member, for service_run_* */
    struct access *access;
    struct notify_publisher *publisher;
    struct notify_subscriptions *subscriptions;
    struct notify_reminders *reminders;
    struct notify_sender *sender;
    struct notify_engine *engine;
    struct due_clock *subscription_clock; /* of what is due to subscriptions */

    int64_t mailbox_tries; /* a mailbox gives a record so often, then up; 0: for ever */
    int64_t mail_confirm;  /* enum notify_mail_confirm */

    /* Whether a webhook may be made for the url, else why not; NULL: any. */
    bool (*url_allowed)(void *arg, struct text url, char why[200]);
    void *url_arg;
    struct notify_chain *chain;
    struct notify_retain *retain;
};

static inline struct notify *
notify_of(const struct op *op)
{
    return op_service(op);
}

#endif
