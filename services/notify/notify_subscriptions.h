/* Every subscription, as each replica keeps it for matching: read from the store at the start, then
 * kept current by the records about them. It must not know what is done with a match. */
#ifndef CBM_NOTIFY_SUBSCRIPTIONS_H
#define CBM_NOTIFY_SUBSCRIPTIONS_H

#include "common/auth/access.h"
#include "common/log/record.h"
#include "common/service/service.h"
#include "common/log/filter.h"

/* Its records are on "private.<audience>.subscriptions.<id>.": the audience is the owner's member,
 * or `secretariat`. A subscription is told of its own lifecycle (types "subscription.notice.…")
 * whatever its filter says. */

struct notify_subscription {
    struct subscription document; /* its texts live as long as this */
    struct principal owner;       /* as it is now: what it may see. One who is not known may see
                                   * what is open; to one who was revoked nothing matches. */
};

struct notify_subscriptions;

struct notify_publisher;

/* Listens to the publisher, and begins to read once that is current and it was started. `access`
 * and `publisher` outlive it. NULL after a line in the log. */
struct notify_subscriptions *notify_subscriptions_new(struct loop *loop,
                                                      struct notify_publisher *publisher,
                                                      struct access *access);

/* Starts it for a service, which ends before it is destroyed. */
void notify_subscriptions_start(struct notify_subscriptions *subscriptions,
                                struct service *service);
void notify_subscriptions_destroy(struct notify_subscriptions **subscriptions);

struct notify_subscriptions_events {
    /* A subscription is there, or is another than before; `before` NULL if it is new, `after` NULL
     * if it is gone. Both borrowed for the call. */
    void (*changed)(void *arg, const struct notify_subscription *before,
                    const struct notify_subscription *after);
};

/* Who wants to know; at most one, before the loop runs. `events` is borrowed for good. */
void notify_subscriptions_watch(struct notify_subscriptions *subscriptions,
                                const struct notify_subscriptions_events *events, void *arg);

/* Calls `fn` for each subscription that the record is for and whose owner may see it, whatever its
 * status. The work is that of the matches, not of the subscriptions. */
typedef void notify_match_fn(void *arg, const struct notify_subscription *subscription);
void notify_subscriptions_match(struct notify_subscriptions *subscriptions,
                                const struct log_record *record, notify_match_fn *fn, void *arg);

/* Whether one record is for one subscription: the same rule. */
bool notify_subscription_matches(const struct notify_subscription *subscription,
                                 const struct log_record *record);

/* NULL if there is none of that id. Borrowed until the loop goes on. */
const struct notify_subscription *
notify_subscriptions_get(const struct notify_subscriptions *subscriptions, struct text id);

/* Calls `fn` for each. */
void notify_subscriptions_each(const struct notify_subscriptions *subscriptions,
                               notify_match_fn *fn, void *arg);

/* What a principal of the name may see now; false if it was revoked. One who is not known: no
 * roles. */
bool notify_subscriptions_owner(struct notify_subscriptions *subscriptions, struct text owner,
                                struct principal *out);

/* The topic of a subscription's records, of NOTIFY_OWN_TOPIC_MAX bytes. */
#define NOTIFY_OWN_TOPIC_MAX 128
struct text notify_subscription_topic(const struct subscription *document,
                                      char out[NOTIFY_OWN_TOPIC_MAX]);

/* Whether what was there at the start has been read. */
bool notify_subscriptions_current(const struct notify_subscriptions *subscriptions);

#endif
