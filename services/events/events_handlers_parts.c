/* See events_handlers_parts.h. It must not know sockets or Redis. */
#include "services/events/events_handlers_parts.h"

#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"

#define LIMIT_DEFAULT 100
#define CHUNK_MAX 200               /* entries of one round */
#define SCANNED_MAX 2000            /* entries that one request passes */
#define PAGE_BYTES_MAX (512 * 1024) /* a page stays well under what a client may read */

enum status
events_handlers_both(enum status a, enum status b)
{
    if (a == STATUS_OK || (a == STATUS_AGAIN && b != STATUS_OK))
        return b;
    return a;
}

enum status
events_handlers_load_or_new(struct op *op, const char *kind, struct text id,
                            const struct schema *schema, void *message)
{
    enum status status = op_load(op, kind, id, schema, message);
    if (status != STATUS_NOT_FOUND)
        return status;
    schema_init(schema, message);
    *(bool *)message = true;
    return STATUS_OK;
}

static enum status
shown(struct op *op, enum status status, struct text id, const struct event *event)
{
    if (status != STATUS_OK)
        return events_handlers_found(op, status, "event", id);
    return events_handlers_sure(op, events_handlers_visible(op, event));
}

enum status
events_handlers_event(struct op *op, struct text id, struct event **out)
{
    *out = op_alloc(op, sizeof **out);
    if (!*out)
        return events_no_memory(op);
    return shown(op, op_load(op, "event", id, &event_schema, *out), id, *out);
}

enum status
events_handlers_peek_event(struct op *op, struct text id, struct event *out)
{
    return shown(op, op_peek(op, "event", id, &event_schema, out, NULL), id, out);
}

struct text
events_handlers_part_topic(struct op *op, const struct event *event, const char *level,
                           struct text name)
{
    char topic[EVENTS_TOPIC_MAX];
    events_domain_topic(event, topic);
    if (!name.ptr)
        return op_format(op, "%s%s.", topic, level);
    return op_format(op, "%s%s.%.*s.", topic, level, TEXT_ARG(name));
}

struct text
events_handlers_level(struct text entry, unsigned n)
{
    uint32_t from = 0;
    for (uint32_t at = 0;; at++) {
        if (at < entry.len && entry.ptr[at] != '|' && entry.ptr[at] != '!')
            continue;
        if (!n--)
            return (struct text){entry.ptr + from, at - from};
        if (at >= entry.len)
            return TEXT_NONE;
        from = at + 1;
    }
}

/* Where a list has come to. */
struct progress {
    unsigned count, scanned, limit;
    size_t bytes;
    bool full, passed; /* passed: every entry of the chunk was looked at */
    struct text last;  /* the last entry looked at, without the prefix */
};

static enum status
take_chunk(struct op *op, const struct events_page *page, const struct op_range *range,
           struct progress *progress)
{
    enum status outcome = STATUS_OK;
    for (unsigned i = 0; i < range->count && !progress->full; i++) {
        size_t bytes = 0;
        struct text entry = {range->items[i].ptr + page->prefix.len,
                             range->items[i].len - page->prefix.len};
        enum status status = page->item(op, page->arg, entry, &bytes);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_AGAIN)
            return status;
        if (status == STATUS_AGAIN)
            outcome = status;
        progress->scanned++;
        progress->last = entry;
        progress->count += status == STATUS_OK;
        progress->bytes += bytes;
        progress->full = progress->count == progress->limit || progress->bytes >= PAGE_BYTES_MAX;
        progress->passed = i + 1 == range->count;
    }
    return outcome;
}

static unsigned
chunk_size(const struct progress *progress)
{
    unsigned want = progress->limit - progress->count + 1;
    if (want < progress->scanned)
        want = progress->scanned;
    return want < CHUNK_MAX ? want : CHUNK_MAX;
}

enum status
events_handlers_page(struct op *op, const struct events_page *page)
{
    struct progress progress = {.last = page->cursor};
    struct text mark = TEXT_LITERAL("!"), end = TEXT_LITERAL("}");
    struct text upto =
        page->upto.ptr ? page->upto : op_join(op, 2, (const struct text[]){page->prefix, end});
    bool ended = false;
    int64_t seq = 0;
    progress.limit = page->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)page->limit;
    enum status seq_status = op_seq(op, &seq); /* before all else, in the same round */
    op_list_begin(op);
    while (!ended && !progress.full && progress.scanned < SCANNED_MAX) {
        struct op_range range;
        unsigned chunk = chunk_size(&progress);
        /* '!' comes before everything that an entry may go on with */
        struct text from =
            progress.last.len
                ? op_join(op, 3, (const struct text[]){page->prefix, progress.last, mark})
                : page->prefix;
        enum status status = op_scan(op, from, upto, chunk, &range);
        if (status == STATUS_OK)
            status = take_chunk(op, page, &range, &progress);
        if (status != STATUS_OK)
            return status;
        ended = range.count < chunk && (progress.passed || !range.count);
    }
    op_list_end(op, ended ? TEXT_NONE : progress.last, seq);
    return seq_status;
}
