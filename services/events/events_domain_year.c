/* See events_plan.h: the numbers of a year, each event counted once in every table.
 * It must not know clocks, stores or messages on the wire. */
#include <stdio.h>
#include <string.h>

#include "services/events/events_plan.h"

#define SERIES_DEPTH 8 /* a series of series, and no circle */
#define OTHERS TEXT_LITERAL("others")

/* A table of rows in order of their names. */
struct table {
    uint32_t *count, max;
    struct year_row *rows;
};

#define TABLE(list)                                                                                \
    (struct table)                                                                                 \
    {                                                                                              \
        &(list).count, sizeof(list).items / sizeof *(list).items, (list).items                     \
    }

static void
zero(struct year_row *row, struct text name)
{
    memset(row, 0, sizeof *row);
    row->present = true;
    row->name = name;
    row->participants_qualifier = COUNT_EXACT;
}

/* The row of a name (absent: "-"), made if there is none. In a full table the last row is for all
 * others. */
static struct year_row *
row_of(struct table table, struct text name)
{
    if (!name.ptr)
        name = TEXT_LITERAL("-");
    struct year_row *rows = table.rows;
    uint32_t at = 0;
    while (at < *table.count && text_compare(rows[at].name, name) < 0)
        at++;
    if (at < *table.count && text_equal(rows[at].name, name))
        return rows + at;
    if (*table.count == table.max) {
        rows[table.max - 1].name = OTHERS;
        return rows + table.max - 1;
    }
    memmove(rows + at + 1, rows + at, (*table.count - at) * sizeof *rows);
    ++*table.count;
    zero(rows + at, name);
    return rows + at;
}

/* ---- one event ---- */

void
events_year_of(const struct event *event, bool planned, struct events_year_event *out)
{
    *out = (struct events_year_event){
        .id = event->id,
        .title = event->title,
        .host = event->host,
        .dimension = event->dimension,
        .area = event->area,
        .series = event->series,
        .status = event->status,
        .format = event->format,
        .planned = planned,
        .start_ms = TIME_NONE,
        .end_ms = TIME_NONE,
        .participants_count = event->report.present ? event->report.participants_count : INT_NONE,
        .participants_qualifier = event->report.present ? event->report.participants_qualifier : 0,
        .quarter = "-",
    };
    if (!event->sessions.count)
        return;
    int year, month, mday;
    out->start_ms = event->sessions.items[0].start.ms;
    out->end_ms = when_end_ms(event->sessions.items[event->sessions.count - 1].end);
    date_civil(date_of_time(out->start_ms), &year, &month, &mday);
    snprintf(out->quarter, sizeof out->quarter, "%04u-Q%u", (unsigned)year % 10000U,
             (unsigned)(month - 1) / 3 % 4 + 1);
}

bool
events_year_took_place(const struct events_year_event *event, int64_t as_of_ms)
{
    return (event->status == EVENT_HELD || event->status == EVENT_REPORTED) &&
           (event->end_ms == TIME_NONE || event->end_ms <= as_of_ms);
}

