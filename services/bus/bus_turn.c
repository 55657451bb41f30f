/* See bus_turn.h. */
#include "services/bus/bus_turn.h"

/* A compact frame: each item is a message of its own. */
static void
take_items(struct bus_broker *broker, const struct bus_wire_message *message, struct text frame,
           bool clients, bus_take_fn *take)
{
    struct compact_item item;
    struct bus_wire_message one;
    size_t at = 0;
    int got;
    while ((got = compact_next(frame.ptr, frame.len, &at, &item)) == 1) {
        if ((item.kind == COMPACT_REQUEST) != clients || !bus_wire_of_item(message, &item, &one)) {
            broker->totals.dropped_garbage++;
            continue;
        }
        take(broker, &one);
        bus_broker_settle(broker);
    }
    broker->totals.dropped_garbage += got < 0;
}

void
bus_turn(struct bus_broker *broker, void *socket, bool clients, bus_take_fn *take)
{
    struct bus_wire_message message;
    for (unsigned i = 0; i < BUS_TURN_MAX && bus_wire_receive(socket, &message); i++) {
        bus_broker_touch(broker);
        if (clients || broker->config.worker_access)
            message.who = access_of(broker->access, bus_wire_sent(&message));
        if (!clients && broker->config.worker_access && !message.who) {
            bus_wire_release(&message); /* a worker whose key was revoked: its connection is cut */
            continue;
        }
        struct text items = bus_wire_items(&message);
        if (items.ptr)
            take_items(broker, &message, items, clients, take);
        else
            take(broker, &message);
        bus_broker_settle(broker);
        bus_wire_release(&message);
    }
    bus_broker_send_out(broker);
    loop_tick_by(broker->loop, bus_request_next_due(&broker->requests));
}
