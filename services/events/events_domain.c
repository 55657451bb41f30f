/* See events_domain.h: the life cycle as one table, and who may do which step.
 * It must not know clocks, stores or messages on the wire. */
#include "services/events/events_domain.h"

#include <stdio.h>
#include <string.h>

/* What the steps are called in messages, in the order of enum events_action. */
static const char *const action_words[EVENTS_ACTION_COUNT] = {"amend",    "accept", "schedule",
                                                              "postpone", "cancel", "withdraw",
                                                              "hold",     "report"};

/*   proposed ──accept──▶ accepted ──schedule──▶ scheduled ──hold──▶ held ──report──▶ reported
 *      │ │ └──────────────┬──┴────────────────────┤ ▲ └┐
 *      │ └─▶ withdrawn    ├──postpone──▶ postponed ─┘  └─ schedule: rescheduled
 *      │                  └──cancel────▶ cancelled ◀── postponed
 *
 * When the clock has proposed to hold it (`hold_due`), a report of a scheduled event confirms that
 * and is both steps. */
struct step_row {
    enum event_status status;
    enum events_action action;
    enum event_status next;
    const char *record;
    const char *record_again; /* instead, if the event ever had a schedule */
    const char *held;         /* only of what is to be held, and told before */
};

static const struct step_row steps[] = {
    {EVENT_PROPOSED, EVENTS_AMEND, EVENT_PROPOSED, "event.amended", NULL},
    {EVENT_PROPOSED, EVENTS_ACCEPT, EVENT_ACCEPTED, "event.accepted", NULL},
    {EVENT_PROPOSED, EVENTS_POSTPONE, EVENT_POSTPONED, "event.postponed", NULL},
    {EVENT_PROPOSED, EVENTS_CANCEL, EVENT_CANCELLED, "event.cancelled", NULL},
    {EVENT_PROPOSED, EVENTS_WITHDRAW, EVENT_WITHDRAWN, "event.withdrawn", NULL},
    {EVENT_ACCEPTED, EVENTS_AMEND, EVENT_ACCEPTED, "event.amended", NULL},
    {EVENT_ACCEPTED, EVENTS_SCHEDULE, EVENT_SCHEDULED, "event.scheduled", "event.rescheduled"},
    {EVENT_ACCEPTED, EVENTS_POSTPONE, EVENT_POSTPONED, "event.postponed", NULL},
    {EVENT_ACCEPTED, EVENTS_CANCEL, EVENT_CANCELLED, "event.cancelled", NULL},
    {EVENT_SCHEDULED, EVENTS_AMEND, EVENT_SCHEDULED, "event.amended", NULL},
    {EVENT_SCHEDULED, EVENTS_SCHEDULE, EVENT_SCHEDULED, "event.rescheduled", NULL},
    {EVENT_SCHEDULED, EVENTS_POSTPONE, EVENT_POSTPONED, "event.postponed", NULL},
    {EVENT_SCHEDULED, EVENTS_CANCEL, EVENT_CANCELLED, "event.cancelled", NULL},
    {EVENT_SCHEDULED, EVENTS_HOLD, EVENT_HELD, "event.held", NULL},
    {EVENT_SCHEDULED, EVENTS_REPORT, EVENT_REPORTED, "event.reported", NULL, "event.held"},
    {EVENT_POSTPONED, EVENTS_AMEND, EVENT_POSTPONED, "event.amended", NULL},
    {EVENT_POSTPONED, EVENTS_SCHEDULE, EVENT_SCHEDULED, "event.scheduled", "event.rescheduled"},
    {EVENT_POSTPONED, EVENTS_CANCEL, EVENT_CANCELLED, "event.cancelled", NULL},
    {EVENT_HELD, EVENTS_REPORT, EVENT_REPORTED, "event.reported", NULL},
};

#define STEP_COUNT (sizeof steps / sizeof *steps)

