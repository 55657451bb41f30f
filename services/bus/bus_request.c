/* See bus_request.h. */
#include "services/bus/bus_request.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 256

void
bus_request_append(struct bus_request_list *list, struct bus_request *request)
{
    request->previous = list->last;
    request->next = NULL;
    if (list->last)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
    list->count++;
}

void
bus_request_prepend(struct bus_request_list *list, struct bus_request *request)
{
    request->previous = NULL;
    request->next = list->first;
    if (list->first)
        list->first->previous = request;
    else
        list->last = request;
    list->first = request;
    list->count++;
}

void
bus_request_remove(struct bus_request_list *list, struct bus_request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        list->first = request->next;
    if (request->next)
        request->next->previous = request->previous;
    else
        list->last = request->previous;
    request->previous = request->next = NULL;
    list->count--;
}

int
bus_request_table_init(struct bus_request_table *table, uint32_t max)
{
    *table = (struct bus_request_table){.max = max};
    table->chunks = calloc(max / CHUNK + 1, sizeof *table->chunks);
    return table->chunks ? 0 : -1;
}

void
bus_request_table_fini(struct bus_request_table *table)
{
    for (uint32_t i = 0; i < table->made; i++)
        free(table->chunks[i / CHUNK][i % CHUNK].large);
    for (uint32_t i = 0; i < table->made / CHUNK; i++)
        free(table->chunks[i]);
    free(table->chunks);
    free(table->due);
    *table = (struct bus_request_table){0};
}

/* One more chunk of slots, and as much more room in the heap, so that scheduling cannot fail. */
static bool
grow(struct bus_request_table *table)
{
    size_t count = table->made + (size_t)CHUNK;
    struct bus_request_due *due = realloc(table->due, count * sizeof *due);
    if (!due)
        return false;
    table->due = due;
    struct bus_request *chunk = calloc(CHUNK, sizeof *chunk);
    if (!chunk)
        return false;
    table->chunks[table->made / CHUNK] = chunk;
    for (uint32_t i = CHUNK; i-- > 0;) {
        chunk[i].index = table->made + i;
        chunk[i].due_ms = INT64_MAX;
        chunk[i].next = table->unused;
        table->unused = &chunk[i];
    }
    table->made += CHUNK;
    return true;
}

struct bus_request *
bus_request_take(struct bus_request_table *table)
{
    if (table->used >= table->max || (!table->unused && !grow(table)))
        return NULL;
    struct bus_request *request = table->unused;
    table->unused = request->next;
    table->used++;
    uint32_t index = request->index, generation = request->generation, due_at = request->due_at;
    memset(request, 0, offsetof(struct bus_request, small));
    request->index = index;
    request->generation = generation;
    request->due_at = due_at;
    request->due_ms = INT64_MAX;
    return request;
}

static struct text
copy_to(char **at, struct text from)
{
    char *to = *at;
    if (from.len)
        memcpy(to, from.ptr, from.len);
    *at += from.len;
    return (struct text){to, from.len};
}

bool
bus_request_hold(struct bus_request *request, struct text client, struct text rpc,
                 struct text context)
{
    size_t size = (size_t)client.len + rpc.len + context.len;
    char *at = request->small;
    if (size > sizeof request->small)
        at = request->large = malloc(size);
    if (!at)
        return false;
    request->client = copy_to(&at, client);
    request->rpc = copy_to(&at, rpc);
    request->context = copy_to(&at, context);
    return true;
}

void
bus_request_let_go(struct bus_request *request)
{
    free(request->large);
    request->large = NULL;
    request->client = request->rpc = request->context = TEXT_NONE;
}

static void
place(struct bus_request_table *table, uint32_t at, struct bus_request_due entry)
{
    table->due[at] = entry;
    entry.request->due_at = at + 1;
}

static void
sift_up(struct bus_request_table *table, uint32_t at, struct bus_request_due entry)
{
    while (at > 0 && table->due[(at - 1) / 2].at_ms > entry.at_ms) {
        place(table, at, table->due[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(table, at, entry);
}

static void
sift_down(struct bus_request_table *table, uint32_t at, struct bus_request_due entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= table->due_count)
            break;
        if (child + 1 < table->due_count && table->due[child + 1].at_ms < table->due[child].at_ms)
            child++;
        if (table->due[child].at_ms >= entry.at_ms)
            break;
        place(table, at, table->due[child]);
        at = child;
    }
    place(table, at, entry);
}

/* The heap is lazy: an entry says when to look at its request, which is never after the request is
 * due. Nearly all requests are answered long before: giving one back, or a later time for it,
 * leaves its entry as it is, and a slot that is taken again has one already. */
void
bus_request_schedule(struct bus_request_table *table, struct bus_request *request, int64_t at_ms)
{
    struct bus_request_due entry = {at_ms, request};
    request->due_ms = at_ms;
    if (!request->due_at)
        sift_up(table, table->due_count++, entry);
    else if (at_ms < table->due[request->due_at - 1].at_ms)
        sift_up(table, request->due_at - 1, entry);
}

int64_t
bus_request_next_due(const struct bus_request_table *table)
{
    return table->due_count ? table->due[0].at_ms : INT64_MAX;
}

static void
remove_first(struct bus_request_table *table)
{
    table->due[0].request->due_at = 0;
    if (--table->due_count)
        sift_down(table, 0, table->due[table->due_count]);
}

struct bus_request *
bus_request_pop_due(struct bus_request_table *table, int64_t now_ms)
{
    while (table->due_count && table->due[0].at_ms <= now_ms) {
        struct bus_request_due first = table->due[0];
        if (first.request->due_ms == INT64_MAX) {
            remove_first(table);
        } else if (first.request->due_ms > first.at_ms) {
            first.at_ms = first.request->due_ms;
            sift_down(table, 0, first);
        } else {
            remove_first(table);
            first.request->due_ms = INT64_MAX;
            return first.request;
        }
    }
    return NULL;
}

void
bus_request_give(struct bus_request_table *table, struct bus_request *request)
{
    request->due_ms = INT64_MAX;
    request->state = BUS_REQUEST_FREE;
    request->generation++;
    request->next = table->unused;
    table->unused = request;
    table->used--;
}

void
bus_request_renew(struct bus_request *request, uint8_t token[BUS_TOKEN_LEN])
{
    request->generation++;
    memcpy(token, &request->index, sizeof request->index);
    memcpy(token + sizeof request->index, &request->generation, sizeof request->generation);
}

struct bus_request *
bus_request_find(const struct bus_request_table *table, const void *token, size_t len)
{
    uint32_t parts[2];
    if (len != BUS_TOKEN_LEN)
        return NULL;
    memcpy(parts, token, sizeof parts);
    if (parts[0] >= table->made)
        return NULL;
    struct bus_request *request = &table->chunks[parts[0] / CHUNK][parts[0] % CHUNK];
    if (request->state == BUS_REQUEST_FREE || request->generation != parts[1])
        return NULL;
    return request;
}
