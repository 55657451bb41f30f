/* See events_handlers.h: calendar.export. It must not know sockets, Redis, or how a calendar is
 * written. */
#include "common/msg/mp.h"
#include "services/events/events_handlers.h"
#include "services/events/events_ical.h"

#define EVENTS_MAX 5000   /* looked at, wanted or not */
#define SCANNED_MAX 20000 /* index entries passed */
#define DOCUMENT_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define ICS_BYTES_MAX (MP_BYTES_MAX - 65536) /* with its envelope what a client may read */

static enum status
refuse(struct op *op, const char *what)
{
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, NULL,
                     "%s than one calendar takes: narrow it with from and to, dimension, area or "
                     "host",
                     what);
}

/* Writes the events, which are all here. */
static enum status
write_calendar(struct op *op, const struct events_listing *listing, struct events_ical *ical)
{
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return op_no_memory(op);
    for (unsigned i = 0; i < listing->count; i++) {
        enum status status = op_peek(op, "event", listing->items[i].id, &event_schema, event, NULL);
        if (status != STATUS_OK)
            return status;
        events_ical_add(ical, event);
        if (ical->events.len > ICS_BYTES_MAX)
            return refuse(op, "these events have more text");
    }
    return STATUS_OK;
}

/* "CBM events human KZ": what was asked for. */
static struct text
name_of(struct op *op, const struct calendar_export *in)
{
    const struct text filters[] = {in->dimension, in->area, in->host};
    struct text name = TEXT_LITERAL("CBM events");
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (filters[i].ptr)
            name = op_join(op, 3, (const struct text[]){name, TEXT_LITERAL(" "), filters[i]});
    return name;
}

static enum status
answer(struct op *op, struct events_ical *ical, struct text name)
{
    struct buf ics = {0};
    enum status status = STATUS_OK;
    if (!events_ical_write(ical, name, &ics)) {
        status = op_no_memory(op);
    } else if (ics.len > ICS_BYTES_MAX) {
        status = refuse(op, "these events have more text");
    } else {
        struct buf *result = op_result(op);
        mp_map(result, 1);
        mp_string(result, "ics");
        mp_text(result, (struct text){(const char *)ics.data, (uint32_t)ics.len});
    }
    buf_fini(&ics);
    return status;
}

enum status
calendar_export_handle(struct op *op, const void *params)
{
    static const struct events_limits limits = {SCANNED_MAX, EVENTS_MAX, DOCUMENT_BYTES_MAX,
                                                UINT32_MAX};
    const struct calendar_export *in = params;
    struct event_list *asked = op_alloc(op, sizeof *asked);
    struct events_listing *listing;
    if (!asked)
        return op_no_memory(op);
    schema_init(&event_list_schema, asked);
    schema_copy(&event_list_schema, asked, &calendar_export_schema, in);
    asked->limit = EVENTS_MAX;
    enum status status = events_handlers_listing(op, asked, &limits, &listing);
    if (status != STATUS_OK)
        return status;
    if (!listing->ended)
        return refuse(op, "more events must be looked at");
    struct events_ical ical = {0};
    status = write_calendar(op, listing, &ical);
    if (status == STATUS_OK)
        status = answer(op, &ical, name_of(op, in));
    events_ical_fini(&ical);
    return status;
}
