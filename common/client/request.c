/* See request.h. */
#include "common/client/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/client/splice.h"
#include "common/msg/schema.h"

#define SLOTS_FIRST 64
#define SPARE_MAX 1024                        /* requests kept for the next ones, with */
#define SPARE_BYTES_MAX 4096                  /* at most so much in each of their buffers */
#define JOINED_MAX ((size_t)64 * 1024 * 1024) /* of an answer in parts */

static bool
grow(struct request_table *table)
{
    uint32_t count = table->slot_count ? table->slot_count * 2 : SLOTS_FIRST;
    if (count > CBM_IN_FLIGHT_MAX + 1)
        return false;
    struct request **slots = realloc(table->slots, count * sizeof *slots);
    if (!slots)
        return false;
    table->slots = slots;
    uint16_t *free_slots = realloc(table->free, count * sizeof *free_slots);
    if (!free_slots)
        return false;
    table->free = free_slots;
    uint32_t first = table->slot_count ? table->slot_count : 1;
    slots[0] = NULL;
    for (uint32_t i = count - 1; i >= first; i--) {
        slots[i] = NULL;
        table->free[table->free_count++] = (uint16_t)i;
    }
    table->slot_count = count;
    return true;
}

/* A request of those that were done with, or a new one: zeroed, but for its buffers. */
static struct request *
take(struct request_table *table)
{
    struct request *request = table->spare;
    if (!request)
        return calloc(1, sizeof *request);
    table->spare = request->next;
    table->spare_count--;
    request->next = NULL;
    return request;
}

static void
free_request(struct request *request)
{
    buf_fini(&request->rpc);
    buf_fini(&request->partial);
    buf_fini(&request->result);
    free(request);
}

static void
empty(struct buf *buf)
{
    if (buf->cap > SPARE_BYTES_MAX)
        buf_fini(buf);
    buf_clear(buf);
}

static void
keep_spare(struct request_table *table, struct request *request)
{
    empty(&request->rpc);
    empty(&request->partial);
    empty(&request->result);
    struct buf rpc = request->rpc, partial = request->partial, result = request->result;
    memset(request, 0, offsetof(struct request, error));
    request->error.code = STATUS_OK;
    request->rpc = rpc;
    request->partial = partial;
    request->result = result;
    request->next = table->spare;
    table->spare = request;
    table->spare_count++;
}

struct request *
request_new(struct request_table *table)
{
    if (table->free_count == 0 && !grow(table))
        return NULL;
    struct request *request = take(table);
    if (!request)
        return NULL;
    uint16_t slot = table->free[--table->free_count];
    request->id = table->generation++ << 16 | slot;
    table->slots[slot] = request;
    table->used++;
    return request;
}

void
request_destroy(struct request_table *table, struct request **request)
{
    struct request *gone = *request;
    if (!gone)
        return;
    *request = NULL;
    table->slots[gone->id & 0xffff] = NULL;
    table->free[table->free_count++] = (uint16_t)(gone->id & 0xffff);
    table->used--;
    if (table->spare_count < SPARE_MAX)
        keep_spare(table, gone);
    else
        free_request(gone);
}

struct request *
request_of(const struct request_table *table, uint32_t id)
{
    uint32_t slot = id & 0xffff;
    if (slot >= table->slot_count || !table->slots[slot] || table->slots[slot]->id != id)
        return NULL;
    return table->slots[slot];
}

void
request_table_fini(struct request_table *table)
{
    for (uint32_t i = 1; i < table->slot_count; i++)
        request_destroy(table, &(struct request *){table->slots[i]});
    while (table->spare)
        free_request(take(table));
    free(table->slots);
    free(table->free);
    *table = (struct request_table){0};
}

static bool
is_read_only(const char *service, const char *name)
{
    if (name[0] == '$')
        return true;
    const struct interface *interface = interface_of(text_of(service));
    const struct method *method = interface ? interface_method(interface, text_of(name)) : NULL;
    return method && method->read_only;
}

/* A key that nobody else makes: 96 random bits of this table and a count. */
static bool
make_key(struct request_table *table, char out[RPC_KEY_MAX + 1])
{
    uint8_t bytes[12];
    if (!table->key_base[0]) {
        if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
            return false;
        for (size_t i = 0; i < sizeof bytes; i++)
            snprintf(table->key_base + 2 * i, 3, "%02x", bytes[i]);
    }
    snprintf(out, RPC_KEY_MAX + 1, "%s-%" PRIx64, table->key_base, table->keys++);
    return true;
}

