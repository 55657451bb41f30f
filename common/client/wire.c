/* See wire.h. */
#include "common/client/wire.h"

#include <errno.h>
#include <string.h>

#include "common/bus/compact.h"

#define REPLY_FRAMES 4
#define FLUSH_AT 32768 /* bytes of a frame that need not wait for more */

static bool
send_frame(void *handle, const void *data, size_t len, int flags)
{
    while (zmq_send(handle, data, len, flags | ZMQ_DONTWAIT) < 0)
        if (zmq_errno() != EINTR)
            return false;
    return true;
}

bool
wire_flush(struct link *link)
{
    if (link->out.len == 0)
        return true;
    if (!send_frame(zsock_resolve(link->sock), link->out.data, link->out.len, 0))
        return false;
    buf_clear(&link->out);
    return true;
}

static bool
send_mdp(struct link *link, const struct request *request, const struct buf *context)
{
    static const uint8_t command = MDPC_REQUEST;
    void *handle = zsock_resolve(link->sock);
    /* once the first frame of a message is taken, ZeroMQ takes the others */
    return send_frame(handle, MDP_CLIENT, MDP_HEADER_LEN, ZMQ_SNDMORE) &&
           send_frame(handle, &command, 1, ZMQ_SNDMORE) &&
           send_frame(handle, request->service, strlen(request->service), ZMQ_SNDMORE) &&
           send_frame(handle, request->rpc.data, request->rpc.len, ZMQ_SNDMORE) &&
           send_frame(handle, context->data, context->len, 0);
}

static bool
send_item(struct link *link, const struct request *request, const struct buf *context)
{
    struct compact_item item = {
        .kind = COMPACT_REQUEST,
        .service = text_of(request->service),
        .context = {(const char *)context->data, (uint32_t)context->len},
        .body = {(const char *)request->rpc.data, (uint32_t)request->rpc.len},
    };
    if (link->out.len >= FLUSH_AT && !wire_flush(link))
        return false;
    size_t before = link->out.len;
    if (compact_add(&link->out, &item) && !link->out.failed)
        return true;
    link->out.failed = false;
    link->out.len = before;
    return false;
}

bool
wire_send(struct link *link, const struct request *request, int64_t now)
{
    struct rpc_context context = {
        .key = request->key[0] ? text_of(request->key) : TEXT_NONE,
        .deadline_ms = request->deadline_at > now ? request->deadline_at - now : 1,
        .min_seq = request->min_seq > 0 ? request->min_seq : INT64_MIN,
        .safe = request->safe,
        .traceparent = request->traceparent[0] ? text_of(request->traceparent) : TEXT_NONE,
        .framing = link->compact ? TEXT_NONE : TEXT_LITERAL(COMPACT_WORD),
    };
    buf_clear(&link->context);
    rpc_context_write(&link->context, &context);
    if (link->context.failed)
        return false;
    return link->compact ? send_item(link, request, &link->context)
                         : send_mdp(link, request, &link->context);
}

/* Receives one message; returns how many frames it has, 0 if there is none. Frames beyond `max` are
 * read and forgotten. */
static int
receive(void *handle, zmq_msg_t frames[], int max)
{
    int count = 0, more = 1;
    while (more) {
        zmq_msg_t extra;
        zmq_msg_t *frame = count < max ? &frames[count] : &extra;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, handle, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            return count < max ? count : max;
        }
        more = zmq_msg_more(frame);
        if (count >= max)
            zmq_msg_close(frame);
        count++;
    }
    return count;
}

static struct text
text_of_frame(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), (uint32_t)zmq_msg_size(frame)};
}

static void
take_mdp(zmq_msg_t frames[REPLY_FRAMES], wire_answer_fn *fn, void *arg)
{
    struct text header = text_of_frame(&frames[0]), command = text_of_frame(&frames[1]);
    if (!text_is(header, MDP_CLIENT) || command.len != 1)
        return;
    uint8_t byte = (uint8_t)command.ptr[0];
    if (byte == MDPC_PARTIAL || byte == MDPC_FINAL)
        fn(arg, text_of_frame(&frames[3]), byte == MDPC_FINAL);
}

static void
take_items(struct link *link, struct text frame, wire_answer_fn *fn, void *arg)
{
    struct compact_item item;
    size_t at = 0;
    link->compact = true;
    while (compact_next(frame.ptr, frame.len, &at, &item) == 1)
        if (item.kind == COMPACT_FINAL || item.kind == COMPACT_PARTIAL)
            fn(arg, item.body, item.kind == COMPACT_FINAL);
}

void
wire_receive(struct link *link, int max, wire_answer_fn *fn, void *arg)
{
    void *handle = zsock_resolve(link->sock);
    for (int n = 0; n < max; n++) {
        zmq_msg_t frames[REPLY_FRAMES];
        int count = receive(handle, frames, REPLY_FRAMES);
        if (count == 0)
            return;
        struct text first = text_of_frame(&frames[0]);
        if (count == 1 && compact_is(first.ptr, first.len))
            take_items(link, first, fn, arg);
        else if (count >= REPLY_FRAMES)
            take_mdp(frames, fn, arg);
        for (int i = 0; i < count && i < REPLY_FRAMES; i++)
            zmq_msg_close(&frames[i]);
    }
}
