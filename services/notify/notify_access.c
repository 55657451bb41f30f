/* See notify_access.h. It must not know sockets, messages or stores. */
#include "services/notify/notify_access.h"

#include "common/log/topic.h"

bool
notify_access_open(struct text topic)
{
    return !topic_private(topic);
}