enum status
request_check(const char *service, const char *method, struct text params,
              const struct cbm_options *options, struct error *error)
{
    size_t len = strlen(service);
    if (len < 1 || len > MDP_SERVICE_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "a service's name has 1 to %d bytes",
                         MDP_SERVICE_MAX);
    if (!method[0] || !text_utf8_valid(method, strlen(method)))
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "a method's name is text");
    uint32_t count;
    struct text items;
    if (params.len && mp_scan(params.ptr, params.len, error) != STATUS_OK)
        return error->code;
    if (params.len && !splice_map(params, &count, &items))
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "the parameters are not a map");
    if (options->key && (!options->key[0] || strlen(options->key) > RPC_KEY_MAX ||
                         !text_utf8_valid(options->key, strlen(options->key))))
        return error_set(error, STATUS_INVALID_ARGUMENT, "context.key",
                         "context.key: want 1 to %d bytes of text", RPC_KEY_MAX);
    if (options->traceparent && strlen(options->traceparent) > 128)
        return error_set(error, STATUS_INVALID_ARGUMENT, "context.traceparent",
                         "context.traceparent: want a W3C traceparent");
    return STATUS_OK;
}

/* request_check has seen that it fits. */
static void
copy(char *to, const char *string)
{
    memcpy(to, string, strlen(string) + 1);
}

enum status
request_fill(struct request_table *table, struct request *request, const char *service,
             const char *method, struct text params, const struct cbm_options *options, int64_t now)
{
    copy(request->service, service);
    request->safe = options->safe || is_read_only(service, method);
    if (options->key)
        copy(request->key, options->key);
    else if (!request->safe && !options->no_key && !make_key(table, request->key))
        return STATUS_RESOURCE_EXHAUSTED;
    if (options->traceparent)
        copy(request->traceparent, options->traceparent);
    request->again = request->safe || request->key[0];
    request->min_seq = options->min_seq;
    int64_t wait = options->deadline_ms > 0 ? options->deadline_ms : MDP_DEADLINE_DEFAULT_MS;
    request->deadline_at = wait < INT64_MAX / 4 ? now + wait : INT64_MAX / 2;
    rpc_request_write(&request->rpc, request->id, method, params.ptr, params.len);
    return request->rpc.failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static bool
broken(struct request *request, const char *why)
{
    request->failed = true;
    error_set(&request->error, STATUS_INTERNAL, NULL, "the answer cannot be used: %s", why);
    return true;
}

static bool
take_part(struct request *request, struct text result)
{
    struct text list, items;
    uint32_t count;
    if (!splice_get(result, "items", &list) || !splice_array(list, &count, &items))
        return broken(request, "a part of it has no items");
    if (request->partial.len + items.len > JOINED_MAX)
        return broken(request, "it is too large");
    if (items.len)
        buf_append(&request->partial, items.ptr, items.len);
    request->partial_count += count;
    return request->partial.failed ? broken(request, "out of memory") : false;
}

/* The details of an error answer, as they are encoded. */
static void
take_details(struct request *request, struct text body)
{
    struct text value, items, details;
    uint32_t count;
    if (!splice_array(body, &count, &items))
        return;
    for (int i = 0; i < 3; i++)
        if (!splice_next(&items, &value))
            return;
    if (splice_get(value, "details", &details))
        buf_append(&request->result, details.ptr, details.len);
}

bool
request_answer(struct request *request, const void *body, size_t len, bool final)
{
    struct rpc_reply reply;
    buf_clear(&request->result);
    if (rpc_reply_parse(body, len, &reply, &request->error) != STATUS_OK) {
        char why[ERROR_MESSAGE_MAX];
        memcpy(why, request->error.message, sizeof why);
        return broken(request, why);
    }
    if (reply.failed) {
        request->failed = true;
        take_details(request, (struct text){body, (uint32_t)len});
        return true;
    }
    if (!final)
        return take_part(request, reply.result);
    request->failed = false;
    struct text before = {(const char *)request->partial.data, (uint32_t)request->partial.len};
    if (request->partial_count == 0)
        buf_append(&request->result, reply.result.ptr, reply.result.len);
    else if (!splice_prepend(&request->result, reply.result, "items", before,
                             request->partial_count))
        return broken(request, "its last part has no items");
    return request->result.failed ? broken(request, "out of memory") : true;
}
