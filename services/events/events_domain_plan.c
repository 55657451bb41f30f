/* See events_plan.h: the plan's life as one table, and what is kept of it.
 * It must not know clocks, stores or messages on the wire. */
#include "services/events/events_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const action_words[EVENTS_PLAN_ACTION_COUNT] = {"submit", "adopt", "return",
                                                                   "close"};

static const struct plan_row {
    enum plan_status status;
    enum events_plan_action action;
    enum plan_status next;
    const char *record;
} rows[] = {
    {PLAN_OPEN, EVENTS_PLAN_SUBMIT, PLAN_SUBMITTED, "plan.submitted"},
    {PLAN_OPEN, EVENTS_PLAN_ADOPT, PLAN_ADOPTED, "plan.adopted"},
    {PLAN_SUBMITTED, EVENTS_PLAN_ADOPT, PLAN_ADOPTED, "plan.adopted"},
    {PLAN_SUBMITTED, EVENTS_PLAN_RETURN, PLAN_OPEN, "plan.returned"},
    {PLAN_ADOPTED, EVENTS_PLAN_CLOSE, PLAN_CLOSED, "plan.closed"},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)

#define HISTORY_MAX (sizeof((struct plan *)0)->history.items / sizeof(struct plan_step))
#define STEPS_LEFT 4 /* from open: submitted, returned or adopted, closed */

static enum status
refuse(const struct plan *plan, enum events_plan_action action, struct error *error)
{
    char possible[80] = "";
    size_t len = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) /* nobody asks for a return */
        if ((int)rows[i].status == plan->status && rows[i].action != EVENTS_PLAN_RETURN)
            len += (size_t)snprintf(possible + len, sizeof possible - len, "%s%s", len ? ", " : "",
                                    action_words[rows[i].action]);
    return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                     "%s is not possible: the plan of %" PRId64 " is %s%s%s", action_words[action],
                     plan->year, plan_status_words[plan->status - 1],
                     len ? "; possible now: " : ", which is final", possible);
}

enum status
events_plan_step(const struct plan *plan, enum events_plan_action action,
                 struct events_plan_step *out, struct error *error)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if ((int)rows[i].status != plan->status || rows[i].action != action)
            continue;
        if (action == EVENTS_PLAN_SUBMIT && plan->history.count + STEPS_LEFT > HISTORY_MAX)
            return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                             "the plan of %" PRId64 " was sent back too often; adopt it by a "
                             "decision taken at a meeting",
                             plan->year);
        *out = (struct events_plan_step){rows[i].next, rows[i].record,
                                         plan_status_words[plan->status - 1]};
        return STATUS_OK;
    }
    return refuse(plan, action, error);
}

struct plan_step *
events_plan_take(struct plan *plan, enum events_plan_action action,
                 const struct events_plan_step *step, int64_t at_ms, struct text actor)
{
    plan->status = (int)step->next;
    if (action == EVENTS_PLAN_ADOPT)
        plan->adopted_version = plan->version;
    if (action == EVENTS_PLAN_RETURN || action == EVENTS_PLAN_CLOSE)
        plan->version++;
    if (plan->history.count == HISTORY_MAX) /* never: submitting leaves room for the rest */
        plan->history.count--;
    struct plan_step *line = &plan->history.items[plan->history.count++];
    schema_init(&plan_step_schema, line);
    line->present = true;
    line->version = plan->version;
    line->status = plan->status;
    line->at = at_ms / 1000 * 1000;
    line->actor = actor;
    return line;
}

void
events_plan_decision(const struct plan *plan, char out[EVENTS_PLAN_DECISION_MAX])
{
    snprintf(out, EVENTS_PLAN_DECISION_MAX, "plan-%" PRId64 "-v%" PRId64, plan->year,
             plan->version);
}

int64_t
events_plan_decision_year(struct text id)
{
    static const char form[] = "plan-0000-v";
    int64_t year = 0;
    if (!id.ptr || id.len < sizeof form)
        return 0;
    for (uint32_t i = 0; i < sizeof form - 1; i++) {
        bool digit = id.ptr[i] >= '0' && id.ptr[i] <= '9';
        if (form[i] == '0' ? !digit : id.ptr[i] != form[i])
            return 0;
        if (digit)
            year = year * 10 + (id.ptr[i] - '0');
    }
    return year;
}

