/* See zap.h. Each request is answered at once, so a REP socket keeps the two in order.
 * It must not know who is allowed. */
#include "common/auth/zap.h"

#include <czmq.h>
#include <stdlib.h>

#include "common/base/log.h"

#define TURN_MAX 64
#define METADATA_MAX 64
#define ENDPOINT "inproc://zeromq.zap.01"

enum { VERSION, SEQUENCE, DOMAIN, ADDRESS, ROUTING_ID, MECHANISM, CREDENTIAL, FRAMES };

struct zap {
    struct loop *loop; /* borrowed */
    zsock_t *sock;
    void *raw; /* libzmq handle of sock */
    zap_decide_fn *decide;
    void *arg;
    uint64_t accepted; /* handshakes so far */
};

enum zap_verdict
zap_parse(const struct text *frames, unsigned count, struct zap_request *out)
{
    *out = (struct zap_request){.sequence = count > SEQUENCE ? frames[SEQUENCE] : TEXT_NONE};
    if (count <= MECHANISM || !text_is(frames[VERSION], "1.0"))
        return ZAP_BROKEN;
    if (!text_is(frames[MECHANISM], "CURVE"))
        return ZAP_REFUSED;
    if (count != FRAMES || frames[CREDENTIAL].len != KEY_BYTES)
        return ZAP_BROKEN;
    out->domain = frames[DOMAIN];
    out->address = frames[ADDRESS];
    out->key = (const uint8_t *)frames[CREDENTIAL].ptr;
    return ZAP_ACCEPTED;
}

static void
send_frame(const struct zap *zap, struct text bytes, bool last)
{
    zmq_send(zap->raw, bytes.ptr, bytes.len, ZMQ_DONTWAIT | (last ? 0 : ZMQ_SNDMORE));
}

/* The number of the connection as metadata: one property, a name of 1 + n bytes and a value of
 * 4 + n (RFC 23). Returns its length. */
static uint32_t
write_metadata(uint64_t connection, char out[METADATA_MAX])
{
    char number[TEXT_NUMBER_MAX];
    size_t len = text_number((int64_t)connection, number), name = sizeof ZAP_CONNECTION - 1;
    out[0] = (char)name;
    memcpy(out + 1, ZAP_CONNECTION, name);
    memset(out + 1 + name, 0, 3);
    out[1 + name + 3] = (char)len;
    memcpy(out + 1 + name + 4, number, len);
    return (uint32_t)(1 + name + 4 + len);
}

/* version, sequence, status code, status text, user id, metadata */
static void
answer(struct zap *zap, struct text sequence, enum zap_verdict verdict, const char *user_id)
{
    char code[12], metadata[METADATA_MAX];
    uint32_t metadata_len = verdict == ZAP_ACCEPTED ? write_metadata(++zap->accepted, metadata) : 0;
    snprintf(code, sizeof code, "%d", (int)verdict);
    send_frame(zap, TEXT_LITERAL("1.0"), false);
    send_frame(zap, sequence, false);
    send_frame(zap, text_of(code), false);
    send_frame(zap, TEXT_LITERAL(""), false);
    send_frame(zap, text_of(user_id), false);
    send_frame(zap, (struct text){metadata, metadata_len}, true);
}

/* Receives one request. Returns the number of its frames, at most ZAP_FRAMES_MAX, 0 if there is
 * none; what is beyond is dropped. */
static unsigned
receive(const struct zap *zap, zmq_msg_t *frames)
{
    unsigned count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t spill, *frame = count < ZAP_FRAMES_MAX ? &frames[count] : &spill;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, zap->raw, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            break;
        }
        more = zmq_msg_more(frame);
        if (frame == &spill)
            zmq_msg_close(&spill);
        else
            count++;
    }
    return count;
}

static void
on_requests(void *arg, short revents)
{
    (void)revents;
    struct zap *zap = arg;
    zmq_msg_t frames[ZAP_FRAMES_MAX];
    unsigned count;
    for (unsigned turn = 0; turn < TURN_MAX && (count = receive(zap, frames)) > 0; turn++) {
        struct text texts[ZAP_FRAMES_MAX];
        struct zap_request request;
        char user_id[KEY_LEN + 1] = "";
        for (unsigned i = 0; i < count; i++)
            texts[i] = (struct text){zmq_msg_data(&frames[i]), (uint32_t)zmq_msg_size(&frames[i])};
        enum zap_verdict read = zap_parse(texts, count, &request);
        enum zap_verdict verdict =
            zap->decide(zap->arg, read == ZAP_ACCEPTED ? &request : NULL, user_id);
        answer(zap, request.sequence, read == ZAP_ACCEPTED ? verdict : read, user_id);
        for (unsigned i = 0; i < count; i++)
            zmq_msg_close(&frames[i]);
    }
}

struct zap *
zap_new(struct loop *loop, zap_decide_fn *decide, void *arg)
{
    struct zap *zap = calloc(1, sizeof *zap);
    if (!zap)
        return NULL;
    *zap = (struct zap){.loop = loop, .decide = decide, .arg = arg, .sock = zsock_new(ZMQ_REP)};
    zap->raw = zap->sock ? zsock_resolve(zap->sock) : NULL;
    if (!zap->sock || zsock_bind(zap->sock, ENDPOINT) < 0 ||
        loop_add_socket(loop, zap->raw, on_requests, zap) != 0) {
        log_event(LOG_LEVEL_ERROR, "cannot answer for handshakes",
                  LOG_TEXT("error", zmq_strerror(zmq_errno())));
        zap_destroy(&zap);
    }
    return zap;
}

void
zap_destroy(struct zap **zap)
{
    if (!*zap)
        return;
    if ((*zap)->raw)
        loop_remove_socket((*zap)->loop, (*zap)->raw);
    zsock_destroy(&(*zap)->sock);
    free(*zap);
    *zap = NULL;
}
