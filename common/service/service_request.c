/* See service_internal.h: a request from its arrival to its answer, and the gates in front of its
 * handler. It must not know the life of a service. */
#include "common/service/service_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/mdp.h"
#include "common/msg/schema_mp.h"

#define RESULT_KEEP_MAX (64 * 1024) /* a pooled op does not keep larger buffers */

/* ---- ops ---- */

/* A thousand ops in flight are more than the cache holds: the next one is fetched while this one is
 * worked on. */
static void
prefetch(const struct op *op)
{
    for (size_t at = 0; op && at < offsetof(struct op, digest); at += 64)
        __builtin_prefetch((const char *)op + at, 1);
}

static struct op *
take_op(struct service *service)
{
    struct op *op = service->free_ops;
    if (op) {
        service->free_ops = op->next_free;
        prefetch(op->next_free);
    } else if (!(op = calloc(1, sizeof *op))) {
        return NULL;
    }
    op->service = service;
    service->active++;
    return op;
}

void
service_fini_op(struct op *op)
{
    store_commit_fini(&op->commit);
    arena_fini(&op->memory);
    buf_fini(&op->result);
    buf_fini(&op->encoded);
    buf_fini(&op->extended);
    buf_fini(&op->list_items);
    free(op->asks);
    free(op);
}

static void
trim(struct buf *buf)
{
    if (buf->cap > RESULT_KEEP_MAX)
        buf_fini(buf);
}

static void
give_back_op(struct op *op)
{
    struct service *service = op->service;
    service_leave_turn(op);
    if (!op->done)
        worker_request_fini(&op->request);
    op->done = NULL;
    op_reset(op);
    op_start_over(op);
    op->decoded = (struct arena_mark){0};
    arena_reset(&op->memory);
    trim(&op->result);
    trim(&op->extended);
    trim(&op->list_items);
    op->attempts = op->outstanding = 0;
    op->io_failed = op->no_memory = op->sure = false;
    op->key[0] = '\0';
    op->not_before_ms = 0;
    op->next_free = service->free_ops;
    service->free_ops = op;
    service->active--;
}

static void
note(struct op *op, bool error)
{
    struct method_stats *stats = &op->service->stats[op->method];
    stats->requests++;
    stats->errors += error;
    histogram_add(&stats->latency, clock_mono_us() - op->received_us);
}

struct text
service_text_of(const struct buf *buf)
{
    return (struct text){buf->data ? (const char *)buf->data : "", (uint32_t)buf->len};
}

static void
send_result(struct op *op, struct text result)
{
    uint8_t head[RPC_REPLY_HEAD_MAX];
    size_t len = rpc_reply_head(head, op->msgid);
    worker_reply(&op->request, (struct text){(const char *)head, (uint32_t)len}, result, false);
}

/* Ends what nobody asked for. */
static void
end_own(struct op *op, enum status status, struct text result)
{
    op->done(op->done_arg, status, result);
    give_back_op(op);
}

void
service_answer(struct op *op, struct text result)
{
    if (op->done) {
        end_own(op, STATUS_OK, result);
        return;
    }
    send_result(op, result);
    note(op, false);
    give_back_op(op);
}

static void
send_error(struct service *service, struct worker_request *request, uint32_t msgid,
           const struct error *error)
{
    buf_clear(&service->out);
    rpc_error_write(&service->out, msgid, error);
    worker_reply(request, TEXT_NONE, service_text_of(&service->out), false);
}

void
service_refuse(struct op *op, const struct error *error)
{
    if (error->code == STATUS_INTERNAL)
        log_event(LOG_LEVEL_ERROR, "internal error",
                  LOG_TEXT("method",
                           op->done ? "" : op->service->interface->methods[op->method].name),
                  LOG_TEXT("error", error->message));
    if (op->done) {
        end_own(op, error->code, TEXT_NONE);
        return;
    }
    send_error(op->service, &op->request, op->msgid, error);
    note(op, true);
    give_back_op(op);
}

/* ---- the gates ---- */

static enum status
gate_permission(const struct method *method, const struct principal *principal, struct error *error)
{
    if (method->permission & principal->roles)
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, NULL, "%s may not call %s", principal->id,
                     method->name);
}

/* The digest of a request for its idempotency key: service, method and parameters, not the msgid.
 */
static void
make_digest(struct op *op, struct text rpc)
{
    unsigned char hash[16];
    crypto_generichash_state state;
    const char *service = op->service->interface->service;
    size_t at = 1;
    for (unsigned i = 0; i < 2; i++)
        at += mp_object_len(rpc.ptr + at, rpc.len - at);
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)service, strlen(service));
    crypto_generichash_update(&state, (const unsigned char *)rpc.ptr + at, rpc.len - at);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(op->digest, sizeof op->digest, hash, sizeof hash);
}

/* Decodes the parameters into the op; texts point into the request's message, which the op keeps.
 */
static enum status
gate_decode(struct op *op, struct text params)
{
    const struct method *method = &op->service->interface->methods[op->method];
    op->params = arena_alloc(&op->memory, method->params->size);
    if (!op->params)
        return op_no_memory(op);
    op->decoded = arena_mark(&op->memory);
    return schema_decode(method->params, params, op->params, SCHEMA_STRICT, &op->error);
}

