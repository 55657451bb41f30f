/* The clients' side of the bus: RFC 18 requests in, answers out.
 * It must not know how work is shared. */
#ifndef CBM_SERVICES_BUS_CLIENT_H
#define CBM_SERVICES_BUS_CLIENT_H

#include "services/bus/bus_broker.h"
#include "services/bus/bus_wire.h"

/* A loop_ready_fn: takes up to BUS_TURN_MAX messages from the clients' socket. */
void bus_client_turn(void *broker, short revents);

/* Sends a worker's answer on. `command` is MDPC_PARTIAL or MDPC_FINAL. */
void bus_client_answer(struct bus_broker *broker, struct bus_request *request, uint8_t command,
                       const struct bus_wire_body *body);

/* Answers a request with an error. The request stays as it is. */
void bus_client_fail(struct bus_broker *broker, struct bus_request *request,
                     const struct error *error);

#endif
