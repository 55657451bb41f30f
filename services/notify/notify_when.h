/* When a mail may leave: at the end of the day or week that it is a digest of, and not in the quiet
 * hours of its receiver. Pure: the time is an argument, ms since 1970. */
#ifndef CBM_NOTIFY_WHEN_H
#define CBM_NOTIFY_WHEN_H

#include "common/base/zone.h"
#include "common/msg/messages.h"

/* When a record of a time is due by mail, seen from now: never before now. `zone` (NULL: UTC) is
 * the subscription's. Weeks end on Sunday. */
int64_t notify_when(const struct subscription *document, const struct zone *zone, int64_t record_ms,
                    int64_t now_ms);

/* The end of the quiet hours, if it is in them; else itself. */
int64_t notify_when_quiet(const struct subscription *document, const struct zone *zone,
                          int64_t at_ms);

#endif