enum status
events_plan_adopts(struct text id, const struct events_decision *decision, struct error *error)
{
    if (!decision)
        return error_set(error, STATUS_FAILED_PRECONDITION, "decision",
                         "decision: there is no decision %.*s; decision.record records what was "
                         "decided at a meeting",
                         TEXT_ARG(id));
    if (decision->status != DECISION_ADOPTED)
        return error_set(error, STATUS_FAILED_PRECONDITION, "decision",
                         "decision: %.*s is %s; want an adopted one", TEXT_ARG(id),
                         decision_status_words[decision->status - 1]);
    if (strcmp(decision->body, EVENTS_PLAN_BODY) != 0)
        return error_set(error, STATUS_FAILED_PRECONDITION, "decision",
                         "decision: %.*s is of %s; the plan is agreed by the " EVENTS_PLAN_BODY,
                         TEXT_ARG(id), decision->body);
    return STATUS_OK;
}

void
events_plan_reason(struct text id, enum decision_status status, char out[EVENTS_PLAN_REASON_MAX])
{
    snprintf(out, EVENTS_PLAN_REASON_MAX, "the decision %.*s was %s", TEXT_ARG(id),
             status == DECISION_SILENCE_BROKEN ? "not taken: its silence was broken"
             : status == DECISION_WITHDRAWN    ? "withdrawn"
                                               : "blocked");
}

const struct plan_step *
events_plan_kept(const struct plan *plan, int64_t version)
{
    for (uint32_t i = 0; i < plan->history.count; i++)
        if (plan->history.items[i].version == version && plan->history.items[i].pages != INT_NONE)
            return &plan->history.items[i];
    return NULL;
}

int64_t
events_plan_newest(const struct plan *plan)
{
    int64_t newest = 0;
    for (uint32_t i = 0; i < plan->history.count; i++)
        if (plan->history.items[i].pages != INT_NONE)
            newest = plan->history.items[i].version;
    return newest;
}

/* Makes the plan what it was after so many steps. */
static void
cut(struct plan *plan, uint32_t count)
{
    if (count == plan->history.count)
        return; /* as it stands */
    const struct plan_step *last = &plan->history.items[count - 1];
    if (!text_equal(plan->decision, last->decision)) { /* it was submitted in another way, or not */
        plan->body = plan->procedure = plan->digest = plan->submitter = TEXT_NONE;
        plan->deadline = TIME_NONE;
        plan->submitter_role = 0;
    }
    plan->history.count = count;
    plan->status = last->status;
    plan->version = last->version;
    plan->decision = last->status == PLAN_OPEN ? TEXT_NONE : last->decision;
    plan->reason = last->reason;
    plan->adopted_version = INT_NONE;
    for (uint32_t i = 0; i < count; i++)
        if (plan->history.items[i].status == PLAN_ADOPTED)
            plan->adopted_version = plan->history.items[i].version;
}

bool
events_plan_as_of(struct plan *plan, int64_t at_ms)
{
    uint32_t count = 0;
    while (count < plan->history.count && plan->history.items[count].at <= at_ms)
        count++;
    if (count)
        cut(plan, count);
    return count > 0;
}

bool
events_plan_at_version(struct plan *plan, int64_t version)
{
    uint32_t count = plan->history.count;
    while (count && plan->history.items[count - 1].version != version)
        count--;
    if (count)
        cut(plan, count);
    return count > 0;
}

static void
append(struct buf *text, struct text part)
{
    buf_append(text, part.ptr, part.len);
}

void
events_plan_line(struct buf *text, const struct event *event)
{
    char day[TIME_TEXT_MAX];
    append(text, TEXT_LITERAL("- "));
    append(text, event->title);
    append(text, TEXT_LITERAL(" ("));
    append(text, event->id);
    const struct text parts[] = {event->kind, event->area.ptr ? event->area : event->dimension,
                                 event->host};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].ptr) {
            append(text, TEXT_LITERAL(", "));
            append(text, parts[i]);
        }
    if (event->sessions.count) {
        when_print(event->sessions.items[0].start, day);
        append(text, TEXT_LITERAL(", "));
        append(text, text_of(day));
    }
    append(text, TEXT_LITERAL(", "));
    append(text, text_of(event_status_words[event->status - 1]));
    append(text, TEXT_LITERAL(")\n"));
}
