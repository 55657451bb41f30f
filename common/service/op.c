/* See op.h: what a handler may ask for and leave behind. It must not know sockets. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/schema_mp.h"
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
    void *at = arena_alloc(&op->run, size);
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
    char *copy = arena_copy(&op->run, stack, (size_t)len + 1);
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
    char *copy = arena_alloc(&op->run, len + 1), *at = copy;
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

/* The field of a document: <kind>/<id>. */
static struct text
field_of(struct op *op, const char *kind, struct text id)
{
    const struct text parts[] = {text_of(kind), TEXT_LITERAL("/"), id};
    return op_join(op, 3, parts);
}

void
op_reset(struct op *op)
{
    arena_reset(&op->run);
    store_commit_clear(&op->commit);
    buf_clear(&op->result);
    buf_clear(&op->list_items);
    op->list_count = 0;
    op->ask_hint = 0;
    op->wait_seq = 0;
}

void
op_start_over(struct op *op)
{
    op->ask_count = 0;
    op->key_here = false;
    op->kept = TEXT_NONE;
    arena_reset(&op->keep);
}

/* ---- asking ---- */

/* FNV-1a: makes a search that finds nothing cheap. */
static uint32_t
hash_of(struct text text)
{
    uint32_t hash = 2166136261U;
    for (uint32_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * 16777619U;
    return hash;
}

/* The ask with these words; a new one, not here yet, if it is the first time. Asks come in the same
 * order in every run, so the search begins behind the last one found. NULL without memory. */
struct ask *
op_find_ask(struct op *op, enum ask_kind kind, struct text a, struct text b, int64_t number,
            unsigned limit)
{
    uint32_t hash = hash_of(a);
    for (unsigned i = 0; i < op->ask_count; i++) {
        unsigned at = op->ask_hint + i;
        if (at >= op->ask_count)
            at -= op->ask_count;
        struct ask *ask = &op->asks[at];
        if (ask->hash == hash && ask->kind == kind && ask->number == number &&
            ask->limit == limit && text_equal(ask->a, a) && text_equal(ask->b, b)) {
            op->ask_hint = at + 1;
            return ask;
        }
    }
    if (op->ask_count == op->ask_cap) {
        unsigned cap = op->ask_cap ? op->ask_cap * 2 : 8;
        struct ask *asks = realloc(op->asks, cap * sizeof *asks);
        if (!asks)
            return NULL;
        op->asks = asks;
        op->ask_cap = cap;
    }
    struct ask *ask = &op->asks[op->ask_count];
    *ask = (struct ask){.kind = kind, .hash = hash, .number = number, .limit = limit};
    ask->a = (struct text){arena_copy(&op->keep, a.ptr, a.len), a.len};
    ask->b = (struct text){arena_copy(&op->keep, b.ptr, b.len), b.len};
    if (!ask->a.ptr || !ask->b.ptr)
        return NULL;
    op->ask_hint = ++op->ask_count;
    return ask;
}

static struct text
keep_text(struct op *op, struct text text)
{
    char *copy = arena_copy(&op->keep, text.ptr, text.len);
    if (!copy) {
        op->no_memory = true;
        return TEXT_NONE;
    }
    return (struct text){copy, text.len};
}

/* One of the replies that the op waits for has come: when it is the last the handler runs again. */
static void
arrived(struct op *op, bool ok)
{
    if (!ok)
        op->io_failed = true;
    if (--op->outstanding == 0 && !op->running)
        service_run_op(op);
}

static void
on_doc(void *arg, unsigned slot, bool ok, struct text value)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    ask->here = ok;
    ask->found = ok && value.ptr;
    if (ask->found)
        ask->value = keep_text(op, value);
    arrived(op, ok);
}

static void
on_rev(void *arg, unsigned slot, bool ok, struct text value)
{
    struct op *op = arg;
    op->asks[slot].revision = ok && value.ptr ? keep_text(op, value) : TEXT_LITERAL("0");
    arrived(op, ok);
}

