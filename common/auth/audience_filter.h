/* Whether somebody may ask for the records that a filter names. Pure. */
#ifndef CBM_AUTH_AUDIENCE_FILTER_H
#define CBM_AUTH_AUDIENCE_FILTER_H

#include "common/auth/audience.h"
#include "common/log/filter.h"

/* STATUS_OK, or STATUS_PERMISSION_DENIED for the first pattern that reaches private records of an
 * audience that the principal is not of. Each record is looked at again (audience_may_see). */
enum status audience_filter_check(const struct principal *principal,
                                  const struct subscription_filter *filter, struct error *error);

#endif
