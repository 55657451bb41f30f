/* See events_hold.h. It must not know sockets or Redis. */
#include "services/events/events_hold.h"

#include "common/service/due.h"
#include "services/events/events_handlers.h"
#include "services/events/events_view.h"

void
events_hold_plan(struct op *op, int64_t before_ms, const struct event *after)
{
    int64_t after_ms = events_domain_hold_at(after, events_view_zone(op_service(op), after->zone));
    if (before_ms == after_ms)
        return;
    if (before_ms != TIME_NONE)
        op_index_remove(op, due_entry(op, EVENTS_HOLD_PREFIX, before_ms, after->id));
    if (after_ms != TIME_NONE && after_ms > op_now_ms(op))
        op_index_add(op, due_entry(op, EVENTS_HOLD_PREFIX, after_ms, after->id));
}

enum status
events_hold_settle(struct op *op, const void *params)
{
    const struct due *due = params;
    struct text id = text_of(due->id);
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return op_no_memory(op);
    enum status status = op_load(op, "event", id, &event_schema, event);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    op_index_remove(op, due_entry(op, EVENTS_HOLD_PREFIX, due->at_ms, id));
    if (status == STATUS_NOT_FOUND ||
        events_domain_hold_at(event, events_view_zone(op_service(op), event->zone)) != due->at_ms)
        return STATUS_OK; /* it has other dates, or another replica was first */
    event->hold_due = due->at_ms;
    op_not_before(op, due->at_ms);
    events_handlers_tell(op, event, "event.hold_due", NULL);
    return STATUS_OK;
}
