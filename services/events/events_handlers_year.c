/* See events_handlers_plan.h: the events of a year, as they stand and as a version kept them.
 * It must not know sockets or Redis. */
#include <inttypes.h>

#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"
#include "services/events/events_handlers_plan.h"

#define EVENTS_MAX 5000 /* of a year */
#define CHUNK 1000      /* documents of one round */

struct text
events_handlers_year_entry(struct op *op, const struct event *event)
{
    char digits[TEXT_NUMBER_MAX];
    const struct text parts[] = {TEXT_LITERAL("y|"),
                                 {digits, (uint32_t)text_number(event->year, digits)},
                                 TEXT_LITERAL("|"),
                                 event->id};
    return op_join(op, 4, parts);
}

enum status
events_handlers_year(struct op *op, int64_t year, struct events_set *out)
{
    struct op_range range;
    struct text from = op_format(op, "y|%" PRId64 "|", year);
    int64_t seq = 0;
    enum status seq_status = op_seq(op, &seq); /* before all else */
    enum status status =
        op_scan(op, from, op_format(op, "y|%" PRId64 "}", year), EVENTS_MAX + 1, &range);
    if (status != STATUS_OK)
        return status;
    if (range.count > EVENTS_MAX)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "year",
                         "year: %" PRId64 " has more than %d events, too many to count at once",
                         year, EVENTS_MAX);
    *out = (struct events_set){seq, 0, op_alloc(op, (range.count + 1) * sizeof *out->items)};
    if (!out->items)
        return op_no_memory(op);
    for (unsigned i = 0; i < range.count; i++) {
        struct events_listed *item = &out->items[out->count];
        item->id = (struct text){range.items[i].ptr + from.len, range.items[i].len - from.len};
        enum status peeked = op_peek(op, "event", item->id, NULL, NULL, &item->bytes);
        if (peeked == STATUS_AGAIN)
            status = peeked;
        else if (peeked != STATUS_OK && peeked != STATUS_NOT_FOUND)
            return peeked;
        if (peeked == STATUS_OK && !events_handlers_is_draft(item->bytes))
            out->count++;
        if (i % CHUNK == CHUNK - 1 && status != STATUS_OK)
            break; /* what is asked for comes first */
    }
    return status == STATUS_OK ? seq_status : status;
}

/* Appends the events of a page. */
static enum status
add_page(struct op *op, struct text events, unsigned max, struct events_set *out)
{
    struct mp_value map, key;
    const char *at = mp_read(events.ptr, &map);
    for (int64_t left = map.number; left > 0; left--) {
        at = mp_next(at, &key);
        const char *end = mp_skip(at);
        if (out->count == max)
            return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored plan is damaged");
        out->items[out->count++] = (struct events_listed){key.bytes, {at, (uint32_t)(end - at)}};
        at = end;
    }
    return STATUS_OK;
}

enum status
events_handlers_kept(struct op *op, const struct plan *plan, const struct plan_step *step,
                     struct events_set *out)
{
    enum status status = STATUS_OK;
    unsigned max = (unsigned)step->events;
    *out = (struct events_set){step->seq, 0, op_alloc(op, (max + 1) * sizeof *out->items)};
    if (!out->items)
        return op_no_memory(op);
    for (int64_t i = 0; i < step->pages; i++) {
        struct plan_page page;
        struct text id =
            op_format(op, "%" PRId64 ".%" PRId64 ".%" PRId64, plan->year, step->version, i);
        enum status peeked = op_peek(op, "plan-page", id, &plan_page_schema, &page, NULL);
        if (peeked == STATUS_AGAIN)
            status = peeked;
        else if (peeked == STATUS_NOT_FOUND)
            return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored plan is damaged");
        else if (peeked != STATUS_OK)
            return peeked;
        else if ((peeked = add_page(op, page.events, max, out)) != STATUS_OK)
            return peeked;
    }
    return status;
}

struct text
events_handlers_text_at(struct text document, const char *key)
{
    struct mp_value map, value;
    const char *at = mp_read(document.ptr, &map);
    for (int64_t left = map.number; left > 0; left--) {
        at = mp_next(at, &value);
        bool found = text_is(value.bytes, key);
        at = mp_next(at, &value);
        if (found)
            return value.type == MP_TEXT ? value.bytes : TEXT_NONE;
    }
    return TEXT_NONE;
}
