/* The rules of a subscription's document: what its owner may ask for, and how it goes from one
 * status to another. Pure.
 *
 *   create -> pending (webhook; mail to an address to be confirmed) or active
 *   pending -> active                 its endpoint answered the handshake, its address was
 * confirmed pending, active, disabled -> paused -> pending or active again, by its owner pending,
 * active, paused -> disabled     its endpoint is gone, or its owner was revoked all -> expired by
 * the clock; all -> deleted, which is the end */
#ifndef CBM_NOTIFY_DOMAIN_SUBSCRIPTION_H
#define CBM_NOTIFY_DOMAIN_SUBSCRIPTION_H

#include "common/base/status.h"
#include "common/msg/messages.h"

#define NOTIFY_SUBSCRIPTIONS_MAX 1000 /* of a principal that is not the Secretariat */

/* Checks all that its owner says of the way it is reached, as the document has it now: what is
 * needed by its channel is there, and what belongs to another channel is not. STATUS_OK, or
 * STATUS_INVALID_ARGUMENT with the field named. `now_ms` is for `expires`. */
enum status notify_subscription_check(const struct subscription *document, int64_t now_ms,
                                      struct error *error);

/* The status of one that begins: new, resumed, or with another endpoint; of mail it counts whether
 * its address is confirmed (or need not be). */
enum subscription_status notify_subscription_begin(const struct subscription *document,
                                                   bool confirmed);

/* The word of its status. */
const char *notify_subscription_word(const struct subscription *document);

#endif
