/* See bus_client.h. */
#include "services/bus/bus_client.h"

#include "common/base/clock.h"
#include "services/bus/bus_context.h"
#include "services/bus/bus_own.h"
#include "services/bus/bus_turn.h"

/* Client REQUEST: "MDPC02" 0x01 service rpc [context] */
enum { FRAME_SERVICE = 2, FRAME_RPC = 3, FRAME_CONTEXT = 4, FRAMES_MIN = 4, FRAMES_MAX = 5 };

static void
reply(struct bus_broker *broker, const struct bus_wire_to *to, uint8_t command, struct text service,
      const struct bus_wire_body *body)
{
    if (to->compact && body->bytes.len <= COMPACT_BODY_MAX) {
        struct compact_item item = {
            .kind = command == MDPC_FINAL ? COMPACT_FINAL : COMPACT_PARTIAL,
            .service = service,
            .body = body->bytes,
        };
        broker->totals.dropped_gone += !bus_outbox_add(&broker->outbox, to, &item);
        return;
    }
    if (to->compact)
        bus_outbox_flush(&broker->outbox); /* its parts go before it */
    if (bus_wire_begin(to, MDP_CLIENT, command, false) != 0) {
        broker->totals.dropped_gone++;
        return;
    }
    bus_wire_bytes(to->socket, service, false);
    bus_wire_end(to->socket, body);
}

/* Sends what is in broker->scratch. */
static void
reply_scratch(struct bus_broker *broker, const struct bus_wire_to *to, struct text service)
{
    const struct buf *buf = &broker->scratch;
    struct bus_wire_body body = {{(const char *)buf->data, (uint32_t)buf->len}, NULL};
    if (!buf->failed)
        reply(broker, to, MDPC_FINAL, service, &body);
}

static void
reply_error(struct bus_broker *broker, const struct bus_wire_to *to, struct text service,
            uint32_t msgid, const struct error *error)
{
    broker->totals.errors++;
    buf_clear(&broker->scratch);
    rpc_error_write(&broker->scratch, msgid, error);
    reply_scratch(broker, to, service);
}

static struct bus_wire_to
to_client(const struct bus_broker *broker, const struct bus_request *request)
{
    return (struct bus_wire_to){broker->clients, request->client.ptr, request->client.len,
                                request->mirror, request->compact};
}

static struct bus_wire_to
to_sender(const struct bus_broker *broker, const struct bus_wire_message *message)
{
    return (struct bus_wire_to){broker->clients, message->peer.ptr, message->peer.len,
                                message->mirror, message->compact};
}

void
bus_client_answer(struct bus_broker *broker, struct bus_request *request, uint8_t command,
                  const struct bus_wire_body *body)
{
    struct bus_wire_to to = to_client(broker, request);
    const struct bus_service *service = request->service;
    reply(broker, &to, command, (struct text){service->name, service->name_len}, body);
}

void
bus_client_fail(struct bus_broker *broker, struct bus_request *request, const struct error *error)
{
    struct bus_wire_to to = to_client(broker, request);
    const struct bus_service *service = request->service;
    reply_error(broker, &to, (struct text){service->name, service->name_len}, request->msgid,
                error);
}

/* Answers a message that becomes no request. */
static void
refuse(struct bus_broker *broker, const struct bus_wire_message *message, const struct error *error)
{
    struct bus_wire_to to = to_sender(broker, message);
    struct text rpc = message->texts[FRAME_RPC];
    reply_error(broker, &to, message->texts[FRAME_SERVICE], rpc_msgid(rpc.ptr, rpc.len), error);
}

/* The gates of the envelope, in this order. */
static enum status
check_envelope(const struct bus_wire_message *message, struct error *error)
{
    if (bus_wire_command(message, MDP_CLIENT) != MDPC_REQUEST)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "want a request of MDP 0.2: \"MDPC02\", 0x01, service, body");
    if (!bus_service_name_valid(message->texts[FRAME_SERVICE]))
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "a service's name has 1 to %d printable characters", MDP_SERVICE_MAX);
    if (message->count < FRAMES_MIN || message->count > FRAMES_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "the body is one frame or two: the request and its context");
    if (message->texts[FRAME_RPC].len > MP_BYTES_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "a request has at most %d bytes",
                         MP_BYTES_MAX);
    return STATUS_OK;
}

