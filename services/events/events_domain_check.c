/* See events_domain.h: what may be said of an event, in a proposal, a schedule or a report.
 * It must not know clocks, stores or messages on the wire. */
#include "services/events/events_domain.h"

#include <stdio.h>

/* The names of fields in errors: "sessions[2].end". */
static const char *
item_path(char out[ERROR_FIELD_MAX], const char *list, uint32_t index, const char *field)
{
    snprintf(out, ERROR_FIELD_MAX, "%s[%u]%s", list, index, field);
    return out;
}

static enum status
refuse_session(uint32_t index, const char *field, struct error *error, const char *want)
{
    char path[ERROR_FIELD_MAX];
    item_path(path, "sessions", index, field);
    return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %s", path, want);
}

#define IN_WORDS(number) #number
#define WORDS_OF(number) IN_WORDS(number)

static enum status
check_session(const struct span_when *session, uint32_t index, struct error *error)
{
    struct when start = session->start, end = session->end;
    int year, month, mday;
    date_civil(date_of_time(start.ms), &year, &month, &mday);
    if (year < EVENTS_YEAR_MIN)
        return refuse_session(index, ".start", error,
                              "want a year from " WORDS_OF(EVENTS_YEAR_MIN) " on");
    if (year > EVENTS_YEAR_MAX)
        return refuse_session(index, ".start", error,
                              "want a year up to " WORDS_OF(EVENTS_YEAR_MAX));
    if (start.is_date != end.is_date)
        return refuse_session(index, ".end", error,
                              "start and end must both be dates or both be times");
    if (end.ms < start.ms)
        return refuse_session(index, ".end", error, "is before its start");
    if (!end.is_date && end.ms == start.ms)
        return refuse_session(index, ".end", error, "a session of times must end after its start");
    if (when_end_ms(end) - start.ms > EVENTS_SESSION_DAYS_MAX * DATE_DAY_MS)
        return refuse_session(index, ".end", error,
                              "a session lasts at most " WORDS_OF(EVENTS_SESSION_DAYS_MAX) " days");
    return STATUS_OK;
}

enum status
events_domain_check_sessions(const struct event *event, struct error *error)
{
    char path[ERROR_FIELD_MAX];
    for (uint32_t i = 0; i < event->sessions.count; i++) {
        enum status status = check_session(&event->sessions.items[i], i, error);
        if (status != STATUS_OK)
            return status;
        if (i &&
            event->sessions.items[i].start.ms < when_end_ms(event->sessions.items[i - 1].end)) {
            item_path(path, "sessions", i, ".start");
            return error_set(
                error, STATUS_INVALID_ARGUMENT, path,
                "%s: sessions must be in order of time and not overlap: the one before "
                "has not ended",
                path);
        }
    }
    return STATUS_OK;
}

enum status
events_domain_check_hosts(const struct event *event, const struct events_known *known,
                          date_day today, struct error *error)
{
    char path[ERROR_FIELD_MAX];
    if (!text_is(event->host, EVENTS_SECRETARIAT) &&
        !events_known_takes_part(known, event->host, today))
        return error_set(
            error, STATUS_INVALID_ARGUMENT, "host",
            "host: %.*s is no participant; want the code of one, or " EVENTS_SECRETARIAT,
            TEXT_ARG(event->host));
    for (uint32_t i = 0; i < event->co_hosts.count; i++) {
        struct text code = event->co_hosts.items[i];
        item_path(path, "co_hosts", i, "");
        if (text_equal(code, event->host))
            return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s is the host already",
                             path, TEXT_ARG(code));
        for (uint32_t k = 0; k < i; k++)
            if (text_equal(code, event->co_hosts.items[k]))
                return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s is named twice",
                                 path, TEXT_ARG(code));
        if (!text_is(code, EVENTS_SECRETARIAT) && !events_known_takes_part(known, code, today))
            return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s is no participant",
                             path, TEXT_ARG(code));
    }
    return STATUS_OK;
}

enum status
events_domain_check_place(struct event *event, const struct events_known *known,
                          struct error *error)
{
    long long revision = (long long)events_known_revision(known);
    if (event->dimension.ptr && !events_known_dimension(known, event->dimension))
        return error_set(error, STATUS_INVALID_ARGUMENT, "dimension",
                         "dimension: %.*s is not in revision %lld of the catalogue",
                         TEXT_ARG(event->dimension), revision);
    if (!event->area.ptr)
        return STATUS_OK;
    struct text dimension = events_known_area(known, event->area);
    if (!dimension.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "area",
                         "area: %.*s is not in revision %lld of the catalogue",
                         TEXT_ARG(event->area), revision);
    if (event->dimension.ptr && !text_equal(event->dimension, dimension))
        return error_set(error, STATUS_INVALID_ARGUMENT, "area",
                         "area: %.*s belongs to the dimension %.*s, not to %.*s",
                         TEXT_ARG(event->area), TEXT_ARG(dimension), TEXT_ARG(event->dimension));
    event->dimension = dimension;
    return STATUS_OK;
}

enum status
events_domain_check_report(struct event_report *report, struct error *error)
{
    char path[ERROR_FIELD_MAX];
    if (report->participants_count == INT_NONE && report->participants_qualifier)
        return error_set(error, STATUS_INVALID_ARGUMENT, "participants_qualifier",
                         "participants_qualifier: needs participants_count");
    if (report->participants_count != INT_NONE && !report->participants_qualifier)
        report->participants_qualifier = COUNT_EXACT;
    for (uint32_t i = 0; i < report->member_states.count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (text_equal(report->member_states.items[i], report->member_states.items[k])) {
                item_path(path, "member_states", i, "");
                return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s is named twice",
                                 path, TEXT_ARG(report->member_states.items[i]));
            }
    if (report->member_states_count != INT_NONE &&
        report->member_states_count < (int64_t)report->member_states.count)
        return error_set(error, STATUS_INVALID_ARGUMENT, "member_states_count",
                         "member_states_count: is less than the %u states named",
                         report->member_states.count);
    return STATUS_OK;
}

enum status
events_domain_check_states(const struct event_report *report, const struct events_known *known,
                           struct error *error)
{
    char path[ERROR_FIELD_MAX];
    for (uint32_t i = 0; i < report->member_states.count; i++)
        if (!events_known_participant(known, report->member_states.items[i])) {
            item_path(path, "member_states", i, "");
            return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s is no participant",
                             path, TEXT_ARG(report->member_states.items[i]));
        }
    return STATUS_OK;
}

bool
events_domain_amend(struct event *event, const struct event_amendment *amendment)
{
    struct event_amendment content = *amendment;
    content.reason = TEXT_NONE; /* of the amendment, not of the event */
    content.rev = INT_NONE;
    bool changed = schema_copy(&event_schema, event, &event_amendment_schema, &content);
    if (amendment->area.ptr && !amendment->dimension.ptr)
        event->dimension = TEXT_NONE; /* goes with its area */
    return changed;
}

bool
events_domain_set_schedule(struct event *event, const struct event_schedule *schedule)
{
    struct event_schedule content = *schedule;
    content.rev = INT_NONE;
    return schema_copy(&event_schema, event, &event_schedule_schema, &content);
}

bool
events_domain_additional(const struct plan *plan)
{
    return plan && (plan->status == PLAN_ADOPTED || plan->status == PLAN_CLOSED);
}
