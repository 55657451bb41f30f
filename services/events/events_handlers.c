/* See events_handlers.h: proposals, amendments and the steps of the life cycle.
 * It must not know sockets or Redis. */
#include "services/events/events_handlers.h"

#include "services/events/events_handlers_clash.h"
#include "services/events/events_hold.h"

#define METHOD(id, name, params, result, read_only, permission, answers, doc) id##_handle,
op_handler_fn *const events_handlers[] = {
#include "common/msg/def_begin.h"
#include "common/msg/events.def"
#include "common/msg/def_end.h"
};

const struct events_known *
events_handlers_known(const struct op *op)
{
    return events_view_known(op_service(op));
}

enum status
events_handlers_sure(struct op *op, enum status status)
{
    int64_t seq;
    if (status == STATUS_OK)
        return status;
    struct error refusal = *op_error(op);
    enum status waited = op_seq(op, &seq);
    if (waited == STATUS_OK)
        waited = op_wait_seq(op, seq);
    if (waited != STATUS_OK)
        return waited;
    *op_error(op) = refusal;
    return status;
}

enum status
events_handlers_found(struct op *op, enum status status, const char *what, struct text id)
{
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_NOT_FOUND, "id", "there is no %s %.*s", what,
                     TEXT_ARG(id));
}

static struct text
topic_of(struct op *op, const struct event *event)
{
    char topic[EVENTS_TOPIC_MAX];
    events_domain_topic(event, topic);
    return op_join(op, 1, (const struct text[]){text_of(topic)});
}

struct events_actor
events_handlers_actor(const struct op *op)
{
    const struct principal *principal = op_principal(op);
    return (struct events_actor){principal->roles, principal->member};
}

enum status
events_handlers_visible(struct op *op, const struct event *event)
{
    struct events_actor actor = events_handlers_actor(op);
    bool visible = events_domain_visible(&actor, event, events_handlers_known(op), op_today(op));
    return visible ? STATUS_OK : events_handlers_found(op, STATUS_NOT_FOUND, "event", event->id);
}

/* Every event is saved here, with the time of its change. */
static struct text
save(struct op *op, struct event *event)
{
    event->changed = op_now_ms(op) / 1000 * 1000;
    return op_save(op, "event", event->id, &event_schema, event);
}

