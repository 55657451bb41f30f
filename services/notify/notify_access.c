/* See notify_access.h. It must not know sockets, messages or stores. */
#include "services/notify/notify_access.h"

#include <string.h>

#include "common/log/batch.h"
#include "common/log/topic.h"
#include "common/msg/schema.h"

static void
give(struct notify_grant *grant, struct text prefix)
{
    for (unsigned i = 0; i < grant->count; i++)
        if (text_equal(grant->prefixes[i], prefix))
            return;
    if (grant->count < NOTIFY_ACCESS_MAX)
        grant->prefixes[grant->count++] = prefix;
}

/* The first level of a pattern of topics, without its dot: who is given all roots keeps, when it
 * gives them back, a root that it subscribed to by itself ("events."). */
static struct text
root_of(const char *pattern)
{
    return (struct text){pattern, (uint32_t)strcspn(pattern, ".")};
}

static void
give_roots(struct notify_grant *grant, struct text begin)
{
    for (unsigned i = 0; interfaces[i]; i++)
        for (unsigned r = 0; r < interfaces[i]->record_count; r++) {
            struct text root = root_of(interfaces[i]->records[r].topic);
            if (!text_is(root, "private") && topic_starts_with(root, begin))
                give(grant, root);
        }
    if (!begin.len)
        give(grant, TEXT_LITERAL(NOTIFY_ACCESS_MARKS));
}

void
notify_access_narrow(const struct principal *principal, struct text subscription,
                     struct notify_grant *grant)
{
    struct text prefix;
    grant->count = 0;
    if (subscription.len && subscription.ptr[0] == BATCH_KEY_HEAD[0]) {
        if (batch_key_prefix(subscription, &prefix) && topic_prefix_valid(prefix) &&
            audience_may_see(principal, prefix))
            give(grant, subscription);
    } else if (topic_starts_with(TEXT_LITERAL("private."), subscription) &&
               subscription.len < sizeof "private." - 1) {
        give_roots(grant, subscription);
    } else if (!topic_private(subscription) ||
               (topic_prefix_valid(subscription) && audience_may_see(principal, subscription))) {
        give(grant, subscription);
    }
}
