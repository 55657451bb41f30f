/* What the bus answers itself: mmi.* (RFC 8/MMI) and the methods that every service has, as service
 * "bus". It must not know sockets. */
#ifndef CBM_SERVICES_BUS_OWN_H
#define CBM_SERVICES_BUS_OWN_H

#include "services/bus/bus_broker.h"

/* Whether the name is the bus's own: no worker may serve it. */
bool bus_own_serves(struct text service);

/* Appends the answer's body to a request for such a service: an MMI code as text, or an rpc reply.
 */
void bus_own_answer(struct bus_broker *broker, struct text service, struct text body,
                    struct buf *buf);

#endif
