/* See op.h: what a handler asks for: documents, scans, pages of the log. What is not here yet is
 * fetched in one round, and then the handler runs again. It must not know sockets. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/schema_mp.h"
#include "common/service/service_internal.h"

#define WALK_RECORDS 500 /* of a page that is walked: a turn of the loop */

/* Makes a search that finds nothing cheap; what is asked for differs mostly at its end. */
static uint32_t
hash_of(struct text text)
{
    uint64_t end = 0;
    if (text.len >= sizeof end)
        memcpy(&end, text.ptr + text.len - sizeof end, sizeof end);
    else if (text.len)
        memcpy(&end, text.ptr, text.len);
    return (uint32_t)((end * UINT64_C(0x9e3779b97f4a7c15)) >> 32) ^ text.len;
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
    ask->a = (struct text){arena_copy(&op->memory, a.ptr, a.len), a.len};
    ask->b = (struct text){arena_copy(&op->memory, b.ptr, b.len), b.len};
    if (!ask->a.ptr || !ask->b.ptr)
        return NULL;
    op->ask_hint = ++op->ask_count;
    return ask;
}

static struct text
keep_text(struct op *op, struct text text)
{
    char *copy = arena_copy(&op->memory, text.ptr, text.len);
    if (!copy) {
        op->no_memory = true;
        return TEXT_NONE;
    }
    return (struct text){copy, text.len};
}

/* A copy of a record, which was parsed before; of a damaged one (LOG_ALL) what there is. */
static void
keep_record(struct op *op, const struct log_record *record, struct log_record *out)
{
    struct text stored = keep_text(op, record->stored);
    if (!log_record_parse(stored, record->seq, out))
        *out = (struct log_record){.seq = record->seq, .stored = stored};
}

/* A copy of the records. */
static void
keep_page(struct op *op, struct op_log_page *page)
{
    struct log_record *records = arena_alloc(&op->memory, (page->count + 1) * sizeof *records);
    op->no_memory = op->no_memory || !records;
    for (unsigned i = 0; i < page->count && !op->no_memory; i++)
        keep_record(op, &page->records[i], &records[i]);
    page->records = records;
    if (op->no_memory)
        page->count = 0;
}

void
op_keep(struct op *op)
{
    if (!op->fresh)
        return;
    struct ask *ask = &op->asks[op->fresh - 1];
    if (ask->kind == ASK_LOG)
        keep_page(op, &ask->page);
    else
        ask->value = keep_text(op, ask->value);
    op->fresh = 0;
}

/* One of the replies that the op waits for has come: when it is the last the handler runs again. */
void
op_arrived(struct op *op, bool ok)
{
    if (!ok)
        op->io_failed = true;
    if (--op->outstanding == 0 && !op->running)
        service_run_op(op);
}

static bool
may_change(const struct op *op)
{
    return op->done || !op->service->interface->methods[op->method].read_only;
}

/* Answers an ask by what the document was when it was last read, or by its absence if the handler
 * expects that. Only for what the commit will check. */
static bool
guess(struct op *op, struct ask *ask, bool absent)
{
    struct text revision = TEXT_LITERAL("0"), value = TEXT_NONE;
    if (op->sure || !may_change(op) ||
        (!guess_get(&op->service->guesses, ask->hash, ask->a, &revision, &value) && !absent))
        return false;
    ask->here = ask->guessed = op->guessed = true;
    ask->found = value.ptr != NULL;
    ask->value = ask->found ? keep_text(op, value) : TEXT_NONE;
    ask->revision = keep_text(op, revision);
    return true;
}

static void
on_doc(void *arg, unsigned slot, bool ok, struct text value)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    struct text revision, document = store_document(value, &revision);
    ask->here = ok;
    ask->found = ok && document.ptr;
    ask->value = document;
    if (ok && may_change(op)) {
        ask->revision = keep_text(op, revision);
        guess_put(&op->service->guesses, ask->hash, ask->a, revision, document);
    }
    if (ask->found) {
        op->fresh = slot + 1;
        if (op->outstanding > 1 || op->running)
            op_keep(op); /* the handler does not run before the reply is gone */
    }
    op_arrived(op, ok);
}

/* The seq of the log, or the clock. */
static void
on_number(void *arg, unsigned slot, bool ok, struct text value)
{
    struct op *op = arg;
    op->asks[slot].here = ok;
    op->asks[slot].page.last = ok && value.ptr ? strtoll(value.ptr, NULL, 10) : 0;
    if (ok && op->asks[slot].kind == ASK_SEQ)
        op_current_end(op->service, op->asks[slot].page.last);
    op_arrived(op, ok);
}

static void
on_scan(void *arg, unsigned slot, bool ok, unsigned count, const struct text *values)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    struct text *items = ok ? arena_alloc(&op->memory, (count + 1) * sizeof *items) : NULL;
    for (unsigned i = 0; items && i < count; i++)
        items[i] = keep_text(op, values[i]);
    ask->here = items != NULL;
    ask->range = (struct op_range){items ? count : 0, items};
    op_arrived(op, items != NULL);
}

static void
on_log(void *arg, unsigned slot, bool ok, const struct store_log_page *page)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    ask->here = ok;
    int64_t next = page->count ? page->records[page->count - 1].seq : ask->number;
    ask->page = (struct op_log_page){page->count, page->records, next, page->last, page->first};
    if (ok) {
        op->fresh = slot + 1;
        if (op->outstanding > 1 || op->running)
            op_keep(op); /* the handler does not run before the reply is gone */
    }
    op_arrived(op, ok);
}

enum guard { UNGUARDED, GUARDED, GUARDED_ABSENT /* and most likely not there */ };

