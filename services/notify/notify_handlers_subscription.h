/* What the handlers of subscriptions share. Documents: kinds "subscription", "secret", "cursor" and
 * "mailbox" (by its id), "quota" (by the owner). One that is deleted stays as a document of that
 * status, so that revisions of the id go on; its secrets are destroyed. Index: "s|<id>",
 * "o|<owner>|<id>". They must not know sockets or Redis. */
#ifndef CBM_NOTIFY_HANDLERS_SUBSCRIPTION_H
#define CBM_NOTIFY_HANDLERS_SUBSCRIPTION_H

#include "services/notify/notify.h"
#include "services/notify/notify_domain_subscription.h"
#include "services/notify/notify_handlers.h"
#include "services/notify/notify_secret.h"

#define NOTIFY_NOTICE "subscription.notice." /* begins the types of notices */

/* Loads one to be changed: of the asker's own, or any for the Secretariat and the service itself;
 * `rev` as for op_expect_rev. Otherwise it is `not_found`. */
enum status notify_handlers_own(struct op *op, struct text id, int64_t rev,
                                struct subscription **out);

/* Saves it, and tells it by a record of the type. `from` is the status before, NULL for none.
 * Returns the document. */
struct text notify_handlers_tell(struct op *op, struct subscription *subscription, const char *type,
                                 const char *from);

/* Sets where one stands that begins: new, resumed, or with `another` endpoint, as a new one is. A
 * handshake begins by the store's clock: whoever serves it goes by that. */
enum status notify_handlers_begin(struct op *op, struct subscription *subscription, bool another);

/* Whether the principal may have this filter: private topics only of audiences it belongs to. */
enum status notify_handlers_may_filter(struct op *op, const struct subscription_filter *filter);

/* All checks of a document that its owner has just said something of. */
enum status notify_handlers_check(struct op *op, const struct subscription *subscription);

/* ---- beside the document (notify_handlers_subscription_beside.c) ------------------------------
 */

struct notify_beside {
    bool has_secret, has_mailbox;
    struct subscription_secret secret;
    struct subscription_cursor cursor;
    struct mailbox_state *mailbox;
};

/* Loads them, to be written; what is not there is empty. */
enum status notify_handlers_beside(struct op *op, struct text id, struct notify_beside *out);

/* Sets how far it has come; a mailbox begins there, with what it knows of what was settled. */
void notify_handlers_set_cursor(struct op *op, struct text id, struct notify_beside *beside,
                                int64_t seq);

/* Saves new secrets, which are in force from now on; the former ones until `previous_until`
 * (TIME_NONE: no more). `made` NULL: all are destroyed. */
void notify_handlers_set_secret(struct op *op, struct text id, struct notify_beside *beside,
                                const struct notify_secret *made, int64_t previous_until);

/* Answers the document with its secret (absent for none), of which the key keeps only the document,
 * `kept`; absent: nothing is kept. And again what was answered so, for a repeat. */
enum status notify_handlers_answer_made(struct op *op, const struct subscription *subscription,
                                        struct text secret, struct text kept);
enum status notify_handlers_answer_again(struct op *op, struct text kept);

/* ---- the service's own (notify_handlers_subscription_own.c) ------------------------------------
 */

#define NOTIFY_DUE_PREFIX "due-subscription|" /* of what the clock does to subscriptions */
#define NOTIFY_KEY_LIFE_MS (365 * DATE_DAY_MS)

/* Replaces the instants at which something is due (NULL: none before, none after). */
void notify_handlers_schedule(struct op *op, const struct subscription *before,
                              const struct subscription *after);

/* Tells the subscription itself something; `until_ms` as in subscription_notice, or TIME_NONE. */
void notify_handlers_notice(struct op *op, const struct subscription *subscription,
                            const char *type, int64_t until_ms);

/* What is due (common/service/due.h): the end, its announcement, the age of a secret, the end of an
 * overlap. */
op_handler_fn notify_handlers_due;

/* The id at the end of an index entry. */
struct text notify_handlers_entry_id(struct text entry);

/* A page of all subscriptions from an index entry on: for the table of each replica. */
struct notify_page {
    char from[TEXT_ID_MAX + 8];
};
op_handler_fn notify_handlers_page;

/* A chore (common/service/chores.h): disables the subscription of that id if its owner was
 * revoked. */
op_handler_fn notify_handlers_disable;

#endif
