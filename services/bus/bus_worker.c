/* See bus_worker.h. */
#include "services/bus/bus_worker.h"

#include "common/base/log.h"
#include "services/bus/bus_client.h"
#include "services/bus/bus_context.h"
#include "services/bus/bus_own.h"
#include "services/bus/bus_turn.h"

/* Worker READY: "MDPW02" 0x01 service [credit [framing]]      answer: "MDPW02" 0x03|0x04 token ""
 * body */
enum {
    FRAME_SERVICE = 2,
    FRAME_CREDIT = 3,
    FRAME_FRAMING = 4,
    READY_MIN = 3,
    READY_MAX = 5,
    FRAME_TOKEN = 2,
    FRAME_EMPTY = 3,
    FRAME_BODY = 4,
    ANSWER_FRAMES = 5,
};

static struct bus_wire_to
to_worker(const struct bus_broker *broker, const struct bus_worker *worker)
{
    return (struct bus_wire_to){broker->workers, worker->id, worker->id_len, worker->mirror,
                                worker->compact};
}

static void
disconnect_sender(struct bus_broker *broker, const struct bus_wire_message *message)
{
    struct bus_wire_to to = {broker->workers, message->peer.ptr, message->peer.len, message->mirror,
                             false};
    bus_wire_begin(&to, MDP_WORKER, MDPW_DISCONNECT, true);
}

/* The context as the worker gets it: with what is left of the deadline, if some was spent waiting.
 */
static struct text
context_of(struct bus_broker *broker, const struct bus_request *request)
{
    struct buf *buf = &broker->scratch;
    if (!request->has_context)
        return TEXT_LITERAL("\x80");
    if (!request->has_deadline || broker->now_us - request->received_us < 1000)
        return request->context;
    buf_clear(buf);
    bus_context_rewrite(buf, request->context.ptr, request->context.len,
                        request->deadline_ms - broker->now_ms);
    return buf->failed ? request->context
                       : (struct text){(const char *)buf->data, (uint32_t)buf->len};
}

/* The request as an item of the compact framing; the frame goes out later and may fail. */
static int
send_item(struct bus_broker *broker, const struct bus_wire_to *to, struct bus_request *request)
{
    uint8_t token[BUS_TOKEN_LEN];
    bus_request_renew(request, token);
    struct compact_item item = {
        .kind = COMPACT_WORK,
        .address = {(const char *)token, sizeof token},
        .context = context_of(broker, request),
        .principal = bus_broker_principal(request),
        .body = request->rpc,
    };
    return bus_outbox_add(&broker->outbox, to, &item) ? 0 : -1;
}

void
bus_worker_unsent(struct bus_broker *broker, const struct bus_outbox_frame *frame)
{
    struct compact_item item;
    size_t at = 0;
    while (compact_next(frame->buf.data, frame->buf.len, &at, &item) == 1) {
        struct bus_request *request =
            bus_request_find(&broker->requests, item.address.ptr, item.address.len);
        if (request)
            request->unsent = true;
    }
    struct bus_worker *worker =
        bus_service_find_worker(&broker->directory, frame->peer, frame->peer_len);
    if (worker)
        bus_broker_lose(broker, worker);
}

int
bus_worker_send(struct bus_broker *broker, struct bus_worker *worker, struct bus_request *request)
{
    uint8_t token[BUS_TOKEN_LEN];
    struct bus_wire_to to = to_worker(broker, worker);
    if (worker->compact)
        return send_item(broker, &to, request);
    if (bus_wire_begin(&to, MDP_WORKER, MDPW_REQUEST, false) != 0)
        return -1;
    bus_request_renew(request, token);
    bus_wire_bytes(broker->workers, (struct text){(const char *)token, sizeof token}, false);
    bus_wire_bytes(broker->workers, TEXT_LITERAL(""), false);
    bus_wire_bytes(broker->workers, request->rpc, false);
    bus_wire_bytes(broker->workers, context_of(broker, request), false);
    bus_wire_bytes(broker->workers, bus_broker_principal(request), true);
    return 0;
}

