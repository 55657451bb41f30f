/* See events_handlers_memory.h. */
#include "services/events/events_handlers_memory.h"

#include "common/msg/schema_mp.h"

struct events_missed {
    int64_t bucket;
    char scope; /* 'r': the rules */
    struct text lines;
    struct events_missed *next;
};

/* The mark, held through runs: it is older than what any of them reads. */
struct held {
    bool taken;
    struct events_spans_mark mark;
};

enum status
events_memory_begin(struct op *op, struct events_memory **out)
{
    struct events_view *view = op_service(op);
    struct events_memory *memory = *out = NULL;
    struct events_agendas *agendas = events_view_agendas(view);
    int64_t seq;
    if (!events_spans_used(events_agendas_spans(agendas)))
        return STATUS_OK;
    enum status status = op_current(op, &seq);
    if (status != STATUS_OK)
        return status;
    struct held *held = op_hold(op, "agendas", sizeof *held);
    memory = op_alloc(op, sizeof *memory);
    if (!held || !memory)
        return op_no_memory(op);
    events_agendas_tidy(agendas);
    *memory = (struct events_memory){.op = op,
                                     .agendas = agendas,
                                     .spans = events_agendas_spans(agendas)};
    if (!held->taken)
        *held = (struct held){true, events_spans_mark(memory->spans, seq)};
    memory->mark = held->mark;
    *out = memory;
    return STATUS_OK;
}

/* ---- what is there --------------------------------------------------------------------------- */

static const struct events_spans_items *
get(struct events_memory *memory, int64_t bucket)
{
    if (bucket == EVENTS_AGENDAS_NONE)
        return NULL;
    const struct events_spans_items *items = events_spans_get(memory->spans, bucket);
    for (unsigned i = 0; items && i < items->count; i++)
        if (events_spans_outdated(memory->spans, items, &items->items[i]))
            return NULL;
    return items;
}

const struct events_spans_items *
events_memory_agenda(struct events_memory *memory, const char *scope, struct text name, int quarter)
{
    return get(memory, events_agendas_bucket(memory->agendas, *scope, name, quarter));
}

bool
events_memory_rules(struct events_memory *memory, struct text *document)
{
    const struct events_spans_items *items = get(memory, events_agendas_rules());
    *document = items && items->count ? items->items[0].document : TEXT_NONE;
    return items != NULL;
}

/* ---- what is not ----------------------------------------------------------------------------- */

static void
miss(struct events_memory *memory, int64_t bucket, char scope, struct text lines)
{
    struct events_missed *missed = op_alloc(memory->op, sizeof *missed);
    if (!missed || bucket == EVENTS_AGENDAS_NONE)
        return; /* it is read again when it is asked for again */
    *missed = (struct events_missed){bucket, scope, lines, memory->missed};
    memory->missed = missed;
}

void
events_memory_missed(struct events_memory *memory, const char *scope, struct text name, int quarter,
                     struct text lines)
{
    miss(memory, events_agendas_bucket(memory->agendas, *scope, name, quarter), *scope, lines);
}

void
events_memory_missed_rules(struct events_memory *memory, struct text document)
{
    miss(memory, events_agendas_rules(), 'r', document);
}

static void
keep(struct events_memory *memory, const struct events_missed *missed)
{
    size_t room = missed->lines.len / EVENTS_AGENDA_LINE_MIN + 1;
    struct events_spans_items kept = {false, 0, NULL};
    struct events_spans_item *items = op_alloc(memory->op, room * sizeof *items);
    struct text *ids = op_alloc(memory->op, room * sizeof *ids);
    if (!items || !ids)
        return;
    kept.items = items;
    if (missed->scope == 'r' && missed->lines.ptr) {
        items[0] =
            (struct events_spans_item){.entry = {missed->lines.ptr, 0}, .document = missed->lines};
        ids[0] = TEXT_LITERAL("rules");
        kept.count = 1;
    } else if (missed->lines.len) {
        kept.count = events_agendas_items(missed->scope, missed->lines, items, ids);
    }
    events_spans_put(memory->spans, missed->bucket, memory->mark, &kept, ids);
}

void
events_memory_keep(struct events_memory *memory)
{
    for (; memory->missed; memory->missed = memory->missed->next)
        keep(memory, memory->missed);
}

/* ---- what the log tells ---------------------------------------------------------------------- */

static void
changed_event(struct events_agendas *agendas, int64_t seq, const struct event_sessions *event)
{
    struct text area = event->area.ptr ? event->area : TEXT_LITERAL("-");
    for (uint32_t i = 0; i < event->sessions.count; i++) {
        int64_t start_ms = event->sessions.items[i].start.ms;
        int64_t end_ms = when_end_ms(event->sessions.items[i].end);
        events_agendas_touch(agendas, 'h', event->host, start_ms, end_ms, seq);
        events_agendas_touch(agendas, 'a', area, start_ms, end_ms, seq);
    }
}

static void
changed_calendar(struct events_agendas *agendas, const struct log_record *record)
{
    struct calendar calendar;
    struct error error;
    if (schema_decode_bytes(&calendar_schema, record->data.ptr, record->data.len, &calendar,
                            SCHEMA_STORED, &error) != STATUS_OK) {
        events_spans_forget(events_agendas_spans(agendas));
        return;
    }
    events_spans_touch(events_agendas_spans(agendas), calendar.calendar, record->seq);
    events_agendas_touch(agendas, 'o', calendar.host.ptr ? calendar.host : TEXT_LITERAL("*"),
                         calendar.from * DATE_DAY_MS, calendar.to * DATE_DAY_MS, record->seq);
}

void
events_memory_changed(struct events_agendas *agendas, const struct log_record *record,
                      const struct event_sessions *event)
{
    if (event)
        changed_event(agendas, record->seq, event);
    else if (topic_starts_with(record->topic, TEXT_LITERAL("calendars.")))
        changed_calendar(agendas, record);
    else if (topic_starts_with(record->topic, TEXT_LITERAL("rules.")))
        events_spans_touch_bucket(events_agendas_spans(agendas), events_agendas_rules(),
                                  record->seq);
}
