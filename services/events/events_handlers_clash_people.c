/* See events_handlers_clash.h: who is delegated to two events at once. Who it is stays with the
 * delegations; here are only events and states. It must not know sockets or Redis. */
#include "services/events/events_handlers_clash.h"
#include "services/events/events_handlers_parts.h"

#define SESSIONS_MAX 512 /* of other events; what is beyond is not looked at */

struct found {
    unsigned count;
    struct events_delegate items[SESSIONS_MAX];
};

static bool
touches(const struct events_slot *slot, const int *quarters, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (slot->start_ms < events_agenda_quarter_start(quarters[i] + 1) &&
            slot->end_ms > events_agenda_quarter_start(quarters[i]))
            return true;
    return false;
}

/* Whether people have to be there then. */
static bool
takes_place(const struct event *event)
{
    return event->status == EVENT_SCHEDULED || event->status == EVENT_HELD;
}

/* Adds the sessions of the other event, which is loaded so that the commit guards it. */
static enum status
add_sessions(struct op *op, const struct elsewhere *where, const int *quarters, unsigned count,
             struct found *found)
{
    struct event *other = op_alloc(op, sizeof *other);
    struct events_slots *slots = op_alloc(op, sizeof *slots);
    if (!other || !slots)
        return op_no_memory(op);
    enum status status = op_load(op, "event", where->event, &event_schema, other);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    slots->count = 0;
    if (takes_place(other))
        events_agenda_slots(other, events_view_zone(op_service(op), other->zone), slots);
    for (unsigned i = 0; i < slots->count && found->count < SESSIONS_MAX; i++)
        if (touches(&slots->items[i], quarters, count))
            found->items[found->count++] =
                (struct events_delegate){where->own, where->event, slots->items[i].start_ms,
                                         slots->items[i].end_ms};
    return STATUS_OK;
}

/* Whether an earlier one told of the same event for the same state. */
static bool
told(const struct elsewhere *all, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (text_equal(all[k].event, all[i].event) && text_equal(all[k].own, all[i].own) &&
            all[k].own_mode == DELEGATION_IN_PERSON && all[k].mode == DELEGATION_IN_PERSON)
            return true;
    return false;
}

enum status
events_handlers_delegates(struct op *op, const struct event *event, const int *quarters,
                          unsigned quarter_count, const struct events_delegate **out,
                          unsigned *count)
{
    struct elsewhere *all;
    unsigned all_count;
    *out = NULL;
    *count = 0;
    enum status status = events_handlers_elsewhere(op, event->id, &all_count, &all);
    if (status != STATUS_OK || !all_count)
        return status;
    struct found *found = op_alloc(op, sizeof *found);
    if (!found)
        return op_no_memory(op);
    found->count = 0;
    for (unsigned i = 0; i < all_count; i++) {
        bool both = all[i].own_mode == DELEGATION_IN_PERSON && all[i].mode == DELEGATION_IN_PERSON;
        if (!both || told(all, i))
            continue;
        enum status one = add_sessions(op, &all[i], quarters, quarter_count, found);
        if (one != STATUS_OK && one != STATUS_AGAIN)
            return one;
        if (one == STATUS_AGAIN)
            status = one;
    }
    *out = found->items;
    *count = found->count;
    return status;
}
