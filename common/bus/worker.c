/* See worker.h. */
#include "common/bus/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/auth/cert.h"
#include "common/base/buf.h"
#include "common/base/cfg.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/compact.h"
#include "common/bus/mdp.h"
#include "common/bus/sock.h"

#define BUSES_MAX 16
#define TURN_MAX 256 /* messages a bus and turn, so that nobody starves */
#define FRAMES_MAX 8
#define CONNECT_AGAIN_MS 3000
#define HELLO_MS 20 /* between attempts to register while there is no connection */

struct worker_bus {
    struct worker *worker;
    char endpoint[CFG_TEXT_MAX];
    zsock_t *sock;
    void *raw; /* libzmq handle of sock */
    bool registered, left;
    bool keys;      /* it asks for keys */
    struct buf out; /* answers of this turn, compact */
    int64_t heard_ms, beat_at_ms, connected_ms;
};

/* The frames of a message, shared by the requests in it. */
struct worker_message {
    unsigned users, count;
    zmq_msg_t frames[];
};

struct worker {
    struct loop *loop;
    char service[MDP_SERVICE_MAX + 1], credit[12];
    worker_request_fn *request;
    worker_turn_fn *turn;
    void *arg;
    bool draining;
    unsigned bus_count;
    struct worker_bus buses[BUSES_MAX];
};

static int
send_bytes(void *raw, const void *data, size_t len, bool more)
{
    return zmq_send(raw, data, len, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 ? -1 : 0;
}

static int
send_command(struct worker_bus *bus, enum mdp_worker_command command, bool more)
{
    uint8_t byte = (uint8_t)command;
    if (send_bytes(bus->raw, MDP_WORKER, MDP_HEADER_LEN, true) != 0)
        return -1;
    return send_bytes(bus->raw, &byte, 1, more);
}

/* Says READY; again soon if there is no connection yet, much later if the bus does not answer. */
static void
send_ready(struct worker_bus *bus)
{
    const struct worker *worker = bus->worker;
    int64_t wait_ms = HELLO_MS;
    if (send_command(bus, MDPW_READY, true) == 0) {
        send_bytes(bus->raw, worker->service, strlen(worker->service), true);
        send_bytes(bus->raw, worker->credit, strlen(worker->credit), true);
        send_bytes(bus->raw, COMPACT_WORD, sizeof COMPACT_WORD - 1, false);
        wait_ms = (int64_t)MDP_HEARTBEAT_MS * MDP_LIVENESS;
    }
    bus->beat_at_ms = clock_mono_ms() + wait_ms;
    loop_tick_by(worker->loop, bus->beat_at_ms);
}

void
worker_request_fini(struct worker_request *request)
{
    struct worker_message *message = request->message;
    if (--message->users)
        return;
    for (unsigned i = 0; i < message->count; i++)
        zmq_msg_close(&message->frames[i]);
    free(message);
}

static void
send_out(struct worker_bus *bus)
{
    if (bus->out.len && !bus->out.failed)
        sock_send_buf(bus->raw, &bus->out); /* gone: its clients ask again */
    buf_clear(&bus->out);
}

void
worker_flush(struct worker *worker)
{
    for (unsigned i = 0; i < worker->bus_count; i++)
        send_out(&worker->buses[i]);
}

static void
reply_item(struct worker_request *request, struct text head, struct text body, bool partial)
{
    struct worker_bus *bus = request->bus;
    struct compact_item item = {
        .kind = partial ? COMPACT_PART : COMPACT_DONE,
        .address = request->parts[WORKER_ADDRESS],
        .head = head,
        .body = body,
    };
    compact_add(&bus->out, &item);
    if (bus->out.len >= COMPACT_FRAME_MAX)
        send_out(bus);
}

void
worker_reply(struct worker_request *request, struct text head, struct text body, bool partial)
{
    struct worker_bus *bus = request->bus;
    struct text address = request->parts[WORKER_ADDRESS];
    zmq_msg_t frame;
    if (request->compact && body.len <= COMPACT_BODY_MAX) {
        reply_item(request, head, body, partial);
        return;
    }
    send_out(bus); /* its parts go before it */
    if (zmq_msg_init_size(&frame, (size_t)head.len + body.len) != 0)
        return;
    if (head.len)
        memcpy(zmq_msg_data(&frame), head.ptr, head.len);
    if (body.len)
        memcpy((char *)zmq_msg_data(&frame) + head.len, body.ptr, body.len);
    if (send_command(bus, partial ? MDPW_PARTIAL : MDPW_FINAL, true) == 0) {
        send_bytes(bus->raw, address.ptr, address.len, true);
        send_bytes(bus->raw, "", 0, true);
        if (zmq_msg_send(&frame, bus->raw, ZMQ_DONTWAIT) >= 0)
            return;
    } /* else the bus is gone; its client asks again */
    zmq_msg_close(&frame);
}

static void
close_frames(zmq_msg_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        zmq_msg_close(&frames[i]);
}

/* Receives one message. Returns the number of frames (at most FRAMES_MAX are kept), 0 if none. */
static unsigned
receive(void *raw, zmq_msg_t *frames)
{
    unsigned count = 0;
    int more = 1;
    while (more) {
        zmq_msg_t spare, *frame = count < FRAMES_MAX ? &frames[count] : &spare;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, raw, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            break;
        }
        more = zmq_msg_more(frame);
        if (frame == &spare)
            zmq_msg_close(&spare);
        else
            count++;
    }
    return count;
}

