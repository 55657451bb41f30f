/* A turn of one side of the bus: what there is to read, as messages, whatever their framing.
 * It must not know what the messages mean. */
#ifndef CBM_SERVICES_BUS_TURN_H
#define CBM_SERVICES_BUS_TURN_H

#include "services/bus/bus_broker.h"
#include "services/bus/bus_wire.h"

typedef void bus_take_fn(struct bus_broker *broker, struct bus_wire_message *message);

/* Takes up to BUS_TURN_MAX messages (or compact frames of many) from a socket, then sends what they
 * left for peers of the compact framing. Items that are requests are for the clients' side, the
 * others for the workers'. */
void bus_turn(struct bus_broker *broker, void *socket, bool clients, bus_take_fn *take);

#endif
