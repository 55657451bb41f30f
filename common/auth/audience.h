/* Who may see what is not for everyone (design section 7): the one rule for the live socket, for
 * log.read and for what services answer. Pure.
 *
 *   private.secretariat.…  the Secretariat
 *   private.members.…      whoever speaks for a member, the chair and the Secretariat
 *   private.<CODE>.…       whoever speaks for that participant, and the Secretariat */
#ifndef CBM_AUTH_AUDIENCE_H
#define CBM_AUTH_AUDIENCE_H

#include "common/bus/rpc.h"

/* Whether the principal belongs to the audience, which is a whole level of a topic. */
bool audience_has(const struct principal *principal, struct text audience);

/* Whether it may see everything under a prefix that ends at a level, or the topic. Of the empty
 * prefix, which means all that is open, this is true. */
bool audience_may_see(const struct principal *principal, struct text topic);

#endif
