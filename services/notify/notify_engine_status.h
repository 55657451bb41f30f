/* What the engine finds out about an endpoint: that it answered its handshake, or wants no more. It
 * must not know how. */
#ifndef CBM_NOTIFY_ENGINE_STATUS_H
#define CBM_NOTIFY_ENGINE_STATUS_H

#include "services/notify/notify_engine_internal.h"

/* The subscription becomes active, if it is pending, or disabled for a reason (at most 400 bytes).
 * One change at a time; what fails is found out again. */
void engine_set_status(struct lane *lane, enum subscription_status status, const char *reason);

#endif
