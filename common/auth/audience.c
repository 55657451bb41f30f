/* See audience.h. It must not know sockets or stores. */
#include "common/auth/audience.h"

#include <string.h>

#include "common/log/topic.h"
#include "common/msg/schema.h"

bool
audience_has(const struct principal *principal, struct text audience)
{
    if (principal->roles & PERMIT_SECRETARIAT)
        return true;
    if (text_is(audience, "members"))
        return principal->roles & PERMIT_MEMBERS;
    return *principal->member && text_is(audience, principal->member) &&
           principal->roles & (PERMIT_CHAIR | PERMIT_MEMBER | PERMIT_OBSERVER);
}

bool
audience_may_see(const struct principal *principal, struct text topic)
{
    const struct text root = TEXT_LITERAL("private.");
    if (!topic_private(topic))
        return true;
    struct text rest = {topic.ptr + root.len, topic.len - root.len};
    const char *dot = rest.len ? memchr(rest.ptr, '.', rest.len) : NULL;
    if (!dot) /* all audiences together */
        return principal->roles & PERMIT_SECRETARIAT;
    return audience_has(principal, (struct text){rest.ptr, (uint32_t)(dot - rest.ptr)});
}
