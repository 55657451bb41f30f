/* The workers' side of the bus: READY, answers, heartbeats, DISCONNECT in; requests out.
 * It must not know clients. */
#ifndef CBM_SERVICES_BUS_WORKER_H
#define CBM_SERVICES_BUS_WORKER_H

#include "services/bus/bus_broker.h"
#include "services/bus/bus_wire.h"

/* A loop_ready_fn: takes up to BUS_TURN_MAX messages from the workers' socket. */
void bus_worker_turn(void *broker, short revents);

/* Sends the request with a new token: rpc, context, principal. -1 if the worker is gone; then
 * nothing was sent. */
int bus_worker_send(struct bus_broker *broker, struct bus_worker *worker,
                    struct bus_request *request);

/* A frame of requests did not reach its worker: they were never sent, the worker is lost. */
void bus_worker_unsent(struct bus_broker *broker, const struct bus_outbox_frame *frame);

/* Sends heartbeats; workers that are silent for too long or unreachable are lost. */
void bus_worker_beat(struct bus_broker *broker);

/* A draining worker that has nothing more to answer is told so, and is gone. */
void bus_worker_settle_drain(struct bus_broker *broker, struct bus_worker *worker);

/* The bus ends. */
void bus_worker_disconnect_all(struct bus_broker *broker);

#endif