/* READY's fourth frame: 1 to MDP_CREDIT_MAX in ASCII decimal; absent is 1. 0 if it is wrong. */
static uint32_t
read_credit(const struct bus_wire_message *message)
{
    struct text digits = message->texts[FRAME_CREDIT];
    uint32_t credit = 0;
    if (message->count <= FRAME_CREDIT)
        return 1;
    if (digits.len < 1 || digits.len > 5)
        return 0;
    for (uint32_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return 0;
        credit = credit * 10 + (uint32_t)(digits.ptr[i] - '0');
    }
    return credit <= MDP_CREDIT_MAX ? credit : 0;
}

static struct bus_worker *
add_worker(struct bus_broker *broker, const struct bus_wire_message *message)
{
    struct text name = message->texts[FRAME_SERVICE], peer = message->peer;
    uint32_t credit = read_credit(message);
    if (message->count < READY_MIN || message->count > READY_MAX || credit == 0 ||
        !bus_service_name_valid(name) || bus_own_serves(name))
        return NULL;
    struct bus_service *service =
        bus_service_get(&broker->directory, name, BUS_SERVICES_MAX_WORKERS);
    if (!service)
        return NULL;
    struct bus_worker *worker =
        bus_service_add_worker(&broker->directory, service, peer.ptr, peer.len, credit);
    if (!worker)
        bus_service_release(&broker->directory, service);
    return worker;
}

static void
take_ready(struct bus_broker *broker, const struct bus_wire_message *message,
           struct bus_worker *before)
{
    if (before) { /* it began anew: what it had is lost */
        bus_broker_lose(broker, before);
        bus_broker_settle(broker);
    }
    struct bus_worker *worker = add_worker(broker, message);
    if (!worker) {
        log_write(LOG_LEVEL_WARN, "a worker's READY is refused: wrong, reserved or too many", NULL);
        broker->totals.dropped_garbage++;
        disconnect_sender(broker, message);
        return;
    }
    worker->mirror = message->mirror;
    worker->compact = text_is(message->texts[FRAME_FRAMING], COMPACT_WORD);
    worker->seen_ms = broker->now_ms;
    log_event(LOG_LEVEL_INFO, "worker joined", LOG_TEXT("service", worker->service->name),
              LOG_NUMBER("credit", worker->credit),
              LOG_NUMBER("workers", worker->service->accepting));
    struct bus_wire_to to = to_worker(broker, worker);
    if (bus_wire_begin(&to, MDP_WORKER, MDPW_HEARTBEAT, true) != 0)
        bus_broker_lose(broker, worker);
    bus_broker_dispatch(broker, worker->service);
}

void
bus_worker_settle_drain(struct bus_broker *broker, struct bus_worker *worker)
{
    if (!worker->draining || worker->sent.count || worker->lost)
        return;
    struct bus_wire_to to = to_worker(broker, worker);
    bus_wire_begin(&to, MDP_WORKER, MDPW_DISCONNECT, true);
    bus_broker_lose(broker, worker);
}

/* The worker's last answer to a request: to the client, unless the bus answered it before. */
static void
take_final(struct bus_broker *broker, struct bus_worker *worker, struct bus_request *request,
           const struct bus_wire_body *body)
{
    struct bus_service *service = worker->service;
    if (request->state == BUS_REQUEST_ABANDONED) {
        broker->totals.dropped_late++;
    } else {
        broker->totals.answers++;
        histogram_add(&service->latency, broker->now_us - request->received_us);
        bus_client_answer(broker, request, MDPC_FINAL, body);
    }
    bus_broker_finish(broker, request);
    bus_worker_settle_drain(broker, worker);
    bus_broker_dispatch(broker, service);
}

static void
take_partial(struct bus_broker *broker, struct bus_request *request,
             const struct bus_wire_body *body)
{
    if (request->state == BUS_REQUEST_ABANDONED) {
        broker->totals.dropped_late++;
        return;
    }
    broker->totals.partials++;
    request->has_partial = true;
    bus_client_answer(broker, request, MDPC_PARTIAL, body);
}

