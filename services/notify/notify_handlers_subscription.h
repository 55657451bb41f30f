/* What the handlers of subscriptions share. Documents: kinds "subscription", "secret" and "cursor"
 * (by its id), "quota" (by the owner). One that is deleted stays as a document of that status, so
 * that revisions of the id go on; its secrets are destroyed. Index: "s|<id>", "o|<owner>|<id>".
 * They must not know sockets or Redis. */
#ifndef CBM_NOTIFY_HANDLERS_SUBSCRIPTION_H
#define CBM_NOTIFY_HANDLERS_SUBSCRIPTION_H

#include "services/notify/notify.h"
#include "services/notify/notify_domain_subscription.h"
#include "services/notify/notify_handlers.h"

#define NOTIFY_NOTICE "subscription.notice." /* begins the types of notices */

/* Loads one to be changed: of the asker's own, or any for the Secretariat and the service itself;
 * `rev` as for op_expect_rev. Otherwise it is `not_found`. */
enum status notify_handlers_own(struct op *op, struct text id, int64_t rev,
                                struct subscription **out);

/* Saves it, and tells it by a record of the type. `from` is the status before, NULL for none.
 * Returns the document. */
struct text notify_handlers_tell(struct op *op, struct subscription *subscription, const char *type,
                                 const char *from);

/* Whether the principal may have this filter: private topics only of audiences it belongs to. */
enum status notify_handlers_may_filter(struct op *op, const struct subscription_filter *filter);

/* All checks of a document that its owner has just said something of. */
enum status notify_handlers_check(struct op *op, const struct subscription *subscription);

/* A page of all subscriptions from an index entry on: for the table of each replica. */
struct notify_page {
    char from[TEXT_ID_MAX + 8];
};
op_handler_fn notify_handlers_page;

/* A chore (common/service/chores.h): disables the subscription of that id if its owner was
 * revoked. */
op_handler_fn notify_handlers_disable;

#endif
