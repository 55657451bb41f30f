/* See audience_filter.h. It must not know who reads, or how. */
#include "common/auth/audience_filter.h"

#include <stdio.h>

enum status
audience_filter_check(const struct principal *principal, const struct subscription_filter *filter,
                      struct error *error)
{
    struct text levels[TOPIC_LEVELS_MAX];
    char prefix[TOPIC_MAX + 16];
    for (unsigned i = 0; i < filter->topics.count; i++) {
        unsigned count = filter_levels(filter->topics.items[i], levels);
        if (!count || !text_is(levels[0], "private"))
            continue;
        bool named = count > 1 && !text_is(levels[1], "*") && !text_is(levels[1], ">");
        snprintf(prefix, sizeof prefix, "private.%.*s%s", named ? (int)levels[1].len : 0,
                 named ? levels[1].ptr : "", named ? "." : "");
        if (!audience_may_see(principal, text_of(prefix)))
            return error_set(error, STATUS_PERMISSION_DENIED, "filter.topics",
                             "filter.topics[%u]: records under %s are not for %s; want open "
                             "topics, or private.<who you speak for>.>",
                             i, prefix, principal->id);
    }
    return STATUS_OK;
}
