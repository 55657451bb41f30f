/* See events_handlers_clash.h: outside calendars, imported and listed. It must not know sockets,
 * Redis, or how a calendar is read. */
#include "common/base/clock.h"
#include "services/events/events_handlers_clash.h"
#include "services/events/events_handlers_parts.h"
#include "services/events/events_ical_read.h"

#define YEARS_AROUND 5
#define DAYS_MAX 10958 /* 30 years */
#define EXPAND_MS 300  /* what the recurrences of a file may take */

/* A calendar on its way in. */
struct import {
    const struct calendar_import *in;
    struct calendar calendar; /* as it will be */
    struct calendar before;   /* as it is, if `known` */
    bool known, changed;
    struct events_ical_spans spans;
    int64_t until_ms; /* for go_on, on the monotonic clock */
};

static bool
go_on(void *arg)
{
    return clock_mono_ms() < ((const struct import *)arg)->until_ms;
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static enum status
set_calendar(struct op *op, struct import *import)
{
    const struct calendar_import *in = import->in;
    struct calendar *calendar = &import->calendar;
    int year, month, mday;
    date_civil(op_today(op), &year, &month, &mday);
    schema_init(&calendar_schema, calendar);
    schema_copy(&calendar_schema, calendar, &calendar_import_schema, in);
    calendar->present = true;
    if (calendar->from == DATE_NONE)
        calendar->from = date_of_civil(year - YEARS_AROUND, 1, 1);
    if (calendar->to == DATE_NONE)
        calendar->to = date_of_civil(year + YEARS_AROUND, 12, 31);
    if (calendar->from < date_of_civil(EVENTS_YEAR_MIN, 1, 1))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "from",
                         "from: want a day from %d on", EVENTS_YEAR_MIN);
    if (calendar->to < calendar->from || calendar->to - calendar->from > DAYS_MAX)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "to",
                         "to: want a day from `from` on, at most 30 years later");
    if (in->host.ptr && !events_known_participant(events_handlers_known(op), in->host))
        return events_handlers_sure(op,
                                    error_set(op_error(op), STATUS_INVALID_ARGUMENT, "host",
                                              "host: %.*s is no participant", TEXT_ARG(in->host)));
    return STATUS_OK;
}