static struct text
text_of_frame(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), (uint32_t)zmq_msg_size(frame)};
}

/* Moves the frames to where they stay while requests use them. NULL without memory. */
static struct worker_message *
take_message(zmq_msg_t *frames, unsigned count)
{
    struct worker_message *message = malloc(sizeof *message + count * sizeof *frames);
    if (!message)
        return NULL;
    message->users = 1;
    message->count = count;
    for (unsigned i = 0; i < count; i++) {
        zmq_msg_init(&message->frames[i]);
        zmq_msg_move(&message->frames[i], &frames[i]);
    }
    return message;
}

static bool
frame_is(zmq_msg_t *frame, const char *text)
{
    size_t len = strlen(text);
    return zmq_msg_size(frame) == len && memcmp(zmq_msg_data(frame), text, len) == 0;
}

/* Frames of a REQUEST, counted from the header: … address "" rpc [context [principal]] */
static void
give_request(struct worker_bus *bus, zmq_msg_t *frames, unsigned count)
{
    static const unsigned places[WORKER_PARTS] = {2, 4, 5, 6};
    struct worker_message *message = take_message(frames, count);
    if (!message)
        return; /* its client asks again */
    struct worker_request request = {.bus = bus, .message = message};
    for (unsigned i = 0; i < WORKER_PARTS; i++)
        if (places[i] < count)
            request.parts[i] = text_of_frame(&message->frames[places[i]]);
    bus->worker->request(bus->worker->arg, &request);
}

/* A compact frame: it stays until the last request in it is done. */
static void
give_items(struct worker_bus *bus, zmq_msg_t *frame)
{
    struct worker_message *message = take_message(frame, 1);
    if (!message)
        return;
    struct worker_request all = {.bus = bus, .message = message};
    struct text bytes = text_of_frame(&message->frames[0]);
    struct compact_item item;
    size_t at = 0;
    while (compact_next(bytes.ptr, bytes.len, &at, &item) == 1) {
        if (item.kind != COMPACT_WORK)
            continue;
        struct worker_request request = {
            bus, message, true, {item.address, item.body, item.context, item.principal}};
        message->users++;
        bus->worker->request(bus->worker->arg, &request);
    }
    worker_request_fini(&all);
}

static void
on_disconnect(struct worker_bus *bus)
{
    bool was = bus->registered;
    bus->registered = false;
    if (bus->worker->draining) {
        bus->left = true;
        return;
    }
    if (was)
        log_event(LOG_LEVEL_INFO, "bus let go, registering again", LOG_TEXT("bus", bus->endpoint));
    send_ready(bus); /* it does not know us: a bus that was started anew */
}

/* One message of a bus: [""] "MDPW02" command … */
static void
on_message(struct worker_bus *bus, zmq_msg_t *frames, unsigned count)
{
    unsigned at = count && zmq_msg_size(&frames[0]) == 0 ? 1 : 0;
    if (count == 1 && compact_is(zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]))) {
        bus->heard_ms = clock_mono_ms();
        give_items(bus, &frames[0]);
        return;
    }
    if (count < at + 2 || !frame_is(&frames[at], MDP_WORKER) || zmq_msg_size(&frames[at + 1]) != 1)
        return;
    uint8_t command = *(uint8_t *)zmq_msg_data(&frames[at + 1]);
    bus->heard_ms = clock_mono_ms();
    if (command == MDPW_DISCONNECT) {
        on_disconnect(bus);
        return;
    }
    if (!bus->registered) {
        bus->registered = true;
        bus->beat_at_ms = bus->heard_ms;
        loop_tick_by(bus->worker->loop, bus->beat_at_ms);
        log_event(LOG_LEVEL_INFO, "registered", LOG_TEXT("bus", bus->endpoint),
                  LOG_TEXT("service", bus->worker->service));
    }
    if (command == MDPW_REQUEST && count >= at + 5)
        give_request(bus, frames + at, count - at);
}

static void
on_socket(void *arg, short revents)
{
    (void)revents;
    struct worker_bus *bus = arg;
    zmq_msg_t frames[FRAMES_MAX];
    for (unsigned i = 0; i < TURN_MAX; i++) {
        unsigned count = receive(bus->raw, frames);
        if (!count)
            break;
        on_message(bus, frames, count);
        close_frames(frames, count);
    }
    bus->worker->turn(bus->worker->arg);
}