/* Who asks. It is nearly always the same, so the last one is remembered. */
static enum status
read_principal(struct op *op)
{
    struct service *service = op->service;
    struct text who = op->request.parts[WORKER_PRINCIPAL];
    if (!who.len || !text_equal(who, service_text_of(&service->who))) {
        buf_clear(&service->who);
        enum status status = rpc_principal_parse(who.ptr, who.len, &service->principal, &op->error);
        if (status != STATUS_OK)
            return status;
        buf_append(&service->who, who.ptr, who.len);
    }
    op->principal = service->principal;
    return STATUS_OK;
}

/* "<principal>:<key>", both of checked length. */
static void
write_key(struct op *op)
{
    size_t len = strlen(op->principal.id);
    memcpy(op->key, op->principal.id, len);
    op->key[len] = ':';
    memcpy(op->key + len + 1, op->context.key.ptr, op->context.key.len);
    op->key[len + 1 + op->context.key.len] = '\0';
}

static void
look_at_clock(struct service *service)
{
    if (service->turn_us)
        return;
    service->turn_us = clock_mono_us();
    service->turn_ms = clock_wall_ms();
}

/* All gates between a known method and its handler. */
static enum status
fill_op(struct op *op, struct text params)
{
    const struct method *method = &op->service->interface->methods[op->method];
    struct text context = op->request.parts[WORKER_CONTEXT];
    enum status status = rpc_context_parse(context.ptr, context.len, &op->context, &op->error);
    if (status == STATUS_OK)
        status = read_principal(op);
    if (status == STATUS_OK)
        status = gate_permission(method, &op->principal, &op->error);
    if (status == STATUS_OK)
        status = gate_decode(op, params);
    if (status != STATUS_OK)
        return status;
    op->now_ms = op->store_ms = op->service->turn_ms;
    int64_t left_ms = op->context.deadline_ms;
    op->deadline_ms =
        op->received_us / 1000 + (left_ms == INT64_MIN ? MDP_DEADLINE_DEFAULT_MS : left_ms);
    if (left_ms == 0)
        return error_set(&op->error, STATUS_DEADLINE_EXCEEDED, NULL, "the deadline has passed");
    if (op->context.key.ptr && !method->read_only) {
        write_key(op);
        make_digest(op, op->request.parts[WORKER_RPC]);
    }
    if (op->context.min_seq != INT64_MIN && op->service->position)
        op->wait_seq = op->context.min_seq;
    return STATUS_OK;
}

/* Finds the method, or answers one that every service has. False if the request is done with. */
static bool
find_method(struct op *op, struct text name)
{
    struct service *service = op->service;
    if (name.len && name.ptr[0] == '$') {
        buf_clear(&service->out);
        if (service_free_method(service, name, &service->out)) {
            if (service->out.failed && op_no_memory(op))
                send_error(service, &op->request, op->msgid, &op->error);
            else
                send_result(op, service_text_of(&service->out));
            return false;
        }
    }
    const struct method *method = interface_method(service->interface, name);
    if (method) {
        op->method = (unsigned)(method - service->interface->methods);
        op->handler = service->handlers[op->method];
        return true;
    }
    error_set(&op->error, STATUS_UNIMPLEMENTED, NULL,
              "%s has no method \"%.*s\" ($info lists them)", service->interface->service,
              (int)(name.len > 64 ? 64 : name.len), name.ptr);
    send_error(service, &op->request, op->msgid, &op->error);
    return false;
}

void
service_on_request(void *arg, struct worker_request *request)
{
    struct service *service = arg;
    struct text body = request->parts[WORKER_RPC];
    struct rpc_request rpc;
    struct op *op = take_op(service);
    if (!op) {
        struct error error;
        error_set(&error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        send_error(service, request, rpc_msgid(body.ptr, body.len), &error);
        worker_request_fini(request);
        return;
    }
    look_at_clock(service);
    op->request = *request;
    op->received_us = service->turn_us;
    enum status status = rpc_request_parse(body.ptr, body.len, &rpc, &op->error);
    op->msgid = rpc.msgid;
    if (status != STATUS_OK)
        send_error(service, &op->request, op->msgid, &op->error);
    if (status != STATUS_OK || !find_method(op, rpc.method))
        give_back_op(op);
    else if (fill_op(op, rpc.params) != STATUS_OK)
        service_refuse(op, &op->error);
    else
        service_run_op(op);
}

/* ---- what nobody asked for ---- */

/* Whether what it has to do by itself is over, as far as it goes on while it drains. */
bool
service_last_done(const struct service *service)
{
    return !service->last || service->last(service->last_arg);
}

bool
service_submit(struct service *service, op_handler_fn *handler, const void *params, size_t size,
               service_done_fn *done, void *arg)
{
    struct op *op = service->draining && service_last_done(service) ? NULL : take_op(service);
    if (!op)
        return false;
    look_at_clock(service);
    op->done = done;
    op->done_arg = arg;
    op->handler = handler;
    op->params = arena_copy(&op->memory, params, size);
    op->decoded = arena_mark(&op->memory);
    if (!op->params) {
        give_back_op(op);
        return false;
    }
    op->context = (struct rpc_context){.deadline_ms = INT64_MIN, .min_seq = INT64_MIN};
    op->principal = (struct principal){.roles = PERMIT_SERVICE};
    snprintf(op->principal.id, sizeof op->principal.id, "%s", service->interface->service);
    op->received_us = service->turn_us;
    op->now_ms = op->store_ms = service->turn_ms;
    op->deadline_ms = op->received_us / 1000 + MDP_DEADLINE_DEFAULT_MS;
    loop_tick_by(service->loop, clock_mono_ms()); /* its turn ends there */
    service_run_op(op);
    return true;
}