/* A slot that holds the request, within all limits. */
static enum status
admit(struct bus_broker *broker, const struct bus_wire_message *message, struct bus_request **out,
      struct error *error)
{
    struct bus_service *service =
        bus_service_get(&broker->directory, message->texts[FRAME_SERVICE], BUS_SERVICES_MAX);
    if (!service)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL,
                         "too many services that nobody serves are being asked for");
    struct bus_request *request = NULL;
    if ((int64_t)service->waiting.count >= broker->config.queue_max)
        error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL,
                  "%u requests are waiting for this service; try again later",
                  service->waiting.count);
    else if ((int64_t)broker->bytes >= broker->config.bytes_max ||
             !(request = bus_request_take(&broker->requests)))
        error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL,
                  "the bus holds as many requests as it may; try again later");
    else if (!bus_request_hold(request, message->peer, message->texts[FRAME_RPC],
                               message->texts[FRAME_CONTEXT])) {
        bus_request_give(&broker->requests, request);
        request = NULL;
        error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "the bus is out of memory");
    }
    if (!request) {
        service->errors++;
        bus_service_release(&broker->directory, service);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    request->service = service;
    *out = request;
    return STATUS_OK;
}

static enum status
take_request(struct bus_broker *broker, const struct bus_wire_message *message, struct error *error)
{
    if (broker->draining)
        return error_set(error, STATUS_UNAVAILABLE, NULL,
                         "this bus drains and takes no new requests; nothing was done");
    struct text bytes = message->texts[FRAME_CONTEXT];
    bool has_context = bytes.len > 1 || (bytes.len == 1 && (uint8_t)bytes.ptr[0] != 0x80);
    struct bus_context context = {.deadline_ms = INT64_MIN};
    if (has_context) {
        enum status status = bus_context_read(bytes.ptr, bytes.len, &context, error);
        if (status != STATUS_OK)
            return status;
    }
    struct bus_request *request = NULL;
    enum status status = admit(broker, message, &request, error);
    if (status != STATUS_OK) {
        broker->totals.refused_full++;
        return status;
    }
    struct text rpc = message->texts[FRAME_RPC];
    request->who = message->who;
    request->msgid = rpc_msgid(rpc.ptr, rpc.len);
    request->mirror = message->mirror;
    request->has_context = has_context;
    request->may_repeat = context.may_repeat;
    request->compact = context.compact || message->compact;
    bus_broker_submit(broker, request, context.deadline_ms);
    return STATUS_OK;
}

/* What the bus answers itself: mmi.* and its own methods. */
static bool
answer_own(struct bus_broker *broker, const struct bus_wire_message *message)
{
    struct text service = message->texts[FRAME_SERVICE];
    if (!bus_own_serves(service))
        return false;
    struct buf *buf = &broker->scratch;
    buf_clear(buf);
    bus_own_answer(broker, service, message->texts[FRAME_RPC], buf);
    struct bus_wire_to to = to_sender(broker, message);
    reply_scratch(broker, &to, service);
    return true;
}

static void
take_message(struct bus_broker *broker, struct bus_wire_message *message)
{
    struct error error;
    if (message->count < FRAME_SERVICE + 1) { /* nothing that an answer could be addressed with */
        broker->totals.dropped_garbage++;
        return;
    }
    broker->totals.requests++;
    if (!message->who)
        error_set(&error, STATUS_UNAUTHENTICATED, NULL, "your key was revoked; nothing was done");
    if (!message->who)
        refuse(broker, message, &error);
    else if (check_envelope(message, &error) != STATUS_OK)
        refuse(broker, message, &error);
    else if (!answer_own(broker, message) && take_request(broker, message, &error) != STATUS_OK)
        refuse(broker, message, &error);
}

void
bus_client_turn(void *arg, short revents)
{
    (void)revents;
    struct bus_broker *broker = arg;
    bus_turn(broker, broker->clients, true, take_message);
}
