/* See events_handlers_clash.h: calendar.free. It must not know sockets, Redis, or what makes a
 * window better than another. */
#include "common/msg/schema_mp.h"
#include "services/events/events_domain_free.h"
#include "services/events/events_handlers_clash.h"

#define FREE_QUARTERS_MAX 8

/* The event that a window is for. */
static struct event *
event_of(struct op *op, const struct calendar_free *in)
{
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return NULL;
    schema_init(&event_schema, event);
    event->host = in->host;
    event->area = in->area;
    event->kind = in->kind;
    event->zone = in->zone;
    event->format = in->format ? in->format : FORMAT_IN_PERSON;
    return event;
}

static void
write_window(struct op *op, struct events_asking *asking, const struct events_free *free,
             const struct events_window *window, unsigned rank)
{
    char texts[8][EVENTS_CLASH_TEXT];
    struct free_window said = {
        .start = window->first,
        .end = window->last + free->days - 1,
        .rank = rank,
        .warnings = window->warnings,
        .reasons = {1, {TEXT_LITERAL("nothing clashes")}},
    };
    events_free_slot(&asking->asked, free, window->first, &asking->slots);
    for (unsigned i = 0; i < window->clash_count; i++)
        said.reasons.items[i] = events_clash_say(&asking->asked, &window->clashes[i], texts[i]);
    said.reasons.count = window->clash_count ? window->clash_count : 1;
    schema_encode(&free_window_schema, &said, op_result(op));
}

enum status
calendar_free_handle(struct op *op, const void *params)
{
    const struct calendar_free *in = params;
    struct events_free free;
    struct events_asking *asking;
    struct events_memory *memory;
    enum status status = events_free_of(in, &free, op_error(op));
    if (status != STATUS_OK)
        return status;
    struct event *event = event_of(op, in);
    struct events_window *windows = op_alloc(op, EVENTS_FREE_DAYS_MAX * sizeof *windows);
    if (!event || !windows)
        return op_no_memory(op);
    status = events_memory_begin(op, &memory);
    if (status != STATUS_OK)
        return status;
    status = events_handlers_asking(op, event, memory, &asking);
    if (status != STATUS_OK)
        return status;
    int quarters[FREE_QUARTERS_MAX];
    unsigned quarter_count = 0; /* a day more on either side: zones */
    int last = events_agenda_quarter((free.to + 1) * DATE_DAY_MS);
    for (int at = events_agenda_quarter((free.from - 1) * DATE_DAY_MS); at <= last; at++)
        quarters[quarter_count++] = at;
    status = events_handlers_ask(op, asking, quarters, quarter_count);
    if (status != STATUS_OK)
        return status;
    unsigned count = events_free_windows(&asking->asked, &asking->slots, &free, windows);
    struct buf *result = op_result(op);
    buf_clear(result);
    mp_map(result, 1);
    mp_string(result, "items");
    mp_array(result, count);
    for (unsigned i = 0; i < count; i++)
        write_window(op, asking, &free, &windows[i], i + 1);
    if (memory)
        events_memory_keep(memory);
    return STATUS_OK;
}