/* Once refused, ZeroMQ does not try again by itself; the key may be trusted by now. */
static void
connect_again(struct worker_bus *bus, int64_t now_ms)
{
    if (!bus->keys || now_ms - bus->connected_ms < CONNECT_AGAIN_MS)
        return;
    bus->connected_ms = now_ms;
    zsock_disconnect(bus->sock, "%s", bus->endpoint);
    zsock_connect(bus->sock, "%s", bus->endpoint);
}

static void
beat(struct worker_bus *bus, int64_t now_ms)
{
    if (bus->registered && now_ms - bus->heard_ms > MDP_HEARTBEAT_MS * MDP_LIVENESS) {
        bus->registered = false;
        log_event(LOG_LEVEL_WARN, "bus is silent", LOG_TEXT("bus", bus->endpoint));
        if (bus->worker->draining)
            bus->left = true;
    }
    if (bus->registered || bus->worker->draining) {
        send_command(bus, MDPW_HEARTBEAT, false);
        bus->beat_at_ms = now_ms + MDP_HEARTBEAT_MS;
    } else {
        connect_again(bus, now_ms);
        send_ready(bus);
    }
}

static int64_t
worker_tick(void *arg, int64_t now_ms)
{
    struct worker *worker = arg;
    int64_t next = LOOP_NEVER;
    for (unsigned i = 0; i < worker->bus_count; i++) {
        struct worker_bus *bus = &worker->buses[i];
        if (bus->left)
            continue;
        if (now_ms >= bus->beat_at_ms)
            beat(bus, now_ms);
        if (bus->beat_at_ms < next)
            next = bus->beat_at_ms;
    }
    return next;
}

static int
connect_bus(struct worker *worker, const char *endpoint, const struct worker_keys *keys)
{
    if (worker->bus_count == BUSES_MAX)
        return -1;
    struct worker_bus *bus = &worker->buses[worker->bus_count];
    *bus = (struct worker_bus){.worker = worker, .connected_ms = clock_mono_ms()};
    snprintf(bus->endpoint, sizeof bus->endpoint, "%s", endpoint);
    bus->sock = sock_new(ZMQ_DEALER);
    if (!bus->sock)
        return -1;
    worker->bus_count++;
    bus->raw = zsock_resolve(bus->sock);
    struct error error;
    if (keys && cert_client(bus->sock, keys->server, keys->cert, &error) != STATUS_OK) {
        log_event(LOG_LEVEL_ERROR, "no key for the bus", LOG_TEXT("error", error.message));
        return -1;
    }
    bus->keys = keys != NULL;
    if (zsock_connect(bus->sock, "%s", endpoint) != 0)
        return -1;
    return loop_add_socket(worker->loop, bus->raw, on_socket, bus);
}

struct worker *
worker_new(struct loop *loop, const char *endpoints, const struct worker_keys *keys,
           const char *service, int64_t credit, worker_request_fn *request, worker_turn_fn *turn,
           void *arg)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->loop = loop;
    worker->request = request;
    worker->turn = turn;
    worker->arg = arg;
    snprintf(worker->service, sizeof worker->service, "%s", service);
    snprintf(worker->credit, sizeof worker->credit, "%d", (int)credit);
    char one[CFG_TEXT_MAX];
    for (const char *at = endpoints; (at = cfg_next_endpoint(at, one, sizeof one));) {
        if (connect_bus(worker, one, keys) != 0) {
            log_event(LOG_LEVEL_ERROR, "cannot connect to a bus", LOG_TEXT("endpoint", one),
                      LOG_TEXT("error", zmq_strerror(zmq_errno())));
            worker_destroy(&worker);
            return NULL;
        }
    }
    loop_add_tick(loop, worker_tick, worker);
    return worker;
}

void
worker_destroy(struct worker **worker)
{
    if (!*worker)
        return;
    loop_remove_tick((*worker)->loop, worker_tick, *worker);
    for (unsigned i = 0; i < (*worker)->bus_count; i++) {
        loop_remove_socket((*worker)->loop, (*worker)->buses[i].raw);
        zsock_destroy(&(*worker)->buses[i].sock);
        buf_fini(&(*worker)->buses[i].out);
    }
    free(*worker);
    *worker = NULL;
}

bool
worker_registered(const struct worker *worker)
{
    for (unsigned i = 0; i < worker->bus_count; i++)
        if (worker->buses[i].registered)
            return true;
    return false;
}

void
worker_drain(struct worker *worker)
{
    worker->draining = true;
    for (unsigned i = 0; i < worker->bus_count; i++) {
        struct worker_bus *bus = &worker->buses[i];
        if (!bus->registered || send_command(bus, MDPW_DISCONNECT, false) != 0)
            bus->left = true;
    }
}

bool
worker_drained(const struct worker *worker)
{
    for (unsigned i = 0; i < worker->bus_count; i++)
        if (!worker->buses[i].left)
            return false;
    return true;
}