void
events_handlers_tell(struct op *op, struct event *event, const char *type, const char *from)
{
    struct text saved = save(op, event);
    op_record_raw(op, type, topic_of(op, event), saved, from, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
}

/* ---- proposals ------------------------------------------------------------------------------- */

/* Finds the id of a new event: the one given, or the first free one made from the title. */
static enum status
choose_id(struct op *op, const struct event_draft *draft, struct text *id)
{
    enum status status;
    if (draft->id.ptr) {
        *id = draft->id;
        status = op_load_new(op, "event", *id);
        if (status == STATUS_OK)
            return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                             "there is an event %.*s already; leave the id out to get a free one",
                             TEXT_ARG(*id));
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    for (unsigned n = 0; n < EVENTS_ID_TRIES; n++) {
        char made[TEXT_ID_MAX + 1];
        events_domain_id(draft, n, made);
        *id = op_format(op, "%s", made);
        status = op_load_new(op, "event", *id);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    return error_set(op_error(op), STATUS_ALREADY_EXISTS, "title",
                     "%d events have this title; give the event an id", EVENTS_ID_TRIES);
}

/* Whether the event comes after its plan was adopted. */
static enum status
set_additional(struct op *op, struct event *event)
{
    struct plan plan;
    char digits[TEXT_NUMBER_MAX];
    struct text year = {digits, (uint32_t)text_number(event->year, digits)};
    enum status status = op_load(op, "plan", year, &plan_schema, &plan);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    event->additional = events_domain_additional(status == STATUS_OK ? &plan : NULL);
    return STATUS_OK;
}

enum status
event_propose_handle(struct op *op, const void *params)
{
    const struct event_draft *draft = params;
    const struct events_known *known = events_handlers_known(op);
    struct events_actor actor = events_handlers_actor(op);
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return op_no_memory(op);
    enum status status = events_domain_may_propose(&actor, draft->host, op_error(op));
    if (status != STATUS_OK)
        return status;
    schema_init(&event_schema, event);
    event->present = true;
    schema_copy(&event_schema, event, &event_draft_schema, draft);
    status = events_domain_check_sessions(event, op_error(op));
    if (status != STATUS_OK)
        return status;
    status = events_domain_check_hosts(event, known, op_today(op), op_error(op));
    if (status == STATUS_OK)
        status = events_domain_check_place(event, known, op_error(op));
    status = events_handlers_sure(op, status);
    if (status != STATUS_OK)
        return status;

    event->status = EVENT_PROPOSED;
    if (!(actor.roles & PERMIT_SECRETARIAT)) {
        event->author = draft->host;
        event->draft = 1;
    }
    enum status plan_status = set_additional(op, event); /* asked for in one round with the id */
    status = choose_id(op, draft, &event->id);
    if (status == STATUS_OK)
        status = plan_status;
    if (status != STATUS_OK)
        return status;

    events_handlers_tell(op, event, "event.proposed", NULL);
    return events_handlers_index(op, NULL, event);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* A step under way. */
struct change {
    struct event *event;
    struct events_step step;
    const struct zone *zone; /* of the event, before the step */
    int64_t hold_at;         /* before the step: events_domain_hold_at */
};

/* Loads the event and checks who asks, the revision expected, and that the step is possible. */
static enum status
begin(struct op *op, struct text id, int64_t rev, enum events_action action, struct change *out)
{
    struct events_actor actor = events_handlers_actor(op);
    *out = (struct change){.event = op_alloc(op, sizeof *out->event)};
    if (!out->event)
        return op_no_memory(op);
    enum status status = op_load(op, "event", id, &event_schema, out->event);
    if (status != STATUS_OK)
        return events_handlers_found(op, status, "event", id);
    status = events_domain_may(&actor, action, out->event, events_handlers_known(op), op_today(op),
                               op_error(op));
    status = events_handlers_sure(op, status);
    if (status == STATUS_OK)
        status = op_expect_rev(op, rev, out->event->rev);
    if (status != STATUS_OK)
        return status;
    out->zone = events_view_zone(op_service(op), out->event->zone);
    out->hold_at = events_domain_hold_at(out->event, out->zone);
    return events_domain_step(out->event, action, &out->step, op_error(op));
}

/* The event as it is now; NULL when out of memory. */
static struct event *
copy_of(struct op *op, const struct event *event)
{
    struct event *copy = op_alloc(op, sizeof *copy);
    if (copy)
        *copy = *event;
    return copy;
}

/* Tells of a change that moved the event to another topic: there, with `moved_from`, and by a last
 * record on the topic it left. */
static enum status
record_move(struct op *op, const char *type, struct text old_topic, struct text topic,
            const struct event *event, const char *from, struct text extra)
{
    struct event *told = op_alloc(op, sizeof *told);
    if (!told)
        return op_no_memory(op);
    *told = *event;
    told->moved_from = old_topic;
    op_record(op, type, topic, &event_schema, told, from, extra.ptr ? "override" : NULL, extra);
    told->moved_from = TEXT_NONE;
    op_record(op, "event.moved", old_topic, &event_schema, told, NULL, "moved_to", topic);
    return STATUS_OK;
}

/* Tells of a step on the way to the one that is taken. */
static enum status
record_held(struct op *op, const struct change *change)
{
    struct event *told = op_alloc(op, sizeof *told);
    if (!told)
        return op_no_memory(op);
    *told = *change->event;
    told->report.present = false;
    told->status = EVENT_HELD;
    told->hold_due = TIME_NONE;
    told->changed = op_now_ms(op) / 1000 * 1000;
    told->rev++;
    op_record(op, change->step.held, topic_of(op, told), &event_schema, told,
              event_status_words[change->event->status - 1], NULL, TEXT_NONE);
    return STATUS_OK;
}

/* Saves, records and answers; `override` is one more text of the record. */
static enum status
finish(struct op *op, struct change *change, struct text override)
{
    struct event *event = change->event;
    const struct events_step *step = &change->step;
    struct text old_topic = topic_of(op, event);
    if (step->held && record_held(op, change) != STATUS_OK)
        return STATUS_RESOURCE_EXHAUSTED;
    events_domain_take(event, step, events_view_zone(op_service(op), event->zone));
    events_hold_plan(op, change->hold_at, event);
    struct text topic = topic_of(op, event), saved = save(op, event);
    if (!text_equal(old_topic, topic)) {
        enum status status =
            record_move(op, step->record, old_topic, topic, event, step->from, override);
        if (status != STATUS_OK)
            return status;
    } else {
        op_record_raw(op, step->record, topic, saved, step->from, override.ptr ? "override" : NULL,
                      override);
    }
    op_answer_raw(op, saved);
    return STATUS_OK;
}

enum status
event_accept_handle(struct op *op, const void *params)
{
    const struct event_ref *in = params;
    struct change change;
    enum status status = begin(op, in->id, in->rev, EVENTS_ACCEPT, &change);
    return status == STATUS_OK ? finish(op, &change, TEXT_NONE) : status;
}

enum status
event_hold_handle(struct op *op, const void *params)
{
    const struct event_ref *in = params;
    struct change change;
    enum status status = begin(op, in->id, in->rev, EVENTS_HOLD, &change);
    if (status == STATUS_OK)
        status = events_domain_begun(change.event, change.zone, op_now_ms(op), op_error(op));
    return status == STATUS_OK ? finish(op, &change, TEXT_NONE) : status;
}

/* A step that takes an event off the agendas. */
static enum status
step_with_reason(struct op *op, const struct event_reason *in, enum events_action action)
{
    struct change change;
    enum status status = begin(op, in->id, in->rev, action, &change);
    if (status != STATUS_OK)
        return status;
    struct event *before = copy_of(op, change.event);
    if (!before)
        return op_no_memory(op);
    change.event->reason = in->reason;
    status = events_handlers_book(op, before, NULL);
    return status == STATUS_OK ? finish(op, &change, TEXT_NONE) : status;
}

enum status
event_postpone_handle(struct op *op, const void *params)
{
    return step_with_reason(op, params, EVENTS_POSTPONE);
}

enum status
event_cancel_handle(struct op *op, const void *params)
{
    return step_with_reason(op, params, EVENTS_CANCEL);
}

enum status
event_withdraw_handle(struct op *op, const void *params)
{
    return step_with_reason(op, params, EVENTS_WITHDRAW);
}

enum status
event_report_handle(struct op *op, const void *params)
{
    const struct event_reporting *in = params;
    struct change change;
    enum status status = begin(op, in->id, in->rev, EVENTS_REPORT, &change);
    if (status != STATUS_OK)
        return status;
    struct event_report *report = &change.event->report;
    schema_init(&event_report_schema, report);
    report->present = true;
    schema_copy(&event_report_schema, report, &event_reporting_schema, in);
    status = events_domain_check_report(report, op_error(op));
    if (status != STATUS_OK)
        return status;
    status = events_domain_check_states(report, events_handlers_known(op), op_error(op));
    status = events_handlers_sure(op, status);
    return status == STATUS_OK ? finish(op, &change, TEXT_NONE) : status;
}

static enum status
may_override(struct op *op, const struct event *event, struct text override)
{
    struct events_actor actor = events_handlers_actor(op);
    return events_domain_may_override(&actor, event->host, override, op_error(op));
}

/* Brings the agendas in line with the event as it will be in that status. */
static enum status
book_as(struct op *op, const struct event *before, const struct event *event,
        enum event_status status)
{
    struct event *after = copy_of(op, event);
    if (!after)
        return op_no_memory(op);
    after->status = (int)status;
    return events_handlers_book(op, before, after);
}

enum status
event_schedule_handle(struct op *op, const void *params)
{
    const struct event_schedule *in = params;
    struct change change;
    if (!in->sessions.count)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "sessions",
                         "sessions: want at least one");
    enum status status = begin(op, in->id, in->rev, EVENTS_SCHEDULE, &change);
    if (status == STATUS_OK)
        status = may_override(op, change.event, in->override);
    if (status != STATUS_OK)
        return status;
    struct event *before = copy_of(op, change.event);
    if (!before)
        return op_no_memory(op);
    bool changed = events_domain_set_schedule(change.event, in);
    status = events_domain_check_sessions(change.event, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (!changed && before->status == EVENT_SCHEDULED) { /* a repeat is no rescheduling */
        op_answer(op, &event_schema, before);
        return STATUS_OK;
    }
    change.event->schedules = before->schedules > 0 ? before->schedules + 1 : 1;
    change.event->reason = TEXT_NONE; /* why it was put off is over, and in the history */
    status = events_handlers_unblocked(op, change.event, in->override);
    if (status == STATUS_OK)
        status = book_as(op, before, change.event, change.step.next);
    if (status == STATUS_OK)
        status = events_handlers_index(op, before, change.event);
    return status == STATUS_OK ? finish(op, &change, in->override) : status;
}

/* ---- amendments ------------------------------------------------------------------------------ */

/* Checks what the amendment named, and only that: what was right when it was said stays. */
static enum status
check_amended(struct op *op, const struct event_amendment *in, struct event *event)
{
    const struct events_known *known = events_handlers_known(op);
    enum status status = STATUS_OK;
    if (in->sessions.count)
        status = events_domain_check_sessions(event, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (in->host.ptr || in->co_hosts.count)
        status = events_domain_check_hosts(event, known, op_today(op), op_error(op));
    if (status == STATUS_OK && (in->dimension.ptr || in->area.ptr))
        status = events_domain_check_place(event, known, op_error(op));
    return events_handlers_sure(op, status);
}

/* The records of an amendment: on the topic it has now, and a last one on a topic it left. */
static enum status
record_amended(struct op *op, const struct event *before, const struct event *event,
               const struct event_amendment *in)
{
    struct text old_topic = topic_of(op, before), topic = topic_of(op, event);
    struct event *told = op_alloc(op, sizeof *told);
    if (!told)
        return op_no_memory(op);
    *told = *event;
    told->amend_reason = in->reason;
    if (!text_equal(old_topic, topic))
        return record_move(op, "event.amended", old_topic, topic, told, NULL, in->override);
    op_record(op, "event.amended", topic, &event_schema, told, NULL,
              in->override.ptr ? "override" : NULL, in->override);
    return STATUS_OK;
}

/* An amendment of an event that has a schedule is looked at as a new schedule is. */
static enum status
rebook(struct op *op, const struct event *before, const struct event *event, struct text override)
{
    enum status status = events_handlers_unblocked(op, event, override);
    return status == STATUS_OK ? events_handlers_book(op, before, event) : status;
}

enum status
event_amend_handle(struct op *op, const void *params)
{
    const struct event_amendment *in = params;
    struct events_actor actor = events_handlers_actor(op);
    struct change change;
    enum status status = begin(op, in->id, in->rev, EVENTS_AMEND, &change);
    if (status == STATUS_OK)
        status = events_domain_amendable(change.event, in, op_error(op));
    if (status == STATUS_OK && in->override.ptr)
        status = may_override(op, change.event, in->override);
    if (status != STATUS_OK)
        return status;
    struct event *event = change.event, *before = copy_of(op, event);
    if (!before)
        return op_no_memory(op);
    bool changed = events_domain_amend(event, in);
    status = events_domain_may_hand_over(&actor, before->host, event->host, op_error(op));
    if (status == STATUS_OK)
        status = check_amended(op, in, event);
    if (status == STATUS_OK && event->year != before->year)
        status = set_additional(op, event);
    if (status == STATUS_OK && events_domain_rebooked(before, event))
        status = rebook(op, before, event, in->override);
    if (status != STATUS_OK)
        return status;
    if (!changed) {
        op_answer(op, &event_schema, before);
        return STATUS_OK;
    }
    save(op, event);
    status = events_handlers_index(op, before, event);
    if (status == STATUS_OK)
        status = record_amended(op, before, event, in);
    op_answer(op, &event_schema, event);
    return status;
}
