/* See events_handlers_clash.h: agendas read, and kept in line with events.
 * It must not know sockets or Redis. */
#include "services/events/events_handlers_clash.h"
#include "services/events/events_handlers_parts.h"

/* ---- reading --------------------------------------------------------------------------------- */

struct text
events_handlers_agenda_id(struct op *op, const char *scope, struct text name, int quarter)
{
    char id[EVENTS_AGENDA_ID_MAX];
    events_agenda_id(scope, name, quarter, id);
    return op_join(op, 1, (const struct text[]){text_of(id)});
}

enum status
events_handlers_agenda(struct op *op, struct text id, struct agenda *out)
{
    enum status status = op_load(op, "agenda", id, &agenda_schema, out);
    if (status != STATUS_NOT_FOUND)
        return status;
    schema_init(&agenda_schema, out);
    out->lines = TEXT_LITERAL("");
    return STATUS_OK;
}

/* The lines of one quarter, in memory or as they are stored. */
struct source {
    const struct events_spans_items *kept;
    struct text lines;
};

static enum status
read_source(struct op *op, struct events_memory *memory, const struct events_agenda_wish *wish,
            int quarter, struct source *out)
{
    struct agenda agenda;
    out->lines = TEXT_NONE;
    out->kept = memory ? events_memory_agenda(memory, wish->scope, wish->name, quarter) : NULL;
    if (out->kept)
        return STATUS_OK;
    struct text id = events_handlers_agenda_id(op, wish->scope, wish->name, quarter);
    enum status status = events_handlers_agenda(op, id, &agenda);
    if (status != STATUS_OK)
        return status;
    out->lines = agenda.lines;
    if (memory)
        events_memory_missed(memory, wish->scope, wish->name, quarter, agenda.lines);
    return STATUS_OK;
}

static unsigned
room_of(const struct source *source)
{
    return source->kept ? source->kept->count : source->lines.len / EVENTS_AGENDA_LINE_MIN;
}

/* Reads the lines of one wish, or only asks for them. */
static enum status
read_wish(struct op *op, struct events_memory *memory, const struct events_agenda_wish *wish,
          const int *quarters, unsigned count)
{
    struct source *sources = op_alloc(op, (count + 1) * sizeof *sources);
    enum status status = STATUS_OK;
    unsigned room = wish->book->count;
    if (!sources)
        return op_no_memory(op);
    for (unsigned i = 0; i < count; i++) {
        status =
            events_handlers_both(status, read_source(op, memory, wish, quarters[i], &sources[i]));
        room += room_of(&sources[i]);
    }
    if (status != STATUS_OK || room == wish->book->count)
        return status;
    struct events_book book = {wish->book->count, room, op_alloc(op, room * sizeof *book.items)};
    if (!book.items)
        return op_no_memory(op);
    for (unsigned i = 0; i < book.count; i++)
        book.items[i] = wish->book->items[i];
    for (unsigned i = 0; i < count; i++) {
        const struct events_spans_items *kept = sources[i].kept;
        for (unsigned k = 0; kept && k < kept->count; k++) {
            struct events_booking booking = events_agendas_booking(&kept->items[k]);
            events_book_put(&book, &booking, quarters[i]);
        }
        events_book_add(&book, sources[i].lines, quarters[i]);
    }
    *wish->book = book;
    return STATUS_OK;
}

enum status
events_handlers_agendas(struct op *op, struct events_memory *memory,
                        const struct events_agenda_wish *wishes, unsigned wish_count,
                        const int *quarters, unsigned quarter_count)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < wish_count; i++)
        status = events_handlers_both(status,
                                      read_wish(op, memory, &wishes[i], quarters, quarter_count));
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum status
events_handlers_agenda_save(struct op *op, struct text id, struct agenda *agenda,
                            const struct buf *lines)
{
    struct text text = {lines->data ? (const char *)lines->data : "", (uint32_t)lines->len};
    if (lines->failed)
        return op_no_memory(op);
    if (text_equal(text, agenda->lines))
        return STATUS_OK;
    if (lines->len > EVENTS_AGENDA_BYTES_MAX)
        return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, NULL,
                         "there is more in this quarter than an agenda holds (%.*s)", TEXT_ARG(id));
    agenda->lines = text;
    op_save(op, "agenda", id, &agenda_schema, agenda);
    return STATUS_OK;
}

/* An event as its agendas have it. */
struct booked {
    const struct event *event; /* NULL: not there */
    struct text area;
    struct events_slots slots;
    unsigned quarter_count;
    int quarters[EVENTS_QUARTERS_MAX];
};

static void
look_at(struct op *op, const struct event *event, struct booked *out)
{
    out->event = event;
    out->quarter_count = 0;
    if (!event || (event->status != EVENT_SCHEDULED && event->status != EVENT_HELD &&
                   event->status != EVENT_REPORTED)) {
        out->event = NULL;
        return;
    }
    out->area = event->area.ptr ? event->area : TEXT_LITERAL("-");
    events_agenda_slots(event, events_view_zone(op_service(op), event->zone), &out->slots);
    out->quarter_count = events_agenda_quarters(&out->slots, out->quarters);
}

/* One agenda without what was there of the event, and with what is. */
static enum status
write_agenda(struct op *op, const char *scope, struct text name, int quarter, struct text event,
             const struct booked *after)
{
    struct text id = events_handlers_agenda_id(op, scope, name, quarter);
    struct agenda agenda;
    enum status status = events_handlers_agenda(op, id, &agenda);
    if (status != STATUS_OK)
        return status;
    struct buf lines = {0};
    events_agenda_without(agenda.lines, event, &lines);
    bool of_host = *scope == 'h';
    if (after->event && text_equal(of_host ? after->event->host : after->area, name))
        events_agenda_lines(after->event, &after->slots, quarter, &lines);
    status = events_handlers_agenda_save(op, id, &agenda, &lines);
    buf_fini(&lines);
    return status;
}

static bool
has_agenda(const struct booked *booked, bool of_area, struct text name, int quarter)
{
    if (!booked->event || !text_equal(of_area ? booked->area : booked->event->host, name))
        return false;
    for (unsigned i = 0; i < booked->quarter_count; i++)
        if (booked->quarters[i] == quarter)
            return true;
    return false;
}

/* The agendas of one of both, but those that were written for the other. */
static enum status
write_agendas(struct op *op, const struct booked *of, const struct booked *after,
              const struct booked *written)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < of->quarter_count; i++)
        for (unsigned area = 0; area < 2; area++) {
            struct text name = area ? of->area : of->event->host;
            if (written && has_agenda(written, area, name, of->quarters[i]))
                continue;
            status =
                events_handlers_both(status, write_agenda(op, area ? "area" : "host", name,
                                                          of->quarters[i], of->event->id, after));
        }
    return status;
}

enum status
events_handlers_book(struct op *op, const struct event *before, const struct event *after)
{
    struct booked *old = op_alloc(op, sizeof *old), *new = op_alloc(op, sizeof *new);
    if (!old || !new)
        return op_no_memory(op);
    look_at(op, before, old);
    look_at(op, after, new);
    enum status status = write_agendas(op, old, new, NULL);
    return events_handlers_both(status, write_agendas(op, new, new, old));
}
