/* Whether a recurrence may be given to libical, which looks for the next time through centuries
 * where there is none. It must not know events or spans. */
#ifndef CBM_EVENTS_ICAL_RULE_H
#define CBM_EVENTS_ICAL_RULE_H

#include <libical/ical.h>
#include <stdbool.h>

/* NULL, or what is wrong with it: it is of hours or less, or its parts leave no days, or might. */
const char *events_ical_rule_refused(const struct icalrecurrencetype *rule);

#endif
