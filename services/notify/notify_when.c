/* See notify_when.h. It must not know mails. */
#include "services/notify/notify_when.h"

#include "common/base/date.h"

#define MINUTE_MS ((int64_t)60 * 1000)
#define MONDAY 4 /* the first Monday is the fifth day of 1970 */

static int64_t
day_of(int64_t local_ms)
{
    return local_ms / DATE_DAY_MS - (local_ms % DATE_DAY_MS < 0);
}

/* "HH:MM" as minutes of the day; -1 if it is no such time. */
static int64_t
minutes_of(struct text text)
{
    if (text.len != 5)
        return -1;
    const char *at = text.ptr;
    return ((at[0] - '0') * 10 + at[1] - '0') * 60 + (at[3] - '0') * 10 + at[4] - '0';
}

int64_t
notify_when_quiet(const struct subscription *document, const struct zone *zone, int64_t at_ms)
{
    if (!document->quiet.present)
        return at_ms;
    int64_t from = minutes_of(document->quiet.from), to = minutes_of(document->quiet.to);
    int64_t local = zone_local(zone, at_ms), day = day_of(local);
    int64_t minute = (local - day * DATE_DAY_MS) / MINUTE_MS;
    bool inside = from <= to ? minute >= from && minute < to : minute >= from || minute < to;
    if (!inside || from < 0 || to < 0)
        return at_ms;
    int64_t end = zone_utc(zone, (day + (minute >= to)) * DATE_DAY_MS + to * MINUTE_MS);
    return end > at_ms ? end : at_ms;
}

int64_t
notify_when(const struct subscription *document, const struct zone *zone, int64_t record_ms,
            int64_t now_ms)
{
    int64_t at = record_ms, day = day_of(zone_local(zone, record_ms));
    if (document->digest == DIGEST_DAILY)
        at = zone_utc(zone, (day + 1) * DATE_DAY_MS);
    else if (document->digest == DIGEST_WEEKLY)
        at = zone_utc(zone, (day + 7 - (day + 7 - MONDAY) % 7) * DATE_DAY_MS);
    return notify_when_quiet(document, zone, at > now_ms ? at : now_ms);
}