static void
on_seq(void *arg, unsigned slot, bool ok, struct text value)
{
    struct op *op = arg;
    op->asks[slot].here = ok;
    op->asks[slot].page.last = ok && value.ptr ? strtoll(value.ptr, NULL, 10) : 0;
    arrived(op, ok);
}

static void
on_scan(void *arg, unsigned slot, bool ok, unsigned count, const struct text *values)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    struct text *items = ok ? arena_alloc(&op->keep, (count + 1) * sizeof *items) : NULL;
    for (unsigned i = 0; items && i < count; i++)
        items[i] = keep_text(op, values[i]);
    ask->here = items != NULL;
    ask->range = (struct op_range){items ? count : 0, items};
    arrived(op, items != NULL);
}

static void
on_log(void *arg, unsigned slot, bool ok, const struct store_log_page *page)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    struct op_log_page *out = &ask->page;
    struct text *items = ok ? arena_alloc(&op->keep, (page->count + 1) * sizeof *items) : NULL;
    *out = (struct op_log_page){0, items, ask->number, page->last, page->first};
    struct buf all = {0};
    for (unsigned i = 0; items && i < page->count; i++) {
        size_t before = all.len;
        if (log_record_item(&page->records[i], &all) != STATUS_OK || all.failed)
            break; /* damaged: the page ends before it, and the reader sees the hole */
        items[out->count++] = (struct text){NULL, (uint32_t)(all.len - before)};
        out->next = page->records[i].seq;
    }
    const char *at = arena_copy(&op->keep, all.data, all.len);
    if (!at)
        items = NULL;
    for (unsigned i = 0; items && i < out->count; at += items[i++].len)
        items[i].ptr = at;
    buf_fini(&all);
    ask->here = items != NULL;
    arrived(op, items != NULL);
}