/* The instant of the end of the last session: a day ends by the clocks of the event's zone. */
static int64_t
last_end(const struct event *event, const struct zone *zone)
{
    uint32_t count = event->sessions.count;
    if (!count)
        return TIME_NONE;
    struct when end = event->sessions.items[count - 1].end;
    return end.is_date ? zone_utc(zone, when_end_ms(end)) : end.ms;
}

int64_t
events_domain_hold_at(const struct event *event, const struct zone *zone)
{
    bool waits = event->status == EVENT_SCHEDULED && event->hold_due == TIME_NONE;
    return waits ? last_end(event, zone) : TIME_NONE;
}

static bool
is_possible(const struct step_row *row, const struct event *event)
{
    return (int)row->status == event->status && (!row->held || event->hold_due != TIME_NONE);
}

static enum status
refuse_step(const struct event *event, enum events_action action, struct error *error)
{
    char possible[160] = "";
    size_t len = 0;
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (is_possible(&steps[i], event) && len < sizeof possible)
            len += (size_t)snprintf(possible + len, sizeof possible - len, "%s%s", len ? ", " : "",
                                    action_words[steps[i].action]);
    const char *word = event_status_words[event->status - 1];
    if (!len)
        return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                         "%s is not possible: the event %.*s is %s, which is final",
                         action_words[action], TEXT_ARG(event->id), word);
    return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                     "%s is not possible: the event %.*s is %s; possible now: %s",
                     action_words[action], TEXT_ARG(event->id), word, possible);
}

enum status
events_domain_step(const struct event *event, enum events_action action, struct events_step *out,
                   struct error *error)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        const struct step_row *row = &steps[i];
        if (!is_possible(row, event) || row->action != action)
            continue;
        bool again = row->record_again && event->schedules > 0;
        out->next = row->next;
        out->record = again ? row->record_again : row->record;
        out->held = row->held;
        out->from = action == EVENTS_AMEND
                        ? NULL
                        : event_status_words[(row->held ? (int)EVENT_HELD : event->status) - 1];
        return STATUS_OK;
    }
    return refuse_step(event, action, error);
}

void
events_domain_take(struct event *event, const struct events_step *step, const struct zone *zone)
{
    if (event->status != (int)step->next || event->hold_due != last_end(event, zone))
        event->hold_due = TIME_NONE; /* it is done, or it has other dates */
    event->status = (int)step->next;
    if (step->next == EVENT_ACCEPTED || step->next == EVENT_SCHEDULED)
        event->draft = BOOL_NONE;
}

enum status
events_domain_begun(const struct event *event, const struct zone *zone, int64_t now_ms,
                    struct error *error)
{
    if (!event->sessions.count)
        return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                         "hold is not possible: the event %.*s has no sessions; schedule it first",
                         TEXT_ARG(event->id));
    struct when begin = event->sessions.items[0].start;
    char start[TIME_TEXT_MAX];
    when_print(begin, start);
    if (now_ms < (begin.is_date ? zone_utc(zone, begin.ms) : begin.ms))
        return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                         "hold is not possible before the first session begins, %s; possible now: "
                         "amend, schedule, postpone, cancel",
                         start);
    return STATUS_OK;
}

static bool
same_when(struct when a, struct when b)
{
    return a.is_date == b.is_date && a.ms == b.ms;
}

enum status
events_domain_amendable(const struct event *event, const struct event_amendment *amendment,
                        struct error *error)
{
    if (!amendment->sessions.count || event->status == EVENT_PROPOSED ||
        event->status == EVENT_ACCEPTED)
        return STATUS_OK;
    bool same = amendment->sessions.count == event->sessions.count;
    for (uint32_t i = 0; same && i < event->sessions.count; i++)
        same = same_when(amendment->sessions.items[i].start, event->sessions.items[i].start) &&
               same_when(amendment->sessions.items[i].end, event->sessions.items[i].end);
    if (same)
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, "sessions",
                     "sessions: the event %.*s is %s; give it other dates with event.schedule",
                     TEXT_ARG(event->id), event_status_words[event->status - 1]);
}

