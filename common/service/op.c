/* See op.h: who asks, when, and the memory of a run. It must not know sockets or the store. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/service/service_internal.h"

const struct principal *
op_principal(const struct op *op)
{
    return &op->principal;
}

int64_t
op_now_ms(const struct op *op)
{
    return op->now_ms;
}

int64_t
op_store_ms(const struct op *op)
{
    return op->store_ms;
}

date_day
op_today(const struct op *op)
{
    return date_of_time(op->now_ms);
}

struct error *
op_error(struct op *op)
{
    return &op->error;
}

void *
op_service(const struct op *op)
{
    return op->service->arg;
}

struct buf *
op_result(struct op *op)
{
    op->raw = TEXT_NONE;
    return &op->result;
}

enum status
op_no_memory(struct op *op)
{
    op->no_memory = true;
    return error_set(&op->error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

void *
op_alloc(struct op *op, size_t size)
{
    void *at = arena_alloc(&op->service->run, size);
    if (!at)
        op->no_memory = true;
    return at;
}

struct text
op_format(struct op *op, const char *format, ...)
{
    char stack[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(stack, sizeof stack, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof stack)
        len = (int)sizeof stack - 1;
    char *copy = arena_copy(&op->service->run, stack, (size_t)len + 1);
    if (!copy)
        op->no_memory = true;
    return (struct text){copy ? copy : "", copy ? (uint32_t)len : 0};
}

struct text
op_join(struct op *op, unsigned count, const struct text *parts)
{
    uint32_t len = 0;
    for (unsigned i = 0; i < count; i++)
        len += parts[i].len;
    char *copy = arena_alloc(&op->service->run, len + 1), *at = copy;
    if (!copy) {
        op->no_memory = true;
        return TEXT_LITERAL("");
    }
    for (unsigned i = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(at, parts[i].ptr, parts[i].len);
    *at = '\0';
    return (struct text){copy, len};
}

struct text
op_field(struct op *op, const char *kind, struct text id)
{
    const struct text parts[] = {text_of(kind), TEXT_LITERAL("/"), id};
    return op_join(op, 3, parts);
}

void
op_reset(struct op *op)
{
    arena_reset(&op->service->run);
    if (op->changes)
        store_commit_clear(&op->commit);
    op->changes = false;
    op->raw = TEXT_NONE;
    op->apart = false;
    buf_clear(&op->result);
    buf_clear(&op->list_items);
    op->list_count = 0;
    op->ask_hint = 0;
    op->wait_seq = 0;
}

void
op_start_over(struct op *op)
{
    op->ask_count = op->fresh = 0;
    op->key_here = op->guessed = false;
    op->kept = op->repeat = TEXT_NONE;
    arena_rewind(&op->memory, op->decoded);
}
