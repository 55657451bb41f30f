/* Every subscription, as each replica keeps it for matching: read from the store at the start, then
 * kept current by the records about them. It must not know what is done with a match. */
#ifndef CBM_NOTIFY_SUBSCRIPTIONS_H
#define CBM_NOTIFY_SUBSCRIPTIONS_H

#include "common/bus/rpc.h"
#include "common/log/record.h"
#include "common/msg/messages.h"

/* Its records are on "private.<audience>.subscriptions.<id>.": the audience is the owner's member,
 * or `secretariat`. A subscription is told of its own lifecycle (types "subscription.notice.…")
 * whatever its filter says. */

struct notify_subscription {
    struct subscription document; /* its texts live as long as this */
    struct principal owner;       /* as it is now: what it may see */
};

struct notify_subscriptions;

struct notify_subscriptions_events {
    /* A subscription is there, or is another than before; `before` NULL if it is new, `after` NULL
     * if it is gone. Both borrowed for the call. */
    void (*changed)(void *arg, const struct notify_subscription *before,
                    const struct notify_subscription *after);
};

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

/* The shortest prefix at a level under which all that the filter matches is found, for reading the
 * log: "events.human." for "events.human.*.x". Of several topics the longest they share. */
struct text notify_filter_prefix(const struct subscription_filter *filter);

/* Whether what was there at the start has been read. */
bool notify_subscriptions_current(const struct notify_subscriptions *subscriptions);

#endif