static const struct events_year_event *
find(const struct events_year_event *events, unsigned count, struct text id)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = text_compare(events[middle].id, id);
        if (order == 0)
            return &events[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Whether a series that the event is a part of has its own count, which the event's is in. */
static bool
in_total(const struct events_year_event *event, const struct events_year_event *events,
         unsigned count, int64_t as_of_ms)
{
    const struct events_year_event *series = event;
    for (int depth = 0; depth < SERIES_DEPTH && series && series->series.ptr; depth++) {
        series = find(events, count, series->series);
        if (series == event)
            return false;
        if (series && series->participants_count != INT_NONE &&
            events_year_took_place(series, as_of_ms))
            return true;
    }
    return false;
}

/* exact < about < more_than: what a sum means is what the least certain of its counts does. */
static void
add_count(struct year_row *row, const struct events_year_event *event)
{
    row->participants_count += event->participants_count;
    row->counted++;
    if (event->participants_qualifier > row->participants_qualifier)
        row->participants_qualifier = event->participants_qualifier;
}

static void
add(struct year_row *row, const struct events_year_event *event, bool held, bool counted)
{
    row->events++;
    row->planned += event->planned;
    row->additional += !event->planned;
    row->held += held;
    row->reported += held && event->status == EVENT_REPORTED;
    row->planned_held += held && event->planned;
    row->proposed += event->status == EVENT_PROPOSED;
    row->accepted += event->status == EVENT_ACCEPTED;
    row->scheduled += event->status == EVENT_SCHEDULED ||
                      (!held && (event->status == EVENT_HELD || event->status == EVENT_REPORTED));
    row->postponed += event->status == EVENT_POSTPONED;
    row->cancelled += event->status == EVENT_CANCELLED;
    if (counted)
        add_count(row, event);
}

/* ---- what is overdue ---- */

static void
add_overdue(struct plan_report *out, const struct events_year_event *event, date_day ended,
            date_day due)
{
    const uint32_t max = sizeof out->overdue.items / sizeof *out->overdue.items;
    uint32_t at = out->overdue.count;
    out->overdue_count++;
    while (at && out->overdue.items[at - 1].due > due)
        at--;
    if (at == max)
        return;
    uint32_t kept = out->overdue.count < max ? out->overdue.count++ : max - 1;
    memmove(&out->overdue.items[at + 1], &out->overdue.items[at],
            (kept - at) * sizeof *out->overdue.items);
    out->overdue.items[at] =
        (struct year_overdue){true,          event->id, event->title, event->host,
                              event->status, ended,     due};
}

static void
look_if_over(const struct events_year_input *in, const struct events_year_event *event,
             struct plan_report *out)
{
    int64_t at_ms = in->now_ms < in->as_of_ms ? in->now_ms : in->as_of_ms;
    int64_t days = in->report_days == INT_NONE ? EVENTS_REPORT_DAYS : in->report_days;
    bool waits = event->status == EVENT_SCHEDULED || event->status == EVENT_HELD;
    if (!waits || event->end_ms == TIME_NONE || event->end_ms > at_ms)
        return;
    date_day ended = date_of_time(event->end_ms - 1), due = ended + (date_day)days;
    out->hold_due += event->status == EVENT_SCHEDULED;
    if (date_of_time(at_ms - 1) > due)
        add_overdue(out, event, ended, due);
}

/* ---- all of them ---- */

/* Rows that are there whether or not an event is. */
static void
begin(struct events_year_input *in, struct plan_report *out)
{
    struct text *areas = out->areas_without.items; /* every one, until an event is found in it */
    const unsigned max = sizeof out->areas_without.items / sizeof *areas;
    unsigned count;
    out->catalogue =
        events_known_areas(in->known, date_of_civil((int)in->year, 12, 31), areas, max, &count);
    out->areas_without.count = count;
    out->by_dimension.count = out->by_area.count = out->by_host.count = 0;
    out->by_format.count = out->by_quarter.count = out->overdue.count = 0;
    out->hold_due = out->overdue_count = 0;
    for (unsigned i = 0; i < count; i++)
        row_of(TABLE(out->by_area), areas[i]);
    for (int format = FORMAT_ONLINE; format < event_format_end; format++)
        row_of(TABLE(out->by_format), text_of(event_format_words[format - 1]));
    for (unsigned i = 0; i < 4; i++) {
        snprintf(in->quarters[i], sizeof in->quarters[i], "%04u-Q%u", (unsigned)in->year % 10000U,
                 i + 1);
        row_of(TABLE(out->by_quarter), text_of(in->quarters[i]));
    }
}

static void
leave_empty_areas(struct plan_report *out)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->areas_without.count; i++) {
        const struct year_row *row = row_of(TABLE(out->by_area), out->areas_without.items[i]);
        if (row->events == row->cancelled)
            out->areas_without.items[kept++] = out->areas_without.items[i];
    }
    out->areas_without.count = kept;
}

void
events_year_count(struct events_year_input *in, const struct events_year_event *events,
                  unsigned count, struct plan_report *out)
{
    struct year_row all;
    zero(&all, TEXT_NONE);
    begin(in, out);
    for (unsigned i = 0; i < count; i++) {
        const struct events_year_event *event = &events[i];
        if (event->status == EVENT_WITHDRAWN)
            continue;
        bool held = events_year_took_place(event, in->as_of_ms);
        bool counted = held && event->participants_count != INT_NONE &&
                       !in_total(event, events, count, in->as_of_ms);
        struct text format =
            event->format ? text_of(event_format_words[event->format - 1]) : TEXT_NONE;
        add(&all, event, held, counted);
        add(row_of(TABLE(out->by_dimension), event->dimension), event, held, counted);
        add(row_of(TABLE(out->by_area), event->area), event, held, counted);
        add(row_of(TABLE(out->by_host), event->host), event, held, counted);
        add(row_of(TABLE(out->by_format), format), event, held, counted);
        add(row_of(TABLE(out->by_quarter), text_of(event->quarter)), event, held, counted);
        look_if_over(in, event, out);
    }
    leave_empty_areas(out);
    schema_init(&year_total_schema, &out->total);
    out->total.present = true;
    schema_copy(&year_total_schema, &out->total, &year_row_schema, &all);
}

void
events_year_states(const struct event_report *report, struct plan_report *out)
{
    const uint32_t max = sizeof out->states.items / sizeof *out->states.items;
    for (uint32_t i = 0; i < report->member_states.count; i++) {
        struct text code = report->member_states.items[i];
        uint32_t at = 0;
        while (at < out->states.count && text_compare(out->states.items[at].code, code) < 0)
            at++;
        if (at < out->states.count && text_equal(out->states.items[at].code, code)) {
            out->states.items[at].events++;
            continue;
        }
        if (out->states.count == max)
            continue; /* more than there are states */
        memmove(&out->states.items[at + 1], &out->states.items[at],
                (out->states.count++ - at) * sizeof *out->states.items);
        out->states.items[at] = (struct year_state){true, code, 1};
    }
}
