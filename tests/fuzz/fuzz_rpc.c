// LINK: common/bus/rpc.c common/msg/permission.c common/msg/mp.c common/base/text.c common/base/buf.c common/base/status.c -lmsgpackc
/* Requests, replies, contexts and principals, each input as each of them. It must not know sockets.
 */
#include "tests/fuzz/fuzz.h"

#include "common/bus/rpc.h"

static void
as_request(const uint8_t *data, size_t len)
{
    struct rpc_request request;
    struct error error = {0};
    if (rpc_request_parse(data, len, &request, &error) != STATUS_OK) {
        PROMISE(text_utf8_valid(error.message, strlen(error.message)));
        return;
    }
    PROMISE(request.method.ptr &&
            mp_scan(request.params.ptr, request.params.len, NULL) == STATUS_OK);
    struct buf buf = {0};
    struct error answer = {0};
    error_set(&answer, STATUS_UNIMPLEMENTED, NULL, "no method %.*s", TEXT_ARG(request.method));
    rpc_error_write(&buf, request.msgid, &answer);
    PROMISE(mp_scan(buf.data, buf.len, NULL) == STATUS_OK);
    PROMISE(rpc_msgid(data, len) == request.msgid || rpc_msgid(data, len) == 0);
    buf_fini(&buf);
}

static void
as_reply(const uint8_t *data, size_t len)
{
    struct rpc_reply reply, again;
    struct error error = {0}, error_again = {0};
    if (rpc_reply_parse(data, len, &reply, &error) != STATUS_OK)
        return;
    struct buf buf = {0};
    if (reply.failed) {
        PROMISE(error.code != STATUS_OK && error.code != STATUS_AGAIN);
        rpc_error_write(&buf, reply.msgid, &error);
    } else {
        PROMISE(mp_scan(reply.result.ptr, reply.result.len, NULL) == STATUS_OK);
        rpc_reply_write(&buf, reply.msgid, reply.result.ptr, reply.result.len);
    }
    PROMISE(rpc_reply_parse(buf.data, buf.len, &again, &error_again) == STATUS_OK);
    PROMISE(again.msgid == reply.msgid && again.failed == reply.failed);
    PROMISE(text_equal(again.result, reply.result));
    if (reply.failed) {
        PROMISE(error.code == error_again.code && strcmp(error.message, error_again.message) == 0);
        PROMISE(strcmp(error.field, error_again.field) == 0);
        PROMISE(error.details_len == error_again.details_len);
    }
    buf_fini(&buf);
}

static void
as_context(const uint8_t *data, size_t len)
{
    struct rpc_context context, again;
    struct error error = {0};
    if (rpc_context_parse(data, len, &context, &error) != STATUS_OK)
        return;
    struct buf buf = {0};
    rpc_context_write(&buf, &context);
    PROMISE(rpc_context_parse(buf.data, buf.len, &again, &error) == STATUS_OK);
    PROMISE(text_equal(context.key, again.key) && context.safe == again.safe);
    PROMISE(context.deadline_ms == again.deadline_ms && context.min_seq == again.min_seq);
    PROMISE(text_equal(context.traceparent, again.traceparent));
    buf_fini(&buf);
}

static void
as_principal(const uint8_t *data, size_t len)
{
    struct principal principal, again;
    struct error error = {0};
    if (rpc_principal_parse(data, len, &principal, &error) != STATUS_OK)
        return;
    PROMISE(strlen(principal.id) <= PRINCIPAL_ID_MAX);
    struct buf buf = {0};
    rpc_principal_write(&buf, &principal);
    PROMISE(mp_object_len(buf.data, buf.len) == buf.len || memchr(data, 0, len) || len > 16);
    if (rpc_principal_parse(buf.data, buf.len, &again, &error) == STATUS_OK)
        PROMISE(principal.roles == again.roles && strcmp(principal.id, again.id) == 0);
    buf_fini(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    as_request(data, len);
    as_reply(data, len);
    as_context(data, len);
    as_principal(data, len);
    return 0;
}