/* A worker may answer only what it was given, once, with one body frame. */
static void
take_answer(struct bus_broker *broker, struct bus_worker *worker, struct bus_wire_message *message,
            uint8_t command)
{
    struct text token = message->texts[FRAME_TOKEN];
    if (message->count < FRAME_TOKEN + 1) {
        broker->totals.dropped_garbage++;
        return;
    }
    struct bus_request *request = bus_request_find(&broker->requests, token.ptr, token.len);
    if (!request || request->worker != worker) {
        broker->totals.dropped_late++;
        return;
    }
    if (message->count != ANSWER_FRAMES || message->texts[FRAME_EMPTY].len != 0) {
        broker->totals.dropped_garbage++;
        if (request->state != BUS_REQUEST_ABANDONED)
            bus_broker_fail(broker, request, STATUS_INTERNAL,
                            "the worker's answer is not one frame");
        bus_broker_finish(broker, request);
        bus_worker_settle_drain(broker, worker);
        bus_broker_dispatch(broker, worker->service);
        return;
    }
    struct bus_wire_body body = bus_wire_body_of(message, FRAME_BODY);
    if (command == MDPW_FINAL)
        take_final(broker, worker, request, &body);
    else
        take_partial(broker, request, &body);
}

static void
take_message(struct bus_broker *broker, struct bus_wire_message *message)
{
    struct text peer = message->peer;
    uint8_t command = bus_wire_command(message, MDP_WORKER);
    struct bus_worker *worker = bus_service_find_worker(&broker->directory, peer.ptr, peer.len);
    if (command < MDPW_READY || command > MDPW_DISCONNECT || command == MDPW_REQUEST) {
        broker->totals.dropped_garbage++;
        if (!worker)
            disconnect_sender(broker, message);
        return;
    }
    if (command == MDPW_READY) {
        take_ready(broker, message, worker);
        return;
    }
    if (!worker) { /* of before the bus began, or taken for dead: it may say READY again */
        disconnect_sender(broker, message);
        return;
    }
    worker->seen_ms = broker->now_ms;
    if (command == MDPW_PARTIAL || command == MDPW_FINAL) {
        take_answer(broker, worker, message, command);
    } else if (command == MDPW_DISCONNECT) {
        bus_service_drain_worker(worker);
        bus_worker_settle_drain(broker, worker);
        bus_broker_starve(broker, worker->service);
    }
}

void
bus_worker_turn(void *arg, short revents)
{
    (void)revents;
    struct bus_broker *broker = arg;
    bus_turn(broker, broker->workers, false, take_message);
}

/* After a stall of the bus itself, its workers' heartbeats may still lie unread: what it slept,
 * they are forgiven. */
static int64_t
stalled_ms(const struct bus_broker *broker)
{
    int64_t late = broker->now_ms - broker->beat_ms - MDP_HEARTBEAT_MS;
    return late > MDP_HEARTBEAT_MS ? late : 0;
}

void
bus_worker_beat(struct bus_broker *broker)
{
    int64_t forgiven = stalled_ms(broker);
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        for (struct bus_worker *worker = broker->directory.workers[i]; worker;
             worker = worker->chain) {
            struct bus_wire_to to = to_worker(broker, worker);
            worker->seen_ms += forgiven;
            if (broker->now_ms - worker->seen_ms > MDP_HEARTBEAT_MS * MDP_LIVENESS ||
                bus_wire_begin(&to, MDP_WORKER, MDPW_HEARTBEAT, true) != 0)
                bus_broker_lose(broker, worker);
        }
}

void
bus_worker_disconnect_all(struct bus_broker *broker)
{
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        for (const struct bus_worker *worker = broker->directory.workers[i]; worker;
             worker = worker->chain) {
            struct bus_wire_to to = to_worker(broker, worker);
            bus_wire_begin(&to, MDP_WORKER, MDPW_DISCONNECT, true);
        }
}
