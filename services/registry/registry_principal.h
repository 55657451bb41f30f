/* The rules of principals (design, section 7): whose key, which roles together, what is final.
 * Pure: values in, decision out. It must not know stores, sockets, clocks or codecs. */
#ifndef CBM_REGISTRY_PRINCIPAL_H
#define CBM_REGISTRY_PRINCIPAL_H

#include "common/base/status.h"
#include "common/msg/messages.h"

/* What can be said of principal.enroll by itself: the key, the roles and what they need. */
enum status registry_principal_check(const struct principal_enroll *in, struct error *error);

/* Whether the participant is one that such roles speak for; `status` is what it is today, absent if
 * it is not recorded. Not called for roles that speak for none. */
enum status registry_principal_speaks(const struct principal_enroll *in,
                                      enum participant_status status, struct error *error);

/* Makes of what is known (`known` NULL: nothing under this id) what principal.enroll says. `owner`
 * is whose the key is or was, absent if nobody's. `changed` is false for a repeat. Texts are
 * borrowed from the parameters. */
enum status registry_principal_enroll(const struct principal_enroll *in,
                                      const struct principal_entry *known, struct text owner,
                                      struct principal_entry *out, bool *changed,
                                      struct error *error);

/* The same of principal.revoke. False if it is revoked already: then nothing changes. */
bool registry_principal_revoke(const struct principal_revoke *in, struct principal_entry *entry);

/* Whether it may have a token: a key that does not open has none, and services do not speak HTTP.
 */
enum status registry_principal_may_have_token(const struct principal_entry *entry,
                                              struct error *error);

#endif
