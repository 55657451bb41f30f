/* Time zones as the system's tzdata has them (TZif, RFC 9636): which offset holds when, and until
 * when. libical would make rules of them that are wrong for some zones in some years (Tehran,
 * Jerusalem). It must not know events or calendars. */
#ifndef CBM_BASE_ZONE_H
#define CBM_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

struct zone;

#define ZONE_DIRECTORY "/usr/share/zoneinfo"

/* Reads a zone by its IANA name. NULL if the name is none of tzdata's, or memory is short. */
struct zone *zone_open(struct text name);
/* The same of the bytes of a TZif file, which are copied. */
struct zone *zone_new(const void *data, size_t len);
void zone_destroy(struct zone **zone);

/* What holds during [since, until), in seconds since 1970 in UTC; INT64_MIN and INT64_MAX where it
 * has no beginning or end. */
struct zone_span {
    int64_t since_s, until_s;
    int32_t offset_s; /* to add to UTC */
    bool is_dst;
    const char *name; /* "CEST", "+05"; borrowed from the zone */
};

/* The span in which an instant lies. False where the zone goes on by a yearly rule only, which is
 * not read here: after 2037, as Debian's tzdata is made. */
bool zone_at(const struct zone *zone, int64_t at_s, struct zone_span *out);

/* What clocks show at an instant, and the instant at which they show it, both in ms since 1970;
 * `zone` NULL is UTC. After the last of tzdata's times the zone's yearly rule holds. An hour that
 * clocks show twice is its first; one that they pass over is counted from before the gap, so that a
 * day that begins in a gap begins where the gap ends. */
int64_t zone_local(const struct zone *zone, int64_t utc_ms);
int64_t zone_utc(const struct zone *zone, int64_t local_ms);

/* The zones that were asked for, each read once. */
struct zone_set {
    unsigned count;
    struct zone_set_item *items; /* owned */
};
void zone_set_fini(struct zone_set *zones);

/* The zone of a name: NULL, which is UTC, if it is none of tzdata's. Lives as long as `zones`. */
const struct zone *zone_set_get(struct zone_set *zones, struct text name);

#endif