static enum status
find_doc(struct op *op, const char *kind, struct text id, enum guard guard, struct ask **out)
{
    struct text field = op_field(op, kind, id);
    struct ask *ask = op_find_ask(op, ASK_DOC, field, TEXT_LITERAL(""), 0, 0);
    if (!ask)
        return op_no_memory(op);
    unsigned slot = (unsigned)(ask - op->asks);
    if (!ask->here && ask->asked)
        return STATUS_AGAIN; /* asked for in this very run */
    bool guarded = guard != UNGUARDED;
    if (!ask->here && !(guarded && guess(op, ask, guard == GUARDED_ABSENT))) {
        ask->asked = true;
        op->outstanding++;
        store_get_doc(op->service->store, ask->a, on_doc, op, slot);
        return STATUS_AGAIN;
    }
    ask->guarded = ask->guarded || guarded;
    *out = ask;
    return ask->found ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status
decode_doc(struct op *op, const struct ask *ask, const struct schema *schema, void *message)
{
    enum status status = schema_decode_bytes(schema, ask->value.ptr, ask->value.len, message,
                                             SCHEMA_STORED, &op->error);
    if (status != STATUS_OK)
        return error_set(&op->error, STATUS_INTERNAL, NULL, "the stored %.*s is damaged",
                         TEXT_ARG(ask->a));
    return STATUS_OK;
}

enum status
op_load(struct op *op, const char *kind, struct text id, const struct schema *schema, void *message)
{
    struct ask *ask;
    enum status status = find_doc(op, kind, id, GUARDED, &ask);
    return status == STATUS_OK ? decode_doc(op, ask, schema, message) : status;
}

enum status
op_load_new(struct op *op, const char *kind, struct text id)
{
    struct ask *ask;
    return find_doc(op, kind, id, GUARDED_ABSENT, &ask);
}

enum status
op_load_raw(struct op *op, const char *kind, struct text id, struct text *bytes)
{
    struct ask *ask;
    enum status status = find_doc(op, kind, id, GUARDED, &ask);
    if (status == STATUS_OK)
        *bytes = ask->value;
    return status;
}

enum status
op_peek(struct op *op, const char *kind, struct text id, const struct schema *schema, void *message,
        struct text *bytes)
{
    struct ask *ask;
    enum status status = find_doc(op, kind, id, UNGUARDED, &ask);
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

/* One of the numbers that the store has only one of. */
static enum status
ask_number(struct op *op, enum ask_kind kind, int64_t *number)
{
    struct ask *ask = op_find_ask(op, kind, TEXT_LITERAL(""), TEXT_LITERAL(""), 0, 0);
    if (!ask)
        return op_no_memory(op);
    if (ask->here) {
        *number = ask->page.last;
        return STATUS_OK;
    }
    if (ask->asked)
        return STATUS_AGAIN;
    ask->asked = true;
    op->outstanding++;
    (kind == ASK_SEQ ? store_get_seq : store_get_time)(op->service->store, on_number, op,
                                                       (unsigned)(ask - op->asks));
    return STATUS_AGAIN;
}

enum status
op_seq(struct op *op, int64_t *seq)
{
    return ask_number(op, ASK_SEQ, seq);
}

enum status
op_clock(struct op *op, int64_t *ms)
{
    enum status status = ask_number(op, ASK_CLOCK, ms);
    if (status == STATUS_OK)
        op->store_ms = *ms;
    return status;
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

void *
op_hold(struct op *op, const char *name, size_t size)
{
    struct ask *ask = op_find_ask(op, ASK_HOLD, text_of(name), TEXT_LITERAL(""), 0, 0);
    if (ask && !ask->here) {
        ask->memory = op_hold_more(op, size);
        ask->here = ask->memory != NULL;
        if (ask->here)
            memset(ask->memory, 0, size);
    }
    return ask ? ask->memory : NULL;
}

void *
op_hold_more(struct op *op, size_t size)
{
    return arena_alloc(&op->memory, size);
}

/* Shows the page to who walks, and asks for the next one, until the end or the deadline. */
static void
on_walk(void *arg, unsigned slot, bool ok, const struct store_log_page *page)
{
    struct op *op = arg;
    struct ask *ask = &op->asks[slot];
    for (unsigned i = 0; ok && i < page->count; i++)
        ask->walk(op, ask->memory, &page->records[i]);
    bool more = ok && page->count && page->records[page->count - 1].seq < page->last;
    if (more)
        ask->page.next = page->records[page->count - 1].seq;
    if (more && clock_mono_ms() < op->deadline_ms) {
        store_log_read(op->service->store, ask->a, ask->page.next, WALK_RECORDS, on_walk, op, slot);
        return;
    }
    ask->here = ok;
    ask->found = !more;
    op_arrived(op, ok);
}

enum status
op_log_walk(struct op *op, const char *prefix, op_walk_fn *walk, void *arg)
{
    struct ask *ask = op_find_ask(op, ASK_WALK, text_of(prefix), TEXT_LITERAL(""), 0, 0);
    if (!ask)
        return op_no_memory(op);
    if (ask->here && !ask->found)
        return error_set(&op->error, STATUS_DEADLINE_EXCEEDED, NULL,
                         "the log is too long to be read in this time: give the request more");
    if (ask->here || ask->asked)
        return ask->here ? STATUS_OK : STATUS_AGAIN;
    ask->asked = true;
    ask->walk = walk;
    ask->memory = arg;
    op->outstanding++;
    store_log_read(op->service->store, ask->a, 0, WALK_RECORDS, on_walk, op,
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
op_wait(struct op *op)
{
    (void)op; /* with nothing outstanding it is parked, and starts over */
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