static enum status
load_before(struct op *op, struct import *import)
{
    enum status status =
        op_load(op, "calendar", import->in->calendar, &calendar_schema, &import->before);
    import->known = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- agendas --------------------------------------------------------------------------------- */

static struct text
scope_of(const struct calendar *calendar)
{
    return calendar->host.ptr ? calendar->host : TEXT_LITERAL("*");
}

static void
put_spans(const struct import *import, int quarter, struct buf *out)
{
    int64_t start_ms = events_agenda_quarter_start(quarter);
    int64_t end_ms = events_agenda_quarter_start(quarter + 1);
    int severity = import->calendar.severity;
    for (unsigned i = 0; i < import->spans.count; i++) {
        const struct events_ical_span *span = &import->spans.items[i];
        if (span->end_ms <= start_ms || span->start_ms >= end_ms)
            continue;
        struct events_booking booking = {
            .start_ms = span->start_ms,
            .end_ms = span->end_ms,
            .mark = span->days ? 'd' : 't',
            .who = severity ? text_of(clash_severity_words[severity - 1]) : TEXT_LITERAL("-"),
            .what = import->calendar.calendar,
            .name = text_of(span->summary),
        };
        events_agenda_put(out, &booking);
    }
}

static bool
same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

/* One agenda: what it had of the calendar is replaced, if it is anything else. */
static enum status
write_agenda(struct op *op, struct import *import, struct text scope, int quarter, bool put)
{
    struct agenda agenda;
    struct buf own = {0}, lines = {0}, next = {0};
    struct text id = events_handlers_agenda_id(op, "outside", scope, quarter);
    enum status status = events_handlers_agenda(op, id, &agenda);
    if (status != STATUS_OK)
        return status;
    events_agenda_split(agenda.lines, import->in->calendar, &own, &lines);
    if (put)
        put_spans(import, quarter, &next);
    if (!same(&own, &next)) {
        import->changed = true;
        buf_append(&lines, next.data, next.len);
        lines.failed = lines.failed || own.failed || next.failed;
        status = events_handlers_agenda_save(op, id, &agenda, &lines);
    }
    buf_fini(&own);
    buf_fini(&lines);
    buf_fini(&next);
    return status;
}

/* The agendas of the quarters of a calendar as it was or will be, but those of `written`. */
static enum status
write_agendas(struct op *op, struct import *import, const struct calendar *of,
              const struct calendar *written)
{
    enum status status = STATUS_OK;
    bool put = text_equal(scope_of(of), scope_of(&import->calendar));
    int last = events_agenda_quarter(of->to * DATE_DAY_MS), skip_from = 1, skip_to = 0;
    if (written && text_equal(scope_of(of), scope_of(written))) {
        skip_from = events_agenda_quarter(written->from * DATE_DAY_MS);
        skip_to = events_agenda_quarter(written->to * DATE_DAY_MS);
    }
    for (int at = events_agenda_quarter(of->from * DATE_DAY_MS); at <= last; at++) {
        if (at >= skip_from && at <= skip_to)
            continue;
        status = events_handlers_both(status, write_agenda(op, import, scope_of(of), at, put));
    }
    return status;
}

/* ---- calendar.import ------------------------------------------------------------------------- */

static enum status
write(struct op *op, struct import *import)
{
    enum status status = STATUS_OK;
    struct calendar *calendar = &import->calendar;
    calendar->spans = import->spans.count;
    if (import->known)
        status = write_agendas(op, import, &import->before, NULL);
    status = events_handlers_both(status, write_agendas(op, import, calendar,
                                                        import->known ? &import->before : NULL));
    if (status != STATUS_OK)
        return status;
    struct text id = calendar->calendar, topic = op_format(op, "calendars.%.*s.", TEXT_ARG(id));
    calendar->rev = import->known ? import->before.rev : 0;
    if (import->known && !import->changed &&
        schema_same(&calendar_schema, calendar, &import->before))
        return op_answer_unchanged(op, &calendar_schema, calendar, topic);
    struct text saved = op_save(op, "calendar", id, &calendar_schema, calendar);
    op_index_add(op, op_format(op, "c|%.*s", TEXT_ARG(id)));
    op_record_raw(op, "calendar.imported", topic, saved, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

enum status
calendar_import_handle(struct op *op, const void *params)
{
    struct import *import = op_alloc(op, sizeof *import);
    if (!import)
        return op_no_memory(op);
    *import = (struct import){.in = params};
    enum status status = set_calendar(op, import);
    if (status == STATUS_OK)
        status = load_before(op, import);
    if (status != STATUS_OK)
        return status;
    import->until_ms = clock_mono_ms() + EXPAND_MS;
    struct events_ical_options options = {.from = import->calendar.from,
                                          .to = import->calendar.to,
                                          .zone = import->in->zone,
                                          .zones = events_view_zones(op_service(op)),
                                          .go_on = go_on,
                                          .arg = import};
    status = events_ical_read(import->in->ics, &options, &import->spans, op_error(op));
    if (status == STATUS_OK)
        status = write(op, import);
    events_ical_spans_fini(&import->spans);
    return status;
}

/* ---- calendar.list --------------------------------------------------------------------------- */

enum status
calendar_list_handle(struct op *op, const void *params)
{
    const struct calendar_list *in = params;
    unsigned limit = in->limit == INT_NONE ? 100 : (unsigned)in->limit;
    struct op_range range;
    int64_t seq = 0;
    bool more = in->cursor.ptr && in->cursor.len;
    if (more && !text_is_id(in->cursor))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before, unchanged");
    struct text from = more ? op_format(op, "c|%.*s!", TEXT_ARG(in->cursor)) : TEXT_LITERAL("c|");
    enum status seq_status = op_seq(op, &seq);
    enum status status = op_scan(op, from, TEXT_LITERAL("c|}"), limit + 1, &range);
    if (status != STATUS_OK || seq_status != STATUS_OK)
        return status != STATUS_OK ? status : seq_status;
    unsigned count = range.count < limit ? range.count : limit;
    op_list_begin(op);
    for (unsigned i = 0; i < count; i++) {
        struct text bytes, id = {range.items[i].ptr + 2, range.items[i].len - 2};
        enum status peeked = op_peek(op, "calendar", id, NULL, NULL, &bytes);
        if (peeked == STATUS_OK)
            op_list_item_raw(op, bytes);
        else if (peeked != STATUS_NOT_FOUND)
            status = peeked;
    }
    if (status != STATUS_OK)
        return status;
    struct text next = TEXT_NONE;
    if (range.count > limit)
        next = (struct text){range.items[count - 1].ptr + 2, range.items[count - 1].len - 2};
    op_list_end(op, next, seq);
    return STATUS_OK;
}
