/* See bus_wire.h. */
#include "services/bus/bus_wire.h"

#include <string.h>

#include "common/bus/mdp.h"

static struct text
text_of_frame(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), (uint32_t)zmq_msg_size(frame)};
}

/* What is received as frames is read as texts, as an item is. */
static void
find_texts(struct bus_wire_message *message, unsigned received)
{
    message->who = NULL;
    message->mirror = message->kept > 1 && zmq_msg_size(&message->frames[1]) == 0;
    message->compact = false;
    message->first = message->mirror ? 2 : 1;
    message->count = received - message->first;
    message->peer = text_of_frame(&message->frames[0]);
    for (unsigned i = 0; i < BUS_WIRE_FRAMES; i++)
        message->texts[i] = message->first + i < message->kept
                                ? text_of_frame(&message->frames[message->first + i])
                                : TEXT_NONE;
}

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
    find_texts(message, received);
    return true;
}

struct text
bus_wire_items(const struct bus_wire_message *message)
{
    struct text frame = message->texts[0];
    return message->count == 1 && compact_is(frame.ptr, frame.len) ? frame : TEXT_NONE;
}

bool
bus_wire_of_item(const struct bus_wire_message *from, const struct compact_item *item,
                 struct bus_wire_message *out)
{
    static const char commands[] = {MDPC_REQUEST, MDPW_FINAL, MDPW_PARTIAL};
    bool request = item->kind == COMPACT_REQUEST, done = item->kind == COMPACT_DONE;
    if (!request && !done && item->kind != COMPACT_PART)
        return false;
    out->peer = from->peer;
    out->who = from->who;
    out->mirror = false;
    out->compact = true;
    out->kept = out->first = 0;
    out->texts[0] = (struct text){request ? MDP_CLIENT : MDP_WORKER, MDP_HEADER_LEN};
    out->texts[1] = (struct text){&commands[request ? 0 : done ? 1 : 2], 1};
    out->texts[2] = request ? item->service : item->address;
    out->texts[3] = request ? item->body : TEXT_LITERAL("");
    out->texts[4] = request ? item->context : item->body;
    out->count = request && !item->context.len ? 4 : 5;
    return true;
}

void
bus_wire_release(struct bus_wire_message *message)
{
    for (unsigned i = 0; i < message->kept; i++)
        zmq_msg_close(&message->frames[i]);
    message->kept = 0;
}

struct bus_wire_body
bus_wire_body_of(struct bus_wire_message *message, unsigned frame)
{
    return (struct bus_wire_body){message->texts[frame],
                                  message->first + frame < message->kept
                                      ? &message->frames[message->first + frame]
                                      : NULL};
}

uint8_t
bus_wire_command(const struct bus_wire_message *message, const char *header)
{
    struct text first = message->texts[0], command = message->texts[1];
    if (first.len != MDP_HEADER_LEN || memcmp(first.ptr, header, MDP_HEADER_LEN) != 0 ||
        command.len != 1)
        return 0;
    return (uint8_t)command.ptr[0];
}

void
bus_wire_bytes(void *socket, struct text bytes, bool last)
{
    zmq_send(socket, bytes.ptr, bytes.len, last ? ZMQ_DONTWAIT : ZMQ_DONTWAIT | ZMQ_SNDMORE);
}

void
bus_wire_end(void *socket, const struct bus_wire_body *body)
{
    if (!body->frame) {
        bus_wire_bytes(socket, body->bytes, true);
    } else if (zmq_msg_send(body->frame, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(body->frame); /* only when the context ends */
        zmq_msg_init(body->frame);
    }
}

int
bus_wire_begin(const struct bus_wire_to *to, const char *header, uint8_t command, bool last)
{
    if (zmq_send(to->socket, to->peer, to->peer_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return -1;
    if (to->mirror)
        bus_wire_bytes(to->socket, TEXT_LITERAL(""), false);
    bus_wire_bytes(to->socket, (struct text){header, MDP_HEADER_LEN}, false);
    bus_wire_bytes(to->socket, (struct text){(const char *)&command, 1}, last);
    return 0;
}
