/* Time zones as the system's tzdata has them (TZif, RFC 9636): which offset holds when, and until
 * when. libical would make rules of them that are wrong for some zones in some years (Tehran,
 * Jerusalem). It must not know events or calendars. */
#ifndef CBM_EVENTS_ZONE_H
#define CBM_EVENTS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

struct events_zone;

#define EVENTS_ZONE_DIRECTORY "/usr/share/zoneinfo"

/* Reads a zone by its IANA name. NULL if the name is none of tzdata's, or memory is short. */
struct events_zone *events_zone_open(struct text name);
/* The same of the bytes of a TZif file, which are copied. */
struct events_zone *events_zone_new(const void *data, size_t len);
void events_zone_destroy(struct events_zone **zone);

/* What holds during [since, until), in seconds since 1970 in UTC; INT64_MIN and INT64_MAX where it
 * has no beginning or end. */
struct events_zone_span {
    int64_t since_s, until_s;
    int32_t offset_s; /* to add to UTC */
    bool is_dst;
    const char *name; /* "CEST", "+05"; borrowed from the zone */
};

/* The span in which an instant lies. False where the zone goes on by a yearly rule only, which is
 * not read here: after 2037, as Debian's tzdata is made. */
bool events_zone_at(const struct events_zone *zone, int64_t at_s, struct events_zone_span *out);

#endif
