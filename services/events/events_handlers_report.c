/* See events_handlers_plan.h: plan.report and stats.year. It must not know sockets or Redis. */
#include "common/msg/schema_mp.h"
#include "services/events/events_handlers_plan.h"

/* The numbers of a year being made. */
struct report {
    struct events_year_input in;
    struct events_set events, adopted; /* adopted: none if `version` is absent */
    struct plan_report *out;
};

/* Whether the version's event was to take place. */
static bool
was_planned(struct text document)
{
    struct text status = events_handlers_text_at(document, "status");
    return !text_is(status, "cancelled") && !text_is(status, "withdrawn");
}

/* Whether the id is in the adopted version: both are in order of ids, `*at` goes along. */
static bool
in_version(const struct events_set *adopted, unsigned *at, struct text id)
{
    while (*at < adopted->count && text_compare(adopted->items[*at].id, id) < 0)
        ++*at;
    return *at < adopted->count && text_equal(adopted->items[*at].id, id) &&
           was_planned(adopted->items[*at].bytes);
}

static enum status
count(struct op *op, struct report *report)
{
    unsigned at = 0;
    struct plan_report *out = report->out;
    struct event *event = op_alloc(op, sizeof *event);
    struct events_year_event *events = op_alloc(op, (report->events.count + 1) * sizeof *events);
    if (!event || !events)
        return op_no_memory(op);
    out->states.count = 0;
    for (unsigned i = 0; i < report->events.count; i++) {
        struct text bytes = report->events.items[i].bytes;
        enum status status = schema_decode_bytes(&event_schema, bytes.ptr, bytes.len, event,
                                                 SCHEMA_STORED, op_error(op));
        if (status != STATUS_OK)
            return error_set(op_error(op), STATUS_INTERNAL, NULL,
                             "the stored event %.*s is damaged",
                             TEXT_ARG(report->events.items[i].id));
        bool planned = out->version == INT_NONE ? event->additional != 1
                                                : in_version(&report->adopted, &at, event->id);
        events_year_of(event, planned, &events[i]);
        if (event->report.present && events_year_took_place(&events[i], report->in.as_of_ms))
            events_year_states(&event->report, out);
    }
    events_year_count(&report->in, events, report->events.count, out);
    out->planned_gone = -out->total.planned;
    for (unsigned i = 0; i < report->adopted.count; i++)
        out->planned_gone += was_planned(report->adopted.items[i].bytes);
    if (out->version == INT_NONE)
        out->planned_gone = 0;
    return STATUS_OK;
}

/* Reads what is counted: the events and the adopted version of the plan, if there is one. */
static enum status
load(struct op *op, int64_t year, struct report *report)
{
    struct plan *plan = op_alloc(op, sizeof *plan);
    struct plan_report *out = report->out = op_alloc(op, sizeof *out);
    const struct plan_step *step = NULL;
    if (!plan || !out)
        return op_no_memory(op);
    schema_init(&plan_report_schema, out);
    out->present = true;
    out->year = year;
    enum status events = events_handlers_year(op, year, &report->events);
    enum status status =
        op_peek(op, "plan", op_format(op, "%lld", (long long)year), &plan_schema, plan, NULL);
    report->in.report_days = INT_NONE;
    if (status == STATUS_OK) {
        out->status = plan->status;
        report->in.report_days = plan->report_days;
        if (plan->adopted_version != INT_NONE)
            step = events_plan_kept(plan, plan->adopted_version);
    }
    if (step) {
        out->version = plan->adopted_version;
        status = events_handlers_kept(op, plan, step, &report->adopted);
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    return events;
}

static enum status
make(struct op *op, int64_t year, date_day as_of, struct report *report)
{
    *report = (struct report){.in = {.known = events_handlers_known(op),
                                     .year = year,
                                     .as_of_ms = INT64_MAX,
                                     .now_ms = op_now_ms(op)}};
    if (as_of != DATE_NONE)
        report->in.as_of_ms = (int64_t)(as_of + 1) * DATE_DAY_MS;
    enum status status = load(op, year, report);
    if (status != STATUS_OK)
        return status;
    report->out->as_of = as_of;
    return count(op, report);
}

enum status
plan_report_handle(struct op *op, const void *params)
{
    const struct plan_reporting *in = params;
    struct report report;
    enum status status = make(op, in->year, in->as_of, &report);
    if (status == STATUS_OK)
        op_answer(op, &plan_report_schema, report.out);
    return status;
}

enum status
stats_year_handle(struct op *op, const void *params)
{
    const struct year_ref *in = params;
    struct report report;
    struct year_stats *out = op_alloc(op, sizeof *out);
    if (!out)
        return op_no_memory(op);
    enum status status = make(op, in->year, DATE_NONE, &report);
    if (status != STATUS_OK)
        return status;
    schema_init(&year_stats_schema, out);
    out->present = true;
    schema_copy(&year_stats_schema, out, &plan_report_schema, report.out);
    op_answer(op, &year_stats_schema, out);
    return STATUS_OK;
}
