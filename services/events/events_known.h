/* What the events service knows of the registry: participants, priority areas, coordinators,
 * decisions. A plain table in memory; where its contents come from is events_view's business. Pure:
 * no I/O, no clock. */
#ifndef CBM_EVENTS_KNOWN_H
#define CBM_EVENTS_KNOWN_H

#include "common/msg/messages.h"

struct events_known;

struct events_known *events_known_new(void); /* empty; NULL when out of memory */
void events_known_destroy(struct events_known **known);

/* Replace what was known of the participant or area. The messages are copied. False when out of
 * memory; then the table is as it was. */
bool events_known_put_participant(struct events_known *known, const struct participant *from);
bool events_known_put_area(struct events_known *known, const struct area *from);

/* Takes a revision of the catalogue; the newest is that of the greatest number. As above. */
bool events_known_put_catalogue(struct events_known *known, const struct catalogue *from);

/* A decision as the log told of it last. */
struct events_decision {
    char id[TEXT_ID_MAX + 1], body[17], digest[65];
    enum decision_status status;
};
bool events_known_put_decision(struct events_known *known, const struct decision *from);
const struct events_decision *events_known_decision(const struct events_known *known,
                                                    struct text id); /* NULL: none */

/* The revision of the catalogue that was in force on a day, the first one before all. 0 if there is
 * none. `areas` gets at most `max` of its areas (borrowed for good), `count` how many. */
int64_t events_known_areas(const struct events_known *known, date_day day, struct text *areas,
                           unsigned max, unsigned *count);

/* Whether there is, or ever was, such a participant. */
bool events_known_participant(const struct events_known *known, struct text code);

/* Whether the participant is known and not a former one on the day. */
bool events_known_takes_part(const struct events_known *known, struct text code, date_day day);

/* Whether the participant is a member on the day. */
bool events_known_member(const struct events_known *known, struct text code, date_day day);

/* Whether the member coordinates or co-coordinates the area on the day. */
bool events_known_coordinates(const struct events_known *known, struct text area,
                              const char *member, date_day day);

/* The number of the newest revision of the catalogue, 0 if there is none. */
int64_t events_known_revision(const struct events_known *known);

/* The dimension of an area in the newest revision; absent if it has no such area. Borrowed until
 * the next put. */
struct text events_known_area(const struct events_known *known, struct text area);

/* The n-th area of the newest revision; absent behind the last. Borrowed as above. */
struct text events_known_area_at(const struct events_known *known, unsigned n);

/* Whether the newest revision has the dimension. */
bool events_known_dimension(const struct events_known *known, struct text dimension);

#endif