bool
events_domain_rebooked(const struct event *before, const struct event *after)
{
    return before->status == EVENT_SCHEDULED &&
           (!text_equal(before->host, after->host) || !text_equal(before->area, after->area) ||
            !text_equal(before->kind, after->kind) || !text_equal(before->zone, after->zone) ||
            before->format != after->format);
}

/* Whom the rules speak of, beside the Secretariat, which may all. */
enum party { PARTY_HOST = 1, PARTY_AUTHOR = 2, PARTY_COORDINATOR = 4, PARTY_CHAIR = 8 };

static const unsigned parties[EVENTS_ACTION_COUNT] = {
    [EVENTS_AMEND] = PARTY_HOST | PARTY_AUTHOR | PARTY_COORDINATOR,
    [EVENTS_ACCEPT] = PARTY_COORDINATOR,
    [EVENTS_SCHEDULE] = PARTY_HOST | PARTY_CHAIR,
    [EVENTS_POSTPONE] = PARTY_HOST,
    [EVENTS_CANCEL] = PARTY_HOST,
    [EVENTS_WITHDRAW] = PARTY_AUTHOR,
    [EVENTS_HOLD] = PARTY_HOST,
    [EVENTS_REPORT] = PARTY_HOST,
};

static bool
speaks_for(const struct events_actor *actor, struct text code)
{
    return actor->roles & PERMIT_MEMBER && *actor->member && text_is(code, actor->member);
}

static bool
coordinates(const struct events_actor *actor, const struct event *event,
            const struct events_known *known, date_day today)
{
    return actor->roles & PERMIT_MEMBER && *actor->member &&
           events_known_coordinates(known, event->area, actor->member, today);
}

bool
events_domain_visible(const struct events_actor *actor, const struct event *event,
                      const struct events_known *known, date_day today)
{
    return event->draft != 1 || actor->roles & PERMIT_SECRETARIAT ||
           speaks_for(actor, event->author) || coordinates(actor, event, known, today);
}

enum status
events_domain_may_propose(const struct events_actor *actor, struct text host, struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT || speaks_for(actor, host))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "host",
                     "host: a member proposes for itself only, the Secretariat for anyone");
}

enum status
events_domain_may(const struct events_actor *actor, enum events_action action,
                  const struct event *event, const struct events_known *known, date_day today,
                  struct error *error)
{
    unsigned allowed = parties[action];
    if (actor->roles & PERMIT_SECRETARIAT)
        return STATUS_OK;
    if (allowed & PARTY_HOST && speaks_for(actor, event->host))
        return STATUS_OK;
    if (allowed & PARTY_AUTHOR && speaks_for(actor, event->author))
        return STATUS_OK;
    if (allowed & PARTY_COORDINATOR && coordinates(actor, event, known, today))
        return STATUS_OK;
    if (allowed & PARTY_CHAIR && actor->roles & PERMIT_CHAIR)
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, NULL,
                     "%s of %.*s is for the Secretariat%s%s%s%s", action_words[action],
                     TEXT_ARG(event->id), allowed & PARTY_HOST ? ", its host" : "",
                     allowed & PARTY_AUTHOR ? ", its author" : "",
                     allowed & PARTY_COORDINATOR ? ", a coordinator of its area" : "",
                     allowed & PARTY_CHAIR ? ", the chair with an override" : "");
}

enum status
events_domain_may_override(const struct events_actor *actor, struct text host, struct text override,
                           struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT)
        return STATUS_OK;
    if (override.ptr && !(actor->roles & PERMIT_CHAIR))
        return error_set(error, STATUS_PERMISSION_DENIED, "override",
                         "override: only the Secretariat or the chair accepts a clash");
    if (!override.ptr && !speaks_for(actor, host))
        return error_set(
            error, STATUS_PERMISSION_DENIED, "override",
            "override: is missing; the chair schedules an event only to accept a clash");
    return STATUS_OK;
}

enum status
events_domain_may_hand_over(const struct events_actor *actor, struct text host_before,
                            struct text host_after, struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT || text_equal(host_before, host_after))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "host",
                     "host: only the Secretariat hands an event to another host");
}