static enum status
find_doc(struct op *op, const char *kind, struct text id, bool guard, struct ask **out)
{
    struct text field = field_of(op, kind, id);
    struct ask *ask = op_find_ask(op, ASK_DOC, field, TEXT_LITERAL(""), 0, 0);
    if (!ask)
        return op_no_memory(op);
    bool changes = !op->service->interface->methods[op->method].read_only;
    unsigned slot = (unsigned)(ask - op->asks);
    if (!ask->here && ask->asked)
        return STATUS_AGAIN; /* asked for in this very run */
    if (!ask->here || (guard && changes && !ask->with_rev)) {
        ask->here = false;
        ask->asked = true;
        if (guard && changes) {
            ask->with_rev = true;
            op->outstanding += 2;
            store_get_rev(op->service->store, ask->a, on_rev, op, slot);
        } else {
            op->outstanding++;
        }
        store_get_doc(op->service->store, op->asks[slot].a, on_doc, op, slot);
        return STATUS_AGAIN;
    }
    ask->guarded = ask->guarded || guard;
    *out = ask;
    return ask->found ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status
decode_doc(struct op *op, const struct ask *ask, const struct schema *schema, void *message)
{
    enum status status = schema_decode_bytes(schema, ask->value.ptr, ask->value.len,
                                             op->service->zone, message, SCHEMA_STORED, &op->error);
    if (status != STATUS_OK)
        return error_set(&op->error, STATUS_INTERNAL, NULL, "the stored %.*s is damaged",
                         TEXT_ARG(ask->a));
    return STATUS_OK;
}

enum status
op_load(struct op *op, const char *kind, struct text id, const struct schema *schema, void *message)
{
    struct ask *ask;
    enum status status = find_doc(op, kind, id, true, &ask);
    return status == STATUS_OK ? decode_doc(op, ask, schema, message) : status;
}

enum status
op_load_raw(struct op *op, const char *kind, struct text id, struct text *bytes)
{
    struct ask *ask;
    enum status status = find_doc(op, kind, id, true, &ask);
    if (status == STATUS_OK)
        *bytes = ask->value;
    return status;
}

enum status
op_peek(struct op *op, const char *kind, struct text id, const struct schema *schema, void *message,
        struct text *bytes)
{
    struct ask *ask;
    enum status status = find_doc(op, kind, id, false, &ask);
    if (status == STATUS_OK && bytes)
        *bytes = ask->value;
    return status == STATUS_OK && schema ? decode_doc(op, ask, schema, message) : status;
}

enum status
op_scan(struct op *op, struct text from, struct text upto, unsigned limit, struct op_range *out)
{
    struct ask *ask = op_find_ask(op, ASK_SCAN, from, upto, 0, limit);
    if (!ask)
        return op_no_memory(op);
    if (ask->here) {
        *out = ask->range;
        return STATUS_OK;
    }
    if (ask->asked)
        return STATUS_AGAIN;
    ask->asked = true;
    op->outstanding++;
    store_scan(op->service->store, ask->a, ask->b, limit, on_scan, op, (unsigned)(ask - op->asks));
    return STATUS_AGAIN;
}

enum status
op_seq(struct op *op, int64_t *seq)
{
    struct ask *ask = op_find_ask(op, ASK_SEQ, TEXT_LITERAL(""), TEXT_LITERAL(""), 0, 0);
    if (!ask)
        return op_no_memory(op);
    if (ask->here) {
        *seq = ask->page.last;
        return STATUS_OK;
    }
    if (ask->asked)
        return STATUS_AGAIN;
    ask->asked = true;
    op->outstanding++;
    store_get_seq(op->service->store, on_seq, op, (unsigned)(ask - op->asks));
    return STATUS_AGAIN;
}

enum status
op_log_read(struct op *op, struct text prefix, int64_t after, unsigned limit,
            struct op_log_page *out)
{
    struct ask *ask = op_find_ask(op, ASK_LOG, prefix, TEXT_LITERAL(""), after, limit);
    if (!ask)
        return op_no_memory(op);
    if (ask->here) {
        *out = ask->page;
        return STATUS_OK;
    }
    if (ask->asked)
        return STATUS_AGAIN;
    ask->asked = true;
    op->outstanding++;
    store_log_read(op->service->store, ask->a, after, limit, on_log, op,
                   (unsigned)(ask - op->asks));
    return STATUS_AGAIN;
}

enum status
op_wait_seq(struct op *op, int64_t seq)
{
    struct service *service = op->service;
    if (!service->position || service->position(service->position_arg, seq) >= seq)
        return STATUS_OK;
    op->wait_seq = seq;
    return STATUS_AGAIN;
}

enum status
op_expect_rev(struct op *op, int64_t given, int64_t actual)
{
    if (given == INT_NONE || given == actual)
        return STATUS_OK;
    return error_set(&op->error, STATUS_ABORTED, "rev",
                     "rev: you changed revision %" PRId64 ", it is at %" PRId64
                     " now: get it again and repeat",
                     given, actual);
}

/* ---- leaving behind ---- */

/* The guarded ask of a document; it is our own bug if the handler did not load it. */
static struct ask *
loaded(struct op *op, const char *kind, struct text id)
{
    struct text field = field_of(op, kind, id);
    struct ask *ask = op_find_ask(op, ASK_DOC, field, TEXT_LITERAL(""), 0, 0);
    if (!ask || op->no_memory)
        return NULL;
    assert(ask->here && ask->guarded && "a document is saved that was not loaded");
    return ask;
}

static void
set_rev(const struct schema *schema, void *message, int64_t rev)
{
    for (unsigned i = 0; i < schema->field_count; i++)
        if (strcmp(schema->fields[i].name, "rev") == 0)
            memcpy((char *)message + schema->fields[i].offset, &rev, sizeof rev);
}

static struct text
text_of_buf(const struct buf *buf)
{
    return (struct text){buf->data ? (const char *)buf->data : "", (uint32_t)buf->len};
}

void
op_save(struct op *op, const char *kind, struct text id, const struct schema *schema, void *message)
{
    const struct ask *ask = loaded(op, kind, id);
    if (!ask)
        return;
    char digits[24];
    snprintf(digits, sizeof digits, "%.*s", TEXT_ARG(ask->revision));
    set_rev(schema, message, strtoll(digits, NULL, 10) + 1);
    buf_clear(&op->scratch);
    schema_encode(schema, message, &op->scratch);
    op->no_memory = op->no_memory || op->scratch.failed;
    store_commit_write(&op->commit, ask->a, text_of_buf(&op->scratch));
}

void
op_bump(struct op *op, const char *kind, struct text id)
{
    const struct ask *ask = loaded(op, kind, id);
    if (ask)
        store_commit_bump(&op->commit, ask->a);
}

void
op_index_add(struct op *op, struct text entry)
{
    store_commit_index_add(&op->commit, entry);
}

void
op_index_remove(struct op *op, struct text entry)
{
    store_commit_index_remove(&op->commit, entry);
}

void
op_record(struct op *op, const char *type, struct text topic, const struct schema *schema,
          const void *message, const char *from, const char *extra_key, struct text extra)
{
    struct buf attributes = {0};
    log_attributes_write(&attributes, type, op->service->source, op->principal.id,
                         op->context.traceparent);
    struct buf *data = &op->scratch;
    buf_clear(data);
    schema_encode(schema, message, data);
    if (from || extra_key) {
        buf_clear(&op->extended);
        mp_map_extend(&op->extended, data->data, data->len,
                      (from != NULL) + (size_t)(extra_key != NULL));
        data = &op->extended;
    }
    if (from) {
        mp_string(data, "from");
        mp_string(data, from);
    }
    if (extra_key) {
        mp_string(data, extra_key);
        mp_text(data, extra);
    }
    op->no_memory = op->no_memory || data->failed || attributes.failed;
    store_commit_record(&op->commit, topic, text_of_buf(&attributes), text_of_buf(data));
    buf_fini(&attributes);
}

void
op_not_before(struct op *op, int64_t ms)
{
    op->commit.not_before = ms;
}

void
op_before(struct op *op, int64_t ms)
{
    op->commit.before = ms;
}

void
op_answer(struct op *op, const struct schema *schema, const void *message)
{
    buf_clear(&op->result);
    schema_encode(schema, message, &op->result);
}

void
op_answer_raw(struct op *op, struct text map)
{
    buf_clear(&op->result);
    buf_append(&op->result, map.ptr, map.len);
}

void
op_list_begin(struct op *op)
{
    buf_clear(&op->list_items);
    op->list_count = 0;
}

void
op_list_item(struct op *op, const struct schema *schema, const void *message)
{
    schema_encode(schema, message, &op->list_items);
    op->list_count++;
}

void
op_list_item_raw(struct op *op, struct text map)
{
    buf_append(&op->list_items, map.ptr, map.len);
    op->list_count++;
}

void
op_list_end(struct op *op, struct text next, int64_t seq)
{
    struct buf *result = &op->result;
    buf_clear(result);
    mp_map(result, 3);
    mp_string(result, "items");
    mp_array(result, op->list_count);
    buf_append(result, op->list_items.data, op->list_items.len);
    mp_string(result, "next");
    mp_text(result, next);
    mp_string(result, "seq");
    mp_int(result, seq);
    if (op->list_items.failed)
        result->failed = true;
}

enum status
op_finish(struct op *op)
{
    for (unsigned i = 0; i < op->ask_count; i++)
        if (op->asks[i].kind == ASK_DOC && op->asks[i].guarded)
            store_commit_check(&op->commit, op->asks[i].a, op->asks[i].revision);
    if (op->no_memory || op->result.failed || store_commit_failed(&op->commit))
        return op_no_memory(op);
    if (op->key[0]) {
        op->commit.key = text_of(op->key);
        op->commit.digest = text_of(op->digest);
        op->commit.reply = text_of_buf(&op->result);
    }
    return STATUS_OK;
}
