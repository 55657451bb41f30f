/* See bus_wire.h. */
#include "services/bus/bus_wire.h"

#include <string.h>

#include "common/bus/mdp.h"

#define COMPACT_MIN 34   /* smaller ones live inside zmq_msg_t */
#define COMPACT_MAX 4096 /* of larger ones the buffer around them is no great part */

bool
bus_wire_receive(void *socket, struct bus_wire_message *message)
{
    unsigned received = 0;
    bool more = true;
    zmq_msg_t spill; /* what is beyond the frames that we keep */
    zmq_msg_init(&spill);
    message->kept = 0;
    while (more) {
        zmq_msg_t *frame = &spill;
        if (received < BUS_WIRE_FRAMES) {
            frame = &message->frames[message->kept++];
            zmq_msg_init(frame);
        }
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0)
            break;
        more = zmq_msg_more(frame);
        received++;
    }
    zmq_msg_close(&spill);
    if (more) { /* nothing there: the first frame could not be had */
        bus_wire_release(message);
        return false;
    }
    message->mirror = message->kept > 1 && zmq_msg_size(&message->frames[1]) == 0;
    message->first = message->mirror ? 2 : 1;
    message->count = received - message->first;
    message->compact = false;
    return true;
}

struct text
bus_wire_items(struct bus_wire_message *message)
{
    struct text frame = bus_wire_text(message, 0);
    return message->count == 1 && compact_is(frame.ptr, frame.len) ? frame : TEXT_NONE;
}

static bool
add_frame(struct bus_wire_message *message, struct text bytes)
{
    zmq_msg_t *frame = &message->frames[message->kept];
    if (zmq_msg_init_size(frame, bytes.len) != 0)
        return false;
    if (bytes.len)
        memcpy(zmq_msg_data(frame), bytes.ptr, bytes.len);
    message->kept++;
    return true;
}

bool
bus_wire_of_item(struct bus_wire_message *from, const struct compact_item *item,
                 struct bus_wire_message *out)
{
    bool request = item->kind == COMPACT_REQUEST;
    char command = request ? MDPC_REQUEST : item->kind == COMPACT_DONE ? MDPW_FINAL : MDPW_PARTIAL;
    if (!request && item->kind != COMPACT_DONE && item->kind != COMPACT_PART)
        return false;
    *out = (struct bus_wire_message){.first = 1, .compact = true};
    bool made = add_frame(out, bus_wire_peer(from)) &&
                add_frame(out, text_of(request ? MDP_CLIENT : MDP_WORKER)) &&
                add_frame(out, (struct text){&command, 1});
    if (request)
        made = made && add_frame(out, item->service) && add_frame(out, item->body) &&
               (item->context.len == 0 || add_frame(out, item->context));
    else
        made = made && add_frame(out, item->address) && add_frame(out, TEXT_LITERAL("")) &&
               add_frame(out, item->body);
    out->count = out->kept - 1;
    if (!made)
        bus_wire_release(out);
    return made;
}

void
bus_wire_release(struct bus_wire_message *message)
{
    for (unsigned i = 0; i < message->kept; i++)
        zmq_msg_close(&message->frames[i]);
    message->kept = 0;
}

static struct text
text_of_frame(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), (uint32_t)zmq_msg_size(frame)};
}

struct text
bus_wire_text(struct bus_wire_message *message, unsigned frame)
{
    if (message->first + frame >= message->kept)
        return TEXT_NONE;
    return text_of_frame(&message->frames[message->first + frame]);
}

struct text
bus_wire_peer(struct bus_wire_message *message)
{
    return text_of_frame(&message->frames[0]);
}

uint8_t
bus_wire_command(struct bus_wire_message *message, const char *header)
{
    struct text first = bus_wire_text(message, 0), command = bus_wire_text(message, 1);
    if (first.len != MDP_HEADER_LEN || memcmp(first.ptr, header, MDP_HEADER_LEN) != 0 ||
        command.len != 1)
        return 0;
    return (uint8_t)command.ptr[0];
}

void
bus_wire_bytes(void *socket, const void *data, size_t len, bool last)
{
    zmq_send(socket, data, len, last ? ZMQ_DONTWAIT : ZMQ_DONTWAIT | ZMQ_SNDMORE);
}

void
bus_wire_move(void *socket, zmq_msg_t *frame, bool last)
{
    if (zmq_msg_send(frame, socket, last ? ZMQ_DONTWAIT : ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        zmq_msg_close(frame); /* only when the context ends */
        zmq_msg_init(frame);
    }
}

void
bus_wire_share(void *socket, zmq_msg_t *frame, bool last)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, frame);
    bus_wire_move(socket, &copy, last);
    zmq_msg_close(&copy);
}

int
bus_wire_begin(const struct bus_wire_to *to, const char *header, uint8_t command, bool last)
{
    if (zmq_send(to->socket, to->peer, to->peer_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return -1;
    if (to->mirror)
        bus_wire_bytes(to->socket, "", 0, false);
    bus_wire_bytes(to->socket, header, MDP_HEADER_LEN, false);
    bus_wire_bytes(to->socket, &command, 1, last);
    return 0;
}

bool
bus_wire_compact(zmq_msg_t *frame)
{
    size_t len = zmq_msg_size(frame);
    if (len < COMPACT_MIN || len > COMPACT_MAX)
        return true;
    zmq_msg_t own;
    if (zmq_msg_init_size(&own, len) != 0)
        return false;
    memcpy(zmq_msg_data(&own), zmq_msg_data(frame), len);
    zmq_msg_move(frame, &own);
    zmq_msg_close(&own);
    return true;
}
